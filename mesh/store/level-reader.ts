import { closedError, guarded, storeError } from './failure.ts'
import type { Level } from './level.ts'
import { plain, type Read, readChunks } from './ranges.ts'
import { rowKey, type Table } from './tables.ts'
import type { Reader, RowRange } from './transaction.ts'

/** Reads a level, and knows who waits for that, so that it is closed under nobody. `isOver` ends those who may be refused. */
export class LevelReader implements Reader {
  readonly #level: Level
  #waiting = 0
  #idle: PromiseWithResolvers<void> | undefined

  constructor(level: Level) {
    this.#level = level
  }

  /** @throws MeshError `MESH_STORE_CLOSED` when it is over, `MESH_STORE_FAILED` */
  async get(table: Table, key: Uint8Array, isOver = never): Promise<Uint8Array | undefined> {
    const value = await this.#reading(isOver)(() => this.#level.get(rowKey(table, key)))
    return value === undefined ? undefined : plain(value)
  }

  /** @throws as `get`, also on the way */
  async *iterate(table: Table, range: RowRange = {}, isOver = never): AsyncIterable<[Uint8Array, Uint8Array]> {
    for await (const rows of this.chunks(table, range, isOver)) yield* rows
  }

  /** As `iterate`, about a thousand rows at a time. */
  async *chunks(table: Table, range: RowRange, isOver = never): AsyncIterable<[Uint8Array, Uint8Array][]> {
    if (isOver()) throw closedError()
    try {
      yield* readChunks(this.#level, table, range, this.#reading(isOver))
    } catch (cause) {
      throw storeError(cause)
    }
  }

  /** Resolves when nobody waits for the level. */
  async idle(): Promise<void> {
    if (this.#waiting === 0) return
    this.#idle ??= Promise.withResolvers()
    await this.#idle.promise
  }

  #reading(isOver: () => boolean): Read {
    return async (run) => {
      if (isOver()) throw closedError()
      this.#waiting++
      try {
        return await guarded(run)
      } finally {
        this.#waiting--
        if (this.#waiting === 0) {
          this.#idle?.resolve()
          this.#idle = undefined
        }
      }
    }
  }
}

function never(): boolean {
  return false
}
