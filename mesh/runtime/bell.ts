import type { Clock } from '#mesh/ports'

/** Wakes one waiter; a ring before the wait is not lost, and many of them are one. */
export class Bell {
  #isRung = false
  #wake: (() => void) | undefined

  ring(): void {
    this.#isRung = true
    this.#wake?.()
  }

  /** Resolves at the next ring, at once when it rang since the last wait, or when `signal` aborts: check the signal. */
  async heard(signal?: AbortSignal): Promise<void> {
    if (!this.#isRung && signal?.aborted !== true) {
      await new Promise<void>((resolve) => {
        const end = (): void => {
          signal?.removeEventListener('abort', end)
          resolve()
        }
        this.#wake = end
        signal?.addEventListener('abort', end, { once: true })
      })
      this.#wake = undefined
    }
    this.#isRung = false
  }

  /** As `heard`, but waits no longer than `ms`. */
  async heardWithin(clock: Pick<Clock, 'sleep'>, ms: number, signal: AbortSignal): Promise<void> {
    if (!this.#isRung && !signal.aborted) {
      const over = new AbortController()
      const end = (): void => over.abort()
      this.#wake = end
      signal.addEventListener('abort', end, { once: true })
      await clock.sleep(ms, over.signal)
      signal.removeEventListener('abort', end)
      this.#wake = undefined
    }
    this.#isRung = false
  }
}
