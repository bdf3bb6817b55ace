/**
 * A segment: what one group of transactions changed in the index, as one row.
 *
 *     0 1  version = 2          then  addresses, 22 characters each (base64url)
 *     1 4  removed ids                authors, 43 characters each (base64url)
 *     5 4  ids                        links: 1 length, text (see `wayOf`)
 *     9 4  addresses                  removed ids, 43 characters each (base64url)
 *    13 4  authors                    ids, 43 characters each, in the order of the records
 *    17 4  links                      records (see `meta-record.ts`); their numbers count the lists above
 *                                     4 CRC-32C of all before it; version 1 ends without
 *
 * Segments are read in the order of their keys, and what comes later holds; within one, removals come
 * first. A row of its own for each envelope made opening slow: LevelDB hands over 100,000 rows in 350 ms, and as
 * many records in some hundred segments in less than a tenth of that (measured).
 */
import { crc32c } from '#mesh/codec'
import type { Address, AuthorKey, EnvelopeId } from '#mesh/ids'
import type { EnvelopeMeta } from './envelope-meta.ts'
import { RECORD_BYTES, type Way, wayOf, writeRecord } from './meta-record.ts'

const VERSION = 2
/** Without a checksum: written until schema 3. */
const UNCHECKED_VERSION = 1
const HEADER_BYTES = 21
const CHECKSUM_BYTES = 4
const ID_CHARACTERS = 43
const ADDRESS_CHARACTERS = 22
const AUTHOR_CHARACTERS = 43

/** A decoded segment. `records` is a view of the row. */
export interface Segment {
  readonly removed: readonly EnvelopeId[]
  readonly ids: readonly EnvelopeId[]
  readonly addresses: readonly Address[]
  readonly authors: readonly AuthorKey[]
  readonly links: readonly Way[]
  readonly records: DataView
}

const encoder = new TextEncoder()
const decoder = new TextDecoder('latin1')

/** The row of a segment. */
export function encodeSegment(metas: readonly EnvelopeMeta[], removed: readonly EnvelopeId[]): Uint8Array {
  const [addresses, authors, links] = [new Numbers<Address>(), new Numbers<AuthorKey>(), new Numbers<Way>()]
  const records = new DataView(new ArrayBuffer(metas.length * RECORD_BYTES))
  let ids = ''
  let at = 0
  for (const meta of metas) {
    const way = wayOf(meta)
    const from = way === undefined ? 0 : links.of(way) + 1
    writeRecord(records, at, meta, { address: addresses.of(meta.address), author: authors.of(meta.author), from })
    at += RECORD_BYTES
    ids += meta.id
  }
  const linkTexts = links.texts.map((text) => String.fromCharCode(text.length) + text)
  const text = encoder.encode([...addresses.texts, ...authors.texts, ...linkTexts, ...removed, ids].join(''))
  const end = HEADER_BYTES + text.length + records.byteLength
  const row = new Uint8Array(end + CHECKSUM_BYTES)
  const header = new DataView(row.buffer)
  header.setUint8(0, VERSION)
  for (const [i, count] of [removed.length, metas.length, addresses.texts.length, authors.texts.length, links.texts.length].entries()) {
    header.setUint32(1 + 4 * i, count)
  }
  row.set(text, HEADER_BYTES)
  row.set(new Uint8Array(records.buffer), HEADER_BYTES + text.length)
  header.setUint32(end, crc32c(row, 0, end))
  return row
}

/** The segment in a row, or `undefined` when it is not one of ours, or not as it was written. */
export function decodeSegment(row: Uint8Array): Segment | undefined {
  const header = new DataView(row.buffer, row.byteOffset, row.byteLength)
  const end = endOf(row, header)
  if (end === undefined) return undefined
  const [removedCount = 0, idCount = 0, addressCount = 0, authorCount = 0, linkCount = 0] = [1, 5, 9, 13, 17].map((at) => header.getUint32(at))
  let at = HEADER_BYTES
  const fixed = addressCount * ADDRESS_CHARACTERS + authorCount * AUTHOR_CHARACTERS + linkCount + (removedCount + idCount) * ID_CHARACTERS
  if (end < at + fixed + idCount * RECORD_BYTES) return undefined
  const take = <T extends string>(count: number, length: number): T[] => {
    const texts: T[] = []
    for (let i = 0; i < count; i++, at += length) texts.push(decoder.decode(row.subarray(at, at + length)) as T)
    return texts
  }
  const addresses = take<Address>(addressCount, ADDRESS_CHARACTERS)
  const authors = take<AuthorKey>(authorCount, AUTHOR_CHARACTERS)
  const links: Way[] = []
  for (let i = 0; i < linkCount; i++) links.push(...take<Way>(1, row[at++] ?? 0))
  const removed = take<EnvelopeId>(removedCount, ID_CHARACTERS)
  const ids = take<EnvelopeId>(idCount, ID_CHARACTERS)
  if (end !== at + idCount * RECORD_BYTES) return undefined
  return { removed, ids, addresses, authors, links, records: new DataView(row.buffer, row.byteOffset + at) }
}

/** Where the records of a row end, or `undefined` when it is of no known version or its checksum is wrong. */
function endOf(row: Uint8Array, view: DataView): number | undefined {
  const end = row[0] === UNCHECKED_VERSION ? row.length : row.length - CHECKSUM_BYTES
  if (end < HEADER_BYTES) return undefined
  return row[0] === UNCHECKED_VERSION || (row[0] === VERSION && view.getUint32(end) === crc32c(row, 0, end)) ? end : undefined
}

/** Numbers in the order in which something was seen first. */
class Numbers<T extends string> {
  readonly #numbers = new Map<T, number>()

  of(text: T): number {
    let number = this.#numbers.get(text)
    if (number === undefined) {
      number = this.#numbers.size
      this.#numbers.set(text, number)
    }
    return number
  }

  get texts(): T[] {
    return [...this.#numbers.keys()]
  }
}
