/**
 * Symbols and items as bytes. Numbers are big-endian; a varint is LEB128 in its shortest form (`varint.ts`).
 *
 * ```
 * SYMBOLS  varint number of the batch, from 0
 *          64 × ( sum 8: high word, low word
 *                 check 4
 *                 varint zigzag(items in the symbol - floor(2 × set size / (index + 2))) )
 * ITEMS    u16 count ≤ 8,000, count × 8: high word, low word
 * ```
 *
 * The number of items in a symbol is known beforehand but for chance, set size × 1/(1 + index/2), so what is
 * written is the deviation: one byte for nearly all symbols (±63 is three standard deviations where 450 items
 * are expected), two for the first few hundred of a large set. The set size is not in the bytes: both sides
 * know it from the message that announces the stream. zigzag(n) is 2n for n ≥ 0 and -2n - 1 below. A batch is
 * always whole, so that nobody can make work by sending symbols one at a time.
 */
import { ByteReader, ByteWriter } from '#mesh/codec'
import { MeshError } from '#mesh/errors'
import { MAX_SET_ITEMS, MAX_SYMBOLS } from './plan.ts'
import { BATCH_SYMBOLS, CELL_WORDS } from './symbols.ts'
import { readVarint, writeVarint } from './varint.ts'

/** Items in one ITEMS body: 64,002 bytes, under the frame limit with room for a head. */
export const BATCH_ITEMS = 8_000

const ITEM_BYTES = 8
const BATCH_CELLS = BATCH_SYMBOLS * CELL_WORDS
/** 13 bytes a symbol, when every deviation takes one. */
const MIN_BATCH_BYTES = 13 * BATCH_SYMBOLS
const MAX_BATCH = MAX_SYMBOLS / BATCH_SYMBOLS - 1
const MAX_ZIGZAG = 2 * MAX_SET_ITEMS

/** What both sides of a stream of symbols know about the next batch. */
export interface BatchPlace {
  /** Index of its first symbol, a multiple of 64. */
  readonly first: number
  /** Items in the set that the symbols are made of. */
  readonly setSize: number
}

/** The SYMBOLS body of the cells of 64 symbols. */
export function encodeSymbols({ first, setSize }: BatchPlace, cells: Int32Array): Uint8Array {
  if (cells.length !== BATCH_CELLS || first % BATCH_SYMBOLS !== 0) throw new MeshError('MESH_INTERNAL', 'a batch has 64 symbols', { detail: { first } })
  const writer = new ByteWriter(MIN_BATCH_BYTES + 2 * BATCH_SYMBOLS)
  writeVarint(writer, first / BATCH_SYMBOLS)
  for (let i = 0; i < BATCH_SYMBOLS; i++) {
    const at = CELL_WORDS * i
    writer
      .u32((cells[at + 1] ?? 0) >>> 0)
      .u32((cells[at] ?? 0) >>> 0)
      .u32((cells[at + 2] ?? 0) >>> 0)
    const deviation = (cells[at + 3] ?? 0) - expectedItems(setSize, first + i)
    writeVarint(writer, deviation >= 0 ? 2 * deviation : -2 * deviation - 1)
  }
  return writer.finish()
}

/**
 * The cells of a SYMBOLS body.
 * @throws MeshError (peer) `MESH_PROTOCOL_VIOLATION` when it is not the next batch of this stream, or a symbol has
 * less than no items or more than the set, or symbol 0 not all of them; `MESH_BYTES_…` for what has no shape
 */
export function readSymbols(bytes: Uint8Array, { first, setSize }: BatchPlace): Int32Array {
  const reader = new ByteReader(bytes)
  const batch = readVarint(reader, MAX_BATCH)
  if (batch !== first / BATCH_SYMBOLS) throw violation('a batch of symbols is out of order', { batch, first })
  if (reader.remaining < MIN_BATCH_BYTES) throw new MeshError('MESH_BYTES_TRUNCATED', 'a batch of symbols ends too early', { detail: { batch } })
  const cells = new Int32Array(BATCH_CELLS)
  for (let i = 0; i < BATCH_SYMBOLS; i++) {
    const at = CELL_WORDS * i
    cells[at + 1] = reader.u32()
    cells[at] = reader.u32()
    cells[at + 2] = reader.u32()
    const zigzag = readVarint(reader, MAX_ZIGZAG)
    const items = expectedItems(setSize, first + i) + (zigzag % 2 === 0 ? zigzag / 2 : -(zigzag + 1) / 2)
    if (items < 0 || items > setSize || (first + i === 0 && items !== setSize)) throw violation('a symbol has an impossible count', { items, setSize })
    cells[at + 3] = items
  }
  reader.end()
  return cells
}

/** Items as pairs of words, low and high, that fit one ITEMS body: at most {@link BATCH_ITEMS}. */
export function encodeItems(pairs: Int32Array): Uint8Array {
  const count = pairs.length / 2
  if (!Number.isInteger(count) || count > BATCH_ITEMS) throw new MeshError('MESH_INTERNAL', 'too many items for one body', { detail: { count } })
  const writer = new ByteWriter(2 + ITEM_BYTES * count).u16(count)
  for (let at = 0; at < pairs.length; at += 2) writer.u32((pairs[at + 1] ?? 0) >>> 0).u32((pairs[at] ?? 0) >>> 0)
  return writer.finish()
}

/** The items of an ITEMS body as pairs of words, low and high. @throws MeshError (peer) `MESH_BYTES_…` */
export function readItems(bytes: Uint8Array): Int32Array {
  const reader = new ByteReader(bytes)
  const count = reader.count16(ITEM_BYTES)
  if (count > BATCH_ITEMS) throw new MeshError('MESH_BYTES_INVALID', 'a list is longer than its limit', { detail: { count } })
  const pairs = new Int32Array(2 * count)
  for (let at = 0; at < pairs.length; at += 2) {
    pairs[at + 1] = reader.u32()
    pairs[at] = reader.u32()
  }
  reader.end()
  return pairs
}

/** An error that ends an exchange and counts against the peer. */
export function violation(sentence: string, detail: Record<string, number> = {}): MeshError {
  return new MeshError('MESH_PROTOCOL_VIOLATION', sentence, { detail })
}

/** How many of `setSize` items symbol `index` has on average, rounded down: exact in doubles, so the same everywhere. */
function expectedItems(setSize: number, index: number): number {
  return Math.floor((2 * setSize) / (index + 2))
}
