import type { Clock } from '#mesh/ports'

/** A sleep that ends when its time has come or when somebody rings; a ring while nobody sleeps is kept. */
export class Alarm {
  readonly #clock: Clock
  #rung = false
  #wake: (() => void) | undefined

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Ends the present wait, or the next one at once. */
  ring(): void {
    this.#rung = true
    this.#wake?.()
  }

  /** Resolves at `untilMs` of the monotonic clock, at a ring, or when `signal` aborts. */
  async wait(untilMs: number, signal: AbortSignal): Promise<void> {
    if (!this.#rung) {
      const ended = new AbortController()
      this.#wake = () => ended.abort()
      await this.#clock.sleep(Math.max(0, untilMs - this.#clock.monotonic()), AbortSignal.any([signal, ended.signal]))
      this.#wake = undefined
    }
    this.#rung = false
  }
}
