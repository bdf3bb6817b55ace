/**
 * What a node owes to those whose bundles it read: a custody receipt for each envelope it keeps, which goes
 * into the next bundle, and what their owners are given before others. And what its own bundles held, since
 * nobody can have taken from a stick what was on none.
 *
 * ```
 * 01 ‖ device 32 ‖ id 32   custody that the device is to be told of; no value
 * 02 ‖ address 16          an inbox that an exporter collects for: until u48 ms
 * 03 ‖ bundle 16 ‖ part 2  a part that was read whole: when, u48 ms (node/sneakernet)
 * 04 ‖ id 32               an envelope of ours that was exported: u8 exports that nobody has answered yet
 * ```
 */
import { ByteReader, ByteWriter, concatBytes, copyBytes } from '#mesh/codec'
import { type Address, addressOf, type DeviceId, deviceIdOf, deviceKeyOf, type EnvelopeId, envelopeIdOf, idBytes, PUBLIC_KEY_BYTES } from '#mesh/ids'
import { type Database, TABLES, type Transaction } from '#mesh/store'
import { MAX_CORRESPONDENTS, MAX_OWED } from './limits.ts'

const OWED = Uint8Array.of(1)
const CORRESPONDENT = Uint8Array.of(2)
const AFTER_CORRESPONDENT = Uint8Array.of(3)
const EXPORTED = Uint8Array.of(4)
const AFTER_EXPORTED = Uint8Array.of(5)
const MAX_EXPORTS = 255
/** Rows of one transaction. */
const ROWS_AT_ONCE = 1_000
const NOTHING = new Uint8Array(0)

/** The rows above. Nothing of it is held in memory but a number. */
export class Promises {
  readonly #db: Pick<Database, 'transaction' | 'iterate' | 'get'>
  #owed: number | undefined

  constructor(db: Pick<Database, 'transaction' | 'iterate' | 'get'>) {
    this.#db = db
  }

  /** Remembers that `device` is to be told that we carry `ids`. Those for which there is no room are forgotten. */
  async owe(device: DeviceId, ids: readonly EnvelopeId[]): Promise<void> {
    const room = MAX_OWED - (this.#owed ?? (await this.#count()))
    const taken = ids.slice(0, Math.max(0, room))
    if (taken.length === 0) return
    const prefix = concatBytes(OWED, deviceKeyOf(device))
    await this.#db.transaction(async (tx) => {
      for (const id of taken) tx.put(TABLES.sneakernet, concatBytes(prefix, idBytes(id)), NOTHING)
    })
    this.#owed = (this.#owed ?? 0) + taken.length // a little too many when some were there; counted anew at the next export
  }

  /** What is owed, by device; what `isHere` denies is owed no longer. */
  async owed(isHere: (id: EnvelopeId) => boolean): Promise<Map<DeviceId, EnvelopeId[]>> {
    const owed = new Map<DeviceId, EnvelopeId[]>()
    const gone: Uint8Array[] = []
    let count = 0
    for await (const [key] of this.#db.iterate(TABLES.sneakernet, { gte: OWED, lt: CORRESPONDENT })) {
      const id = envelopeIdOf(key.subarray(1 + PUBLIC_KEY_BYTES))
      if (!isHere(id)) {
        gone.push(copyBytes(key))
        continue
      }
      count++
      const device = deviceIdOf(key.subarray(1, 1 + PUBLIC_KEY_BYTES))
      const ids = owed.get(device)
      if (ids === undefined) owed.set(device, [id])
      else ids.push(id)
    }
    if (gone.length > 0) await this.#db.transaction((tx) => remove(tx, gone))
    this.#owed = count
    return owed
  }

  /** Remembers that an exporter collects for `address`; the one that ends first makes room. */
  async meet(address: Address, untilMs: number): Promise<void> {
    const known = await this.#correspondents()
    const first = [...known].sort(([, a], [, b]) => a - b)[0]
    if (known.get(address) === untilMs) return
    await this.#db.transaction((tx) => {
      if (!known.has(address) && known.size >= MAX_CORRESPONDENTS && first !== undefined) tx.del(TABLES.sneakernet, correspondentKey(first[0]))
      tx.put(TABLES.sneakernet, correspondentKey(address), new ByteWriter(6).u48(untilMs).finish())
    })
  }

  /** The inboxes that exporters have proven to collect for. */
  async correspondents(): Promise<Set<Address>> {
    return new Set((await this.#correspondents()).keys())
  }

  /** Remembers that these were exported once more, before they are; forgets those that `isHere` denies. @throws as `transaction` */
  async noteExported(ids: readonly EnvelopeId[], isHere: (id: EnvelopeId) => boolean): Promise<void> {
    const gone: Uint8Array[] = []
    for await (const [key] of this.#db.iterate(TABLES.sneakernet, { gte: EXPORTED, lt: AFTER_EXPORTED })) {
      if (!isHere(envelopeIdOf(key.subarray(1)))) gone.push(copyBytes(key))
    }
    if (gone.length > 0) await this.#db.transaction((tx) => remove(tx, gone))
    for (let at = 0; at < ids.length; at += ROWS_AT_ONCE) {
      await this.#db.transaction(async (tx) => {
        for (const id of ids.slice(at, at + ROWS_AT_ONCE)) {
          const exports = exportsIn(await tx.get(TABLES.sneakernet, exportedKey(id))) ?? 0
          tx.put(TABLES.sneakernet, exportedKey(id), Uint8Array.of(Math.min(exports + 1, MAX_EXPORTS)))
        }
      })
    }
  }

  /** True when all of these were exported here. */
  async areExported(ids: readonly EnvelopeId[]): Promise<boolean> {
    for (const id of ids) if ((await this.#db.get(TABLES.sneakernet, exportedKey(id))) === undefined) return false
    return true
  }

  /** Somebody has answered an export; false when all were answered. */
  async answer(tx: Transaction, id: EnvelopeId): Promise<boolean> {
    const exports = exportsIn(await tx.get(TABLES.sneakernet, exportedKey(id))) ?? 0
    if (exports > 0) tx.put(TABLES.sneakernet, exportedKey(id), Uint8Array.of(exports - 1))
    return exports > 0
  }

  async #correspondents(): Promise<Map<Address, number>> {
    const found = new Map<Address, number>()
    for await (const [key, value] of this.#db.iterate(TABLES.sneakernet, { gte: CORRESPONDENT, lt: AFTER_CORRESPONDENT })) {
      found.set(addressOf(key.subarray(1)), new ByteReader(value).u48())
    }
    return found
  }

  async #count(): Promise<number> {
    let count = 0
    for await (const _row of this.#db.iterate(TABLES.sneakernet, { gte: OWED, lt: CORRESPONDENT })) count++
    this.#owed = count
    return count
  }
}

function correspondentKey(address: Address): Uint8Array {
  return concatBytes(CORRESPONDENT, idBytes(address))
}

function exportedKey(id: EnvelopeId): Uint8Array {
  return concatBytes(EXPORTED, idBytes(id))
}

function exportsIn(value: Uint8Array | undefined): number | undefined {
  return value?.[0]
}

function remove(tx: Transaction, keys: readonly Uint8Array[]): void {
  for (const key of keys) tx.del(TABLES.sneakernet, key)
}
