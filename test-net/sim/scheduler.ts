/**
 * Virtual time. Nothing happens between two timers but promises, and all of them run to their end before
 * the next timer: a timer is one macrotask, and Node empties its queue of microtasks after each. So a run
 * is a sequence that depends on the timers alone, and time costs nothing while nobody does anything.
 *
 * That holds as long as nobody in a simulated node waits for anything but promises and this scheduler: no
 * file, no socket, no setTimeout. `mesh/` cannot, and the disk and links here do not.
 */

/** Something that will happen; see {@link Scheduler.at}. */
export interface Timer {
  /** Virtual ms since the start of the run. */
  readonly atMs: number
  readonly order: number
  run: (() => void) | undefined
}

/** Timers at one instant before it counts as a circle without end. A busy instant of a thousand nodes has some ten thousand. */
const MAX_AT_ONE_INSTANT = 2_000_000

/** See the head of this file. */
export class Scheduler {
  readonly #heap: Timer[] = []
  #nowMs = 0
  #order = 0
  #fired = 0
  #atThisInstant = 0

  /** Virtual ms since the start of the run. */
  get nowMs(): number {
    return this.#nowMs
  }

  /** Timers that have fired: what a run costs, besides the work itself. */
  get fired(): number {
    return this.#fired
  }

  /** Runs `run` at `atMs`, or now when that is past; what is due at one instant runs in the order of these calls. */
  at(atMs: number, run: () => void): Timer {
    const timer: Timer = { atMs: Math.max(atMs, this.#nowMs), order: this.#order++, run }
    this.#push(timer)
    return timer
  }

  /** Runs `run` in `ms`. */
  in(ms: number, run: () => void): Timer {
    return this.at(this.#nowMs + ms, run)
  }

  /** The timer will not fire. It stays in the heap until its time. */
  cancel(timer: Timer): void {
    timer.run = undefined
  }

  /** Resolves at `untilMs`, when everything due until then has happened. @throws what a timer throws; those of nodes never do */
  runUntil(untilMs: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const step = (): void => {
        try {
          const timer = this.#next(untilMs)
          if (timer === undefined) {
            this.#nowMs = Math.max(untilMs, this.#nowMs)
            resolve()
            return
          }
          const { run } = timer
          timer.run = undefined
          run?.()
          setImmediate(step)
        } catch (error) {
          reject(error instanceof Error ? error : new Error(String(error)))
        }
      }
      setImmediate(step)
    })
  }

  #next(untilMs: number): Timer | undefined {
    for (let timer = this.#heap[0]; timer !== undefined && timer.atMs <= untilMs; timer = this.#heap[0]) {
      this.#pop()
      if (timer.run === undefined) continue
      this.#atThisInstant = timer.atMs === this.#nowMs ? this.#atThisInstant + 1 : 0
      if (this.#atThisInstant > MAX_AT_ONE_INSTANT) throw new Error(`time stands still at ${this.#nowMs} ms: somebody wakes up again and again`)
      this.#nowMs = timer.atMs
      this.#fired++
      return timer
    }
    return undefined
  }

  #push(timer: Timer): void {
    const heap = this.#heap
    let at = heap.length
    while (at > 0) {
      const above = (at - 1) >> 1
      const parent = heap[above]
      if (parent === undefined || isBefore(parent, timer)) break
      heap[at] = parent
      at = above
    }
    heap[at] = timer
  }

  #pop(): void {
    const heap = this.#heap
    const last = heap.pop()
    if (last === undefined || heap.length === 0) return
    let at = 0
    for (;;) {
      let below = 2 * at + 1
      const left = heap[below]
      if (left === undefined) break
      const right = heap[below + 1]
      if (right !== undefined && isBefore(right, left)) below++
      const child = heap[below]
      if (child === undefined || isBefore(last, child)) break
      heap[at] = child
      at = below
    }
    heap[at] = last
  }
}

function isBefore(a: Timer, b: Timer): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order)
}
