/**
 * Dials what discovery found: once at a time for each peer, and not at all when it is connected.
 *
 * Two nodes that hear each other would dial at the same moment and end up with two connections, so the
 * device with the larger id lets the other one begin.
 */
import type { DeviceId } from '#mesh/ids'
import type { Clock, Log } from '#mesh/ports'
import { type Runnable, spawn, type Task } from '#mesh/runtime'
import type { Host } from './host.ts'

/** What a dialer needs. */
export interface DialerDeps {
  readonly host: Pick<Host, 'dial' | 'isConnected' | 'device'>
  readonly clock: Clock
  readonly log: Log
  readonly isBlocked: (device: DeviceId) => boolean
  /** What the dial found: `closed` when the peer's port refused or kept silent. */
  readonly onDialled?: (device: DeviceId, view: 'open' | 'closed') => void
}

/** How dials that somebody asked for went. */
export interface DialCount {
  readonly dialled: number
  readonly reached: number
}

/** Whom to dial: a device that was found, or addresses of somebody. */
export interface DialTarget {
  readonly device?: DeviceId
  readonly addresses: readonly string[]
}

/** How long the larger id waits for the smaller one's dial, ms; several times a handshake on a LAN. */
const YIELD_MS = 300
/** Peers dialled at a time. */
const MAX_DIALS = 32
/** System errors that mean: nobody listens there, or a firewall keeps silent. */
const CLOSED_CODES = new Set(['ECONNREFUSED', 'ETIMEDOUT', 'EHOSTUNREACH'])

/** See the head of this file. */
export class Dialer implements Runnable {
  readonly #deps: DialerDeps
  readonly #dials = new Map<string, Task>()
  #hurry = new AbortController()
  #isStopped = false

  constructor(deps: DialerDeps) {
    this.#deps = deps
  }

  async start(): Promise<void> {}

  async stop(): Promise<void> {
    this.#isStopped = true
    await Promise.all([...this.#dials.values()].map((task) => task.stop()))
  }

  /** Dials a device that was found, unless that is going on or done. */
  found(device: DeviceId, addresses: readonly string[]): void {
    const { host, isBlocked } = this.#deps
    if (device === host.device || isBlocked(device) || host.isConnected(device)) return
    this.#dial(device, addresses, device)
  }

  /** Dials addresses of somebody whose device is not known, as on a contact card. */
  hinted(addresses: readonly string[]): void {
    if (addresses.length > 0) this.#dial(addresses.join(), addresses, undefined)
  }

  /** The network changed: dials that are under way begin anew, instead of waiting for what was sent into the old one. */
  hurry(): void {
    this.#hurry.abort()
    this.#hurry = new AbortController()
  }

  /** Dials all of these who are not connected, now; resolves when every dial has ended, or `signal` aborts. At most {@link MAX_DIALS} are dialled. */
  async dialNow(targets: readonly DialTarget[], signal: AbortSignal): Promise<DialCount> {
    const { host, isBlocked, log } = this.#deps
    const away = targets.filter(
      ({ device, addresses }) => addresses.length > 0 && (device === undefined || (device !== host.device && !isBlocked(device) && !host.isConnected(device))),
    )
    const dials = this.#isStopped ? [] : away.slice(0, MAX_DIALS)
    const results = await Promise.allSettled(dials.map(({ addresses }) => host.dial(addresses, signal)))
    for (const result of results) if (result.status === 'rejected') log.debug('a peer was not reached', { error: result.reason })
    return { dialled: dials.length, reached: results.filter(({ status }) => status === 'fulfilled').length }
  }

  #dial(name: string, addresses: readonly string[], device: DeviceId | undefined): void {
    if (this.#isStopped || this.#dials.has(name) || this.#dials.size >= MAX_DIALS) return
    const { log } = this.#deps
    const task = spawn(
      (signal) => this.#dialOn(addresses, device, signal).finally(() => this.#dials.delete(name)),
      (error) => log.debug('a dial ended badly', { error }),
    )
    this.#dials.set(name, task)
  }

  /** Dials, and begins anew whenever the network changes meanwhile. */
  async #dialOn(addresses: readonly string[], device: DeviceId | undefined, signal: AbortSignal): Promise<void> {
    let hurry: AbortSignal
    do {
      hurry = this.#hurry.signal
      if (device !== undefined && this.#deps.host.isConnected(device)) return
      await this.#try(addresses, device, AbortSignal.any([signal, hurry]))
    } while (hurry.aborted && !signal.aborted)
  }

  async #try(addresses: readonly string[], device: DeviceId | undefined, signal: AbortSignal): Promise<void> {
    const { host, clock, log, onDialled } = this.#deps
    if (device !== undefined && host.device > device) {
      await clock.sleep(YIELD_MS, signal)
      if (signal.aborted || host.isConnected(device)) return
    }
    try {
      await host.dial(addresses, signal)
      if (device !== undefined) onDialled?.(device, 'open')
    } catch (error) {
      log.debug('a peer was not reached', { device, error })
      if (device !== undefined && !signal.aborted && isClosed(error)) onDialled?.(device, 'closed')
    }
  }
}

/** True when the port of the other side is closed, as far as one can tell from here. */
function isClosed(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  if (error instanceof AggregateError) return error.errors.length > 0 && error.errors.every(isClosed)
  return error.name === 'TimeoutError' || ('code' in error && typeof error.code === 'string' && CLOSED_CODES.has(error.code))
}
