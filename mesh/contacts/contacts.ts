/**
 * The people this person knows, and what they have revoked.
 *
 * Rows are sealed and their keys are blinded, so that a stolen disk does not even tell whom this person
 * knows. Everything is in memory as well: a few hundred contacts, asked for every envelope. A change
 * shows after the commit; until then only transactions see it, so that those of one group do not give one
 * petname twice or let in more strangers together than each may alone. A revocation shows at once: to
 * refuse a device a moment too early harms nobody.
 */
import { concatBytes, equalBytes } from '#mesh/codec'
import { hkdfSha256 } from '#mesh/crypto'
import { addressOfKey } from '#mesh/envelope'
import { isMeshError, MeshError } from '#mesh/errors'
import { type ContactCard, cleanName, fingerprint, parseCardUri, type Revocation, readRevocation } from '#mesh/identity'
import { type Address, type AuthorKey, type DeviceId, deviceKeyOf, type PersonId, parsePersonId, personKeyOf } from '#mesh/ids'
import type { Clock, Crypto, Random } from '#mesh/ports'
import { type Database, SealedTable, TABLES, type Transaction } from '#mesh/store'
import { type Contact, contactCodec, MAX_ALARMS, MAX_AUTHORS, MAX_KNOWN_DEVICES, type TrustAlarm } from './contact.ts'

/** What contacts need. */
export interface ContactsDeps {
  readonly db: Database
  readonly crypto: Crypto
  readonly random: Random
  readonly clock: Clock
  /** Encrypts what is kept: 32 bytes. */
  readonly historyKey: Uint8Array
  /** This person, who is no contact. */
  readonly self: PersonId
}

/** Strangers who may wait at once: more than a person looks through. */
export const MAX_REQUESTS = 100
/** Contacts of one person. Far above what people have, and what memory holds easily. */
const MAX_CONTACTS = 10_000
/** Revocations kept of one person: five devices, replaced often. */
const MAX_REVOCATIONS_EACH = 64
const BLIND_BYTES = 16

/** See the head of this file. */
export class Contacts {
  readonly #deps: ContactsDeps
  readonly #table: SealedTable<Contact>
  readonly #devices: SealedTable<Revocation>
  readonly #contacts = new Map<PersonId, Contact>()
  /** What transactions have changed and not committed. */
  readonly #staged = new Map<PersonId, Contact>()
  readonly #authors = new Map<AuthorKey, PersonId>()
  readonly #inboxes = new Set<Address>()
  readonly #followed = new Map<Address, PersonId>()
  readonly #revocations = new Map<PersonId, Map<DeviceId, Revocation>>()
  readonly #blinds = new Map<PersonId, Uint8Array>()

  private constructor(deps: ContactsDeps) {
    this.#deps = deps
    this.#table = new SealedTable(deps, TABLES.contacts, deps.historyKey, contactCodec(deps.crypto))
    this.#devices = new SealedTable(deps, TABLES.devices, deps.historyKey, {
      encode: ({ bytes }) => bytes,
      decode: (bytes) => readRevocation(deps.crypto, bytes),
    })
    this.#followed.set(addressOfKey(personKeyOf(deps.self)), deps.self)
  }

  /** Reads everybody. */
  static async open(deps: ContactsDeps): Promise<Contacts> {
    const contacts = new Contacts(deps)
    for await (const [, contact] of contacts.#table.entries(deps.db)) contacts.#apply(contact)
    for await (const [, revocation] of contacts.#devices.entries(deps.db)) contacts.#applyRevocation(revocation)
    return contacts
  }

  list(): Contact[] {
    return [...this.#contacts.values()]
  }

  get(person: PersonId): Contact | undefined {
    return this.#contacts.get(person)
  }

  /** A person as transactions see it, with what is not committed yet. */
  current(person: PersonId): Contact | undefined {
    return this.#staged.get(person) ?? this.#contacts.get(person)
  }

  /** True for inboxes of contacts, and keys they write with: everybody else is a stranger to the store. */
  isFriend(author: AuthorKey, address: Address): boolean {
    return this.#inboxes.has(address) || this.isFriendsKey(author)
  }

  /** True for keys that contacts write with to this person. */
  isFriendsKey(author: AuthorKey): boolean {
    const person = this.#authors.get(author)
    return person !== undefined && this.#contacts.get(person)?.state === 'contact'
  }

  /** The person whose announcements go to `address`, if we listen to them. */
  announcer(address: Address): PersonId | undefined {
    return this.#followed.get(address)
  }

  /** Whether a person has revoked one of their devices. */
  isRevoked(person: PersonId, device: DeviceId): boolean {
    return this.#revocations.get(person)?.has(device) ?? false
  }

  /** What a person has revoked. */
  revocationsOf(person: PersonId): Revocation[] {
    return [...(this.#revocations.get(person)?.values() ?? [])]
  }

  /**
   * The contact that is meant: a petname, or a whole `qpq1…`. Claimed names are never resolved.
   * @throws MeshError `MESH_CONTACT_UNKNOWN`, `MESH_CONTACT_AMBIGUOUS` with the candidates
   */
  find(query: string): Contact {
    const wanted = query
      .normalize('NFC')
      .trim()
      .replace(/\p{Zs}+/gu, ' ') // as `cleanName` keeps names
    const exact = this.list().filter(({ petname }) => petname === wanted)
    const [only] = exact
    if (exact.length === 1 && only !== undefined) return only
    const person = personIn(wanted)
    const known = person === undefined ? undefined : this.#contacts.get(person)
    if (known !== undefined) return known
    const alike = this.list().filter(({ petname, card }) => (petname ?? card.name).toLowerCase().startsWith(wanted.toLowerCase()))
    const candidates = alike.slice(0, 5).map((contact) => `${contact.petname ?? contact.person} (${fingerprint(contact.person)})`)
    if (alike.length > 1) throw new MeshError('MESH_CONTACT_AMBIGUOUS', `"${wanted}" can be several people`, { hint: `Write one of: ${candidates.join(', ')}` })
    throw new MeshError('MESH_CONTACT_UNKNOWN', `nobody here is called "${wanted}"`, {
      hint: candidates.length > 0 ? `Did you mean ${candidates.join(', ')}?` : '`qpq contact list` shows who is known; `qpq contact add` adds somebody.',
    })
  }

  /** The card behind what was typed: a link, or the `qpq1…` of somebody known. @throws MeshError `MESH_URI_INVALID`, `MESH_CONTACT_UNKNOWN` */
  cardOf(text: string): ContactCard {
    const person = personIn(text.trim())
    if (person === undefined) return parseCardUri(this.#deps.crypto, text)
    const known = this.#contacts.get(person)
    if (known !== undefined) return known.card
    throw new MeshError('MESH_CONTACT_UNKNOWN', 'this person has not written here', {
      hint: 'Ask for the card link (qpq://c/…), which holds the keys to write to.',
    })
  }

  /**
   * Makes a person a contact, from a card or from their request.
   * @throws MeshError `MESH_CONTACT_EXISTS` for oneself or a petname that is taken, `MESH_CONTACT_BLOCKED`, `MESH_NAME_INVALID`, `MESH_QUOTA_EXCEEDED`
   */
  async add(tx: Transaction, card: ContactCard, as: string | undefined): Promise<Contact> {
    const { self, clock } = this.#deps
    if (card.person === self) throw new MeshError('MESH_CONTACT_EXISTS', 'this is your own card', { hint: 'Give it to others; they add it.' })
    const old = this.current(card.person)
    if (old?.state === 'blocked')
      throw new MeshError('MESH_CONTACT_BLOCKED', 'this person is blocked', { hint: 'Take that back first: `qpq contact block NAME --undo`.' })
    if (old === undefined && this.#everybody().length >= MAX_CONTACTS)
      throw new MeshError('MESH_QUOTA_EXCEEDED', 'there are too many contacts', { detail: { limit: MAX_CONTACTS } })
    const petname = as === undefined ? (old?.petname ?? card.name) : cleanName(as)
    const namesake = this.#everybody().find((other) => other.petname === petname && other.person !== card.person)
    if (namesake !== undefined) {
      throw new MeshError('MESH_CONTACT_EXISTS', `somebody else is called "${petname}" here`, { hint: 'Choose another name: qpq contact add … --as NAME' })
    }
    const fresh: Contact = {
      person: card.person,
      card,
      verified: false,
      state: 'contact',
      mutual: false,
      addedMs: clock.now(),
      authors: [],
      requestMessages: 0,
      devices: [],
      alarms: [],
    }
    const kept = { ...fresh, ...old, card: newer(old?.card, card), state: 'contact', petname } as const
    return this.save(tx, this.#withAlarms(tx, old, kept, 'new-keys'))
  }

  /** Writes a contact down; it shows after the commit. */
  save(tx: Transaction, contact: Contact): Contact {
    const { person } = contact
    const before = this.#staged.get(person)
    this.#table.put(tx, this.blind(person), contact)
    this.#staged.set(person, contact)
    tx.emit({ kind: 'contact-changed', person })
    tx.onRollback(() => {
      if (before === undefined) this.#staged.delete(person)
      else this.#staged.set(person, before)
    })
    tx.onCommit(() => {
      this.#apply(contact)
      if (this.#staged.get(person) === contact) this.#staged.delete(person) // a later work of the group may have changed it again
    })
    return contact
  }

  /** Changes a contact as the transaction sees it. @throws MeshError `MESH_CONTACT_UNKNOWN` */
  async update(tx: Transaction, person: PersonId, change: Partial<Pick<Contact, 'verified' | 'state' | 'alarms'>>): Promise<Contact> {
    const old = this.current(person)
    if (old === undefined) throw new MeshError('MESH_CONTACT_UNKNOWN', 'this person is not known here')
    return this.save(tx, { ...old, ...change })
  }

  /**
   * Notes that a person wrote: who it was and on which device, with which key, with which card.
   * @returns the contact as it is now, or why nothing of them is taken
   */
  async noteWriter(
    tx: Transaction,
    { person, device }: { readonly person: PersonId; readonly device: DeviceId },
    author: AuthorKey,
    card: ContactCard | undefined,
  ): Promise<Contact | 'blocked' | 'no-card' | 'too-many'> {
    const old = this.current(person)
    if (old?.state === 'blocked') return 'blocked'
    if (old !== undefined) {
      const known = old.mutual && old.devices.includes(device) && old.authors.includes(author) && (card === undefined || card.issuedS <= old.card.issuedS)
      if (known) return old
      const authors = [...old.authors.filter((key) => key !== author), author].slice(-MAX_AUTHORS)
      const devices = [...old.devices.filter((one) => one !== device), device].slice(-MAX_KNOWN_DEVICES)
      const isNew = old.devices.length > 0 && !old.devices.includes(device)
      const noted = { ...old, card: newer(old.card, card), mutual: true, authors, devices }
      return this.save(tx, this.#withAlarms(tx, old, noted, isNew ? 'new-device' : 'new-keys', device))
    }
    if (card === undefined) return 'no-card'
    if (this.#everybody().filter(({ state }) => state === 'request').length >= MAX_REQUESTS) return 'too-many'
    tx.emit({ kind: 'request-added', person })
    return this.save(tx, {
      person,
      card,
      verified: false,
      state: 'request',
      mutual: true,
      addedMs: this.#deps.clock.now(),
      authors: [author],
      requestMessages: 0,
      devices: [device],
      alarms: [],
    })
  }

  /** Keeps a revocation; says whether it was new. */
  async revoke(tx: Transaction, revocation: Revocation): Promise<boolean> {
    const { person, device } = revocation
    const known = this.#revocations.get(person)
    if (known !== undefined && (known.has(device) || known.size >= MAX_REVOCATIONS_EACH)) return false
    this.#devices.put(tx, this.#deviceRow(person, device), revocation)
    tx.emit({ kind: 'device-revoked', person, device })
    this.#applyRevocation(revocation)
    const contact = this.current(person)
    if (contact?.verified === true) this.save(tx, this.#withAlarms(tx, contact, contact, 'revoked-device', device))
    tx.onRollback(() => this.#revocations.get(person)?.delete(device))
    return true
  }

  /** What a person is called in keys of rows: nothing that can be traced without the history key. */
  blind(person: PersonId): Uint8Array {
    const known = this.#blinds.get(person)
    if (known !== undefined) return known
    const blind = hkdfSha256(this.#deps.historyKey, 'qpq blind 1', personKeyOf(person), BLIND_BYTES)
    if (this.#blinds.size < MAX_CONTACTS) this.#blinds.set(person, blind)
    return blind
  }

  /** Raises what a verified person's owner has to know; `new-keys` only when the keys of the card are others. */
  #withAlarms(tx: Transaction, old: Contact | undefined, contact: Contact, kind: TrustAlarm['kind'], device: DeviceId | '' = ''): Contact {
    if (old?.verified !== true) return contact
    const isRekeyed = !equalBytes(old.card.inboxKey, contact.card.inboxKey) || !equalBytes(old.card.sealKey, contact.card.sealKey)
    const atMs = this.#deps.clock.now()
    const raised: TrustAlarm[] = [
      ...(kind === 'new-keys' ? [] : [{ kind, device, atMs }]),
      ...(isRekeyed ? [{ kind: 'new-keys', device: '', atMs } as const] : []),
    ]
    for (const alarm of raised) tx.emit({ kind: 'trust-changed', person: contact.person, what: alarm.kind })
    return raised.length === 0 ? contact : { ...contact, alarms: [...contact.alarms, ...raised].slice(-MAX_ALARMS) }
  }

  /** A device is named as blindly as its person: the row would tell whom this person knows. */
  #deviceRow(person: PersonId, device: DeviceId): Uint8Array {
    return concatBytes(this.blind(person), hkdfSha256(this.#deps.historyKey, 'qpq blind device 1', deviceKeyOf(device), BLIND_BYTES))
  }

  /** All, as transactions see them. */
  #everybody(): Contact[] {
    if (this.#staged.size === 0) return this.list()
    return [...new Map([...this.#contacts, ...this.#staged]).values()]
  }

  #apply(contact: Contact): void {
    const old = this.#contacts.get(contact.person)
    for (const author of old?.authors ?? []) this.#authors.delete(author)
    this.#contacts.set(contact.person, contact)
    for (const author of contact.authors) this.#authors.set(author, contact.person)
    if (old?.state === 'contact' && (contact.state !== 'contact' || old.card.inbox !== contact.card.inbox)) this.#unlist(old.card.inbox)
    if (contact.state === 'contact') this.#inboxes.add(contact.card.inbox)
    this.#followed.set(addressOfKey(contact.card.personKey), contact.person)
  }

  /** Anybody can put another's inbox on a card: it is left out only when no contact has it. */
  #unlist(inbox: Address): void {
    if (!this.list().some(({ state, card }) => state === 'contact' && card.inbox === inbox)) this.#inboxes.delete(inbox)
  }

  #applyRevocation(revocation: Revocation): void {
    const known = this.#revocations.get(revocation.person) ?? new Map<DeviceId, Revocation>()
    known.set(revocation.device, revocation)
    this.#revocations.set(revocation.person, known)
  }
}

function newer(old: ContactCard | undefined, card: ContactCard | undefined): ContactCard {
  if (old === undefined && card === undefined) throw new MeshError('MESH_INTERNAL', 'a contact without a card')
  if (old === undefined || (card !== undefined && card.issuedS > old.issuedS)) return card as ContactCard
  return old
}

function personIn(text: string): PersonId | undefined {
  try {
    return parsePersonId(text)
  } catch (error) {
    if (isMeshError(error, 'MESH_BYTES_INVALID')) return undefined
    throw error
  }
}
