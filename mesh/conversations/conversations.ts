/**
 * What two people say to each other: content on one side, envelopes on the other, and rows in between.
 *
 * Calls go down (`send` is a commit, the network is a consequence); events come up after the commit. It
 * never touches a link: what it stores is carried by others, what arrives waits for it in the inbox queue.
 */
import type { Contact } from '#mesh/contacts'
import { extensionsFor, type MimiContent, textBody } from '#mesh/content'
import { addressOfKey, MAX_LIFETIME_S, signEnvelope } from '#mesh/envelope'
import { MeshError } from '#mesh/errors'
import { issueRevocation, type Revocation, readRevocation } from '#mesh/identity'
import type { Address, DeviceId, EnvelopeId, PersonId } from '#mesh/ids'
import { type Runnable, startAll } from '#mesh/runtime'
import { SearchIndex } from '#mesh/search'
import type { Transaction } from '#mesh/store'
import { Amender, noSuchMessage } from './amender.ts'
import { Asides } from './asides.ts'
import { causalOrder, type Ordered } from './causal-order.ts'
import { Changes, refOf } from './changes.ts'
import { Composer } from './composer.ts'
import type { ConversationsDeps, SendOptions } from './deps.ts'
import { topicOf } from './facts.ts'
import { Held } from './held.ts'
import { History, type MessageRow } from './history.ts'
import { Inbox } from './inbox.ts'
import { linkMentions } from './mentions.ts'
import { assertText } from './message.ts'
import { Outbox } from './outbox.ts'
import { type ConversationEvent, Presenter } from './presenter.ts'
import { Reader } from './reader.ts'
import { Receipts } from './receipts.ts'
import { Search, type SearchResult } from './search.ts'
import { SettingsTable } from './settings.ts'
import { type Thread, Threads } from './threads.ts'
import { Vanishing } from './vanishing.ts'
import { Verifying } from './verifying.ts'
import { type MessageView, Views } from './views.ts'

/** Messages that `log` gives when nothing else is said, and at the most. */
const DEFAULT_LOG_LIMIT = 100
const MAX_LOG_LIMIT = 100_000

/** See the head of this file. */
export class Conversations implements Runnable {
  /** Comparing pictures with contacts. */
  readonly verifying: Verifying
  readonly #deps: ConversationsDeps
  readonly #history: History
  readonly #changes: Changes
  readonly #settings: SettingsTable
  readonly #vanishing: Vanishing
  readonly #composer: Composer
  readonly #outbox: Outbox
  readonly #inbox: Inbox
  readonly #receipts: Receipts
  readonly #held: Held
  readonly #views: Views
  readonly #threads: Threads
  readonly #presenter: Presenter
  readonly #search: Search
  /** What one does to messages that were written. */
  readonly amender: Amender
  /** What follows from reading, and how conversations are set. */
  readonly reader: Reader
  #running: Pick<Runnable, 'stop'> | undefined

  constructor(deps: ConversationsDeps) {
    const { crypto, random, self, contacts } = deps
    this.#deps = deps
    const search = new SearchIndex(self.historyKey)
    const sealing = { crypto, random, historyKey: self.historyKey, blind: (person: PersonId) => contacts.blind(person) }
    this.#history = new History({ ...sealing, search })
    this.#changes = new Changes({ ...sealing, self: self.keys.person }, this.#history)
    this.#settings = new SettingsTable(sealing)
    this.#vanishing = new Vanishing(deps, this.#history)
    this.#composer = new Composer(deps, this.#history, this.#changes, this.#vanishing)
    this.amender = new Amender(deps, this.#history, this.#changes, this.#composer)
    this.#outbox = new Outbox(deps, this.#history)
    this.#receipts = new Receipts(deps, this.#composer)
    this.verifying = new Verifying(deps, this.#composer)
    const asides = new Asides(deps, { history: this.#history, changes: this.#changes, settings: this.#settings, vanishing: this.#vanishing })
    this.#inbox = new Inbox(deps, this.#history, this.#receipts, { changes: this.#changes, asides, verifying: this.verifying })
    this.#held = new Held(deps, this.#history)
    this.#views = new Views(deps, this.#history, this.#changes)
    this.#search = new Search(deps, this.#history, search, this.#views)
    this.reader = new Reader(deps, {
      history: this.#history,
      composer: this.#composer,
      settings: this.#settings,
      vanishing: this.#vanishing,
      views: this.#views,
    })
    this.#threads = new Threads(deps.db, this.#history, this.#views)
    this.#presenter = new Presenter(deps, this.#history, this.#views, (id) => this.#afterExpiry(id))
    this.#inbox.onHeld = (row) => this.#held.add(row)
  }

  async start(): Promise<void> {
    await this.#presenter.start()
    try {
      await this.#outbox.settleExpired()
      await this.#repeatRevocations()
      this.#running = await startAll([this.#search, this.#vanishing, this.reader, this.#held, this.#receipts, this.#inbox])
    } catch (error) {
      await this.stop()
      throw error
    }
  }

  async stop(): Promise<void> {
    await this.#running?.stop()
    await this.#presenter.stop()
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
  applyRetraction(tx: Transaction, retraction: { ids: readonly EnvelopeId[]; receipt: EnvelopeId; address: Address }): Promise<void> {
    return this.#outbox.applyRetraction(tx, retraction)
  }

  /** Takes back what waits, as far as that is possible (see `Outbox.withdraw`). Returns what was taken back. */
  withdraw(ids: readonly EnvelopeId[]): Promise<EnvelopeId[]> {
    return this.#outbox.withdraw(ids)
  }

  /** Lets go of own ephemerals whose moment has passed; to be called before anything is offered to somebody who has just come. */
  dropStale(): Promise<void> {
    return this.#outbox.dropStale()
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

  /**
   * Sends a text; resolves when it is durable.
   * @throws MeshError `MESH_TEXT_INVALID`, `MESH_CONTACT_BLOCKED`, `MESH_DEVICE_REVOKED`, `MESH_STORE_FULL`
   */
  async send(contact: Contact, text: string, options: SendOptions = {}): Promise<{ id: EnvelopeId; conversation: PersonId; state: 'queued' }> {
    assertText(text)
    const { priority = 'normal', mayCross = this.#deps.mayCross ?? true } = options
    const body = textBody(linkMentions(text, this.#deps.contacts))
    const { id } = await this.#deps.db.transaction(async (tx) => {
      const refers = await this.#refersTo(tx, contact, options)
      const { lifetime } = await this.#settings.of(tx, contact.person)
      const expires = lifetime === undefined || lifetime.seconds === 0 ? {} : { expires: { isRelative: true, timeS: lifetime.seconds } }
      const extensions = extensionsFor({ once: options.isOnce === true })
      return this.#composer.message(tx, this.#current(contact), { extensions, body, ...refers, ...expires }, { priority, mayCross })
    })
    return { id, conversation: contact.person, state: 'queued' }
  }

  /**
   * The last messages with a person, in causal order: what listeners were told, and what was sent.
   * `since` leaves out that message and what stands before it. Of a person who was not accepted yet it
   * gives what waits, which is how one sees whom to accept.
   */
  async log(person: PersonId, options: { since?: EnvelopeId; limit?: number } = {}): Promise<MessageView[]> {
    const limit = Math.min(options.limit ?? DEFAULT_LOG_LIMIT, MAX_LOG_LIMIT)
    const { since } = options
    const { db } = this.#deps
    const isHeldBack = this.#held.heldBack()
    const isHere = (message: Ordered & { person: PersonId }): boolean => !isHeldBack(message)
    if (since === undefined) {
      const newest = await this.#history.newest(db, person, limit + this.#held.size)
      return this.#viewsOf(causalOrder(newest.filter(isHere).slice(0, limit)))
    }
    const rows = causalOrder((await this.#history.outline(db, person, MAX_LOG_LIMIT)).filter(isHere))
    const at = rows.findIndex(({ id }) => id === since)
    if (at < 0) throw new MeshError('NODE_PARAMS_INVALID', 'there is no such message in this conversation', { hint: 'Take an id that `qpq log` shows.' })
    const wanted = await Promise.all(rows.slice(at + 1, at + 1 + limit).map(({ id: wantedId }) => this.#history.message(db, wantedId)))
    return this.#viewsOf(wanted.filter((row) => row !== undefined))
  }

  /** Looks for words in what `log` shows, the newest first. @throws MeshError `MESH_SEARCH_INVALID`, `MESH_CONTACT_UNKNOWN`, `MESH_CONTACT_AMBIGUOUS` */
  search(query: string, limit?: number): Promise<SearchResult> {
    return this.#search.find(query, limit)
  }

  /** The messages of the thread that a message stands in or has begun, in causal order. */
  thread(person: PersonId, id: EnvelopeId): Promise<MessageView[]> {
    return this.#threads.messages(person, id)
  }

  /** The threads of a conversation, the one that something was said in last at the end. */
  threads(person: PersonId): Promise<Thread[]> {
    return this.#threads.list(person)
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
    return this.#presenter.subscribe(listener)
  }

  /** What a message answers, and the thread it stands in: that of what it answers, or the one that is named. */
  async #refersTo(tx: Transaction, { person }: Contact, { replyTo, thread }: SendOptions): Promise<Pick<MimiContent, 'inReplyTo' | 'topicId'>> {
    const named = async (id: EnvelopeId): Promise<MessageRow> => {
      const row = await this.#history.message(tx, id)
      if (row?.person !== person) throw noSuchMessage()
      return row
    }
    const answered = replyTo === undefined ? undefined : await named(replyTo)
    const begun = thread === undefined ? undefined : await named(thread)
    const topic = begun === undefined ? answered?.facts?.thread : (begun.facts?.thread ?? refOf(begun))
    return {
      ...(answered === undefined ? {} : { inReplyTo: refOf(answered) }),
      ...(topic === undefined ? {} : { topicId: topicOf(topic) }),
    }
  }

  /** The contact as it is now: the caller looked it up a while ago. */
  #current({ person }: Contact): Contact {
    const current = this.#deps.contacts.current(person)
    if (current === undefined) throw new MeshError('MESH_CONTACT_UNKNOWN', 'this person is not known here')
    return current
  }

  #viewsOf(rows: readonly MessageRow[]): Promise<MessageView[]> {
    return Promise.all(rows.map((row) => this.#views.of(row)))
  }

  /** An envelope has come to its end: perhaps one that was waited for, or the last of an announcement. */
  async #afterExpiry(id: EnvelopeId): Promise<void> {
    if (this.#deps.ledger.has(id)) await this.#outbox.settleExpired()
    await this.#repeatRevocations()
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
}
