/**
 * What this node sent and waits for, and who has promised to carry it.
 *
 * A row stands in the outbox from the commit of the envelope until its owner's receipt or its expiry. Its
 * state is never inferred: it is `carried` while a verified custody receipt is kept that names it and has
 * not run out, and `queued` otherwise. A receipt names many envelopes and is kept once, for as long as it is
 * the one of its device for one that waits. What was withdrawn leaves a row of another kind until it would have expired: others may
 * carry it, and then its receipt still comes.
 */
import { ByteReader, ByteWriter, copyBytes } from '#mesh/codec'
import type { Envelope, Priority } from '#mesh/envelope'
import { ADDRESS_BYTES, type Address, addressOf, type DeviceId, type EnvelopeId, envelopeIdOf, idBytes } from '#mesh/ids'
import { type Database, TABLES, type Transaction } from '#mesh/store'
import { Custodians, type Custody, isBetter, type KeptReceipt } from './custodians.ts'
import { type CustodyReceipt, custodyKey, decodeCustodyReceipt, encodeCustodyReceipt } from './custody-receipt.ts'

/** One envelope that this node waits for. */
export interface OutboxEntry {
  readonly id: EnvelopeId
  readonly to: Address
  readonly priority: Priority
  readonly state: 'queued' | 'carried'
  /** Hand-overs tried since the node started. */
  readonly attempts: number
  /** True when it waited here before the node started: what was tried then is not known. */
  readonly isFromBefore: boolean
  readonly custody: readonly Custody[]
}

interface Row {
  readonly to: Address
  readonly priority: Priority
  readonly custodians: Custodians
  readonly isFromBefore: boolean
  attempts: number
}

/** What may differ from one ledger to another. */
export interface CustodyLedgerOptions {
  /** The wall clock, ms since 1970; without one no promise ever runs out. */
  readonly now?: () => number
}

const PRIORITIES: readonly Priority[] = ['critical', 'normal', 'bulk', 'ephemeral']

/** The durable outbox with its index in memory. */
export class CustodyLedger {
  readonly #rows = new Map<EnvelopeId, Row>()
  /** The receipts that are kept, and those being written, by key. */
  readonly #receipts = new Map<string, KeptReceipt>()
  /** What was taken back: whom it was for, and until when it may still arrive. */
  readonly #withdrawn = new Map<EnvelopeId, { readonly to: Address; readonly untilMs: number }>()
  readonly #now: () => number

  private constructor({ now }: CustodyLedgerOptions) {
    this.#now = now ?? (() => 0)
  }

  /** Reads the ledger from its rows. */
  static async open(db: Database, options: CustodyLedgerOptions = {}): Promise<CustodyLedger> {
    const ledger = new CustodyLedger(options)
    for await (const [key, value] of db.iterate(TABLES.outbox)) {
      const { row, withdrawnUntilMs } = decodeRow(value)
      if (withdrawnUntilMs === undefined) ledger.#rows.set(envelopeIdOf(key), row)
      else ledger.#withdrawn.set(envelopeIdOf(key), { to: row.to, untilMs: withdrawnUntilMs })
    }
    for await (const [key, value] of db.iterate(TABLES.custody)) {
      const receipt = decodeCustodyReceipt(value)
      const kept = ledger.#receiptUnder(copyBytes(key), receipt, value.length)
      for (const id of receipt.ids) ledger.#load(id, receipt, kept)
    }
    await ledger.#dropOrphans(db)
    return ledger
  }

  /** Two transactions of one group may each have left a receipt to the other; what nobody waits for goes here. */
  async #dropOrphans(db: Database): Promise<void> {
    const orphans = [...this.#receipts].filter(([, { waiting }]) => waiting.size === 0)
    if (orphans.length === 0) return
    await db.transaction((tx) => {
      for (const [, { key }] of orphans) tx.del(TABLES.custody, key)
    })
    for (const [name] of orphans) this.#receipts.delete(name)
  }

  /** Waits for an envelope from now on; in the transaction that stores it. */
  enqueue(tx: Transaction, envelope: Pick<Envelope, 'id' | 'address' | 'priority'>): void {
    const row: Row = { to: envelope.address, priority: envelope.priority, custodians: new Custodians(), isFromBefore: false, attempts: 0 }
    tx.put(TABLES.outbox, idBytes(envelope.id), encodeRow(row))
    tx.onCommit(() => this.#rows.set(envelope.id, row))
  }

  has(id: EnvelopeId): boolean {
    return this.#rows.has(id)
  }

  /** The envelopes that wait. */
  ids(): Iterable<EnvelopeId> {
    return this.#rows.keys()
  }

  /** The address of one that waits, or that was withdrawn and may still arrive. */
  addressOf(id: EnvelopeId): Address | undefined {
    return (this.#rows.get(id) ?? this.#withdrawn.get(id))?.to
  }

  /** True when `device` has signed that it carries `id`, and still has to. */
  hasCustody(id: EnvelopeId, device: DeviceId): boolean {
    return (this.#rows.get(id)?.custodians.untilMs(device) ?? 0) > this.#now()
  }

  /**
   * True when a receipt says about `id` what is not known: it waits here, the promise has not run out, and it is of
   * one more device or a day longer than that device's last. One that was forwarded has to continue the chain: who
   * handed over must be in it.
   */
  isNews(id: EnvelopeId, receipt: Omit<CustodyReceipt, 'ids' | 'signature'>): boolean {
    return this.#rows.get(id)?.custodians.isNews(receipt, this.#now()) === true
  }

  /**
   * Keeps a receipt whose signature was verified, for those of its ids that it {@link isNews} for and that have room
   * for it; in the place of what its custodian promised for them before.
   * @returns those of them that its custodian had promised nothing for
   */
  recordCustody(tx: Transaction, receipt: CustodyReceipt): EnvelopeId[] {
    const row = encodeCustodyReceipt(receipt)
    const kept = this.#receiptUnder(custodyKey(receipt), receipt, row.length)
    const ids = this.#withRoom(receipt, kept)
    if (ids.length === 0) {
      this.#dropUnused(kept)
      return []
    }
    const replaced = ids.flatMap((id) => this.#rows.get(id)?.custodians.receiptOf(receipt.custodian) ?? [])
    const first = ids.filter((id) => this.#rows.get(id)?.custodians.receiptOf(receipt.custodian) === undefined)
    deleteUsedUp(tx, replaced)
    tx.put(TABLES.custody, kept.key, row)
    for (const id of ids) {
      this.#stage(tx, id, receipt.custodian, kept)
      tx.emit({ kind: 'custody-taken', id, device: receipt.custodian })
    }
    return first
  }

  /** Counts a hand-over that was tried. In memory only: a count is not worth a write. */
  noteAttempt(id: EnvelopeId): void {
    const row = this.#rows.get(id)
    if (row !== undefined) row.attempts += 1
  }

  /** Waits no longer for these, but knows them until `untilMs`: others may carry them. Returns those that were waited for. */
  withdraw(tx: Transaction, ids: readonly EnvelopeId[], untilMs: number): EnvelopeId[] {
    const waiting = ids.filter((id) => this.#rows.has(id))
    this.settle(tx, waiting)
    for (const id of waiting) {
      const row = this.#rows.get(id)
      if (row === undefined) continue
      tx.put(TABLES.outbox, idBytes(id), encodeRow(row, untilMs))
      tx.onCommit(() => this.#withdrawn.set(id, { to: row.to, untilMs }))
    }
    return waiting
  }

  /** Those that were withdrawn and whose time has run out since. */
  withdrawnBefore(nowMs: number): EnvelopeId[] {
    return [...this.#withdrawn].flatMap(([id, { untilMs }]) => (untilMs <= nowMs ? [id] : []))
  }

  /** Waits no longer for these: their owner has them, or their time is over. Returns those that were known. */
  settle(tx: Transaction, ids: readonly EnvelopeId[]): EnvelopeId[] {
    const settled = [...new Set(ids)].filter((id) => this.#rows.has(id) || this.#withdrawn.has(id))
    for (const id of settled) tx.del(TABLES.outbox, idBytes(id))
    deleteUsedUp(
      tx,
      settled.flatMap((id) => this.#rows.get(id)?.custodians.receipts() ?? []),
    )
    tx.onCommit(() => {
      for (const id of settled) this.#forget(id)
    })
    return settled
  }

  /** Everything that waits. */
  list(): OutboxEntry[] {
    return [...this.#rows].map(([id, row]) => entryOf(id, row, this.#now()))
  }

  /** One that waits. */
  get(id: EnvelopeId): OutboxEntry | undefined {
    const row = this.#rows.get(id)
    return row === undefined ? undefined : entryOf(id, row, this.#now())
  }

  /** Those of one priority that wait. */
  waiting(priority: Priority): EnvelopeId[] {
    return [...this.#rows].flatMap(([id, row]) => (row.priority === priority ? [id] : []))
  }

  /** How many wait in each state. */
  counts(): { queued: number; carried: number } {
    let carried = 0
    const nowMs = this.#now()
    for (const { custodians } of this.#rows.values()) if (custodians.isCarried(nowMs)) carried += 1
    return { queued: this.#rows.size - carried, carried }
  }

  /** Those that a receipt is news for, without those that have no room for their share of its row: the fewer they are, the larger it is. */
  #withRoom(receipt: CustodyReceipt, kept: KeptReceipt): EnvelopeId[] {
    const rooms = [...new Set(receipt.ids)].flatMap((id) => {
      const room = this.isNews(id, receipt) ? this.#rows.get(id)?.custodians.roomFor(receipt) : undefined
      return room === undefined ? [] : [{ id, room }]
    })
    rooms.sort((a, b) => b.room - a.room)
    while (rooms.length > 0 && (rooms.at(-1)?.room ?? 0) < kept.bytes / (kept.waiting.size + rooms.length)) rooms.pop()
    return rooms.map(({ id }) => id)
  }

  /** The receipt under `key`: the same one may count for more envelopes later. */
  #receiptUnder(key: Uint8Array, { untilMs, from }: CustodyReceipt, bytes: number): KeptReceipt {
    const name = key.toString()
    const kept = this.#receipts.get(name) ?? { key, bytes, untilMs, from, waiting: new Set() }
    this.#receipts.set(name, kept)
    return kept
  }

  #load(id: EnvelopeId, { custodian }: CustodyReceipt, kept: KeptReceipt): void {
    const row = this.#rows.get(id)
    const before = row?.custodians.receiptOf(custodian)
    if (row === undefined || (before !== undefined && !isBetter(before, kept))) return
    before?.waiting.delete(id)
    kept.waiting.add(id)
    row.custodians.commit(custodian, kept, this.#now())
  }

  #stage(tx: Transaction, id: EnvelopeId, custodian: DeviceId, kept: KeptReceipt): void {
    const custodians = this.#rows.get(id)?.custodians
    custodians?.stage(custodian, kept, this.#now())
    kept.waiting.add(id)
    tx.onRollback(() => {
      custodians?.unstage(custodian, kept)
      this.#release(kept, id)
    })
    tx.onCommit(() => {
      if (!this.#rows.has(id)) return this.#release(kept, id) // settled in the same group
      const before = custodians?.commit(custodian, kept, this.#now())
      if (before !== undefined) this.#release(before, id)
    })
  }

  #release(kept: KeptReceipt, id: EnvelopeId): void {
    kept.waiting.delete(id)
    this.#dropUnused(kept)
  }

  #dropUnused(kept: KeptReceipt): void {
    if (kept.waiting.size === 0) this.#receipts.delete(kept.key.toString())
  }

  #forget(id: EnvelopeId): void {
    for (const kept of this.#rows.get(id)?.custodians.receipts() ?? []) this.#release(kept, id)
    this.#rows.delete(id)
    this.#withdrawn.delete(id)
  }
}

/** Deletes the rows of receipts that were kept only for what lets go of them now. @param released once for each envelope */
function deleteUsedUp(tx: Transaction, released: readonly KeptReceipt[]): void {
  const times = new Map<KeptReceipt, number>()
  for (const kept of released) times.set(kept, (times.get(kept) ?? 0) + 1)
  for (const [kept, count] of times) if (kept.waiting.size === count) tx.del(TABLES.custody, kept.key)
}

function entryOf(id: EnvelopeId, { to, priority, attempts, isFromBefore, custodians }: Row, nowMs: number): OutboxEntry {
  return { id, to, priority, state: custodians.isCarried(nowMs) ? 'carried' : 'queued', attempts, isFromBefore, custody: custodians.list() }
}

/** Priority (8) ‖ address (16); withdrawn: ‖ until (48-bit ms). */
function encodeRow(row: Row, withdrawnUntilMs?: number): Uint8Array {
  const writer = new ByteWriter(ADDRESS_BYTES + 7).u8(PRIORITIES.indexOf(row.priority)).bytes(idBytes(row.to))
  return (withdrawnUntilMs === undefined ? writer : writer.u48(withdrawnUntilMs)).finish()
}

function decodeRow(bytes: Uint8Array): { row: Row; withdrawnUntilMs: number | undefined } {
  const reader = new ByteReader(bytes)
  const priority = PRIORITIES[reader.u8()] ?? 'normal'
  const row: Row = { to: addressOf(reader.bytes(ADDRESS_BYTES)), priority, custodians: new Custodians(), isFromBefore: true, attempts: 0 }
  return { row, withdrawnUntilMs: reader.remaining > 0 ? reader.u48() : undefined }
}
