/**
 * Reading what arrived: the door puts envelopes to own addresses into the inbox queue, this takes them
 * out. One transaction makes the message part of the history, takes the envelope out of the store, lays a
 * tombstone and notes that a receipt is due; a crash before it repeats all, after it repeats nothing.
 */
import type { Contacts } from '#mesh/contacts'
import { compareStamps, type Envelope } from '#mesh/envelope'
import { isMeshError } from '#mesh/errors'
import { readRevocation } from '#mesh/identity'
import { type EnvelopeId, envelopeIdOf, idBytes, personKeyOf } from '#mesh/ids'
import { type Runnable, spawn, type Task } from '#mesh/runtime'
import { TABLES, type Transaction } from '#mesh/store'
import type { ConversationsDeps } from './deps.ts'
import type { History, MessageRow } from './history.ts'
import { MAX_PARENTS } from './message.ts'
import { type OpenedMessage, openMessage } from './opened.ts'
import type { Receipts } from './receipts.ts'

/** Envelopes read in one transaction: enough to share an fsync, few enough to show the first one soon. */
const MAX_BATCH = 200
/** Pause after a failed write, ms. */
const RETRY_MS = 5_000
/** Messages kept of somebody who was not accepted yet; further ones wait in the queue. */
export const MAX_REQUEST_MESSAGES = 20

/** See the head of this file. */
export class Inbox implements Runnable {
  readonly #deps: ConversationsDeps
  readonly #history: History
  readonly #receipts: Receipts
  readonly #counters: Record<string, number> = {}
  readonly #queue = new Set<EnvelopeId>()
  #task: Task | undefined
  #unsubscribe: (() => void) | undefined
  #wake: (() => void) | undefined

  constructor(deps: ConversationsDeps, history: History, receipts: Receipts) {
    this.#deps = deps
    this.#history = history
    this.#receipts = receipts
  }

  /** What was read and what was dropped, by reason. */
  get counters(): Readonly<Record<string, number>> {
    return this.#counters
  }

  async start(): Promise<void> {
    const { db, log } = this.#deps
    this.#unsubscribe = db.subscribe((event) => {
      if (event.kind === 'envelope-queued') this.#add([event.id])
    })
    await this.rescan()
    this.#task = spawn(
      (signal) => this.#run(signal),
      (error) => log.error('the inbox stopped', { error }),
    )
  }

  async stop(): Promise<void> {
    this.#unsubscribe?.()
    await this.#task?.stop()
  }

  /** Looks again at everything that waits, as after somebody was accepted. */
  async rescan(): Promise<void> {
    const ids: EnvelopeId[] = []
    for await (const [key] of this.#deps.db.iterate(TABLES.inboxQueue)) ids.push(envelopeIdOf(key))
    this.#add(ids)
  }

  #add(ids: readonly EnvelopeId[]): void {
    for (const id of ids) this.#queue.add(id)
    this.#wake?.()
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#deps
    while (!signal.aborted) {
      if (this.#queue.size === 0) await this.#change(signal)
      if (signal.aborted) return
      const ids = [...this.#queue].slice(0, MAX_BATCH)
      try {
        await this.#read(ids)
        for (const id of ids) this.#queue.delete(id)
      } catch (error) {
        log.warn('arrived messages could not be kept; trying again', { error })
        await clock.sleep(RETRY_MS, signal)
      }
    }
  }

  async #read(ids: readonly EnvelopeId[]): Promise<void> {
    const { store, db } = this.#deps
    const found = await Promise.all(ids.map((id) => store.open(id)))
    const envelopes = found.filter((envelope) => envelope !== undefined).sort((a, b) => compareStamps(a.stamp, b.stamp))
    const read = envelopes.map((envelope) => ({ envelope, outcome: this.#open(envelope) }))
    await db.transaction(async (tx) => {
      for (const { envelope, outcome } of read) await this.#take(tx, envelope, outcome)
    })
  }

  /** Everything that needs no store: the message, or in a word what else it is or why it is dropped. */
  #open(envelope: Envelope): OpenedMessage | string {
    const { crypto, self, clock, contacts, log } = this.#deps
    if (envelope.kind === 'receipt' || envelope.kind === 'announcement') return envelope.kind
    try {
      return openMessage({ crypto, keys: self.keys, nowMs: clock.now(), isRevoked: (person, device) => contacts.isRevoked(person, device) }, envelope)
    } catch (error) {
      if (!isMeshError(error)) throw error
      log.warn('a message was dropped', { code: error.code, id: envelope.id })
      return error.code
    }
  }

  async #take(tx: Transaction, envelope: Envelope, outcome: OpenedMessage | string): Promise<void> {
    if (this.#deps.store.meta(envelope.id, tx) === undefined) return
    if (typeof outcome !== 'string') return this.#takeMessage(tx, envelope, outcome)
    if (outcome === 'announcement') await this.#takeAnnouncement(tx, envelope)
    if (outcome === 'receipt' || outcome === 'announcement') tx.del(TABLES.inboxQueue, idBytes(envelope.id))
    else this.#consume(tx, envelope, outcome)
  }

  async #takeMessage(tx: Transaction, envelope: Envelope, { content, certificate, card }: OpenedMessage): Promise<void> {
    const { contacts, hlc, self } = this.#deps
    const { person, device } = certificate
    if (contacts.isRevoked(person, device)) return this.#consume(tx, envelope, 'MESH_DEVICE_REVOKED')
    if (contacts.get(person)?.state === 'blocked') return this.#consume(tx, envelope, 'blocked')
    if (person === self.keys.person || (await this.#history.has(tx, envelope.id))) return this.#consume(tx, envelope, 'duplicate')
    const writer = await contacts.noteWriter(tx, person, envelope.author, card)
    if (writer === 'no-card') return this.#consume(tx, envelope, 'no-card')
    if (writer === 'too-many') return // it waits in the queue, within the share of strangers
    const isStranger = writer.state !== 'contact'
    if (isStranger && writer.requestMessages >= MAX_REQUEST_MESSAGES) return
    if (isStranger) contacts.save(tx, { ...writer, requestMessages: writer.requestMessages + 1 })
    else hlc.observe(envelope.stamp)
    if (content.type === 'message') await this.#keep(tx, envelope, { content, certificate, card }, isStranger)
    else this.#history.noteRequest(tx, envelope.id, person)
    this.#receipts.add(tx, envelope.id, this.#deps.store.meta(envelope.id, tx)?.expiryMs ?? 0)
    this.#consume(tx, envelope, 'read')
  }

  async #keep(tx: Transaction, envelope: Envelope, { content, certificate }: OpenedMessage, isStranger: boolean): Promise<void> {
    const { id, stamp } = envelope
    const { person, device } = certificate
    const { parents, text, seq, composedMs } = content
    const isShown = !isStranger && (await this.#hasAll(tx, parents))
    const row: MessageRow = { id, stamp, direction: 'in', person, device, text, composedMs, parents, seq, state: 'delivered', by: '', isShown }
    this.#history.put(tx, row)
    const conversation = await this.#history.conversation(tx, person)
    const heads = [...conversation.heads.filter((head) => !parents.includes(head)), id].slice(-MAX_PARENTS)
    this.#history.putConversation(tx, person, { ...conversation, heads })
    if (isShown) tx.emit({ kind: 'message-added', conversation: person, id, direction: 'in' })
    else tx.onCommit(() => this.onHeld?.(row))
  }

  /** Called after the commit with a message that is not shown yet. */
  onHeld: ((row: MessageRow) => void) | undefined

  /** True when every parent is here and shown. */
  async #hasAll(tx: Transaction, parents: readonly EnvelopeId[]): Promise<boolean> {
    for (const parent of parents) if ((await this.#history.message(tx, parent))?.isShown !== true) return false
    return true
  }

  /** A revocation: of somebody's device, or of one of ours by another of ours. It stays in the store, for others. */
  async #takeAnnouncement(tx: Transaction, envelope: Envelope): Promise<void> {
    const { crypto, contacts, log } = this.#deps
    try {
      const revocation = readRevocation(crypto, envelope.payload)
      if (isAnnouncedBy(contacts, envelope, revocation.person)) this.#count((await contacts.revoke(tx, revocation)) ? 'revocation' : 'duplicate')
    } catch (error) {
      if (!isMeshError(error)) throw error
      log.warn('an announcement was passed over', { code: error.code, id: envelope.id })
    }
  }

  /** Takes the envelope out of the store for good. */
  #consume(tx: Transaction, { id, address }: Envelope, reason: string): void {
    const { store } = this.#deps
    const meta = store.meta(id, tx)
    if (meta !== undefined) store.bury(tx, id, address, meta.expiryMs)
    store.remove(tx, id, 'consumed')
    tx.onCommit(() => this.#count(reason))
  }

  #count(reason: string): void {
    this.#counters[reason] = (this.#counters[reason] ?? 0) + 1
  }

  #change(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        signal.removeEventListener('abort', done)
        this.#wake = undefined
        resolve()
      }
      this.#wake = done
      signal.addEventListener('abort', done, { once: true })
    })
  }
}

/** An announcement counts when the person's own key signed the envelope that is addressed to it. */
function isAnnouncedBy(contacts: Contacts, envelope: Envelope, person: Parameters<typeof personKeyOf>[0]): boolean {
  const key = personKeyOf(person)
  return contacts.announcer(envelope.address) === person && idBytes(envelope.author).every((byte, at) => byte === key[at])
}
