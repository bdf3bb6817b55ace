/** What a running node answers: a thin layer over its parts, without a decision of its own. */

import { isMeshError, MeshError } from '#mesh/errors'
import { cardUri } from '#mesh/identity'
import { type Address, type DeviceId, parseAddress, parseDeviceId, parseEnvelopeId } from '#mesh/ids'
import type { Clock, Crypto } from '#mesh/ports'
import type { NodeOptions } from '#node/config'
import type {
  BundleExported,
  BundleExportParams,
  BundleImported,
  BundleStep,
  ContactInfo,
  DeviceInfo,
  DoctorReport,
  NodeApi,
  NodeIdentity,
  NodeStatus,
  OutboxCleared,
  OutboxFlushed,
  OutboxInfo,
  PeerInfo,
  PrivacyReport,
  Verification,
  VerifyParams,
  WatchEvent,
  WatchFeed,
  WatchQueue,
} from '#node/control'
import { hintText } from '#node/host'
import type { Secrets } from '#node/keystore'
import { diagnose, interfaceFacts } from '#node/observe'
import type { Sneakernet } from '#node/sneakernet'
import type { Carriage } from './carriage.ts'
import { flushOutbox } from './flush.ts'
import { RunningMessageApi } from './message-api.ts'
import type { Network } from './network.ts'
import { clearOutbox, listOutbox } from './outbox.ts'
import { gatherPrivacy } from './privacy.ts'
import { verifyContact } from './verify.ts'
import { contactInfo, timeText, viewsOfUs } from './views.ts'

/** The parts that are asked. */
export interface NodeApiDeps {
  readonly secrets: Secrets
  readonly crypto: Crypto
  readonly clock: Clock
  readonly carriage: Carriage
  readonly network: Network
  readonly sneakernet: Sneakernet
  readonly feed: WatchFeed
  /** What happened so far, for the first who watches. */
  readonly kept?: WatchQueue
  readonly startedAt: number
  readonly options: NodeOptions
  /** Ends the node soon. */
  readonly end: () => void
}

/** 16 bytes in base64url. */
const ADDRESS_TEXT = /^[\w-]{22}$/

/** See the head of this file. */
export class RunningNodeApi extends RunningMessageApi implements NodeApi {
  readonly #deps: NodeApiDeps
  #kept: WatchQueue | undefined

  constructor(deps: NodeApiDeps) {
    super(deps.carriage, deps.secrets.person.person)
    this.#deps = deps
    this.#kept = deps.kept
  }

  async status(): Promise<NodeStatus> {
    const { carriage, network, sneakernet, secrets, crypto, clock, startedAt } = this.#deps
    const { store, db, ledger, intake, exchange, conversations } = carriage
    const { envelopes, tombstones, bytes } = store.usage()
    const limitBytes = store.limits.maxBytes
    return {
      device: secrets.device,
      uptimeS: Math.floor((clock.monotonic() - startedAt) / 1_000),
      peers: network.host.peers().length,
      store: { envelopes, tombstones, bytes, limitBytes, full: isMeshError(db.lastFailure, 'MESH_STORE_FULL') || bytes >= limitBytes },
      outbox: ledger.counts(),
      rssBytes: process.memoryUsage.rss(),
      transports: network.host.transports,
      discovery: network.discovery?.status() ?? {},
      sneakernet: sneakernet.folders,
      counters: {
        ...prefixed('intake', intake.counters),
        ...prefixed('sync', { ...exchange.counters }),
        ...prefixed('inbox', conversations.counters),
        ...prefixed('refused', network.host.refusals),
      },
      crypto: crypto.name,
    }
  }

  async id(): Promise<NodeIdentity> {
    const { secrets, carriage } = this.#deps
    return { person: secrets.person.person, device: secrets.device, name: secrets.name, card: cardUri(carriage.card()) }
  }

  async peers(): Promise<PeerInfo[]> {
    const { network, clock } = this.#deps
    return network.host.peers().map(({ device, address, transport, direction, sinceMs, rttMs }) => ({
      device,
      ...this.personBehind(device),
      address,
      ...this.#meshOf(device),
      transport,
      direction,
      sinceS: Math.max(0, Math.floor((clock.now() - sinceMs) / 1_000)),
      ...(rttMs === undefined ? {} : { rttMs }),
    }))
  }

  async doctor(): Promise<DoctorReport> {
    const { network, carriage, clock } = this.#deps
    const { discovery, host } = network
    const { store } = await this.status()
    const ourViews = (discovery?.peers() ?? []).flatMap(({ peer, ourView }) => (ourView === undefined ? [] : [{ peer, view: ourView }]))
    const listenPort = portIn(host.addresses)
    return diagnose({
      interfaces: interfaceFacts(discovery),
      peers: host.peers().length,
      viewsOfUs: viewsOfUs(discovery?.viewsOfUs() ?? [], host.viewsOfUs),
      seenAt: host.viewsOfUs.flatMap(({ seenAt }) => seenAt),
      ourViews,
      ...(listenPort === undefined ? {} : { listenPort }),
      nowMs: clock.now(),
      clockOffsetsMs: carriage.exchange.sessions().flatMap(({ clockOffsetMs }) => (clockOffsetMs === undefined ? [] : [clockOffsetMs])),
      store,
      quic: host.transports['quic'] === 'on',
      folders: this.#deps.sneakernet.folders,
    })
  }

  privacy(): Promise<PrivacyReport> {
    return gatherPrivacy(this.#deps)
  }

  async down(): Promise<Record<string, never>> {
    this.#deps.end()
    return {}
  }

  async contactAdd({ card, as }: { card: string; as?: string }): Promise<ContactInfo> {
    const { carriage, network } = this.#deps
    const contact = await carriage.conversations.addContact(card, as)
    network.dialer.hinted(contact.card.hints.map(hintText).filter((hint) => hint !== undefined))
    return contactInfo(contact)
  }

  async contactList(): Promise<ContactInfo[]> {
    return this.#deps.carriage.contacts.list().map(contactInfo)
  }

  async contactCard({ who }: { who?: string }): Promise<{ card: string }> {
    const { carriage } = this.#deps
    return { card: cardUri(who === undefined ? carriage.card() : carriage.contacts.find(who).card) }
  }

  contactVerify(params: VerifyParams): Promise<Verification> {
    const { carriage, secrets, crypto } = this.#deps
    return verifyContact({ carriage, crypto, self: secrets.person.person }, params)
  }

  async contactBlock({ who, unblock }: { who: string; unblock?: boolean }): Promise<ContactInfo> {
    const { carriage } = this.#deps
    const { person, petname } = carriage.contacts.find(who)
    const unblocked = petname === undefined ? 'request' : 'contact'
    return contactInfo(await carriage.db.transaction((tx) => carriage.contacts.update(tx, person, { state: unblock === true ? unblocked : 'blocked' })))
  }

  async deviceList(): Promise<DeviceInfo[]> {
    const { secrets, carriage } = this.#deps
    const { name, createdMs, expiresMs } = secrets.certificate
    const revoked = carriage.contacts.revocationsOf(secrets.person.person)
    const here = revoked.find(({ device }) => device === secrets.device)
    const own: DeviceInfo = {
      device: secrets.device,
      name,
      createdAt: timeText(createdMs),
      expiresAt: timeText(expiresMs),
      here: true,
      ...revokedAt(here?.atMs),
    }
    const others = revoked.filter(({ device }) => device !== secrets.device)
    return [own, ...others.map(({ device, atMs }) => ({ device, name: '', createdAt: '', expiresAt: '', here: false, ...revokedAt(atMs) }))]
  }

  async deviceRevoke({ device }: { device: string }): Promise<DeviceInfo> {
    const { carriage } = this.#deps
    const { device: revoked } = await carriage.conversations.revokeDevice(deviceIn(device))
    const found = (await this.deviceList()).find((info) => info.device === revoked)
    if (found === undefined) throw new MeshError('MESH_INTERNAL', 'the revocation was not kept')
    return found
  }

  async outbox(): Promise<OutboxInfo[]> {
    const { carriage, network, clock } = this.#deps
    const dialInMs = network.peers.nextDialInMs()
    return listOutbox(carriage, (id) => {
      const inMs = [dialInMs, carriage.exchange.nextOfferInMs(id)].filter((ms) => ms !== undefined)
      return inMs.length === 0 ? undefined : clock.now() + Math.min(...inMs)
    })
  }

  outboxFlush(params: { to?: string; timeoutMs?: number }): Promise<OutboxFlushed> {
    return flushOutbox(this.#deps, params)
  }

  outboxClear(params: { which?: string; dryRun?: boolean }): Promise<OutboxCleared> {
    return clearOutbox(this.#deps.carriage, params)
  }

  async *bundleExport({ file, for: to, maxBytes, force = false }: BundleExportParams, signal: AbortSignal): AsyncGenerator<BundleStep<BundleExported>> {
    const only = to === undefined ? {} : { only: new Set(to.map((who) => this.#addressFor(who))) }
    yield* this.#deps.sneakernet.export({ file, force, ...only, ...(maxBytes === undefined ? {} : { maxBytes }) }, signal)
  }

  bundleImport({ files }: { files: string[] }, signal: AbortSignal): AsyncGenerator<BundleStep<BundleImported>> {
    return this.#deps.sneakernet.import(files, signal)
  }

  /** The inbox of somebody known, or an address as it is written. */
  #addressFor(who: string): Address {
    try {
      return this.#deps.carriage.contacts.find(who).card.inbox
    } catch (error) {
      if (!isMeshError(error, 'MESH_CONTACT_UNKNOWN') || !ADDRESS_TEXT.test(who)) throw error
      return parseAddress(who)
    }
  }

  /** Who is here already comes first, so that nobody who connected a moment earlier is missed. */
  async *watch(signal: AbortSignal): AsyncIterable<WatchEvent> {
    const kept = this.#kept
    this.#kept = undefined
    const events = this.#deps.feed.watch(signal, kept)
    // What was kept holds their coming already.
    const here = kept === undefined ? this.#deps.network.host.peers() : []
    for (const { device, address } of here) yield { event: 'peer', device, up: true, address, ...this.personBehind(device) }
    for await (const event of events) {
      yield event
      if (event.event === 'message' && event.direction === 'in') this.#deps.carriage.conversations.reader.noteShown(parseEnvelopeId(event.id))
    }
  }

  #meshOf(device: DeviceId): { mesh?: string } {
    const mesh = this.#deps.carriage.exchange.sessions().find(({ peer }) => peer === device)?.mesh ?? ''
    return mesh === '' ? {} : { mesh }
  }

  /** The contact that a connected device has proven to collect for. */
  personBehind(device: DeviceId): { person?: string; petname?: string } {
    const { exchange, contacts } = this.#deps.carriage
    const addresses = exchange.sessions().find(({ peer }) => peer === device)?.addresses ?? []
    const contact = contacts.list().find(({ card, state }) => state === 'contact' && addresses.includes(card.inbox))
    if (contact === undefined) return {}
    return { person: contact.person, ...(contact.petname === undefined ? {} : { petname: contact.petname }) }
  }
}

function deviceIn(text: string): DeviceId {
  try {
    return parseDeviceId(text.trim())
  } catch (cause) {
    throw new MeshError('NODE_PARAMS_INVALID', 'this is not a device', { cause, hint: 'A device is written 12D3Koo…, as `qpq id` shows it.' })
  }
}

function revokedAt(ms: number | undefined): { revokedAt?: string } {
  return ms === undefined ? {} : { revokedAt: timeText(ms) }
}

function prefixed(name: string, counters: Readonly<Record<string, number>>): Record<string, number> {
  return Object.fromEntries(Object.entries(counters).map(([key, value]) => [`${name}.${key}`, value]))
}

function portIn(addresses: readonly string[]): number | undefined {
  const port = addresses.map((address) => /\/tcp\/(\d+)/.exec(address)?.[1]).find((found) => found !== undefined)
  return port === undefined ? undefined : Number(port)
}
