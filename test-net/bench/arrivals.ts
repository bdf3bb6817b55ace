/** When messages are shown: as `watch` tells it, by the clock of the bench. */
import { type Person, percentile } from '../checks/people.ts'

/** What one person is shown from now on. */
export class Arrivals {
  readonly #shown = new Map<string, number>()
  readonly #delivered = new Map<string, number>()
  readonly #waiting = new Set<() => void>()
  readonly #stopping = new AbortController()
  readonly #watcher: Promise<void>

  constructor(person: Person) {
    this.#watcher = this.#watch(person)
    this.#watcher.catch(() => {}) // told by `stop`
  }

  /** How many texts were shown. */
  get count(): number {
    return this.#shown.size
  }

  /** When this text was shown, by `performance.now`. @throws Error when it is not, in time */
  shown(text: string, timeoutMs: number): Promise<number> {
    return this.#when(`"${text}" shown`, () => this.#shown.get(text), timeoutMs)
  }

  /** When this person was told that the message with this id is delivered. @throws Error when it is not, in time */
  delivered(id: string, timeoutMs: number): Promise<number> {
    return this.#when(`${id} delivered`, () => this.#delivered.get(id), timeoutMs)
  }

  /** When that many texts were shown. @throws Error when they are not, in time */
  countShown(count: number, timeoutMs: number): Promise<number> {
    return this.#when(`${count} messages shown`, () => (this.count >= count ? performance.now() : undefined), timeoutMs)
  }

  /** Forgets what was shown so far. */
  clear(): void {
    this.#shown.clear()
  }

  async stop(): Promise<void> {
    this.#stopping.abort()
    await this.#watcher
  }

  async #watch(person: Person): Promise<void> {
    for await (const event of person.api.watch(this.#stopping.signal)) {
      if (event.event === 'message' && event.direction === 'in') this.#shown.set(event.text, performance.now())
      else if (event.event === 'state' && event.state === 'delivered') this.#delivered.set(event.id, performance.now())
      else continue
      for (const wake of this.#waiting) wake()
    }
  }

  #when(what: string, look: () => number | undefined, timeoutMs: number): Promise<number> {
    return new Promise((resolve, reject) => {
      const end = (): void => {
        clearTimeout(timer)
        this.#waiting.delete(wake)
      }
      const wake = (): void => {
        const at = look()
        if (at === undefined) return
        end()
        resolve(at)
      }
      const timer = setTimeout(() => {
        end()
        reject(new Error(`${what}: not seen within ${timeoutMs} ms, ${this.count} messages were`))
      }, timeoutMs)
      this.#waiting.add(wake)
      wake()
    })
  }
}

/** Median and 99th percentile. */
export function spreadOf(times: readonly number[]): { p50: number; p99: number } {
  return { p50: percentile(times, 0.5), p99: percentile(times, 0.99) }
}
