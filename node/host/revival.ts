/**
 * New connections in the place of those that a change of the network has killed.
 *
 * A cable that was out for some seconds, or a radio that took up another cell, leaves TCP asleep: it sends again after
 * a pause that has doubled all the while, and both ends believe in the connection until a ping fails. So when the
 * network of this machine has changed, everybody who is connected is asked for a sign of life, and who does not give it
 * soon is dialled beside the old connection. Only when that succeeds the old one ends: a peer behind a slow or a full
 * link is no worse off.
 */
import type { Connection } from '@libp2p/interface'
import type { Clock, Log } from '#mesh/ports'
import { type Runnable, spawn, type Task } from '#mesh/runtime'
import type { Patience } from './heartbeat.ts'

/** What a revival needs of the host. */
export interface RevivalDeps {
  readonly connections: () => readonly Connection[]
  /** Waits for a sign of life of the peer on the other side; see `isAlive`. */
  readonly isAlive: (connection: Connection, patience: Patience) => Promise<boolean>
  /** Another connection with the same peer; rejects when there is none to be had. */
  readonly dialBeside: (connection: Connection, signal: AbortSignal) => Promise<unknown>
  /** Somebody has a new connection. Must not throw. */
  readonly onRevived: () => void
  readonly clock: Clock
  readonly log: Log
}

/** A sign of life comes in this time, ms: on a LAN it takes some milliseconds, and who is slower is only dialled once more. */
const SIGN_MS = 1_000

/** See the head of this file. */
export class Revival implements Runnable {
  readonly #deps: RevivalDeps
  #task: Task | undefined
  #isStopped = false

  constructor(deps: RevivalDeps) {
    this.#deps = deps
  }

  async start(): Promise<void> {}

  async stop(): Promise<void> {
    this.#isStopped = true
    await this.#task?.stop()
  }

  /** The network changed. A look that is under way begins anew: what it heard was heard before. */
  check(): void {
    if (this.#isStopped) return
    const before = this.#task
    this.#task = spawn(
      async (signal) => {
        await before?.stop()
        await Promise.all(this.#deps.connections().map((connection) => this.#look(connection, signal)))
      },
      (error) => this.#deps.log.warn('connections could not be looked after', { error }),
    )
  }

  async #look(connection: Connection, signal: AbortSignal): Promise<void> {
    const { clock, log, isAlive, dialBeside, onRevived } = this.#deps
    if ((await isAlive(connection, { ms: SIGN_MS, clock, signal })) || signal.aborted) return
    const peer = connection.remotePeer.toString()
    try {
      await dialBeside(connection, signal)
    } catch (error) {
      log.debug('a silent connection could not be replaced', { peer, error })
      return
    }
    if (signal.aborted) return
    log.info('a connection that the network had cut was replaced', { peer, forMs: Math.round(clock.now() - connection.timeline.open) })
    connection.abort(new Error('replaced after the network changed'))
    onRevived()
  }
}
