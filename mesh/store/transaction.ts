import type { MeshEvent } from './events.ts'
import type { Table } from './tables.ts'

/** Bounds of an iteration over one table, in the order of unsigned bytes. */
export interface RowRange {
  readonly gte?: Uint8Array
  readonly gt?: Uint8Array
  readonly lt?: Uint8Array
  readonly reverse?: boolean
  readonly limit?: number
}

/** What can be read, inside and outside of a transaction. */
export interface Reader {
  get(table: Table, key: Uint8Array): Promise<Uint8Array | undefined>
  iterate(table: Table, range?: RowRange): AsyncIterable<[key: Uint8Array, value: Uint8Array]>
}

/** Rows and events that become true together. It sees its own changes and those of the works before it. */
export interface Transaction extends Reader {
  put(table: Table, key: Uint8Array, value: Uint8Array): void
  del(table: Table, key: Uint8Array): void
  /** Leaves after the commit, in the order of commits. */
  emit(event: MeshEvent): void
  /** Runs after the commit and before any event: the place to change an index in memory. Must not throw. */
  onCommit(apply: () => void): void
  /** Runs, last one first, when the work threw or the disk refused: the place to give back what was reserved. */
  onRollback(undo: () => void): void
}
