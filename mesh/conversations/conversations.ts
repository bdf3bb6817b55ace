/**
 * What two people say to each other: content on one side, envelopes on the other, and rows in between.
 *
 * Calls go down (`send` is a commit, the network is a consequence); events come up after the commit. It
 * never touches a link: what it stores is carried by others, what arrives waits for it in the inbox queue.
 */
import type { Contact } from '#mesh/contacts'
import { addressOfKey, MAX_LIFETIME_S, signEnvelope } from '#mesh/envelope'
import { MeshError } from '#mesh/errors'
import { issueRevocation, type Revocation, readRevocation } from '#mesh/identity'
import type { Address, DeviceId, EnvelopeId, PersonId } from '#mesh/ids'
import { Bell, type Runnable, spawn, startAll, type Task } from '#mesh/runtime'
import type { MeshEvent, Transaction } from '#mesh/store'
import { causalOrder } from './causal-order.ts'
import { Composer } from './composer.ts'
import type { ConversationsDeps } from './deps.ts'
import { Held } from './held.ts'
import { History, type KeptState, type MessageRow } from './history.ts'
import { Inbox } from './inbox.ts'
import { assertText } from './message.ts'
import { Receipts } from './receipts.ts'

/** How far a message has come. */
export type MessageState = KeptState | 'carried'

/** A message as people see it. */
export interface MessageView extends Omit<MessageRow, 'state' | 'isShown'> {
  readonly state: MessageState
  /** How many messages that it follows are not here. */
  readonly missing: number
}

/** What people want to hear at once; each leaves once. */
export type ConversationEvent =
  | { readonly kind: 'message'; readonly message: MessageView }
  | { readonly kind: 'state'; readonly id: EnvelopeId; readonly person: PersonId; readonly state: MessageState; readonly by: string }
  | { readonly kind: 'request'; readonly contact: Contact }
  | { readonly kind: 'contact'; readonly contact: Contact }

/** Messages that `log` gives when nothing else is said, and at the most. */
const DEFAULT_LOG_LIMIT = 100
const MAX_LOG_LIMIT = 100_000
/** Events that may wait for being looked up; above it the oldest are dropped and `log` has them all. */
const MAX_WAITING_EVENTS = 10_000

/** Facts that people may want to hear; floods of others must not push these out. */
const PRESENTED: ReadonlySet<MeshEvent['kind']> = new Set([
  'message-added',
  'message-state',
  'custody-taken',
  'envelope-removed',
  'request-added',
  'contact-changed',
])

/** See the head of this file. */
export class Conversations implements Runnable {
  readonly #deps: ConversationsDeps
  readonly #history: History
  readonly #composer: Composer
  readonly #inbox: Inbox
  readonly #receipts: Receipts
  readonly #held: Held
  readonly #listeners = new Set<(event: ConversationEvent) => void>()
  readonly #events: MeshEvent[] = []
  readonly #bell = new Bell()
  /** Messages of which listeners know that somebody carries them; only such as wait in the outbox. */
  readonly #carried = new Set<EnvelopeId>()
  #task: Task | undefined
  #running: Pick<Runnable, 'stop'> | undefined
  #unsubscribe: (() => void) | undefined

  constructor(deps: ConversationsDeps) {
    const { crypto, random, self, contacts } = deps
    this.#deps = deps
    this.#history = new History({ crypto, random, historyKey: self.historyKey, blind: (person) => contacts.blind(person) })
    this.#composer = new Composer(deps, this.#history)
    this.#receipts = new Receipts(deps, this.#composer)
    this.#inbox = new Inbox(deps, this.#history, this.#receipts)
    this.#held = new Held(deps, this.#history)
    this.#inbox.onHeld = (row) => this.#held.add(row)
  }

  async start(): Promise<void> {
    const { db, log } = this.#deps
    this.#unsubscribe = db.subscribe((event) => this.#note(event))
    this.#task = spawn(
      (signal) => this.#present(signal),
      (error) => log.error('events are no longer shown', { error }),
    )
    try {
      await this.#settleExpired()
      await this.#repeatRevocations()
      this.#running = await startAll([this.#held, this.#receipts, this.#inbox])
    } catch (error) {
      await this.stop()
      throw error
    }
  }

  async stop(): Promise<void> {
    await this.#running?.stop()
    this.#unsubscribe?.()
    await this.#task?.stop()
  }

  /** What was read and what was dropped, by reason. */
  get counters(): Readonly<Record<string, number>> {
    return this.#inbox.counters
  }

  /** True for addresses whose envelopes are put into the inbox queue: the own inbox, and announcements of people known here. */
  isOwned(address: Address): boolean {
    return address === this.ownInbox || this.#deps.contacts.announcer(address) !== undefined
  }

  /** The address of the own inbox. */
  get ownInbox(): Address {
    return addressOfKey(this.#deps.self.keys.inboxKey)
  }

  /** Joins the transaction of a receipt: what its owner has is waited for no longer, and is `delivered`. */
  async applyRetraction(tx: Transaction, retraction: { ids: readonly EnvelopeId[]; receipt: EnvelopeId; address: Address }): Promise<void> {
    const { ledger } = this.#deps
    const ours = retraction.ids.filter((id) => ledger.get(id)?.to === retraction.address)
    await this.#settle(tx, ledger.settle(tx, ours), 'delivered', retraction.receipt)
  }

  /** Adds a person by card or accepts a request, and tells the person. @throws as `Contacts.add` */
  async addContact(card: string, as: string | undefined): Promise<Contact> {
    const { db, contacts } = this.#deps
    const read = contacts.cardOf(card)
    const contact = await db.transaction(async (tx) => {
      const added = await contacts.add(tx, read, as)
      if (!added.mutual) await this.#composer.request(tx, added)
      return added
    })
    this.#inbox.rescan(contact.person)
    return contact
  }

  /** Sends a text; resolves when it is durable. @throws MeshError `MESH_TEXT_INVALID`, `MESH_CONTACT_BLOCKED`, `MESH_DEVICE_REVOKED`, `MESH_STORE_FULL` */
  async send(contact: Contact, text: string): Promise<{ id: EnvelopeId; conversation: PersonId; state: 'queued' }> {
    assertText(text)
    const { id } = await this.#deps.db.transaction((tx) => this.#composer.message(tx, this.#current(contact), text))
    return { id, conversation: contact.person, state: 'queued' }
  }

  /** The last messages with a person, in causal order. `since` leaves out that message and what stands before it. */
  async log(person: PersonId, options: { since?: EnvelopeId; limit?: number } = {}): Promise<MessageView[]> {
    const limit = Math.min(options.limit ?? DEFAULT_LOG_LIMIT, MAX_LOG_LIMIT)
    const { since } = options
    const { db } = this.#deps
    if (since === undefined) return this.#views(causalOrder(await this.#history.newest(db, person, limit)))
    const rows = causalOrder(await this.#history.outline(db, person, MAX_LOG_LIMIT))
    const at = rows.findIndex(({ id }) => id === since)
    if (at < 0) throw new MeshError('NODE_PARAMS_INVALID', 'there is no such message in this conversation', { hint: 'Take an id that `qpq log` shows.' })
    const wanted = await Promise.all(rows.slice(at + 1, at + 1 + limit).map(({ id: wantedId }) => this.#history.message(db, wantedId)))
    return this.#views(wanted.filter((row) => row !== undefined))
  }

  /** Whom an envelope in the outbox is for. */
  personOf(id: EnvelopeId): Promise<PersonId | undefined> {
    return this.#history.personOf(this.#deps.db, id)
  }

  /** Revokes a device of this person, for ever, and tells everybody who knows the person. */
  async revokeDevice(device: DeviceId): Promise<Revocation> {
    const { db, crypto, self, clock, contacts } = this.#deps
    const bytes = issueRevocation(crypto, self.keys.personSeed, { device, atMs: clock.now() })
    const revocation = readRevocation(crypto, bytes)
    await db.transaction(async (tx) => {
      if (await contacts.revoke(tx, revocation)) await this.#announce(tx, revocation)
    })
    const kept = contacts.revocationsOf(self.keys.person).find((known) => known.device === device)
    if (kept === undefined) throw new MeshError('MESH_QUOTA_EXCEEDED', 'too many devices of this person were revoked already')
    return kept
  }

  /** Hears what happens, after it is durable. Returns how to stop listening. */
  subscribe(listener: (event: ConversationEvent) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** The contact as it is now: the caller looked it up a while ago. */
  #current({ person }: Contact): Contact {
    const current = this.#deps.contacts.current(person)
    if (current === undefined) throw new MeshError('MESH_CONTACT_UNKNOWN', 'this person is not known here')
    return current
  }

  #views(rows: readonly MessageRow[]): Promise<MessageView[]> {
    return Promise.all(rows.map((row) => this.#view(row)))
  }

  async #view(row: MessageRow): Promise<MessageView> {
    const { isShown: _, ...shown } = row
    let missing = 0
    for (const parent of row.parents) if (!(await this.#history.has(this.#deps.db, parent))) missing += 1
    const isCarried = row.state === 'queued' && this.#deps.ledger.get(row.id)?.state === 'carried'
    return { ...shown, state: isCarried ? 'carried' : row.state, missing }
  }

  async #settle(tx: Transaction, ids: readonly EnvelopeId[], state: 'delivered' | 'expired', by: string): Promise<void> {
    for (const id of ids) {
      const row = await this.#history.message(tx, id)
      if (row?.state !== 'queued') continue // two receipts of one group may name it
      this.#history.rewrite(tx, { ...row, state, by })
      tx.emit({ kind: 'message-state', conversation: row.person, id, state, by })
    }
  }

  /** What is waited for and no longer in the store has expired: a receipt would have settled it in its own transaction. */
  async #settleExpired(): Promise<void> {
    const { db, store, ledger, self } = this.#deps
    const gone = ledger.list().flatMap(({ id }) => (store.has(id) ? [] : [id]))
    if (gone.length === 0) return
    await db.transaction(async (tx) => this.#settle(tx, ledger.settle(tx, gone), 'expired', self.device))
  }

  async #announce(tx: Transaction, revocation: Revocation): Promise<void> {
    const { crypto, self } = this.#deps
    const envelope = signEnvelope(crypto, self.keys.personSeed, {
      priority: 'critical',
      kind: 'announcement',
      address: addressOfKey(self.keys.personKey),
      stamp: this.#composer.stamp(tx),
      lifetimeS: MAX_LIFETIME_S,
      payload: revocation.bytes,
    })
    await this.#composer.publish(tx, envelope)
  }

  /** An announcement lives for 30 days and a revocation for ever: when the last one is gone, it is made again. */
  async #repeatRevocations(): Promise<void> {
    const { db, store, contacts, self } = this.#deps
    const own = contacts.revocationsOf(self.keys.person)
    const [announced] = store.byAddress(addressOfKey(self.keys.personKey))
    if (own.length === 0 || announced !== undefined) return
    await db.transaction(async (tx) => {
      for (const revocation of own) await this.#announce(tx, revocation)
    })
  }

  #note(event: MeshEvent): void {
    if (!PRESENTED.has(event.kind) || (event.kind === 'envelope-removed' && event.reason !== 'expired')) return
    if (this.#events.length >= MAX_WAITING_EVENTS) this.#events.shift()
    this.#events.push(event)
    this.#bell.ring()
  }

  /** Looks up what events are about, one after the other, and tells the listeners. */
  async #present(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const event = this.#events.shift()
      if (event === undefined) {
        await this.#bell.heard(signal)
        continue
      }
      try {
        const shown = await this.#shown(event)
        if (shown !== undefined) this.#tell(shown)
      } catch (error) {
        this.#deps.log.warn('an event could not be shown', { error, kind: event.kind })
      }
    }
  }

  #tell(event: ConversationEvent): void {
    for (const listener of this.#listeners) {
      try {
        listener(event)
      } catch (error) {
        this.#deps.log.warn('a listener threw', { error, kind: event.kind })
      }
    }
  }

  async #shown(event: MeshEvent): Promise<ConversationEvent | undefined> {
    const { db, contacts, ledger } = this.#deps
    switch (event.kind) {
      case 'message-added': {
        const row = await this.#history.message(db, event.id)
        return row === undefined ? undefined : { kind: 'message', message: await this.#view(row) }
      }
      case 'message-state':
        this.#carried.delete(event.id)
        return { kind: 'state', id: event.id, person: event.conversation, state: event.state, by: event.by }
      case 'custody-taken': {
        if (this.#carried.has(event.id) || !ledger.has(event.id)) return undefined
        const row = await this.#history.message(db, event.id)
        if (row === undefined) return undefined
        this.#carried.add(event.id)
        return { kind: 'state', id: event.id, person: row.person, state: 'carried', by: event.device }
      }
      case 'envelope-removed':
        if (ledger.has(event.id)) await this.#settleExpired()
        await this.#repeatRevocations()
        return undefined
      case 'request-added':
      case 'contact-changed': {
        const contact = contacts.get(event.person)
        if (contact === undefined) return undefined
        if (event.kind === 'request-added') return { kind: 'request', contact }
        return contact.state === 'request' ? undefined : { kind: 'contact', contact }
      }
      default:
        return undefined
    }
  }
}
