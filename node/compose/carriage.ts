/**
 * Carriage and content of one node, put together: the only place that knows both.
 *
 * Content tells the door which addresses are ours and who is a friend, and joins the transaction of a
 * receipt; carriage knows nothing else of it.
 */

import { ByteReader } from '#mesh/codec'
import { Contacts } from '#mesh/contacts'
import { Conversations, HLC_KEY, type Self } from '#mesh/conversations'
import { addressOfKey, HybridClock, PLAUSIBLE_SINCE_MS, type Stamp } from '#mesh/envelope'
import type { MeshError } from '#mesh/errors'
import { issueCard } from '#mesh/identity'
import type { Address, DeviceId } from '#mesh/ids'
import { Intake } from '#mesh/intake'
import type { Clock, Crypto, Log, Random } from '#mesh/ports'
import { type CollectGrant, CustodyLedger, EncounterBook, issueGrant } from '#mesh/routing'
import { Database, EnvelopeStore, type Level, STORE_PROFILES, type StoreLimits, Sweeper, TABLES } from '#mesh/store'
import { Bundles, Exchange, SERVED_BYTES_PER_MINUTE } from '#mesh/sync'
import type { Secrets } from '#node/keystore'
import { currentCertificate, historyKeyOf } from './identity.ts'

/** What carriage and content need of the machine. */
export interface CarriageDeps {
  readonly level: Level
  readonly hasRoom: () => Promise<boolean>
  readonly secrets: Secrets
  readonly crypto: Crypto
  readonly random: Random
  readonly clock: Clock
  readonly log: Log
  readonly profile: keyof typeof STORE_PROFILES
  /** See `ConversationsDeps.mayCross`. */
  readonly mayCross?: boolean
  /** See `ConversationsDeps.habits`. */
  readonly habits?: { readonly readReceipts: boolean; readonly typing: boolean }
  /** What the store may hold, instead of what the profile says. */
  readonly limits?: StoreLimits
  /** Binary multiaddrs for the card. */
  readonly hints: () => Uint8Array[]
  readonly knownDevices: () => number
  readonly onOffence: (peer: DeviceId, error: MeshError) => void
  /** A neighbour has proven what it collects for. Must not throw. */
  readonly onGreeted?: (peer: DeviceId, addresses: ReadonlySet<Address>) => void
}

/** The parts of a node that know no network. */
export interface Carriage {
  readonly db: Database
  readonly store: EnvelopeStore
  readonly intake: Intake
  readonly ledger: CustodyLedger
  readonly contacts: Contacts
  readonly conversations: Conversations
  readonly exchange: Exchange
  readonly bundles: Bundles
  readonly sweeper: Sweeper
  /** Writes down who is met. */
  readonly encounterBook: EncounterBook
  readonly card: () => ReturnType<typeof issueCard>
}

/** A grant is shown in every session and made anew at every start, ms: 400 days outlive any run. */
const GRANT_MS = 400 * 86_400_000

/** Opens the store and puts the parts around it. */
export async function openCarriage(deps: CarriageDeps): Promise<Carriage> {
  const { secrets, crypto, random, clock, log } = deps
  const db = await Database.open(deps.level, { log, hasRoom: deps.hasRoom })
  const store = await EnvelopeStore.open(db, { clock, log }, deps.limits ?? STORE_PROFILES[deps.profile])
  const ledger = await CustodyLedger.open(db, { now: () => clock.now() })
  const historyKey = historyKeyOf(secrets)
  const contacts = await Contacts.open({ db, crypto, random, clock, historyKey, self: secrets.person.person })
  const last = await lastStamp(db)
  const hlc = new HybridClock({ clock }, last === undefined ? {} : { last })
  const ownInbox = addressOfKey(secrets.person.inboxKey)
  const intake: Intake = new Intake({
    db,
    store,
    crypto,
    clock,
    isOwned: (address) => address === ownInbox || contacts.announcer(address) !== undefined,
    isFriend: (author, address) => contacts.isFriend(author, address),
    isFriendsKey: (author) => contacts.isFriendsKey(author),
    onRetracted: (tx, retraction) => conversations.applyRetraction(tx, retraction),
  })
  const card = (): ReturnType<typeof issueCard> =>
    issueCard(crypto, secrets.person, { issuedS: Math.floor(Math.max(clock.now(), 0) / 1_000), name: secrets.name, hints: deps.hints() })
  const self: Self = {
    keys: secrets.person,
    device: secrets.device,
    deviceSeed: secrets.deviceSeed,
    get certificate() {
      return currentCertificate(secrets, { crypto, clock }) // a node may run for years
    },
    card: () => card().bytes,
    historyKey,
  }
  const conversations = new Conversations({
    db,
    store,
    intake,
    ledger,
    contacts,
    crypto,
    random,
    clock,
    hlc,
    log,
    self,
    mayCross: deps.mayCross ?? true,
    ...(deps.habits === undefined ? {} : { habits: deps.habits }),
  })
  const grant = grantFor(deps)
  const encounterBook = await EncounterBook.open({ db, crypto, random, clock, log, key: historyKey })
  const sync = {
    db,
    store,
    intake,
    ledger,
    clock,
    log,
    crypto,
    random,
    device: secrets.device,
    sign: (message: Uint8Array) => crypto.ed25519Sign(secrets.deviceSeed, message),
    grants: () => [grant],
    knownDevices: deps.knownDevices,
  }
  const bundles = new Bundles(sync)
  const exchange = new Exchange(
    {
      ...sync,
      encounters: encounterBook.encounters,
      onOffence: deps.onOffence,
      onMeeting: () => conversations.dropStale().catch((error: unknown) => log.warn('stale ephemerals could not be dropped', { error })),
      ...(deps.onGreeted === undefined ? {} : { onGreeted: deps.onGreeted }),
    },
    { servedBytesPerMinute: SERVED_BYTES_PER_MINUTE[deps.profile] },
  )
  const sweeper = new Sweeper({ clock, log, removeExpired: (limit) => store.removeExpired(limit) })
  return { db, store, intake, ledger, contacts, conversations, exchange, bundles, sweeper, encounterBook, card }
}

/** From a clock that was never set, the grant still has to convince neighbours whose clocks are right. */
function grantFor({ secrets, crypto, clock }: CarriageDeps): CollectGrant {
  const untilMs = Math.max(clock.now(), PLAUSIBLE_SINCE_MS + GRANT_MS) + GRANT_MS
  return issueGrant(crypto, secrets.person.inboxSeed, secrets.device, untilMs)
}

async function lastStamp(db: Database): Promise<Stamp | undefined> {
  const row = await db.get(TABLES.own, HLC_KEY)
  if (row === undefined) return undefined
  const reader = new ByteReader(row)
  return { ms: reader.u48(), counter: reader.u16() }
}
