import { ByteReader, copyBytes } from '#mesh/codec'
import { Contacts } from '#mesh/contacts'
import { type ConversationEvent, Conversations, HLC_KEY, type MessageView } from '#mesh/conversations'
import { addressOfKey, type Envelope, HybridClock } from '#mesh/envelope'
import { CERTIFICATE_VALIDITY_MS, cardUri, deriveHistoryKey, derivePerson, issueCard, issueCertificate, type PersonKeys } from '#mesh/identity'
import { type DeviceId, deviceIdOf, type EnvelopeId } from '#mesh/ids'
import { Intake, type Verdict } from '#mesh/intake'
import { type Crypto, type Log, silentLog } from '#mesh/ports'
import { CustodyLedger } from '#mesh/routing'
import { Database, EnvelopeStore, type Level, type StoreLimits, TABLES } from '#mesh/store'
import { type FakeClock, settle } from './fake-clock.ts'
import { memoryLevel, someLimits } from './memory-store.ts'
import { seededRandom } from './seeded-random.ts'

/** What a test may set about a person; the name decides all keys. */
export interface MeshPersonOptions {
  readonly clock: FakeClock
  readonly crypto: Crypto
  readonly level?: Level
  /** Another device of the same person. */
  readonly deviceNumber?: number
  readonly certificateExpiresMs?: number
  readonly limits?: Partial<StoreLimits>
  /** Of the conversations. */
  readonly log?: Log
}

/** A person's node without links: carriage and content wired as on a node, over memory. Envelopes are moved by hand. */
export interface MeshPerson {
  readonly name: string
  readonly keys: PersonKeys
  readonly device: DeviceId
  readonly deviceSeed: Uint8Array
  readonly certificate: Uint8Array
  readonly level: Level
  readonly db: Database
  readonly store: EnvelopeStore
  readonly intake: Intake
  readonly ledger: CustodyLedger
  readonly contacts: Contacts
  readonly conversations: Conversations
  readonly hlc: HybridClock
  /** The card link. */
  readonly uri: string
  /** Everything that listeners were told. */
  readonly events: ConversationEvent[]
  /** Texts of others that listeners were told, in that order. */
  shown(): string[]
  send(to: MeshPerson, text: string): Promise<EnvelopeId>
  log(of: MeshPerson): Promise<MessageView[]>
  /** Takes an envelope as if `from` had brought it. */
  take(bytes: Uint8Array, from?: MeshPerson): Promise<Verdict>
  stop(): Promise<void>
}

/** Builds and starts a person's node. */
export async function meshPerson(name: string, options: MeshPersonOptions): Promise<MeshPerson> {
  const { clock, crypto, deviceNumber = 0 } = options
  const bytesOf = (use: number): Uint8Array => new Uint8Array(32).map((_, i) => (i === 0 ? use : name.charCodeAt(i % name.length)))
  const keys = derivePerson(crypto, bytesOf(0))
  const deviceSeed = bytesOf(1 + deviceNumber)
  const device = deviceIdOf(crypto.ed25519PublicKey(deviceSeed))
  const createdMs = clock.now()
  const expiresMs = options.certificateExpiresMs ?? createdMs + CERTIFICATE_VALIDITY_MS
  const certificate = issueCertificate(crypto, keys.personSeed, { device, createdMs: Math.min(createdMs, expiresMs - 1), expiresMs, name })
  const random = seededRandom(`${name} ${deviceNumber} ${clock.monotonic()}`)
  const level = options.level ?? memoryLevel()
  const db = await Database.open(level, { log: silentLog })
  const store = await EnvelopeStore.open(db, { clock, log: silentLog }, someLimits(options.limits))
  const ledger = await CustodyLedger.open(db, { now: () => clock.now() })
  const historyKey = deriveHistoryKey(deviceSeed)
  const contacts = await Contacts.open({ db, crypto, random, clock, historyKey, self: keys.person })
  const hlc = await hybridClock(db, clock)
  const intake: Intake = new Intake({
    db,
    store,
    crypto,
    clock,
    isOwned: (address) => conversations.isOwned(address),
    isFriend: (author, address) => contacts.isFriend(author, address),
    isFriendsKey: (author) => contacts.isFriendsKey(author),
    onRetracted: (tx, retraction) => conversations.applyRetraction(tx, retraction),
  })
  const card = issueCard(crypto, keys, { issuedS: Math.floor(createdMs / 1_000), name })
  const self = { keys, device, deviceSeed, certificate, card: () => card.bytes, historyKey }
  const conversations: Conversations = new Conversations({
    db,
    store,
    intake,
    ledger,
    contacts,
    crypto,
    random,
    clock,
    hlc,
    log: options.log ?? silentLog,
    self,
  })
  const events: ConversationEvent[] = []
  conversations.subscribe((event) => events.push(event))
  await conversations.start()
  const parts = { name, keys, device, deviceSeed, certificate, level, db, store, intake, ledger, contacts, conversations, hlc, events }
  return {
    ...parts,
    uri: cardUri(card),
    shown: () => events.flatMap((event) => (event.kind === 'message' && event.message.direction === 'in' ? [event.message.text] : [])),
    async send(to, text) {
      const { id } = await conversations.send(contacts.find(to.keys.person), text)
      return id
    },
    log: (of) => conversations.log(of.keys.person),
    take: (bytes, from) => intake.receive(bytes, { link: from?.device ?? device, passage: { hops: 1, copies: 1, ageS: 0 } }),
    async stop() {
      await conversations.stop()
      await db.close()
    },
  }
}

/** Everything that is carried here, by stamp. */
export async function carried(by: MeshPerson, isWanted: (envelope: Envelope) => boolean = () => true): Promise<Envelope[]> {
  const envelopes = await Promise.all([...by.store.ids()].map((id) => by.store.open(id)))
  const wanted = envelopes.filter((envelope) => envelope !== undefined).filter(isWanted)
  return wanted.sort((a, b) => a.stamp.ms - b.stamp.ms || a.stamp.counter - b.stamp.counter)
}

/** Brings everything that `from` carries to `to`, and lets it be read and acknowledged. */
export async function bring(clock: FakeClock, from: MeshPerson, to: MeshPerson): Promise<void> {
  for (const { bytes } of await carried(from)) await to.take(bytes, from)
  await rest(clock)
}

/** Both bring all they have, until both know what the other knows. */
export async function meetPeople(clock: FakeClock, a: MeshPerson, b: MeshPerson): Promise<void> {
  await bring(clock, a, b)
  await bring(clock, b, a)
  await bring(clock, a, b)
}

/** Both add each other by card, and meet. */
export async function befriend(clock: FakeClock, a: MeshPerson, b: MeshPerson): Promise<void> {
  await a.conversations.addContact(b.uri, undefined)
  await b.conversations.addContact(a.uri, undefined)
  await meetPeople(clock, a, b)
}

/** Long enough for reading and for receipts, not for anything that waits longer. */
export async function rest(clock: FakeClock): Promise<void> {
  await settle()
  await clock.advance(60)
  await settle()
}

/** All rows of a level, keys and values, one after the other. */
export async function rowsOf(level: Level): Promise<[Uint8Array, Uint8Array][]> {
  const rows = level.iterator({ lt: new Uint8Array(80).fill(0xff), highWaterMarkBytes: 1 << 20, keyEncoding: 'view', valueEncoding: 'view' })
  const all = await rows.nextv(1_000_000)
  await rows.close()
  return all
}

/** What a power cut now would leave: another level with the same rows. */
export async function copyOf(level: Level): Promise<Level> {
  const copy = memoryLevel()
  await copy.open()
  const operations = (await rowsOf(level)).map(([key, value]) => ({ type: 'put' as const, key: copyBytes(key), value: copyBytes(value) }))
  await copy.batch(operations, { sync: true, keyEncoding: 'view', valueEncoding: 'view' })
  return copy
}

/** The address that a person's announcements go to. */
export function announcementsTo(person: MeshPerson): ReturnType<typeof addressOfKey> {
  return addressOfKey(person.keys.personKey)
}

async function hybridClock(db: Database, clock: FakeClock): Promise<HybridClock> {
  const row = await db.get(TABLES.own, HLC_KEY)
  if (row === undefined) return new HybridClock({ clock })
  const reader = new ByteReader(row)
  return new HybridClock({ clock }, { last: { ms: reader.u48(), counter: reader.u16() } })
}
