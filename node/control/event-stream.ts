/** The events of one subscription; `drained` is called when the reader has caught up. */
export class EventStream {
  readonly #drained: () => void
  #waiting: unknown[] = []
  #isEnded = false
  #error: Error | undefined
  #wake: (() => void) | undefined

  constructor(drained: () => void) {
    this.#drained = drained
  }

  /** Says how many wait. */
  push(event: unknown): number {
    if (!this.#isEnded) this.#waiting.push(event)
    this.#wake?.()
    return this.#waiting.length
  }

  /** What waits is still handed out, then the stream ends, by `error` when there is one. The first end counts. */
  end(error?: Error): void {
    if (!this.#isEnded) this.#error = error
    this.#isEnded = true
    this.#wake?.()
  }

  /** The next event; `undefined` at the end. @throws the error of the end */
  async next(): Promise<unknown> {
    for (;;) {
      const event = this.#waiting.shift()
      if (event !== undefined) {
        if (this.#waiting.length === 0) this.#drained()
        return event
      }
      if (this.#error !== undefined) throw this.#error
      if (this.#isEnded) return undefined
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
      this.#wake = undefined
    }
  }
}
