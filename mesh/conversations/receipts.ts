/**
 * Telling the world what arrived. What was read leaves a row; the rows of a moment become one retraction
 * receipt, in the transaction that deletes them. Small receipts that are still here go into the new one and
 * are taken back by it, so that a year of messages leaves a handful of receipts and not one for each; a
 * carrier that has only the old ones drops the same envelopes.
 */
import { ByteReader, ByteWriter } from '#mesh/codec'
import {
  addressOfKey,
  ENVELOPE_OVERHEAD_BYTES,
  encodeRetraction,
  expiryOf,
  MAX_LIFETIME_S,
  PLAUSIBLE_SINCE_MS,
  readRetraction,
  signEnvelope,
} from '#mesh/envelope'
import { ENVELOPE_ID_BYTES, type EnvelopeId, envelopeIdOf, idBytes } from '#mesh/ids'
import { Bell, type Runnable, spawn, type Task } from '#mesh/runtime'
import { type EnvelopeMeta, TABLES, type Transaction } from '#mesh/store'
import type { Composer } from './composer.ts'
import type { ConversationsDeps } from './deps.ts'
import { receiptsToMerge } from './receipt-merging.ts'

/** Quiet time before a receipt leaves, ms: a burst of messages makes one receipt, and nobody notices the wait. */
const QUIET_MS = 50
/** Arrived envelopes in one receipt: 16 kB, below the size where one lost frame costs much. */
const MAX_IDS = 500
/** Type and count before the ids of a receipt, in bytes. */
const HEAD_BYTES = 3
/** Pause after a failed write, ms. */
const RETRY_MS = 5_000
/** A receipt lives at least this long, s: an hour to reach carriers, even for what was about to expire. */
const MIN_LIFETIME_S = 3_600

/** See the head of this file. */
export class Receipts implements Runnable {
  readonly #deps: ConversationsDeps
  readonly #composer: Composer
  readonly #bell = new Bell()
  #task: Task | undefined

  constructor(deps: ConversationsDeps, composer: Composer) {
    this.#deps = deps
    this.#composer = composer
  }

  async start(): Promise<void> {
    const { log } = this.#deps
    this.#bell.ring() // a crash may have left some
    this.#task = spawn(
      (signal) => this.#run(signal),
      (error) => log.error('receipts stopped', { error }),
    )
  }

  async stop(): Promise<void> {
    await this.#task?.stop()
  }

  /** Remembers that an envelope arrived, in the transaction that reads it. */
  add(tx: Transaction, meta: Pick<EnvelopeMeta, 'id' | 'stamp' | 'lifetimeS' | 'firstSeenMs' | 'ageS'>): void {
    tx.put(TABLES.receipts, idBytes(meta.id), new ByteWriter(6).u48(endOf(meta)).finish())
    tx.onCommit(() => this.#bell.ring())
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#deps
    while (!signal.aborted) {
      await this.#bell.heard(signal)
      if (signal.aborted) return
      await clock.sleep(QUIET_MS, signal)
      try {
        while ((await this.#issue()) === MAX_IDS && !signal.aborted);
      } catch (error) {
        log.warn('receipts could not be written; trying again', { error })
        this.#bell.ring()
        await clock.sleep(RETRY_MS, signal)
      }
    }
  }

  /** Makes one receipt of what waits; says how many ids are in it. */
  async #issue(): Promise<number> {
    const { db, crypto, clock, self } = this.#deps
    return db.transaction(async (tx) => {
      const arrived: EnvelopeId[] = []
      const ends: number[] = []
      for await (const [key, value] of tx.iterate(TABLES.receipts, { limit: MAX_IDS })) {
        arrived.push(envelopeIdOf(key))
        ends.push(new ByteReader(value).u48())
        tx.del(TABLES.receipts, key)
      }
      if (arrived.length === 0) return 0
      const merged = await this.#merged(tx, arrived.length)
      const envelope = signEnvelope(crypto, self.keys.inboxSeed, {
        priority: 'critical',
        kind: 'receipt',
        address: this.#ownInbox(),
        stamp: this.#composer.stamp(tx),
        lifetimeS: lifetimeUntil([...ends, ...merged.ends], clock.now()),
        payload: encodeRetraction([...new Set([...arrived, ...merged.ids])]),
      })
      await this.#composer.publish(tx, envelope)
      return arrived.length
    })
  }

  /** What older receipts say that go into one with `fresh` ids: their ids and their own, and when each of them ends. */
  async #merged(tx: Transaction, fresh: number): Promise<{ ids: EnvelopeId[]; ends: number[] }> {
    const { store, clock } = this.#deps
    const here: EnvelopeMeta[] = []
    for (const { id } of store.byAddress(this.#ownInbox())) {
      const meta = store.meta(id, tx)
      if (meta?.own === true && meta.kind === 'receipt' && meta.expiryMs > clock.now()) here.push(meta)
    }
    const sizes = here.map(({ id, size }) => ({ id, ids: (size - ENVELOPE_OVERHEAD_BYTES - HEAD_BYTES) / ENVELOPE_ID_BYTES }))
    const merged: { ids: EnvelopeId[]; ends: number[] } = { ids: [], ends: [] }
    for (const { id } of receiptsToMerge(sizes, fresh)) {
      const [old, meta] = [await store.open(id), store.meta(id, tx)]
      if (old === undefined || meta === undefined) continue
      merged.ids.push(...readRetraction(old), id)
      merged.ends.push(endOf(meta))
    }
    return merged
  }

  #ownInbox(): ReturnType<typeof addressOfKey> {
    return addressOfKey(this.#deps.self.keys.inboxKey)
  }
}

/** When an envelope ends for those who keep it longest, ms: by what its author said, not by how long this node keeps things. */
function endOf(meta: Pick<EnvelopeMeta, 'stamp' | 'lifetimeS' | 'firstSeenMs' | 'ageS'>): number {
  return expiryOf(meta, meta.firstSeenMs, meta.ageS)
}

/** Until the last of these ends, s; for ever as receipts go when one was dated before this machine's clock was set. */
function lifetimeUntil(ends: readonly number[], nowMs: number): number {
  if (nowMs >= PLAUSIBLE_SINCE_MS && ends.some((end) => end < PLAUSIBLE_SINCE_MS)) return MAX_LIFETIME_S
  const leftS = Math.ceil((Math.max(...ends) - nowMs) / 1_000)
  return Math.min(Math.max(leftS, MIN_LIFETIME_S), MAX_LIFETIME_S)
}
