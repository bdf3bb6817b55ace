import { Digest } from './digest.ts'
import { ItemSet, NO_SLOT } from './item-set.ts'
import { BATCH_SYMBOLS, CELL_WORDS } from './symbols.ts'

/** Told of every item that comes (`sign` 1) or goes (-1), before the sketch has changed. */
export type SketchWatcher = (low: number, high: number, sign: 1 | -1) => void

/** How much further than asked for the symbols are made at once, so that few passes over all items are needed. */
const AHEAD = 1.25

/** Symbols that a sketch keeps between two exchanges: enough for 6,000 differences, 128 KiB. */
const KEPT_SYMBOLS = 8_192

/**
 * The encoder: a set of items with the symbols made of it so far, which stay right while items come and go.
 *
 * Adding or removing an item touches only the symbols that it is part of: 14 of the first 1,400, since the sum
 * of 1/(1+i/2) grows with the logarithm. So a node keeps one sketch for a day's envelopes and serves every
 * neighbour out of the same symbols. More symbols are made when somebody asks for them, by letting each item go
 * on with its walk.
 */
export class Sketch {
  readonly digest = new Digest()
  readonly #items: ItemSet
  readonly #watchers = new Set<SketchWatcher>()
  #cells = new Int32Array(0)
  #made = 0

  /** @param expected items that will come, if that is known */
  constructor(expected = 0) {
    this.#items = new ItemSet(expected)
  }

  get size(): number {
    return this.#items.size
  }

  /** Bytes that items and symbols take. */
  get bytes(): number {
    return this.#items.bytes + 4 * this.#cells.length
  }

  /** The slot of the new item: a number that stays with it until it is removed; {@link NO_SLOT} when it was here. */
  add(low: number, high: number): number {
    if (this.#watchers.size > 0 && !this.#items.has(low, high)) this.#tell(low, high, 1)
    const slot = this.#items.add(low, high)
    if (slot === NO_SLOT) return slot
    this.digest.add(low, high)
    this.#items.placeOne(slot, { cells: this.#cells, base: 0 }, this.#made, 1)
    return slot
  }

  /** The slot that the item had, free for another one from now on; {@link NO_SLOT} when it was not here. */
  remove(low: number, high: number): number {
    const slot = this.#items.find(low, high)
    if (slot === NO_SLOT) return slot
    if (this.#watchers.size > 0) this.#tell(low, high, -1)
    this.digest.remove(low, high)
    this.#items.rewind(slot)
    this.#items.placeOne(slot, { cells: this.#cells, base: 0 }, this.#made, -1)
    this.#items.delete(low, high)
    return slot
  }

  /** The slot of an item, or {@link NO_SLOT}. */
  find(low: number, high: number): number {
    return this.#items.find(low, high)
  }

  /** Calls back with every item. */
  forEach(visit: (low: number, high: number, slot: number) => void): void {
    this.#items.forEach(visit)
  }

  /** Cells of at least `count` symbols from index 0 on. The memory is the sketch's: read it before the next change. */
  cells(count: number): Int32Array {
    if (count > this.#made) {
      const wanted = Math.max(count, this.#made * AHEAD)
      this.#make(BATCH_SYMBOLS * Math.ceil(wanted / BATCH_SYMBOLS))
    }
    return this.#cells
  }

  /** Calls `watcher` with every change until it is given to {@link unwatch}. */
  watch(watcher: SketchWatcher): void {
    this.#watchers.add(watcher)
  }

  /** Ends a {@link watch}, and gives back the memory of an unusually long run of symbols. */
  unwatch(watcher: SketchWatcher): void {
    this.#watchers.delete(watcher)
    if (this.#watchers.size > 0 || this.#made <= KEPT_SYMBOLS) return
    this.#cells = new Int32Array(0)
    this.#made = 0
    this.#items.rewindAll()
  }

  #make(count: number): void {
    const cells = new Int32Array(CELL_WORDS * count)
    cells.set(this.#cells)
    this.#items.place({ cells, base: 0 }, count, 1)
    this.#cells = cells
    this.#made = count
  }

  #tell(low: number, high: number, sign: 1 | -1): void {
    for (const watcher of this.#watchers) watcher(low, high, sign)
  }
}
