/** Writing: a message becomes a sealed, signed envelope with its outbox row and its place in the history, in one transaction. */

import { ByteWriter } from '#mesh/codec'
import type { Contact } from '#mesh/contacts'
import { type MimiContent, type Operation, SALT_BYTES } from '#mesh/content'
import { SEALED_BOX_OVERHEAD, sealBox } from '#mesh/crypto'
import { type Envelope, MAX_LIFETIME_S, padPayload, type Stamp, signEnvelope } from '#mesh/envelope'
import { MeshError } from '#mesh/errors'
import { bindAuthor, deriveAuthorSeed } from '#mesh/identity'
import { type EnvelopeId, idBytes, type PersonId } from '#mesh/ids'
import type { Clock } from '#mesh/ports'
import { TABLES, type Transaction } from '#mesh/store'
import type { Changes } from './changes.ts'
import type { ConversationsDeps, SendOptions } from './deps.ts'
import type { History, MessageRow } from './history.ts'
import { encodeMessage, type MessageContent } from './message.ts'
import { sealContext } from './opened.ts'
import { keptOf, operationOf } from './said.ts'
import type { Vanishing } from './vanishing.ts'

/** Key of the last stamp in the table of own state. */
export const HLC_KEY = new TextEncoder().encode('hlc')

/** How long something ephemeral is of use, s: long enough to reach everybody who is connected, over a slow link too. */
const EPHEMERAL_LIFETIME_S = 120

/** How a message is to be carried. */
type Carriage = Required<Pick<SendOptions, 'priority' | 'mayCross'>>

/** See the head of this file. */
export class Composer {
  readonly #deps: ConversationsDeps
  readonly #history: History
  readonly #changes: Changes
  readonly #vanishing: Vanishing
  readonly #authors = new Map<PersonId, { seed: Uint8Array; key: Uint8Array }>()

  constructor(deps: ConversationsDeps, history: History, changes: Changes, vanishing: Vanishing) {
    this.#deps = deps
    this.#history = history
    this.#changes = changes
    this.#vanishing = vanishing
  }

  /** A message to a contact. @throws MeshError `MESH_CONTACT_BLOCKED`, `MESH_DEVICE_REVOKED`, `MESH_STORE_FULL` */
  async message(tx: Transaction, contact: Contact, said: Omit<MimiContent, 'salt'>, { priority, mayCross }: Carriage): Promise<MessageRow> {
    const { self, clock } = this.#deps
    this.#assertAllowed(contact)
    const { person } = contact
    const { seq, heads } = await this.#history.conversation(tx, person)
    const content = this.#salted(said)
    const head = { seq: seq + 1, parents: heads, composedMs: wallMs(clock) }
    const envelope = await this.#post(tx, contact, { type: 'message', ...head, text: '', content }, { priority, mayCross })
    const row: MessageRow = {
      id: envelope.id,
      stamp: await this.#history.place(tx, envelope.stamp, heads),
      direction: 'out',
      person,
      device: self.device,
      ...head,
      ...keptOf({ by: self.keys.person, to: person, content }),
      state: 'queued',
      by: '',
      isShown: true,
      ...(mayCross ? {} : { mayCross }),
    }
    const once = row.facts?.isOnce === true ? { text: '' } : {}
    const kept = await this.#changes.put(tx, this.#vanishing.begin(tx, { ...row, ...once }))
    // What may never arrive is followed by nothing: it would hold up all that comes after it.
    this.#history.putConversation(tx, person, { seq: seq + 1, heads: priority === 'ephemeral' ? heads : [envelope.id] })
    tx.emit({ kind: 'message-added', conversation: person, id: envelope.id, direction: 'out' })
    return kept
  }

  /**
   * Something that changes other messages: it follows what was said and is followed by nothing, so that nobody
   * waits for it before he reads on. @throws as `message`
   */
  async operation(
    tx: Transaction,
    contact: Contact,
    said: Omit<MimiContent, 'salt' | 'extensions'>,
    intent: Operation['intent'],
    options: Carriage,
  ): Promise<{ id: EnvelopeId; operation: Operation }> {
    const content = this.#salted({ ...said, extensions: new Map() })
    const { id, stamp } = await this.#aside(tx, contact, content, options)
    return { id, operation: operationOf({ by: this.#deps.self.keys.person, to: contact.person, content }, intent, stamp) }
  }

  /** Something that is said beside the conversation and kept in no history. @throws as `message` */
  async aside(tx: Transaction, contact: Contact, said: Omit<MimiContent, 'salt'>, options: Carriage): Promise<{ stamp: Stamp; content: MimiContent }> {
    const content = this.#salted(said)
    const { stamp } = await this.#aside(tx, contact, content, options)
    return { stamp, content }
  }

  /** Something that is of use for a moment: an ephemeral that leaves no row behind, here or there. @throws as `message` */
  async passing(tx: Transaction, contact: Contact, said: Omit<MimiContent, 'salt'>, mayCross: boolean): Promise<void> {
    this.#assertAllowed(contact)
    const { seq, heads } = await this.#history.conversation(tx, contact.person)
    const head = { seq, parents: heads, composedMs: wallMs(this.#deps.clock) }
    await this.#post(tx, contact, { type: 'message', ...head, text: '', content: this.#salted(said) }, { priority: 'ephemeral', mayCross })
  }

  async #aside(tx: Transaction, contact: Contact, content: MimiContent, options: Carriage): Promise<Envelope> {
    this.#assertAllowed(contact)
    const { person } = contact
    const { seq, heads } = await this.#history.conversation(tx, person)
    const head = { seq: seq + 1, parents: heads, composedMs: wallMs(this.#deps.clock) }
    const envelope = await this.#post(tx, contact, { type: 'message', ...head, text: '', content }, options)
    this.#history.noteRequest(tx, envelope.id, person)
    this.#history.putConversation(tx, person, { seq: seq + 1, heads })
    return envelope
  }

  #salted(said: Omit<MimiContent, 'salt'>): MimiContent {
    return { ...said, salt: this.#deps.random.bytes(SALT_BYTES) }
  }

  /** Tells a person who was added here that we are there, with our card. */
  async request(tx: Transaction, contact: Contact): Promise<void> {
    this.#assertAllowed(contact)
    const request = { type: 'request', seq: 0, parents: [], text: '', composedMs: wallMs(this.#deps.clock) } as const
    const envelope = await this.#post(tx, contact, request, { priority: 'normal', mayCross: this.#deps.mayCross ?? true })
    this.#history.noteRequest(tx, envelope.id, contact.person)
  }

  /** One step of a comparison. */
  async step(tx: Transaction, contact: Contact, step: Uint8Array): Promise<void> {
    this.#assertAllowed(contact)
    const content = { type: 'verify', seq: 0, parents: [], text: '', composedMs: wallMs(this.#deps.clock), step } as const
    const envelope = await this.#post(tx, contact, content, { priority: 'normal', mayCross: this.#deps.mayCross ?? true })
    this.#history.noteRequest(tx, envelope.id, contact.person)
  }

  /** A stamp after all others, kept with what is stamped. */
  stamp(tx: Transaction): Stamp {
    const stamp = this.#deps.hlc.next()
    tx.put(TABLES.own, HLC_KEY, new ByteWriter(8).u48(stamp.ms).u16(stamp.counter).finish())
    return stamp
  }

  /** Stores a public envelope to an address of our own: what it says is known here, so it does not wait in the inbox queue. */
  async publish(tx: Transaction, envelope: Envelope): Promise<void> {
    await this.#deps.intake.storeOwn(tx, envelope)
    tx.del(TABLES.inboxQueue, idBytes(envelope.id))
  }

  async #post(
    tx: Transaction,
    contact: Contact,
    content: Pick<MessageContent, 'type' | 'seq' | 'parents' | 'text' | 'content' | 'composedMs' | 'step'>,
    { priority, mayCross }: Carriage,
  ): Promise<Envelope> {
    const { crypto, random, self, intake, ledger } = this.#deps
    const { card, mutual } = contact
    const author = this.#authorTowards(contact.person)
    const binding = bindAuthor(crypto, self.deviceSeed, author.key, card.inboxKey)
    const whole: MessageContent = { ...content, certificate: self.certificate, binding, ...(mutual ? {} : { card: self.card() }) }
    const padded = padPayload(encodeMessage(whole), SEALED_BOX_OVERHEAD)
    const payload = sealBox({ crypto, random }, card.sealKey, padded, sealContext(author.key, idBytes(card.inbox)))
    const stamp = this.stamp(tx)
    const envelope = signEnvelope(crypto, author.seed, {
      priority,
      mayCross,
      kind: 'inbox',
      address: card.inbox,
      stamp,
      lifetimeS: priority === 'ephemeral' ? EPHEMERAL_LIFETIME_S : MAX_LIFETIME_S,
      payload,
    })
    await intake.storeOwn(tx, envelope)
    ledger.enqueue(tx, envelope)
    return envelope
  }

  #assertAllowed(contact: Contact): void {
    const { contacts, self } = this.#deps
    if (contact.state === 'blocked')
      throw new MeshError('MESH_CONTACT_BLOCKED', 'this person is blocked', { hint: 'Take that back first: `qpq contact block NAME --undo`.' })
    if (contact.state === 'request') {
      throw new MeshError('MESH_CONTACT_UNKNOWN', 'this person wrote first and was not accepted yet', { hint: `Accept: qpq contact add ${contact.person}` })
    }
    if (contacts.isRevoked(self.keys.person, self.device)) {
      throw new MeshError('MESH_DEVICE_REVOKED', 'this device was revoked by its person, nobody would take its messages', {
        hint: 'Start anew with another --data and --restore from the 24 words.',
      })
    }
  }

  #authorTowards(person: PersonId): { seed: Uint8Array; key: Uint8Array } {
    const known = this.#authors.get(person)
    if (known !== undefined) return known
    const seed = deriveAuthorSeed(this.#deps.self.deviceSeed, person)
    const author = { seed, key: this.#deps.crypto.ed25519PublicKey(seed) }
    this.#authors.set(person, author)
    return author
  }
}

/** A whole number from 1970 on, whatever the clock says: a message with another one would be refused. */
function wallMs(clock: Pick<Clock, 'now'>): number {
  return Math.max(Math.floor(clock.now()), 0)
}
