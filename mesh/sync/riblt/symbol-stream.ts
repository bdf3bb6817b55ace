import { ItemSet, NO_SLOT } from './item-set.ts'
import type { Sketch, SketchWatcher } from './sketch.ts'
import { CELL_WORDS } from './symbols.ts'

/** Changes of the set that one stream follows: as many envelopes as a busy node stores in a few seconds. Above it, begin again. */
const MAX_CHANGES = 4_096

/**
 * The symbols of several disjoint sketches as if they were one, in order, of the set as it was when the stream
 * was opened.
 *
 * Symbols are linear: those of a union are those of its parts added up. So any choice of days is served from
 * the symbols cached for each day. And since the sketches change under an exchange that lasts for seconds, the
 * stream notes what came and went since, and takes it back from each batch that it gives out.
 *
 * Close it when the exchange is over: until then the sketches report to it.
 */
export class SymbolStream {
  readonly #sketches: readonly Sketch[]
  readonly #size: number
  readonly #added = new ItemSet()
  readonly #removed = new ItemSet()
  readonly #watcher: SketchWatcher
  #position = 0
  #isStale = false

  constructor(sketches: readonly Sketch[]) {
    this.#sketches = sketches
    this.#size = sketches.reduce((sum, sketch) => sum + sketch.size, 0)
    this.#watcher = (low, high, sign) => this.#note(low, high, sign)
    for (const sketch of sketches) sketch.watch(this.#watcher)
  }

  /** Items in the set. */
  get size(): number {
    return this.#size
  }

  /** Index of the symbol that comes next. */
  get position(): number {
    return this.#position
  }

  /** True once too much has changed to give out the old set: whoever needs more begins anew. */
  get isStale(): boolean {
    return this.#isStale
  }

  /** Makes the symbols up to index `end` now, in one pass over the items instead of many. */
  prepare(end: number): void {
    if (!this.#isStale) for (const sketch of this.#sketches) sketch.cells(end)
  }

  /** Cells of the next `count` symbols, in memory of their own; `undefined` when the stream is stale. */
  next(count: number): Int32Array | undefined {
    if (this.#isStale) return undefined
    const from = this.#position
    const to = from + count
    const cells = new Int32Array(CELL_WORDS * count)
    for (const sketch of this.#sketches) addCells(cells, sketch.cells(to), CELL_WORDS * from)
    this.#added.place({ cells, base: from }, to, -1)
    this.#removed.place({ cells, base: from }, to, 1)
    this.#position = to
    return cells
  }

  /** True when the item was in the set as the stream was opened. */
  has(low: number, high: number): boolean {
    if (this.#removed.has(low, high)) return true
    return !this.#added.has(low, high) && this.#sketches.some((sketch) => sketch.find(low, high) !== NO_SLOT)
  }

  close(): void {
    for (const sketch of this.#sketches) sketch.unwatch(this.#watcher)
  }

  #note(low: number, high: number, sign: 1 | -1): void {
    const undone = sign === 1 ? this.#removed : this.#added
    if (undone.delete(low, high) !== NO_SLOT) return
    const changes = sign === 1 ? this.#added : this.#removed
    changes.add(low, high)
    if (this.#added.size + this.#removed.size <= MAX_CHANGES) return
    this.#isStale = true
    this.close()
  }
}

/** Adds the cells of `source` from word `from` on to those of `target`. */
function addCells(target: Int32Array, source: Int32Array, from: number): void {
  for (let at = 0; at < target.length; at += CELL_WORDS) {
    for (let word = 0; word < CELL_WORDS - 1; word++) target[at + word] = (target[at + word] ?? 0) ^ (source[from + at + word] ?? 0)
    target[at + CELL_WORDS - 1] = (target[at + CELL_WORDS - 1] ?? 0) + (source[from + at + CELL_WORDS - 1] ?? 0)
  }
}
