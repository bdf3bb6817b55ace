/**
 * Telling the world what arrived. What was read leaves a row; the rows of a moment become one retraction
 * receipt, in the transaction that deletes them.
 */
import { ByteReader, ByteWriter } from '#mesh/codec'
import { addressOfKey, encodeRetraction, MAX_LIFETIME_S, signEnvelope } from '#mesh/envelope'
import { type EnvelopeId, envelopeIdOf, idBytes } from '#mesh/ids'
import { Bell, type Runnable, spawn, type Task } from '#mesh/runtime'
import { TABLES, type Transaction } from '#mesh/store'
import type { Composer } from './composer.ts'
import type { ConversationsDeps } from './deps.ts'

/** Quiet time before a receipt leaves, ms: a burst of messages makes one receipt, and nobody notices the wait. */
const QUIET_MS = 50
/** Ids in one receipt: 16 kB, below the size where one lost frame costs much. */
const MAX_IDS = 500
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
  add(tx: Transaction, id: EnvelopeId, expiryMs: number): void {
    tx.put(TABLES.receipts, idBytes(id), new ByteWriter(6).u48(expiryMs).finish())
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
      const ids: EnvelopeId[] = []
      let untilMs = 0
      for await (const [key, value] of tx.iterate(TABLES.receipts, { limit: MAX_IDS })) {
        ids.push(envelopeIdOf(key))
        untilMs = Math.max(untilMs, new ByteReader(value).u48())
        tx.del(TABLES.receipts, key)
      }
      if (ids.length === 0) return 0
      const leftS = Math.ceil((untilMs - clock.now()) / 1_000)
      const envelope = signEnvelope(crypto, self.keys.inboxSeed, {
        priority: 'critical',
        kind: 'receipt',
        address: this.#ownInbox(),
        stamp: this.#composer.stamp(tx),
        lifetimeS: Math.min(Math.max(leftS, MIN_LIFETIME_S), MAX_LIFETIME_S),
        payload: encodeRetraction(ids),
      })
      await this.#composer.publish(tx, envelope)
      return ids.length
    })
  }

  #ownInbox(): ReturnType<typeof addressOfKey> {
    return addressOfKey(this.#deps.self.keys.inboxKey)
  }
}
