/** Keeps connections to peers whose addresses somebody gave (`--peer`), whether discovery finds them or not. */
import type { DeviceId } from '#mesh/ids'
import type { Clock, Log, Random } from '#mesh/ports'
import { randomBelow } from '#mesh/ports'
import { type Runnable, spawn, type Task } from '#mesh/runtime'
import type { DialCount } from './dialer.ts'
import type { Host } from './host.ts'

/** What is needed to keep static peers. */
export interface StaticPeersDeps {
  readonly host: Pick<Host, 'dial' | 'isConnected' | 'subscribe'>
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
}

/** First and longest pause between attempts, ms: a rebooting neighbour is found again soon, an absent one is not bothered. */
const RETRY_MIN_MS = 1_000
const RETRY_MAX_MS = 60_000
/** A connection that lived so long starts again with the short pause, ms; one that is ended at once is not dialled each second. */
const SETTLED_MS = 30_000
/** How often a connection that is up is looked at, ms. */
const LOOK_MS = 2_000

/** See the head of this file. */
export class StaticPeers implements Runnable {
  readonly #deps: StaticPeersDeps
  readonly #addresses: readonly string[]
  /** When each peer that waits is dialled again, by the monotonic clock. */
  readonly #dueMs = new Map<string, number>()
  #tasks: Task[] = []
  #hurry = new AbortController()
  /** Who is behind each address that is connected. */
  readonly #connected = new Map<string, DeviceId>()
  /** Those who wait for dials to end. */
  readonly #watchers = new Set<(address: string, isReached: boolean) => void>()

  constructor(deps: StaticPeersDeps, addresses: readonly string[]) {
    this.#deps = deps
    this.#addresses = [...new Set(addresses)]
  }

  async start(): Promise<void> {
    const { log } = this.#deps
    this.#tasks = this.#addresses.map((address) =>
      spawn(
        (signal) => this.#keep(address, signal),
        (error) => log.error('a static peer is no longer kept', { address, error }),
      ),
    )
  }

  async stop(): Promise<void> {
    await Promise.all(this.#tasks.map((task) => task.stop()))
  }

  /** Time until the next dial that waits for its turn, ms; `undefined` when none does: all are connected, or being dialled now. */
  nextDialInMs(): number | undefined {
    if (this.#dueMs.size === 0) return undefined
    return Math.max(0, Math.min(...this.#dueMs.values()) - this.#deps.clock.monotonic())
  }

  /** The network changed: gives up dials that have begun, tries at once, and soon again if that fails. */
  hurry(): void {
    this.#hurry.abort()
    this.#hurry = new AbortController()
  }

  /** Tries at once all who are away, as after a change; resolves when each of these dials has ended, or `signal` aborts. */
  async dialNow(signal: AbortSignal): Promise<DialCount> {
    const { host } = this.#deps
    const waiting = new Set(this.#addresses.filter((address) => !this.#isUp(address, host)))
    const dialled = waiting.size
    let reached = 0
    if (dialled > 0 && !signal.aborted) {
      await new Promise<void>((resolve) => {
        const end = (): void => {
          this.#watchers.delete(note)
          signal.removeEventListener('abort', end)
          resolve()
        }
        const note = (address: string, isReached: boolean): void => {
          if (waiting.delete(address) && isReached) reached += 1
          if (waiting.size === 0) end()
        }
        this.#watchers.add(note)
        signal.addEventListener('abort', end, { once: true })
        this.hurry()
      })
    }
    return { dialled, reached }
  }

  #isUp(address: string, host: StaticPeersDeps['host']): boolean {
    const device = this.#connected.get(address)
    return device !== undefined && host.isConnected(device)
  }

  #tell(address: string, isReached: boolean): void {
    for (const watcher of this.#watchers) watcher(address, isReached)
  }

  async #keep(address: string, signal: AbortSignal): Promise<void> {
    const { host, clock, random, log } = this.#deps
    let pauseMs = RETRY_MIN_MS
    while (!signal.aborted) {
      let hurry = this.#hurry.signal
      try {
        const device = await host.dial([address], AbortSignal.any([signal, hurry]))
        const since = clock.monotonic()
        if (device !== undefined) this.#connected.set(address, device)
        this.#tell(address, true)
        while (device !== undefined && !signal.aborted && host.isConnected(device)) await clock.sleep(LOOK_MS, signal)
        if (clock.monotonic() - since >= SETTLED_MS) pauseMs = RETRY_MIN_MS
        hurry = this.#hurry.signal // what changed while it was connected is over
      } catch (error) {
        log.debug('a static peer was not reached', { address, error })
        if (!hurry.aborted) this.#tell(address, false)
      }
      this.#connected.delete(address)
      const waitMs = pauseMs / 2 + randomBelow(random, pauseMs)
      this.#dueMs.set(address, clock.monotonic() + waitMs)
      await clock.sleep(waitMs, AbortSignal.any([signal, hurry]))
      this.#dueMs.delete(address)
      pauseMs = hurry.aborted ? RETRY_MIN_MS : Math.min(2 * pauseMs, RETRY_MAX_MS)
    }
  }
}
