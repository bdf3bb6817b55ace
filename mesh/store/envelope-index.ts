import { ByteReader, ByteWriter, copyBytes } from '#mesh/codec'
import { isMeshError } from '#mesh/errors'
import { type Address, type EnvelopeId, idBytes } from '#mesh/ids'
import type { Log } from '#mesh/ports'
import type { Database } from './database.ts'
import type { EnvelopeMeta } from './envelope-meta.ts'
import { EvictionOrder } from './eviction-order.ts'
import { STORED_OVERHEAD_BYTES } from './limits.ts'
import { assertFits } from './meta-record.ts'
import { MetaDecoder } from './meta-row.ts'
import { PackedEnvelopes } from './packed-envelopes.ts'
import { decodeSegment, encodeSegment } from './segment.ts'
import { Segments } from './segments.ts'
import { TABLES, type Table } from './tables.ts'
import type { Transaction } from './transaction.ts'
import { Usage } from './usage.ts'

/** The segment of envelopes that still have a row of their own, as an earlier program wrote them. */
const OWN_ROWS = 0
/** Where a row stands that could not be read. */
export interface UnreadableRow {
  readonly table: Table
  readonly key: Uint8Array
}

/** Rows of their own that one transaction takes into a segment. */
const MIGRATED_AT_ONCE = 4_096

/**
 * The envelopes here, in memory: as they are on the disk, and beside that what the running group would
 * change. What a group has changed becomes one row when it ends (`seal`), a segment; its commit moves the
 * one into the other, a rollback forgets it.
 */
export class EnvelopeIndex {
  readonly #db: Database
  readonly #packed = new PackedEnvelopes()
  readonly #segments = new Segments()
  /** Built when first asked for: that is not when a node has to start fast. */
  #byAddress: Map<Address, Set<EnvelopeId>> | undefined
  /** Built when the store was full for the first time. */
  #evictionOrder: EvictionOrder | undefined
  readonly #staged = new Map<EnvelopeId, EnvelopeMeta | undefined>()
  /** What the running work has staged, and what was staged before it. */
  #undo: { readonly tx: Transaction; readonly steps: (() => void)[] } | undefined
  /** Shares as they will be when everything staged is committed. */
  readonly projected = new Usage()
  #bytes = 0
  #hasOwnRows = false

  constructor(db: Database) {
    this.#db = db
  }

  get size(): number {
    return this.#packed.size
  }

  get bytes(): number {
    return this.#bytes
  }

  /** Reads the rows; returns those that were not readable, of which nothing is known. */
  async load(): Promise<UnreadableRow[]> {
    const unreadable = await this.#loadOwnRows()
    for await (const rows of this.#db.chunks(TABLES.envelopeIndex)) {
      for (const [key, row] of rows)
        if (!this.#loadSegment(new ByteReader(key).u48(), row)) unreadable.push({ table: TABLES.envelopeIndex, key: copyBytes(key) })
    }
    for (const meta of this.#packed.all()) {
      this.#bytes += meta.size + STORED_OVERHEAD_BYTES
      this.projected.add(meta)
    }
    return unreadable
  }

  /** Takes rows that an earlier program wrote into segments; what a full disk refuses waits for the next start. */
  async migrate(log: Log): Promise<void> {
    const old = this.#hasOwnRows ? [...this.#packed.ids()].filter((id) => this.#packed.segmentOf(id) === OWN_ROWS) : []
    try {
      for (let at = 0; at < old.length; at += MIGRATED_AT_ONCE) {
        await this.#db.transaction((tx) => {
          for (const id of old.slice(at, at + MIGRATED_AT_ONCE)) {
            const meta = this.current(id)
            if (meta !== undefined) this.stage(tx, id, meta)
          }
        })
      }
    } catch (error) {
      if (!isMeshError(error, 'MESH_STORE_FULL')) throw error
      log.warn('the index stays in its old form until there is room', { error })
    }
  }

  get(id: EnvelopeId): EnvelopeMeta | undefined {
    return this.#packed.get(id)
  }

  has(id: EnvelopeId): boolean {
    return this.#packed.has(id)
  }

  /** As the running transaction sees it. */
  current(id: EnvelopeId): EnvelopeMeta | undefined {
    return this.#staged.has(id) ? this.#staged.get(id) : this.#packed.get(id)
  }

  isStaged(id: EnvelopeId): boolean {
    return this.#staged.has(id)
  }

  ids(): Iterable<EnvelopeId> {
    return this.#packed.ids()
  }

  all(): Iterable<EnvelopeMeta> {
    return this.#packed.all()
  }

  /** Ids of those that must not cross a bridge. */
  confined(): Iterable<EnvelopeId> {
    return this.#packed.confined()
  }

  /** Ids of those whose times are wanted. */
  where(isWanted: (expiryMs: number, firstSeenMs: number) => boolean): Iterable<EnvelopeId> {
    return this.#packed.where(isWanted)
  }

  *byAddress(address: Address): Iterable<EnvelopeMeta> {
    if (this.#byAddress === undefined) {
      this.#byAddress = new Map()
      for (const meta of this.#packed.all()) this.#list(meta)
    }
    for (const id of this.#byAddress.get(address) ?? []) {
      const meta = this.#packed.get(id)
      if (meta !== undefined) yield meta
    }
  }

  /** What may go to make room, the least worth keeping first; see {@link EvictionOrder}. */
  evictionOrder(rank: number): Iterable<EnvelopeMeta> {
    if (this.#evictionOrder === undefined) {
      this.#evictionOrder = new EvictionOrder((id) => this.#packed.get(id))
      for (const meta of this.#packed.all()) this.#evictionOrder.add(meta)
    }
    return this.#evictionOrder.from(rank)
  }

  /** Puts, replaces or (`undefined`) removes an entry when `tx` commits. @throws MeshError `MESH_INTERNAL` when a number does not fit its field */
  stage(tx: Transaction, id: EnvelopeId, next: EnvelopeMeta | undefined): void {
    if (next !== undefined) assertFits(next)
    if (this.#packed.segmentOf(id) === OWN_ROWS) tx.del(TABLES.envelopeMeta, idBytes(id))
    const wasStaged = this.#staged.has(id)
    const before = this.current(id)
    this.#staged.set(id, next)
    this.#book(before, next)
    this.#undoOf(tx).push(() => {
      this.#book(next, before)
      if (wasStaged) this.#staged.set(id, before)
      else this.#staged.delete(id)
    })
  }

  /**
   * Ends the running group: what it has staged becomes a segment, and takes along what still holds of
   * segments that are not worth a row any more.
   */
  async seal(tx: Transaction): Promise<void> {
    if (this.#staged.size === 0) return
    const removed = new Set<EnvelopeId>()
    const metas: EnvelopeMeta[] = []
    for (const [id, next] of this.#staged) {
      if (next !== undefined) metas.push(next)
      else if (this.#packed.has(id)) removed.add(id)
    }
    const changed = [...this.#staged]
    const moved = await this.#tidy(tx, removed)
    const number = this.#segments.next
    tx.put(TABLES.envelopeIndex, segmentKey(number), encodeSegment([...metas, ...moved], [...removed]))
    tx.onCommit(() => {
      this.#segments.add(number, metas.length + moved.length, removed.size)
      for (const [id, next] of changed) this.#apply(id, next, number)
      for (const meta of moved) this.#place(meta, number)
      this.#staged.clear()
    })
  }

  /** Drops segments; returns what still holds of them and adds to `removed` what has to stay removed. */
  async #tidy(tx: Transaction, removed: Set<EnvelopeId>): Promise<EnvelopeMeta[]> {
    const moved: EnvelopeMeta[] = []
    const tidying = this.#segments.worthTidying()
    for (const number of tidying.numbers) {
      const key = segmentKey(number)
      if (!this.#segments.isOver(number, tidying)) {
        const row = await this.#db.get(TABLES.envelopeIndex, key)
        const segment = row === undefined ? undefined : decodeSegment(row)
        if (segment === undefined) continue // it was readable when it was loaded: better not touched
        for (const id of segment.ids) {
          const meta = this.#packed.segmentOf(id) === number && !this.#staged.has(id) ? this.#packed.get(id) : undefined
          if (meta !== undefined) moved.push(meta)
        }
        if (!tidying.isOldest) for (const id of segment.removed) if (this.current(id) === undefined) removed.add(id)
      }
      tx.del(TABLES.envelopeIndex, key)
      tx.onCommit(() => this.#segments.delete(number))
    }
    return moved
  }

  #undoOf(tx: Transaction): (() => void)[] {
    if (this.#undo?.tx !== tx) {
      const steps: (() => void)[] = []
      this.#undo = { tx, steps }
      tx.onRollback(() => {
        for (const step of steps.toReversed()) step()
      })
    }
    return this.#undo.steps
  }

  #book(before: EnvelopeMeta | undefined, next: EnvelopeMeta | undefined): void {
    if (before !== undefined) this.projected.remove(before)
    if (next !== undefined) this.projected.add(next)
  }

  #apply(id: EnvelopeId, next: EnvelopeMeta | undefined, segment: number): void {
    const before = this.#packed.get(id)
    if (before !== undefined) {
      this.#bytes -= before.size + STORED_OVERHEAD_BYTES
      this.#evictionOrder?.remove(before)
    }
    if (next !== undefined) {
      this.#bytes += next.size + STORED_OVERHEAD_BYTES
      this.#place(next, segment)
      this.#evictionOrder?.add(next)
      if (before === undefined) this.#list(next)
    } else if (before !== undefined) {
      this.#release(this.#packed.delete(id))
      const ids = this.#byAddress?.get(before.address)
      ids?.delete(id)
      if (ids?.size === 0) this.#byAddress?.delete(before.address)
    }
  }

  #place(meta: EnvelopeMeta, segment: number): void {
    this.#release(this.#packed.set(meta, segment))
  }

  #release(segment: number | undefined): void {
    if (segment !== undefined) this.#segments.release(segment)
  }

  #list({ id, address }: EnvelopeMeta): void {
    const ids = this.#byAddress?.get(address)
    if (ids === undefined) this.#byAddress?.set(address, new Set([id]))
    else ids.add(id)
  }

  async #loadOwnRows(): Promise<UnreadableRow[]> {
    const decoder = new MetaDecoder()
    const unreadable: UnreadableRow[] = []
    for await (const rows of this.#db.chunks(TABLES.envelopeMeta)) {
      for (const [key, row] of rows) {
        const meta = decoder.decode(row)
        if (meta === undefined) unreadable.push({ table: TABLES.envelopeMeta, key: copyBytes(key) })
        else {
          this.#packed.set(meta, OWN_ROWS)
          this.#hasOwnRows = true
        }
      }
    }
    return unreadable
  }

  #loadSegment(number: number, row: Uint8Array): boolean {
    const segment = decodeSegment(row)
    if (segment === undefined) {
      this.#segments.skip(number)
      return false
    }
    this.#segments.add(number, segment.ids.length, segment.removed.length)
    for (const id of segment.removed) this.#release(this.#packed.delete(id))
    this.#packed.load(segment, number, (before) => this.#release(before))
    return true
  }
}

function segmentKey(number: number): Uint8Array {
  return new ByteWriter(6).u48(number).finish()
}
