/** What is known of a segment on disk. */
interface SegmentState {
  /** Records and removals that it holds. */
  readonly entries: number
  readonly removals: number
  /** Records of it that still hold. */
  live: number
}

/** Below this many entries a segment is small: reading it costs more than what it says. */
const SMALL_ENTRIES = 512
/** So many small ones are put together into one. */
const MAX_SMALL = 64
/** Entries that are moved at once, so that a group that tidies up takes some ten milliseconds longer. */
const MAX_MOVED_ENTRIES = 8_192
/** Entries that hold no more and do not matter yet; above that, as many as hold may be there. */
const FREE_GARBAGE = 4_096

/** Segments to be rewritten: what holds of them goes into the next one. */
export interface Tidying {
  readonly numbers: readonly number[]
  /** No older segment stays, so what they remove need not be said again. */
  readonly isOldest: boolean
}

/**
 * The segments on disk, oldest first: how much of each still holds, and which ones are worth rewriting.
 *
 * Their number stays below 64 and one for each 512 entries, and what holds no more below what does and 4,096, so
 * that opening takes a time that goes by the number of envelopes.
 */
export class Segments {
  readonly #states = new Map<number, SegmentState>()
  #entries = 0
  #live = 0
  #small = 0
  #last = 0

  /** The number of the next one. */
  get next(): number {
    return this.#last + 1
  }

  get count(): number {
    return this.#states.size
  }

  /** Notes a segment, newer than all others, of which all records hold. */
  add(number: number, records: number, removals: number): void {
    const state = { entries: records + removals, removals, live: records }
    this.#states.set(number, state)
    this.#entries += state.entries
    this.#live += records
    if (state.entries < SMALL_ENTRIES) this.#small++
    this.#last = Math.max(this.#last, number)
  }

  /** Notes a segment that cannot be read: it stays, and so its number is not given again. */
  skip(number: number): void {
    this.#last = Math.max(this.#last, number)
  }

  /** A record of it holds no more. */
  release(number: number): void {
    const state = this.#states.get(number)
    if (state === undefined) return
    state.live--
    this.#live--
  }

  delete(number: number): void {
    const state = this.#states.get(number)
    if (state === undefined) return
    this.#states.delete(number)
    this.#entries -= state.entries
    this.#live -= state.live
    if (state.entries < SMALL_ENTRIES) this.#small--
  }

  /** What the next group should take along; mostly nothing. */
  worthTidying(): Tidying {
    const isOldest = true
    if (this.#entries > 2 * this.#live + FREE_GARBAGE) return { numbers: this.#pick(() => true), isOldest }
    if (this.#small > MAX_SMALL) {
      const numbers = this.#pick(({ entries }) => entries < SMALL_ENTRIES)
      const [...all] = this.#states.keys()
      return { numbers, isOldest: numbers.every((number, i) => number === all[i]) }
    }
    const empty: number[] = []
    for (const [number, { live }] of this.#states) {
      if (live > 0) break
      empty.push(number)
    }
    return { numbers: empty, isOldest }
  }

  /** True when nothing of it has to be said again, so that it need not be read. */
  isOver(number: number, { isOldest }: Tidying): boolean {
    const state = this.#states.get(number)
    return state === undefined || (state.live === 0 && (isOldest || state.removals === 0))
  }

  #pick(isWanted: (state: SegmentState) => boolean): number[] {
    const numbers: number[] = []
    let moved = 0
    for (const [number, state] of this.#states) {
      if (moved >= MAX_MOVED_ENTRIES) break
      if (!isWanted(state)) continue
      numbers.push(number)
      moved += state.live + state.removals
    }
    return numbers
  }
}
