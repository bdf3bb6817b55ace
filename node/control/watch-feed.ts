import type { WatchEvent } from './api.ts'

/** How many events may wait for a slow reader: minutes of a lively node. */
const MAX_WAITING_EVENTS = 1_000
/** What the waiting events may cost together, in characters. */
const MAX_WAITING_COST = 1_048_576
/** What an event costs besides its text, in characters: ids, names, parents. */
const EVENT_COST = 512

/** One reader's events. Bounded: what does not fit is counted, and the reader is told where the gap is. */
export class WatchQueue implements AsyncIterable<WatchEvent> {
  readonly #maxEvents: number
  #waiting: WatchEvent[] = []
  #cost = 0
  #lost = 0
  #isEnded = false
  #wake: (() => void) | undefined

  constructor(options: { maxEvents?: number } = {}) {
    this.#maxEvents = options.maxEvents ?? MAX_WAITING_EVENTS
  }

  push(event: WatchEvent): void {
    if (this.#isEnded) return
    const cost = costOf(event)
    // After a loss, room is made first, so that a reader at the edge gets a few large gaps, not thousands of small ones.
    const room = this.#lost > 0 ? this.#maxEvents / 2 : this.#maxEvents
    if (this.#waiting.length >= room || this.#cost + cost > MAX_WAITING_COST) {
      this.#lost += event.event === 'lost' ? event.count : 1
      return
    }
    this.#markGap()
    this.#waiting.push(event)
    this.#cost += cost
    this.#wake?.()
  }

  /** What waits is still handed out, then the iteration ends. */
  end(): void {
    this.#isEnded = true
    this.#wake?.()
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<WatchEvent> {
    for (;;) {
      const event = this.#waiting.shift()
      if (event !== undefined) {
        this.#cost -= costOf(event)
        yield event
      } else if (this.#lost > 0) {
        this.#markGap()
      } else if (this.#isEnded) {
        return
      } else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve
        })
        this.#wake = undefined
      }
    }
  }

  #markGap(): void {
    if (this.#lost === 0) return
    const gap: WatchEvent = { event: 'lost', count: this.#lost }
    this.#waiting.push(gap)
    this.#cost += costOf(gap)
    this.#lost = 0
  }
}

/** Hands every event to all who watch; a slow one costs a bounded amount and nobody else's time. */
export class WatchFeed {
  readonly #readers = new Set<WatchQueue>()

  publish(event: WatchEvent): void {
    for (const reader of this.#readers) reader.push(event)
  }

  /** Takes everything from now on for a reader who comes later: give it to `watch`. As bounded as any other queue. */
  keep(): WatchQueue {
    const queue = new WatchQueue()
    this.#readers.add(queue)
    return queue
  }

  /** The events from this call on, or from the beginning of `kept`, until `signal` aborts. */
  watch(signal: AbortSignal, kept: WatchQueue = this.keep()): AsyncIterable<WatchEvent> {
    const leave = () => {
      this.#readers.delete(kept)
      kept.end()
    }
    if (signal.aborted) leave()
    else signal.addEventListener('abort', leave, { once: true })
    return kept
  }
}

function costOf(event: WatchEvent): number {
  if (event.event !== 'message' && event.event !== 'changed') return EVENT_COST
  return EVENT_COST + event.text.length + 64 * event.parents.length + 128 * ((event.reactions?.length ?? 0) + (event.mentions?.length ?? 0))
}
