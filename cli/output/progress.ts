import { size } from './events.ts'
import { duration } from './names.ts'
import type { Writable } from './sink.ts'

const BAR_CHARACTERS = 24
/** What went through in this time tells the speed, ms. */
const SPEED_OVER_MS = 5_000

/**
 * One line that says how far long work is, for a terminal: it is written over itself and goes when the work is
 * done. Never for scripts.
 */
export class ProgressLine {
  readonly #stream: Writable
  readonly #now: () => number
  /** What was done when, of the last seconds. */
  readonly #marks: Array<{ atMs: number; done: number }> = []
  #isShown = false

  /** @param now a clock in ms that never jumps */
  constructor(stream: Writable, now: () => number = () => performance.now()) {
    this.#stream = stream
    this.#now = now
  }

  /** @param total may be an estimate */
  show(done: number, total: number): void {
    const atMs = this.#now()
    this.#marks.push({ atMs, done })
    while ((this.#marks[0]?.atMs ?? atMs) < atMs - SPEED_OVER_MS) this.#marks.shift()
    const share = total <= 0 ? 1 : Math.min(1, done / total)
    const filled = Math.round(share * BAR_CHARACTERS)
    const bar = `[${'#'.repeat(filled)}${'-'.repeat(BAR_CHARACTERS - filled)}]`
    const line = `${bar} ${String(Math.floor(share * 100)).padStart(3)} %  ${size(done)} of ${size(total)}${this.#pace(total - done)}`
    this.#stream.write(`\r${line.slice(0, (this.#stream.columns ?? 80) - 1)}\u001b[K`)
    this.#isShown = true
  }

  /** Takes the line away. */
  clear(): void {
    if (this.#isShown) this.#stream.write('\r\u001b[K')
    this.#isShown = false
  }

  #pace(left: number): string {
    const [first, last] = [this.#marks[0], this.#marks.at(-1)]
    if (first === undefined || last === undefined || last.atMs - first.atMs < 500) return ''
    const perSecond = ((last.done - first.done) * 1_000) / (last.atMs - first.atMs)
    return perSecond <= 0 ? '' : `  ${size(Math.round(perSecond))}/s  ${duration(Math.max(0, left) / perSecond)} left`
  }
}
