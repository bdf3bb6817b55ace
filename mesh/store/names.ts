/** Texts that many records share, each kept once, by number, for as long as somebody uses it. */
export class Names<T extends string> {
  readonly #numbers = new Map<T, number>()
  readonly #texts: (T | undefined)[] = []
  readonly #uses: number[] = []
  readonly #free: number[] = []

  /** How many are in use. */
  get size(): number {
    return this.#numbers.size
  }

  /** The number of `text`, used once more. */
  take(text: T): number {
    let number = this.#numbers.get(text)
    if (number === undefined) {
      number = this.#free.pop() ?? this.#texts.length
      this.#numbers.set(text, number)
      this.#texts[number] = text
      this.#uses[number] = 0
    }
    this.use(number)
    return number
  }

  /** One more use of a number that is in use. */
  use(number: number): void {
    this.#uses[number] = (this.#uses[number] ?? 0) + 1
  }

  /** One use less; after the last one the number may stand for something else. */
  drop(number: number): void {
    const text = this.#texts[number]
    const left = (this.#uses[number] ?? 0) - 1
    this.#uses[number] = left
    if (left > 0 || text === undefined) return
    this.#numbers.delete(text)
    this.#texts[number] = undefined
    this.#free.push(number)
  }

  text(number: number): T | undefined {
    return this.#texts[number]
  }
}
