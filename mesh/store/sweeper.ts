import type { Clock, Log } from '#mesh/ports'
import { type Runnable, spawn, type Task } from '#mesh/runtime'

/** What the sweeper needs: one function and time. */
export interface SweeperDeps {
  readonly clock: Clock
  readonly log: Log
  /** Removes at most `limit` envelopes and tombstones whose time is over; says how many went. */
  readonly removeExpired: (limit: number) => Promise<number>
}

/** How often and how much. */
export interface SweeperOptions {
  /** Pause between sweeps, in ms; a minute by default, because expiry is measured in days. */
  readonly everyMs?: number
  /** Rows of one transaction; 1,000 by default, so that a sweep never holds up sending for long. */
  readonly limit?: number
}

/** Removes what has expired, and re-dates what a clock without time has stored. */
export class Sweeper implements Runnable {
  readonly #deps: SweeperDeps
  readonly #everyMs: number
  readonly #limit: number
  #task: Task | undefined

  constructor(deps: SweeperDeps, options: SweeperOptions = {}) {
    this.#deps = deps
    this.#everyMs = options.everyMs ?? 60_000
    this.#limit = options.limit ?? 1_000
  }

  async start(): Promise<void> {
    const { log } = this.#deps
    this.#task = spawn(
      (signal) => this.#sweep(signal),
      (error) => log.error('sweeper stopped', { error }),
    )
  }

  async stop(): Promise<void> {
    await this.#task?.stop()
  }

  async #sweep(signal: AbortSignal): Promise<void> {
    const { clock, removeExpired, log } = this.#deps
    while (!signal.aborted) {
      try {
        while (!signal.aborted && (await removeExpired(this.#limit)) >= this.#limit);
      } catch (error) {
        log.warn('sweep failed; it is tried again', { error }) // a full disk must not end it: space may come back
      }
      await clock.sleep(this.#everyMs, signal)
    }
  }
}
