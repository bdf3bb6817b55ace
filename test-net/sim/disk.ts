/**
 * A disk that obeys the scenario: what `mesh/store` asks of a level, in memory.
 *
 * Answers come in microtasks, in order, except that a batch takes the time of an fsync. A power cut takes
 * with it what was not synced yet; of the batch that was being written, all may be there, or nothing: a log
 * with checksums leaves out a record that is torn. A failing disk answers EIO or ENOSPC and keeps nothing
 * of the batch.
 */
import type { Level } from '#mesh/store'
import type { Scheduler } from './scheduler.ts'
import type { Seeded } from './seeded.ts'

type Batch = Parameters<Level['batch']>[0]
type Range = Parameters<Level['iterator']>[0]

/** What a failing disk says. */
export type DiskFailure = 'EIO' | 'ENOSPC'

/** What a disk needs. */
export interface DiskDeps {
  readonly scheduler: Scheduler
  readonly random: Seeded
  /** Sees every byte that is written. */
  readonly onWrite: (bytes: Uint8Array) => void
}

/** How fast a disk is. */
export interface DiskOptions {
  /** From a synced batch to its answer, ms. */
  readonly syncMs: readonly [number, number]
}

interface Unsynced {
  readonly batch: Batch
}

const FAILURE_WORDS: Readonly<Record<DiskFailure, string>> = { EIO: 'i/o error', ENOSPC: 'no space left on device' }

/** See the head of this file. */
export class Disk {
  readonly #deps: DiskDeps
  readonly #options: DiskOptions
  /** By the table's byte, then by key, one character a byte: strings compare as their bytes do. */
  readonly #tables = new Map<string, TableRows>()
  /** What would be lost by now, in order. The rows above hold it already, as a page cache does. */
  #unsynced: Unsynced[] = []
  #undo: Array<() => void> = []
  #failure: DiskFailure | undefined
  #session = 0

  constructor(deps: DiskDeps, options: DiskOptions) {
    this.#deps = deps
    this.#options = options
  }

  /** From now on every write fails like this; `undefined` repairs the disk. */
  setFailure(failure: DiskFailure | undefined): void {
    this.#failure = failure
  }

  get hasRoom(): boolean {
    return this.#failure !== 'ENOSPC'
  }

  /** Power is gone: whoever uses the disk hears nothing more, and what was not synced may be lost. */
  cut(): void {
    this.#session++
    const kept = this.#deps.random.below(this.#unsynced.length + 1)
    for (const undo of this.#undo.slice(kept).reverse()) undo()
    this.#unsynced = []
    this.#undo = []
  }

  /** All rows, for checks. */
  *rows(): Iterable<readonly [key: string, value: Uint8Array]> {
    for (const table of this.#tables.values()) for (const key of table.keys()) yield [key, table.get(key) ?? new Uint8Array(0)]
  }

  /** Bytes of all keys and values. */
  get bytes(): number {
    let bytes = 0
    for (const [key, value] of this.rows()) bytes += key.length + value.length
    return bytes
  }

  /** The disk as the machine sees it until the next power cut. */
  level(): Level {
    const session = this.#session
    const isOff = (): boolean => session !== this.#session
    return {
      open: () => this.#answer(isOff, () => undefined),
      close: () => this.#answer(isOff, () => undefined),
      get: (key) => this.#answer(isOff, () => this.#get(key)),
      batch: (batch, { sync }) => this.#write(isOff, batch, sync),
      iterator: (range) => {
        const rows = this.#range(range)
        return {
          nextv: (size) => this.#answer(isOff, () => takeRows(rows, size)),
          close: () => this.#answer(isOff, () => undefined),
        }
      },
    }
  }

  /** Answers in a microtask; a machine without power never hears it. */
  #answer<T>(isOff: () => boolean, ask: () => T): Promise<T> {
    return isOff() ? never() : Promise.resolve(ask())
  }

  #write(isOff: () => boolean, batch: Batch, sync: boolean): Promise<void> {
    const { scheduler, random } = this.#deps
    if (isOff()) return never()
    for (const operation of batch) {
      this.#deps.onWrite(operation.key)
      if (operation.type === 'put') this.#deps.onWrite(operation.value)
    }
    if (!sync) {
      if (this.#failure !== undefined) return Promise.reject(failed(this.#failure))
      this.#unsynced.push({ batch })
      this.#undo.push(this.#apply(batch))
      return Promise.resolve()
    }
    return new Promise((resolve, reject) => {
      // The record reaches the platter somewhere in between: a cut before that loses it, one after it loses only the answer.
      const tookMs = random.between(this.#options.syncMs)
      const writtenMs = random.unit() * tookMs
      let failure: DiskFailure | undefined
      scheduler.in(writtenMs, () => {
        if (isOff()) return
        failure = this.#failure
        if (failure !== undefined) return
        this.#apply(batch)
        this.#unsynced = []
        this.#undo = []
      })
      scheduler.in(tookMs, () => {
        if (isOff()) return
        if (failure === undefined) resolve()
        else reject(failed(failure))
      })
    })
  }

  #apply(batch: Batch): () => void {
    const undo: Array<() => void> = []
    for (const operation of batch) {
      const key = nameOf(operation.key)
      const table = this.#table(key.slice(0, 1))
      const before = table.get(key)
      undo.push(() => (before === undefined ? table.delete(key) : table.set(key, before)))
      if (operation.type === 'put') table.set(key, operation.value)
      else table.delete(key)
    }
    return () => {
      for (const step of undo.reverse()) step()
    }
  }

  #get(key: Uint8Array): Uint8Array | undefined {
    const name = nameOf(key)
    return this.#tables.get(name.slice(0, 1))?.get(name)
  }

  #table(prefix: string): TableRows {
    let table = this.#tables.get(prefix)
    if (table === undefined) {
      table = new TableRows()
      this.#tables.set(prefix, table)
    }
    return table
  }

  /** A snapshot of what is in the range. Bounds of one iteration lie in one table, or span all of them. */
  #range({ gte, gt, lt, reverse = false, limit = -1, keys = true }: Range): Iterator<[Uint8Array, Uint8Array]> {
    const low = nameOf(gte ?? gt ?? new Uint8Array(0))
    const high = nameOf(lt)
    const rows: [Uint8Array, Uint8Array][] = []
    for (const prefix of [...this.#tables.keys()].sort()) {
      if (prefix < low.slice(0, 1) || prefix > high) continue
      for (const key of this.#tables.get(prefix)?.sorted() ?? []) {
        if (key < low || (gt !== undefined && key === low) || key >= high) continue
        rows.push([keys ? bytesOf(key) : NO_BYTES, this.#tables.get(prefix)?.get(key) ?? NO_BYTES])
      }
    }
    if (reverse) rows.reverse()
    return (limit < 0 ? rows : rows.slice(0, limit)).values()
  }
}

const NO_BYTES = new Uint8Array(0)

/** Rows of one table; sorted when somebody asks for the order. */
class TableRows {
  readonly #rows = new Map<string, Uint8Array>()
  #sorted: readonly string[] | undefined

  get(key: string): Uint8Array | undefined {
    return this.#rows.get(key)
  }

  set(key: string, value: Uint8Array): void {
    if (!this.#rows.has(key)) this.#sorted = undefined
    this.#rows.set(key, value)
  }

  delete(key: string): void {
    if (this.#rows.delete(key)) this.#sorted = undefined
  }

  keys(): Iterable<string> {
    return this.#rows.keys()
  }

  sorted(): readonly string[] {
    this.#sorted ??= [...this.#rows.keys()].sort()
    return this.#sorted
  }
}

function takeRows(rows: Iterator<[Uint8Array, Uint8Array]>, size: number): [Uint8Array, Uint8Array][] {
  const taken: [Uint8Array, Uint8Array][] = []
  while (taken.length < size) {
    const next = rows.next()
    if (next.done === true) break
    taken.push(next.value)
  }
  return taken
}

/** Named as Node names such errors, so that what reads `code` is tested as well as what reads the words. */
function failed(failure: DiskFailure): Error {
  return Object.assign(new Error(`${failure}: ${FAILURE_WORDS[failure]}, write`), { code: failure })
}

function nameOf(key: Uint8Array): string {
  return Buffer.from(key.buffer, key.byteOffset, key.byteLength).toString('latin1')
}

function bytesOf(name: string): Uint8Array {
  return Uint8Array.from(Buffer.from(name, 'latin1'))
}

function never<T>(): Promise<T> {
  return new Promise(() => {})
}
