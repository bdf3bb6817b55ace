import type { Address, AuthorKey, EnvelopeId } from '#mesh/ids'
import type { EnvelopeMeta } from './envelope-meta.ts'
import {
  addressNumber,
  authorNumber,
  expiryAt,
  firstSeenOf,
  fromNumber,
  isConfinedAt,
  type NameNumbers,
  RECORD_BYTES,
  readRecord,
  type Way,
  wayOf,
  writeNumbers,
  writeRecord,
} from './meta-record.ts'
import { Names } from './names.ts'
import type { Segment } from './segment.ts'

/** Records of one page of memory: 192 KiB, so that growing copies nothing and wastes little. */
const PAGE_RECORDS = 4_096
/** A record, and the number of the segment that holds it on disk: 2 + 4 bytes. */
const STRIDE = RECORD_BYTES + 6
const SEGMENT_AT = RECORD_BYTES

/**
 * The index as it is on disk, packed: an object for each of 100,000 envelopes would take 360 to 600 bytes
 * (measured; this way it is 157), and making them was a large part of the time that opening took. What is asked
 * for is unpacked.
 */
export class PackedEnvelopes {
  readonly #slots = new Map<EnvelopeId, number>()
  readonly #pages: DataView[] = []
  readonly #free: number[] = []
  #used = 0
  readonly #addresses = new Names<Address>()
  readonly #authors = new Names<AuthorKey>()
  readonly #links = new Names<Way>()
  readonly #confined = new Set<EnvelopeId>()

  get size(): number {
    return this.#slots.size
  }

  has(id: EnvelopeId): boolean {
    return this.#slots.has(id)
  }

  get(id: EnvelopeId): EnvelopeMeta | undefined {
    const slot = this.#slots.get(id)
    return slot === undefined ? undefined : this.#read(slot, id)
  }

  /** The segment that holds the record of `id`, or `undefined` when it is not here. */
  segmentOf(id: EnvelopeId): number | undefined {
    const slot = this.#slots.get(id)
    return slot === undefined ? undefined : this.#segmentAt(slot)
  }

  /** Those that must not cross a bridge. */
  confined(): Iterable<EnvelopeId> {
    return this.#confined
  }

  ids(): Iterable<EnvelopeId> {
    return this.#slots.keys()
  }

  *all(): Iterable<EnvelopeMeta> {
    for (const [id, slot] of this.#slots) yield this.#read(slot, id)
  }

  /** Ids of those whose times are wanted; unpacks nothing else. */
  *where(isWanted: (expiryMs: number, firstSeenMs: number) => boolean): Iterable<EnvelopeId> {
    for (const [id, slot] of this.#slots) {
      const view = this.#page(slot)
      if (isWanted(expiryAt(view, offsetOf(slot)), firstSeenOf(view, offsetOf(slot)))) yield id
    }
  }

  /** Puts or replaces a record; returns the segment that held it before. */
  set(meta: EnvelopeMeta, segment: number): number | undefined {
    const way = wayOf(meta)
    if (!meta.mayCross) this.#confined.add(meta.id)
    const numbers: NameNumbers = {
      address: this.#addresses.take(meta.address),
      author: this.#authors.take(meta.author),
      from: way === undefined ? 0 : this.#links.take(way) + 1,
    }
    const known = this.#slots.get(meta.id)
    const before = known === undefined ? undefined : this.#segmentAt(known)
    const slot = known === undefined ? this.#newSlot(meta.id) : this.#emptied(known)
    writeRecord(this.#page(slot), offsetOf(slot), meta, numbers)
    this.#setSegment(slot, segment)
    return before
  }

  /** Puts the records of a segment; `onReplaced` hears which segments held them before. */
  load(segment: Segment, number: number, onReplaced: (segment: number) => void): void {
    const { records, ids } = segment
    const addresses = segment.addresses.map((text) => this.#addresses.take(text))
    const authors = segment.authors.map((text) => this.#authors.take(text))
    const links = segment.links.map((text) => this.#links.take(text))
    for (let i = 0, at = 0; i < ids.length; i++, at += RECORD_BYTES) {
      const address = addresses[addressNumber(records, at)] ?? 0
      const author = authors[authorNumber(records, at)] ?? 0
      const from = fromNumber(records, at) === 0 ? 0 : (links[fromNumber(records, at) - 1] ?? 0) + 1
      this.#addresses.use(address)
      this.#authors.use(author)
      if (from > 0) this.#links.use(from - 1)
      const id = ids[i] as EnvelopeId
      if (isConfinedAt(records, at)) this.#confined.add(id)
      const known = this.#slots.get(id)
      const before = known === undefined ? undefined : this.#segmentAt(known)
      const slot = known === undefined ? this.#newSlot(id) : this.#emptied(known)
      const page = this.#page(slot)
      copyRecord(records, at, page, offsetOf(slot))
      writeNumbers(page, offsetOf(slot), address, author, from)
      this.#setSegment(slot, number)
      if (before !== undefined) onReplaced(before)
    }
    for (const address of addresses) this.#addresses.drop(address)
    for (const author of authors) this.#authors.drop(author)
    for (const link of links) this.#links.drop(link)
  }

  /** Removes a record; returns the segment that held it. */
  delete(id: EnvelopeId): number | undefined {
    const slot = this.#slots.get(id)
    if (slot === undefined) return undefined
    this.#release(slot)
    this.#slots.delete(id)
    this.#confined.delete(id)
    this.#free.push(slot)
    return this.#segmentAt(slot)
  }

  #newSlot(id: EnvelopeId): number {
    const slot = this.#free.pop() ?? this.#used++
    if (Math.floor(slot / PAGE_RECORDS) === this.#pages.length) this.#pages.push(new DataView(new ArrayBuffer(PAGE_RECORDS * STRIDE)))
    this.#slots.set(id, slot)
    return slot
  }

  /** The same slot, whose record gives back its names. */
  #emptied(slot: number): number {
    this.#release(slot)
    return slot
  }

  /** Gives back the names that a record uses. */
  #release(slot: number): void {
    const page = this.#page(slot)
    const at = offsetOf(slot)
    this.#addresses.drop(addressNumber(page, at))
    this.#authors.drop(authorNumber(page, at))
    if (fromNumber(page, at) > 0) this.#links.drop(fromNumber(page, at) - 1)
  }

  #read(slot: number, id: EnvelopeId): EnvelopeMeta {
    const page = this.#page(slot)
    const at = offsetOf(slot)
    const from = fromNumber(page, at)
    return readRecord(page, at, id, {
      address: this.#addresses.text(addressNumber(page, at)) as Address,
      author: this.#authors.text(authorNumber(page, at)) as AuthorKey,
      from: from === 0 ? undefined : this.#links.text(from - 1),
    })
  }

  #segmentAt(slot: number): number {
    const page = this.#page(slot)
    const at = offsetOf(slot) + SEGMENT_AT
    return page.getUint16(at) * 0x1_0000_0000 + page.getUint32(at + 2)
  }

  #setSegment(slot: number, segment: number): void {
    const page = this.#page(slot)
    const at = offsetOf(slot) + SEGMENT_AT
    page.setUint16(at, Math.floor(segment / 0x1_0000_0000))
    page.setUint32(at + 2, segment % 0x1_0000_0000)
  }

  #page(slot: number): DataView {
    return this.#pages[Math.floor(slot / PAGE_RECORDS)] as DataView
  }
}

function offsetOf(slot: number): number {
  return (slot % PAGE_RECORDS) * STRIDE
}

/** Byte by byte costs less than two views for each of 100,000 records. */
function copyRecord(from: DataView, at: number, to: DataView, toAt: number): void {
  let i = 0
  for (; i + 4 <= RECORD_BYTES; i += 4) to.setUint32(toAt + i, from.getUint32(at + i))
  for (; i < RECORD_BYTES; i++) to.setUint8(toAt + i, from.getUint8(at + i))
}
