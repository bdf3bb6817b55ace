import { copyBytes } from '#mesh/codec'
import { decodeEnvelope, type Envelope, type Priority } from '#mesh/envelope'
import { type Address, type EnvelopeId, idBytes } from '#mesh/ids'
import type { Clock, Log } from '#mesh/ports'
import type { Database } from './database.ts'
import { EnvelopeIndex } from './envelope-index.ts'
import { type Arrival, type EnvelopeMeta, metaOf } from './envelope-meta.ts'
import type { RemovalReason } from './events.ts'
import { pickVictims } from './eviction.ts'
import { KnownTimeRow } from './known-time.ts'
import { OWN_SHARE, type Quota, STORED_OVERHEAD_BYTES, type StoreLimits } from './limits.ts'
import { Rebuild } from './rebuild.ts'
import { TABLES } from './tables.ts'
import { ClockJumps, endsInAnotherTime, expiryWithin, isFromAnotherTime, type KnownTime, MAX_GRAVE_MS, redate } from './time.ts'
import { Tombstones } from './tombstones.ts'
import type { Transaction } from './transaction.ts'
import type { UsageScope } from './usage.ts'

/** Time, and where to say what happened. */
export interface EnvelopeStoreDeps {
  readonly clock: Clock
  readonly log: Log
}

/** What the store holds, by what is durable. */
export interface StoreUsage {
  readonly envelopes: number
  readonly tombstones: number
  /** Including {@link STORED_OVERHEAD_BYTES} for each envelope. */
  readonly bytes: number
}

/**
 * Envelopes with an index in memory.
 *
 * Whatever is asked without a transaction tells what is durable; asked with one, it includes what is
 * staged in the running group. Shares (`usageOf`) always include what is staged, so that a batch cannot
 * pass a quota together that none of its parts passes alone.
 */
export class EnvelopeStore {
  readonly limits: StoreLimits
  readonly #db: Database
  readonly #deps: EnvelopeStoreDeps
  readonly #index: EnvelopeIndex
  readonly #tombstones: Tombstones
  readonly #jumps: ClockJumps
  readonly #knownTime: KnownTimeRow

  private constructor(db: Database, deps: EnvelopeStoreDeps, limits: StoreLimits, knownTime: KnownTimeRow, last: KnownTime | undefined) {
    this.#db = db
    this.#deps = deps
    this.limits = limits
    this.#index = new EnvelopeIndex(db)
    this.#tombstones = new Tombstones(limits.maxTombstones)
    this.#jumps = new ClockJumps(deps.clock, last)
    this.#knownTime = knownTime
  }

  /**
   * Reads the index of `db` into memory. What of it cannot be read is rebuilt from the envelopes.
   * @throws MeshError `MESH_STORE_FULL` when there is no room to rebuild it: a store with a gap would tell that what is in it is over
   */
  static async open(db: Database, deps: EnvelopeStoreDeps, limits: StoreLimits): Promise<EnvelopeStore> {
    const knownTime = new KnownTimeRow(db)
    const store = new EnvelopeStore(db, deps, limits, knownTime, await knownTime.read())
    if (store.isStartInDoubt) deps.log.warn('the clock is more than 30 days ahead of when this node ran last; nothing expires for a day')
    const unreadable = await store.#index.load()
    await store.#tombstones.load(db)
    db.beforeCommit((tx) => store.#index.seal(tx))
    if (unreadable.length > 0) {
      const rebuilt = await new Rebuild(db, store.#index, deps.clock.now(), limits.retentionMs).run(unreadable)
      deps.log.error('index rows were not readable; what they said was rebuilt from the envelopes', { rows: unreadable.length, ...rebuilt })
    }
    await store.#index.migrate(deps.log)
    return store
  }

  /** True for a day when the clock at the start was more than 30 days ahead of the last stop, unless it is set right before. */
  get isStartInDoubt(): boolean {
    return this.#jumps.isStartInDoubt
  }

  /** It is as late as this at least, in ms since 1970: the clock of now, unless that is in doubt. */
  surelyMs(): number {
    return this.#jumps.surelyMs()
  }

  has(id: EnvelopeId, tx?: Transaction): boolean {
    return tx === undefined ? this.#index.has(id) : this.#index.current(id) !== undefined
  }

  meta(id: EnvelopeId, tx?: Transaction): EnvelopeMeta | undefined {
    return tx === undefined ? this.#index.get(id) : this.#index.current(id)
  }

  /** True when the owner of `address` took `id` back, or it was consumed here. */
  isRetracted(id: EnvelopeId, address: Address, tx?: Transaction): boolean {
    const until = this.#tombstones.until(id, address, tx !== undefined)
    if (until === undefined) return false
    const now = this.surelyMs()
    return until > now || endsInAnotherTime(until, now) // laid before the clock was set: the sweep dates it anew
  }

  ids(): Iterable<EnvelopeId> {
    return this.#index.ids()
  }

  byAddress(address: Address): Iterable<EnvelopeMeta> {
    return this.#index.byAddress(address)
  }

  /** What must not cross a bridge, own or not. */
  confined(): Iterable<EnvelopeId> {
    return this.#index.confined()
  }

  usage(): StoreUsage {
    return { envelopes: this.#index.size, tombstones: this.#tombstones.size, bytes: this.#index.bytes }
  }

  usageOf(scope: UsageScope): Quota {
    return this.#index.projected.of(scope)
  }

  /** The bytes of an envelope, or `undefined` when it is not here. */
  async bytes(id: EnvelopeId): Promise<Uint8Array | undefined> {
    return !this.#index.has(id) ? undefined : this.#db.get(TABLES.envelopes, idBytes(id))
  }

  async open(id: EnvelopeId): Promise<Envelope | undefined> {
    const bytes = await this.bytes(id)
    return bytes === undefined ? undefined : decodeEnvelope(bytes)
  }

  /** Stores `envelope`; its bytes are copied. The caller has asked `has` and `makeRoom`. */
  put(tx: Transaction, envelope: Envelope, arrival: Arrival): EnvelopeMeta {
    const { id, address } = envelope
    const meta = metaOf(envelope, arrival, this.#deps.clock.now(), this.limits.retentionMs)
    this.#index.stage(tx, id, meta)
    tx.put(TABLES.envelopes, idBytes(id), copyBytes(envelope.bytes))
    tx.emit({ kind: 'envelope-stored', id, address, from: meta.from })
    return meta
  }

  /** Notes how many copies this node may still hand out. */
  setCopies(tx: Transaction, id: EnvelopeId, copies: number): void {
    const meta = this.#index.current(id)
    if (meta !== undefined && meta.copies !== copies) this.#index.stage(tx, id, { ...meta, copies })
  }

  /** Removes an envelope, its index row and its place in the inbox queue; says whether it was here. */
  remove(tx: Transaction, id: EnvelopeId, reason: RemovalReason): boolean {
    if (this.#index.current(id) === undefined) return false
    const key = idBytes(id)
    tx.del(TABLES.envelopes, key)
    tx.del(TABLES.inboxQueue, key)
    this.#index.stage(tx, id, undefined)
    tx.emit({ kind: 'envelope-removed', id, reason })
    return true
  }

  /** Lays a tombstone: `id` does not come back to `address` until `untilMs`, at most 30 days from now: for as long as an envelope may live elsewhere. */
  bury(tx: Transaction, id: EnvelopeId, address: Address, untilMs: number): void {
    this.#tombstones.put(tx, id, address, Math.min(untilMs, this.#deps.clock.now() + MAX_GRAVE_MS))
  }

  /**
   * Makes room for an envelope of `bytes`, by evicting what is least worth keeping and not more urgent
   * than `priority`. Evicts nothing and says `false` when that would not be enough. What is written here (`own`) may
   * fill the whole store, everything else leaves {@link OWN_SHARE} of it.
   */
  makeRoom(tx: Transaction, bytes: number, priority: Priority, own: boolean): boolean {
    const { maxBytes, maxEnvelopes } = this.limits
    const [total, others] = [this.usageOf('total'), this.usageOf('others')]
    const size = bytes + STORED_OVERHEAD_BYTES
    const over = { bytes: total.bytes + size - maxBytes, count: total.count + 1 - maxEnvelopes }
    if (!own) {
      over.bytes = Math.max(over.bytes, Math.ceil(others.bytes + size - maxBytes * (1 - OWN_SHARE)))
      over.count = Math.max(over.count, Math.ceil(others.count + 1 - maxEnvelopes * (1 - OWN_SHARE)))
    }
    if (over.bytes <= 0 && over.count <= 0) return true
    const victims = pickVictims(this.#index, over, priority, this.limits)
    if (victims === undefined) return false
    for (const { id } of victims) this.remove(tx, id, 'evicted')
    return true
  }

  /**
   * Removes at most `limit` envelopes and tombstones whose time is over, and re-dates those of another time; says how many
   * rows changed. A day's grace after the clock jumped ahead, or started far ahead.
   */
  async removeExpired(limit: number): Promise<number> {
    const changed = await this.#removeExpired(limit)
    await this.#knownTime.note(this.#jumps.known())
    return changed
  }

  async #removeExpired(limit: number): Promise<number> {
    const now = this.#deps.clock.now()
    const redated = await this.#redate(now, this.#jumps.take(), limit)
    if (redated > 0) return redated
    if (this.#jumps.isInDoubt) return 0
    const expired = take(
      this.#index.where((expiryMs) => expiryMs <= now),
      limit,
    )
    const risen = take(this.#tombstones.entries(), limit - expired.length, ({ untilMs }) => untilMs <= now)
    if (expired.length + risen.length === 0) return 0
    await this.#db.transaction((tx) => {
      for (const id of expired) if ((this.#index.current(id)?.expiryMs ?? now) <= now) this.remove(tx, id, 'expired')
      for (const { id, address } of risen) if ((this.#tombstones.until(id, address, true) ?? now) <= now) this.#tombstones.set(tx, id, address, undefined)
    })
    return expired.length + risen.length
  }

  /** Moves what was dated by a clock without time, or by a wrong one, to where it belongs on the clock of now. */
  async #redate(now: number, jumpMs: number, limit: number): Promise<number> {
    const { retentionMs } = this.limits
    const metas = [...this.#index.where((_, firstSeenMs) => isFromAnotherTime(firstSeenMs, now))]
    const graves = take(this.#tombstones.entries(), Number.POSITIVE_INFINITY, ({ untilMs }) => endsInAnotherTime(untilMs, now))
    for (let at = 0; at < Math.max(metas.length, graves.length); at += limit) {
      await this.#db.transaction((tx) => {
        for (const id of metas.slice(at, at + limit)) {
          const meta = this.#index.current(id)
          if (meta === undefined) continue
          const firstSeenMs = redate(meta.firstSeenMs, now, jumpMs)
          this.#index.stage(tx, id, { ...meta, firstSeenMs, expiryMs: expiryWithin(meta, firstSeenMs, meta.ageS, retentionMs) })
        }
        for (const { id, address } of graves.slice(at, at + limit)) this.#tombstones.set(tx, id, address, now + MAX_GRAVE_MS)
      })
    }
    if (metas.length + graves.length > 0) this.#deps.log.info('the clock changed; what it had dated was dated anew', { envelopes: metas.length, jumpMs })
    return metas.length + graves.length
  }
}

function take<T>(all: Iterable<T>, limit: number, isWanted: (item: T) => boolean = () => true): T[] {
  const taken: T[] = []
  for (const item of all) {
    if (taken.length >= limit) break
    if (isWanted(item)) taken.push(item)
  }
  return taken
}
