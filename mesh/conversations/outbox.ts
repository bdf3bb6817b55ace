/**
 * What becomes of messages that wait: they arrive, or their time ends, or they are taken back. Each of
 * these is one transaction over envelope, outbox row and history, with the event that tells it.
 */
import type { Address, EnvelopeId } from '#mesh/ids'
import type { Transaction } from '#mesh/store'
import type { ConversationsDeps } from './deps.ts'
import type { History, KeptState } from './history.ts'
import { MAX_PARENTS } from './message.ts'

/** An ephemeral that nobody took for so long was written to nobody, ms: a link that is just coming back is not nobody. */
const UNHEARD_MS = 5_000

/** See the head of this file. */
export class Outbox {
  readonly #deps: Pick<ConversationsDeps, 'db' | 'store' | 'ledger' | 'clock' | 'self'>
  readonly #history: History

  constructor(deps: Pick<ConversationsDeps, 'db' | 'store' | 'ledger' | 'clock' | 'self'>, history: History) {
    this.#deps = deps
    this.#history = history
  }

  /** Joins the transaction of a receipt: what its owner has is waited for no longer, and is `delivered`. */
  async applyRetraction(tx: Transaction, retraction: { ids: readonly EnvelopeId[]; receipt: EnvelopeId; address: Address }): Promise<void> {
    const { ledger } = this.#deps
    const ours = retraction.ids.filter((id) => ledger.addressOf(id) === retraction.address)
    await this.#settle(tx, ledger.settle(tx, ours), 'delivered', retraction.receipt)
  }

  /** What is waited for and no longer in the store has expired: a receipt would have settled it in its own transaction. */
  async settleExpired(): Promise<void> {
    const { db, store, ledger, self, clock } = this.#deps
    const gone = ledger.list().flatMap(({ id }) => (store.has(id) ? [] : [id]))
    const over = ledger.withdrawnBefore(clock.now())
    if (gone.length + over.length === 0) return
    await db.transaction(async (tx) => {
      ledger.settle(tx, over)
      await this.#settle(tx, ledger.settle(tx, gone), 'expired', self.device)
    })
  }

  /**
   * Takes back what waits: envelopes go and do not come back, messages are `withdrawn`. Copies that others
   * carry cannot be taken back; when one of them arrives, its receipt still makes the message `delivered`.
   * @returns those that were taken back: of the others the owner has had them, or they are not known
   */
  async withdraw(ids: readonly EnvelopeId[]): Promise<EnvelopeId[]> {
    const { db, store, ledger, self, clock } = this.#deps
    return db.transaction(async (tx) => {
      ledger.settle(tx, ledger.withdrawnBefore(clock.now()))
      const withdrawn: EnvelopeId[] = []
      for (const id of ids) {
        const meta = store.meta(id, tx)
        if (meta === undefined || !ledger.has(id)) continue
        store.bury(tx, id, meta.address, meta.expiryMs)
        store.remove(tx, id, 'withdrawn')
        withdrawn.push(...ledger.withdraw(tx, [id], meta.expiryMs))
      }
      await this.#settle(tx, withdrawn, 'withdrawn', self.device)
      for (const id of withdrawn) await this.#followNoLonger(tx, id)
      return withdrawn
    })
  }

  /** The next message does not follow one that was taken back, or its reader would wait for that: it follows what stood before it. */
  async #followNoLonger(tx: Transaction, id: EnvelopeId): Promise<void> {
    const row = await this.#history.message(tx, id)
    if (row === undefined) return
    const conversation = await this.#history.conversation(tx, row.person)
    if (!conversation.heads.includes(id)) return
    const heads = new Set(conversation.heads)
    for (const head of heads) {
      const found = await this.#history.message(tx, head)
      if (found?.state !== 'withdrawn') continue
      heads.delete(head)
      for (const parent of found.parents) heads.add(parent) // a set that grows is walked to its end
    }
    this.#history.putConversation(tx, row.person, { ...conversation, heads: [...heads].slice(-MAX_PARENTS) })
  }

  /**
   * Lets go of own ephemerals whose moment has passed: their lifetime is over, or nobody was there to take
   * them. To be called before anything is offered to somebody who has just come.
   */
  async dropStale(): Promise<void> {
    const { db, store, ledger, self } = this.#deps
    const stale = ledger.waiting('ephemeral').filter((id) => this.#isStale(id))
    if (stale.length === 0) return
    await db.transaction(async (tx) => {
      for (const id of stale) store.remove(tx, id, 'expired')
      await this.#settle(tx, ledger.settle(tx, stale), 'expired', self.device)
    })
  }

  #isStale(id: EnvelopeId): boolean {
    const { store, ledger, clock } = this.#deps
    const meta = store.meta(id)
    const nowMs = clock.now()
    if (meta === undefined || meta.expiryMs <= nowMs) return true
    return ledger.get(id)?.attempts === 0 && nowMs - meta.firstSeenMs >= UNHEARD_MS
  }

  async #settle(tx: Transaction, ids: readonly EnvelopeId[], state: Exclude<KeptState, 'queued' | 'read'>, by: string): Promise<void> {
    for (const id of ids) {
      const row = await this.#history.message(tx, id)
      const isOpen = row?.state === 'queued' || (row?.state === 'withdrawn' && state === 'delivered')
      if (row === undefined || !isOpen) continue // two receipts of one group may name it
      this.#history.rewrite(tx, { ...row, state, by }, row)
      tx.emit({ kind: 'message-state', conversation: row.person, id, state, by })
    }
  }
}
