import { ByteReader, ByteWriter, concatBytes } from '#mesh/codec'
import { type Address, addressOf, ENVELOPE_ID_BYTES, type EnvelopeId, envelopeIdOf, idBytes } from '#mesh/ids'
import type { Database } from './database.ts'
import { TABLES } from './tables.ts'
import type { Transaction } from './transaction.ts'

/** One owner may hold a quarter of all tombstones: whoever floods with receipts forgets his own first. */
const OWNER_SHARE = 0.25
/** Part that goes at once when all are in use, so that the search for the biggest owner and for the oldest is rare. */
const EVICTED_SHARE = 0.01

/**
 * Ids that must not come back, each within the address whose owner said so.
 *
 * The address is part of the key: the owner of one address can bury nothing that is sent to another.
 * Bounded in all, and per owner; the oldest of the owner who holds the most goes first.
 */
export class Tombstones {
  readonly #byOwner = new Map<Address, Map<EnvelopeId, number>>()
  readonly #staged = new Map<string, number | undefined>()
  readonly #max: number
  #size = 0
  /** How many there will be, in all and of each owner, when everything staged is committed. */
  #projected = 0
  readonly #projectedOf = new Map<Address, number>()
  /** Owners of whom the running group has already removed all that is on the disk. */
  readonly #bare = new Set<Address>()

  constructor(max: number) {
    this.#max = max
  }

  /** Tombstones on the disk. */
  get size(): number {
    return this.#size
  }

  async load(db: Database): Promise<void> {
    for await (const rows of db.chunks(TABLES.tombstones)) {
      for (const [key, value] of rows) {
        this.#apply(envelopeIdOf(key.subarray(0, ENVELOPE_ID_BYTES)), addressOf(key.subarray(ENVELOPE_ID_BYTES)), new ByteReader(value).u48())
      }
    }
    this.#projected = this.#size
    for (const [address, ids] of this.#byOwner) this.#projectedOf.set(address, ids.size)
  }

  /** Until when `id` must not come back to `address`, in ms, or `undefined`; with `staged`, as the running transaction sees it. */
  until(id: EnvelopeId, address: Address, staged = false): number | undefined {
    if (staged && this.#staged.size > 0) {
      const name = id + address
      if (this.#staged.has(name)) return this.#staged.get(name)
    }
    return this.#byOwner.get(address)?.get(id)
  }

  /** Buries `id`; a tombstone that stands longer stays. Above the bounds the oldest go, and what one group has too many of is left out. */
  put(tx: Transaction, id: EnvelopeId, address: Address, untilMs: number): void {
    const standing = this.until(id, address, true)
    if (standing !== undefined && standing >= untilMs) return
    if (standing === undefined && !this.#hasRoom(tx, address)) return
    this.set(tx, id, address, untilMs)
  }

  /** Puts the row as it is said, or removes it. */
  set(tx: Transaction, id: EnvelopeId, address: Address, untilMs: number | undefined): void {
    const name = id + address
    const hadStaged = this.#staged.has(name)
    const before = this.until(id, address, true)
    const change = Number(untilMs !== undefined) - Number(before !== undefined)
    const key = concatBytes(idBytes(id), idBytes(address))
    if (untilMs === undefined) tx.del(TABLES.tombstones, key)
    else tx.put(TABLES.tombstones, key, new ByteWriter(6).u48(untilMs).finish())
    this.#staged.set(name, untilMs)
    this.#project(address, change)
    tx.onRollback(() => {
      this.#project(address, -change)
      this.#bare.clear()
      if (hadStaged) this.#staged.set(name, before)
      else this.#staged.delete(name)
    })
    tx.onCommit(() => {
      this.#apply(id, address, untilMs)
      this.#bare.clear()
      if (this.#staged.get(name) === untilMs) this.#staged.delete(name)
    })
  }

  /** Every tombstone on the disk. */
  *entries(): Iterable<{ id: EnvelopeId; address: Address; untilMs: number }> {
    for (const [address, ids] of this.#byOwner) for (const [id, untilMs] of ids) yield { id, address, untilMs }
  }

  /** Says whether one more of `address` has room, after evicting what it can. */
  #hasRoom(tx: Transaction, address: Address): boolean {
    if (this.#isFull(address)) this.#evict(tx, address)
    if (this.#projected >= this.#max) {
      let biggest: [Address, number] | undefined
      for (const owner of this.#projectedOf) if (biggest === undefined || owner[1] > biggest[1]) biggest = owner
      if (biggest !== undefined) this.#evict(tx, biggest[0])
    }
    return this.#projected < this.#max && !this.#isFull(address)
  }

  #isFull(address: Address): boolean {
    return (this.#projectedOf.get(address) ?? 0) >= this.#max * OWNER_SHARE
  }

  #project(address: Address, change: number): void {
    const count = (this.#projectedOf.get(address) ?? 0) + change
    this.#projected += change
    if (count === 0) this.#projectedOf.delete(address)
    else this.#projectedOf.set(address, count)
  }

  /** Removes the oldest that are on the disk: what the group has staged is as good as what comes next. */
  #evict(tx: Transaction, address: Address): void {
    if (this.#bare.has(address)) return
    let left = Math.ceil(this.#max * EVICTED_SHARE)
    for (const id of this.#byOwner.get(address)?.keys() ?? []) {
      if (left === 0) return
      if (this.until(id, address, true) === undefined) continue
      this.set(tx, id, address, undefined)
      left--
    }
    this.#bare.add(address)
  }

  #apply(id: EnvelopeId, address: Address, untilMs: number | undefined): void {
    let ids = this.#byOwner.get(address)
    const before = ids?.size ?? 0
    if (untilMs === undefined) ids?.delete(id)
    else {
      ids ??= new Map()
      this.#byOwner.set(address, ids)
      ids.set(id, untilMs)
    }
    if (ids?.size === 0) this.#byOwner.delete(address)
    this.#size += (ids?.size ?? 0) - before
  }
}
