import { NEVER, placeItems, type Target, type Walks } from './mapping.ts'

/** What {@link ItemSet.find} and its like answer when there is no such item. */
export const NO_SLOT = -1

const MIN_SLOTS = 16
/** Slots grow by a quarter: doubling would waste up to half of what a large set takes. */
const SLOT_GROWTH = 1.25

/**
 * A set of 64-bit items, each with its place in the walk over its symbol indexes.
 *
 * Typed arrays only: 20 bytes for a slot (item, walk) and a hash table of 4 bytes an entry, at most three
 * quarters full, that is 25 to 36 bytes an item. Items are random, so their low word is their hash. A slot keeps
 * its number until its item is deleted, so whoever keeps ids beside a set can keep them by slot.
 */
export class ItemSet {
  #walks: Walks
  #table: Int32Array
  #size = 0
  /** Slots ever used; those given back are chained through `low`, from `#free`. */
  #slots = 0
  #free = NO_SLOT

  /** @param expected items that will come, if that is known: growing step by step takes twice as long */
  constructor(expected = 0) {
    const slots = Math.max(expected, MIN_SLOTS)
    this.#walks = newWalks(slots)
    this.#table = new Int32Array(2 ** Math.ceil(Math.log2((4 * slots) / 3)))
  }

  get size(): number {
    return this.#size
  }

  /** Bytes that the arrays take. */
  get bytes(): number {
    return 20 * this.#walks.low.length + 4 * this.#table.length
  }

  /** The slot of the new item, or {@link NO_SLOT} when it is here already. */
  add(low: number, high: number): number {
    if (4 * (this.#size + 1) > 3 * this.#table.length) this.#growTable()
    const at = this.#entryOf(low, high)
    if (this.#table[at] !== 0) return NO_SLOT
    const slot = this.#takeSlot()
    const walks = this.#walks
    this.#table[at] = slot + 1
    walks.low[slot] = low
    walks.high[slot] = high
    this.#size++
    this.rewind(slot)
    return slot
  }

  /** The slot that the item had, or {@link NO_SLOT} when it is not here. */
  delete(low: number, high: number): number {
    const at = this.#entryOf(low, high)
    const slot = (this.#table[at] ?? 0) - 1
    if (slot === NO_SLOT) return NO_SLOT
    this.#closeGap(at)
    this.#walks.low[slot] = this.#free
    this.#walks.next[slot] = NEVER
    this.#free = slot
    this.#size--
    return slot
  }

  has(low: number, high: number): boolean {
    return this.find(low, high) !== NO_SLOT
  }

  /** The slot of an item, or {@link NO_SLOT}. */
  find(low: number, high: number): number {
    return (this.#table[this.#entryOf(low, high)] ?? 0) - 1
  }

  /** Calls back with every item, in the order of the slots. */
  forEach(visit: (low: number, high: number, slot: number) => void): void {
    const { low, high } = this.#walks
    const isFree = new Uint8Array(this.#slots)
    for (let slot = this.#free; slot !== NO_SLOT; slot = low[slot] ?? NO_SLOT) isFree[slot] = 1
    for (let slot = 0; slot < isFree.length; slot++) if (isFree[slot] === 0) visit(low[slot] ?? 0, high[slot] ?? 0, slot)
  }

  /** The items as pairs of words, low and high, in the order of the slots. */
  toPairs(): Int32Array {
    const pairs = new Int32Array(2 * this.#size)
    let at = 0
    this.forEach((low, high) => {
      pairs[at++] = low
      pairs[at++] = high
    })
    return pairs
  }

  /** Lets every item go on with its walk up to index `end`, and adds it to the symbols it meets, or takes it away (`sign` -1). */
  place(target: Target, end: number, sign: 1 | -1): void {
    placeItems(this.#walks, 0, this.#slots, target, end, sign)
  }

  /** The same for the item in `slot`. */
  placeOne(slot: number, target: Target, end: number, sign: 1 | -1): void {
    placeItems(this.#walks, slot, slot + 1, target, end, sign)
  }

  /** Sends the item in `slot` back to the start of its walk. */
  rewind(slot: number): void {
    const { low, high, s0, s1, next } = this.#walks
    next[slot] = 0
    s0[slot] = low[slot] ?? 0
    s1[slot] = high[slot] ?? 0
  }

  /** Sends all items back. */
  rewindAll(): void {
    this.forEach((_low, _high, slot) => {
      this.rewind(slot)
    })
  }

  /** The place in the table where the item is, or where it would go: linear probing from its low word. */
  #entryOf(low: number, high: number): number {
    const table = this.#table
    const walks = this.#walks
    const mask = table.length - 1
    let at = low & mask
    for (let entry = table[at] ?? 0; entry !== 0; entry = table[at] ?? 0) {
      if (walks.low[entry - 1] === low && walks.high[entry - 1] === high) return at
      at = (at + 1) & mask
    }
    return at
  }

  /** Moves up what was pushed behind the entry that goes, so that no search stops too early (Knuth 6.4, algorithm R). */
  #closeGap(start: number): void {
    const table = this.#table
    const mask = table.length - 1
    let gap = start
    for (let at = (gap + 1) & mask; table[at] !== 0; at = (at + 1) & mask) {
      const home = (this.#walks.low[(table[at] ?? 0) - 1] ?? 0) & mask
      if (((at - home) & mask) < ((at - gap) & mask)) continue
      table[gap] = table[at] ?? 0
      gap = at
    }
    table[gap] = 0
  }

  #takeSlot(): number {
    const free = this.#free
    if (free !== NO_SLOT) {
      this.#free = this.#walks.low[free] ?? NO_SLOT
      return free
    }
    if (this.#slots === this.#walks.low.length) {
      const { low, high, s0, s1, next } = this.#walks
      this.#walks = newWalks(Math.ceil(low.length * SLOT_GROWTH))
      this.#walks.low.set(low)
      this.#walks.high.set(high)
      this.#walks.s0.set(s0)
      this.#walks.s1.set(s1)
      this.#walks.next.set(next)
    }
    return this.#slots++
  }

  #growTable(): void {
    const { low } = this.#walks
    const table = new Int32Array(2 * this.#table.length)
    const mask = table.length - 1
    for (const entry of this.#table) {
      if (entry === 0) continue
      let at = (low[entry - 1] ?? 0) & mask
      while (table[at] !== 0) at = (at + 1) & mask
      table[at] = entry
    }
    this.#table = table
  }
}

function newWalks(slots: number): Walks {
  const array = (): Int32Array => new Int32Array(slots)
  return { low: array(), high: array(), s0: array(), s1: array(), next: array() }
}
