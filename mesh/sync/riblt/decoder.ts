import { ItemSet, NO_SLOT } from './item-set.ts'
import { checkOf, forEachIndex } from './mapping.ts'
import { isHopeless } from './plan.ts'
import type { SymbolStream } from './symbol-stream.ts'
import { BATCH_SYMBOLS, CELL_WORDS } from './symbols.ts'

/**
 * What a decoder says after a batch. `fallback`: more symbols are of no use, take the list. That the limit is
 * reached, that the difference is far too large, that the symbols contradict each other (a liar, or a mixture
 * that passed the check, once in 2^32), and that the own set has changed too much end alike.
 */
export type Progress = 'more' | 'decoded' | 'fallback'

/** The first symbols are left out of the estimate: there the skips of the mapping are off by a few percent. */
const ESTIMATE_FROM = 8

/** What the decoder needs to know beforehand; both counts are claims of the peer or of ours, and bound its memory. */
export interface DecoderOptions {
  /** Items in the set of the writer of the symbols. */
  readonly remoteCount: number
  /** Symbols to take at most, from `symbolLimit`. */
  readonly limit: number
}

/**
 * Finds how two sets differ from the symbols of the other one.
 *
 * The own symbols are taken from the peer's: what both have cancels out. A symbol with one item left (count ±1,
 * and the check fits) tells that item, which is then taken out of every other symbol it is part of, which may
 * leave others with one item, and so on. Symbol 0 has every item: once it is empty, all are found.
 *
 * Nothing in the symbols is believed. An item that the peer alone is said to have must not be ours, one that
 * only we are said to have must be; none comes twice, there are never more of them than symbols, and in the end
 * every symbol must come out even. So each costs a bounded amount of work, and the whole at most
 * `limit` × (16 + 36) bytes.
 */
export class Decoder {
  /** Items that only the peer has. */
  readonly remoteOnly = new ItemSet()
  /** Items that only we have. */
  readonly localOnly = new ItemSet()
  readonly #local: SymbolStream
  readonly #options: DecoderOptions
  readonly #pure: number[] = []
  #cells = new Int32Array(CELL_WORDS * BATCH_SYMBOLS)
  #received = 0
  #variances = 0

  constructor(local: SymbolStream, options: DecoderOptions) {
    this.#local = local
    this.#options = options
  }

  /** Symbols taken in so far. */
  get received(): number {
    return this.#received
  }

  /**
   * How many items differ, estimated: one standard deviation is a fifth after 64 symbols, an eighth after 128.
   *
   * The count of symbol i in the difference of the sets is a sum of d coins of ±1 that fall with probability
   * p = 1/(1+i/2), around p times the difference of the sizes: its variance is d·p·(1-p).
   */
  get differences(): number {
    const atLeast = Math.abs(this.#options.remoteCount - this.#local.size)
    return Math.max(atLeast, this.#received > ESTIMATE_FROM ? this.#variances / (this.#received - ESTIMATE_FROM) : 0)
  }

  /** Takes in the peer's next symbols, as `readSymbols` gave them. */
  feed(remote: Int32Array): Progress {
    const { limit } = this.#options
    const from = this.#received
    const to = from + remote.length / CELL_WORDS
    const local = to <= limit ? this.#local.next(to - from) : undefined
    if (local === undefined) return 'fallback'
    this.#append(remote, local)
    this.remoteOnly.place({ cells: this.#cells, base: 0 }, to, -1)
    this.localOnly.place({ cells: this.#cells, base: 0 }, to, 1)
    for (let index = from; index < to; index++) this.#noteIfPure(index)
    if (!this.#peel()) return 'fallback'
    if (this.#isEmpty(0)) return this.#isAllEmpty() ? 'decoded' : 'fallback'
    return to >= limit || isHopeless(this.differences, limit) ? 'fallback' : 'more'
  }

  #append(remote: Int32Array, local: Int32Array): void {
    const start = CELL_WORDS * this.#received
    if (start + remote.length > this.#cells.length) {
      const grown = new Int32Array(Math.max(start + remote.length, 2 * this.#cells.length))
      grown.set(this.#cells)
      this.#cells = grown
    }
    const cells = this.#cells
    const surplus = this.#options.remoteCount - this.#local.size
    for (let at = 0; at < remote.length; at += CELL_WORDS) {
      for (let word = 0; word < CELL_WORDS - 1; word++) cells[start + at + word] = (remote[at + word] ?? 0) ^ (local[at + word] ?? 0)
      const count = (remote[at + CELL_WORDS - 1] ?? 0) - (local[at + CELL_WORDS - 1] ?? 0)
      cells[start + at + CELL_WORDS - 1] = count
      const index = this.#received++
      const p = 2 / (2 + index)
      if (index >= ESTIMATE_FROM) this.#variances += (count - p * surplus) ** 2 / (p * (1 - p))
    }
  }

  /** Takes out items until no symbol tells one; false when the symbols contradict each other or what we know. */
  #peel(): boolean {
    const cells = this.#cells
    for (let index = this.#pure.pop(); index !== undefined; index = this.#pure.pop()) {
      if (!this.#isPure(index)) continue
      const at = CELL_WORDS * index
      if (!this.#take(cells[at] ?? 0, cells[at + 1] ?? 0, cells[at + 3] ?? 0)) return false
    }
    return true
  }

  #take(low: number, high: number, sign: number): boolean {
    const isLocal = sign < 0
    if (this.#local.has(low, high) !== isLocal) return false
    const found = isLocal ? this.localOnly : this.remoteOnly
    const slot = found.add(low, high)
    if (slot === NO_SLOT || this.remoteOnly.size + this.localOnly.size > this.#received || this.remoteOnly.size > this.#options.remoteCount) return false
    found.placeOne(slot, { cells: this.#cells, base: 0 }, this.#received, isLocal ? 1 : -1)
    forEachIndex(low, high, this.#received, (index) => this.#noteIfPure(index))
    return true
  }

  #noteIfPure(index: number): void {
    if (this.#isPure(index)) this.#pure.push(index)
  }

  #isPure(index: number): boolean {
    const at = CELL_WORDS * index
    const count = this.#cells[at + 3]
    return (count === 1 || count === -1) && checkOf(this.#cells[at] ?? 0, this.#cells[at + 1] ?? 0) === this.#cells[at + 2]
  }

  #isEmpty(index: number): boolean {
    const at = CELL_WORDS * index
    return this.#cells[at] === 0 && this.#cells[at + 1] === 0 && this.#cells[at + 2] === 0 && this.#cells[at + 3] === 0
  }

  #isAllEmpty(): boolean {
    for (let index = 0; index < this.#received; index++) if (!this.#isEmpty(index)) return false
    return true
  }
}
