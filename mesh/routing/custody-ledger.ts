/**
 * What this node sent and waits for, and who has promised to carry it.
 *
 * A row stands in the outbox from the commit of the envelope until its owner's receipt or its expiry. Its
 * state is never inferred: it is `carried` while a verified custody receipt is kept that names it and has
 * not run out, and `queued` otherwise. A receipt names many envelopes and is kept once, for as long as one
 * of them waits. What was withdrawn leaves a row of another kind until it would have expired: others may
 * carry it, and then its receipt still comes.
 */
import { ByteReader, ByteWriter, copyBytes } from '#mesh/codec'
import type { Envelope, Priority } from '#mesh/envelope'
import { ADDRESS_BYTES, type Address, addressOf, type DeviceId, type EnvelopeId, envelopeIdOf, idBytes } from '#mesh/ids'
import { type Database, TABLES, type Transaction } from '#mesh/store'
import { type CustodyReceipt, custodyKey, decodeCustodyReceipt, encodeCustodyReceipt } from './custody-receipt.ts'

/** Who carries an envelope, until when (ms since 1970, the custodian's clock). */
export interface Custody {
  readonly device: DeviceId
  readonly untilMs: number
  /** Who gave it to that device; absent when this node did. */
  readonly from?: DeviceId
  /** Hand-overs from here to that device: 1 when this node gave it. */
  readonly hops: number
}

/** One envelope that this node waits for. */
export interface OutboxEntry {
  readonly id: EnvelopeId
  readonly to: Address
  readonly priority: Priority
  readonly state: 'queued' | 'carried'
  /** Hand-overs tried since the node started. */
  readonly attempts: number
  readonly custody: readonly Custody[]
}

interface Promised {
  readonly untilMs: number
  readonly from: DeviceId | undefined
}

interface Row {
  readonly to: Address
  readonly priority: Priority
  readonly custody: Map<DeviceId, Promised>
  attempts: number
}

/**
 * Devices whose promise is kept for one envelope. Keys are free, and each promise takes some 100 bytes of
 * memory; eight copies and a small mesh where everybody has one stay far below it.
 */
const MAX_CUSTODIANS = 64
/** What may differ from one ledger to another. */
export interface CustodyLedgerOptions {
  /** The wall clock, ms since 1970; without one no promise ever runs out. */
  readonly now?: () => number
}

const PRIORITIES: readonly Priority[] = ['critical', 'normal', 'bulk', 'ephemeral']

/** The durable outbox with its index in memory. */
export class CustodyLedger {
  readonly #rows = new Map<EnvelopeId, Row>()
  /** For each kept receipt the envelopes that still wait. */
  readonly #receipts = new Map<string, { key: Uint8Array; waiting: Set<EnvelopeId> }>()
  readonly #receiptsOf = new Map<EnvelopeId, Set<string>>()

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
      ledger.#index(copyBytes(key), receipt, receipt.ids)
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
    const row: Row = { to: envelope.address, priority: envelope.priority, custody: new Map(), attempts: 0 }
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
    return (this.#rows.get(id)?.custody.get(device)?.untilMs ?? 0) > this.#now()
  }

  /**
   * Keeps a receipt whose signature was verified, for those of its ids that wait here and have not
   * {@link MAX_CUSTODIANS} already. One that was forwarded has to continue the chain: who handed over must be in it.
   */
  recordCustody(tx: Transaction, receipt: CustodyReceipt): void {
    const waiting = receipt.ids.filter((id) => this.#hasPlaceFor(id, receipt))
    if (waiting.length === 0) return
    const key = custodyKey(receipt)
    tx.put(TABLES.custody, key, encodeCustodyReceipt(receipt))
    for (const id of waiting) tx.emit({ kind: 'custody-taken', id, device: receipt.custodian })
    tx.onCommit(() => this.#index(key, receipt, waiting))
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
    const settled = ids.filter((id) => this.#rows.has(id) || this.#withdrawn.has(id))
    const gone = new Map<string, Set<EnvelopeId>>()
    for (const id of settled) {
      tx.del(TABLES.outbox, idBytes(id))
      for (const name of this.#receiptsOf.get(id) ?? []) gone.set(name, (gone.get(name) ?? new Set()).add(id))
    }
    for (const [name, left] of gone) {
      const receipt = this.#receipts.get(name)
      if (receipt !== undefined && receipt.waiting.size === left.size) tx.del(TABLES.custody, receipt.key)
    }
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
    for (const { custody } of this.#rows.values()) if (isCarried(custody, nowMs)) carried += 1
    return { queued: this.#rows.size - carried, carried }
  }

  #hasPlaceFor(id: EnvelopeId, { custodian, from }: CustodyReceipt): boolean {
    const custody = this.#rows.get(id)?.custody
    if (custody === undefined || (from !== undefined && !custody.has(from))) return false
    return custody.size < MAX_CUSTODIANS || custody.has(custodian)
  }

  #index(key: Uint8Array, receipt: CustodyReceipt, ids: readonly EnvelopeId[]): void {
    const name = key.toString()
    const waiting = new Set<EnvelopeId>()
    for (const id of ids) {
      const row = this.#rows.get(id)
      if (row === undefined) continue
      const before = row.custody.get(receipt.custodian)
      row.custody.set(receipt.custodian, {
        untilMs: Math.max(receipt.untilMs, before?.untilMs ?? 0),
        from: before === undefined ? receipt.from : receipt.from && before.from, // what this node gave itself comes first
      })
      waiting.add(id)
      this.#receiptsOf.set(id, (this.#receiptsOf.get(id) ?? new Set()).add(name))
    }
    this.#receipts.set(name, { key, waiting })
  }

  #forget(id: EnvelopeId): void {
    this.#rows.delete(id)
    this.#withdrawn.delete(id)
    for (const name of this.#receiptsOf.get(id) ?? []) {
      const receipt = this.#receipts.get(name)
      receipt?.waiting.delete(id)
      if (receipt?.waiting.size === 0) this.#receipts.delete(name)
    }
    this.#receiptsOf.delete(id)
  }
}

function isCarried(custody: Row['custody'], nowMs: number): boolean {
  for (const { untilMs } of custody.values()) if (untilMs > nowMs) return true
  return false
}

/** Hand-overs from here to `device`; bounded, should rows of another order lead in a circle. */
function hopsTo(custody: Row['custody'], device: DeviceId): number {
  let hops = 1
  for (let from = custody.get(device)?.from; from !== undefined && hops < MAX_CUSTODIANS; from = custody.get(from)?.from) hops += 1
  return hops
}

function entryOf(id: EnvelopeId, row: Row, nowMs: number): OutboxEntry {
  const custody = [...row.custody].map(([device, { untilMs, from }]) => {
    return { device, untilMs, ...(from === undefined ? {} : { from }), hops: hopsTo(row.custody, device) }
  })
  const { to, priority, attempts } = row
  return { id, to, priority, state: isCarried(row.custody, nowMs) ? 'carried' : 'queued', attempts, custody }
}

/** Priority (8) ‖ address (16); withdrawn: ‖ until (48-bit ms). */
function encodeRow(row: Row, withdrawnUntilMs?: number): Uint8Array {
  const writer = new ByteWriter(ADDRESS_BYTES + 7).u8(PRIORITIES.indexOf(row.priority)).bytes(idBytes(row.to))
  return (withdrawnUntilMs === undefined ? writer : writer.u48(withdrawnUntilMs)).finish()
}

function decodeRow(bytes: Uint8Array): { row: Row; withdrawnUntilMs: number | undefined } {
  const reader = new ByteReader(bytes)
  const priority = PRIORITIES[reader.u8()] ?? 'normal'
  const row: Row = { to: addressOf(reader.bytes(ADDRESS_BYTES)), priority, custody: new Map(), attempts: 0 }
  return { row, withdrawnUntilMs: reader.remaining > 0 ? reader.u48() : undefined }
}
