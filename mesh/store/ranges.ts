import type { Level, Operation } from './level.ts'
import { rowKey, type Table } from './tables.ts'
import type { RowRange } from './transaction.ts'

/** LevelDB hands over at most this many bytes at once; with its default of 16 KiB long reads take about a quarter longer (measured). */
const READ_AHEAD_BYTES = 1024 * 1024
const ROWS_AT_ONCE = 1_000

const NO_KEY = new Uint8Array(0)

interface LevelRange {
  gte?: Uint8Array
  gt?: Uint8Array
  lt: Uint8Array
}

/** The bounds of `range` within `table`, as the level sees them. */
export function boundsOf(table: Table, range: RowRange): LevelRange {
  const afterTable = Uint8Array.of(table.charCodeAt(0) + 1)
  const bounds: LevelRange = { lt: range.lt === undefined ? afterTable : rowKey(table, range.lt) }
  if (range.gt !== undefined) bounds.gt = rowKey(table, range.gt)
  else bounds.gte = rowKey(table, range.gte ?? NO_KEY)
  return bounds
}

/** The same bytes as a plain array: a Buffer, which classic-level gives, has another `slice`. */
export function plain(bytes: Uint8Array): Uint8Array {
  return bytes.constructor === Uint8Array ? bytes : new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length)
}

/** How a level is read: at once, or not when it is closed. */
export type Read = <T>(run: () => Promise<T>) => Promise<T>

/** Rows of `table`, keys without the table's byte, in chunks; `read` is asked before each of them. */
export async function* readChunks(level: Level, table: Table, range: RowRange, read: Read): AsyncIterable<[Uint8Array, Uint8Array][]> {
  const { reverse = false, limit = -1 } = range
  const iterator = level.iterator({
    ...boundsOf(table, range),
    reverse,
    limit,
    highWaterMarkBytes: READ_AHEAD_BYTES,
    keyEncoding: 'view',
    valueEncoding: 'view',
  })
  try {
    for (;;) {
      const rows = await read(() => iterator.nextv(ROWS_AT_ONCE))
      if (rows.length === 0) return
      yield rows.map(([key, value]): [Uint8Array, Uint8Array] => [plain(key).subarray(1), plain(value)])
    }
  } finally {
    await iterator.close()
  }
}

/** The staged state of the keys in `bounds`: the last operation on each wins. */
export function stagedWithin(operations: readonly Operation[], bounds: LevelRange, compare: (a: Uint8Array, b: Uint8Array) => number): Operation[] {
  const low = bounds.gt ?? bounds.gte
  const inside = operations.filter(({ key }) => {
    if (low !== undefined && compare(key, low) < (bounds.gt === undefined ? 0 : 1)) return false
    return compare(key, bounds.lt) < 0
  })
  const sorted = inside.map((operation, order) => ({ operation, order })).sort((a, b) => compare(a.operation.key, b.operation.key) || a.order - b.order)
  return sorted.filter(({ operation }, i) => compare(operation.key, sorted[i + 1]?.operation.key ?? NO_KEY) !== 0).map(({ operation }) => operation)
}
