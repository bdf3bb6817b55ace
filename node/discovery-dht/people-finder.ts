/** Announces where this person is, and looks for contacts who are not connected. What it finds is dialled, nothing more. */
import { multiaddr } from '@multiformats/multiaddr'
import type { Address, DeviceId } from '#mesh/ids'
import { type Clock, type Crypto, type Log, type Random, randomBelow } from '#mesh/ports'
import { type Runnable, spawn, type Task } from '#mesh/runtime'
import { issueAnnouncement, MAX_VALIDITY_MS } from './announcement.ts'
import type { LanDht } from './lan-dht.ts'

/** What a finder needs. */
export interface PeopleFinderDeps {
  readonly dht: Pick<LanDht, 'get' | 'put'>
  readonly crypto: Crypto
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly device: DeviceId
  readonly inboxSeed: Uint8Array
  /** Own addresses as binary multiaddrs. */
  readonly addresses: () => Uint8Array[]
  /** Whether anybody is connected: without peers there is no DHT. */
  readonly hasPeers: () => boolean
  /** Inboxes of contacts who are not connected. */
  readonly wanted: () => Address[]
  readonly found: (device: DeviceId, addresses: string[]) => void
}

/** Between two looks for what is new (the first peer, another address, somebody who was lost), ms ± a half. */
const LOOK_MS = 5_000
/** Between two rounds, in which everybody is looked for, ms ± a half. */
const EVERY_MS = 60_000
/** Between two announcements of the same addresses, ms. */
const ANNOUNCE_MS = 30 * 60_000
/** Lookups from one round to the next: they cost a few hundred packets at the most. */
const MAX_LOOKUPS = 20
/** Lookups at a time. */
const PARALLEL = 3
/** One question to the DHT may take this long, ms. */
const QUERY_MS = 15_000

/** See the head of this file. */
export class PeopleFinder implements Runnable {
  readonly #deps: PeopleFinderDeps
  #task: Task | undefined
  #announced = ''
  #tried = ''
  #announcedAt = Number.NEGATIVE_INFINITY
  #turn = 0
  /** When those who are wanted since shortly are looked for again, ms of the monotonic clock, and the pause after that. */
  #soon: ReadonlyMap<Address, { at: number; pauseMs: number }> = new Map()
  #lookupsLeft = MAX_LOOKUPS

  constructor(deps: PeopleFinderDeps) {
    this.#deps = deps
  }

  async start(): Promise<void> {
    const { log } = this.#deps
    this.#task = spawn(
      (signal) => this.#run(signal),
      (error) => log.error('nobody is looked for any more', { error }),
    )
  }

  async stop(): Promise<void> {
    await this.#task?.stop()
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { clock, random, hasPeers } = this.#deps
    let dueAt = Number.NEGATIVE_INFINITY
    while (!signal.aborted) {
      await clock.sleep(LOOK_MS / 2 + randomBelow(random, LOOK_MS), signal)
      if (signal.aborted) return
      if (!hasPeers()) {
        dueAt = Number.NEGATIVE_INFINITY
        continue
      }
      const isDue = clock.monotonic() >= dueAt
      if (isDue) dueAt = clock.monotonic() + EVERY_MS / 2 + randomBelow(random, EVERY_MS)
      await this.#announce(isDue, signal)
      const round = this.#round(isDue).values()
      await Promise.all(Array.from({ length: PARALLEL }, () => this.#lookAll(round, signal)))
    }
  }

  /** Takes one after the other from a round that others take from, too. */
  async #lookAll(round: Iterable<Address>, signal: AbortSignal): Promise<void> {
    for (const inbox of round) {
      if (signal.aborted) return
      await this.#look(inbox, signal)
    }
  }

  /** Announces addresses that are new, or not announced for long; in a round also what nobody took before. */
  async #announce(isDue: boolean, signal: AbortSignal): Promise<void> {
    const { dht, crypto, clock, log, device, inboxSeed } = this.#deps
    const addresses = this.#deps.addresses()
    const text = addresses.join()
    if (!isDue && text === this.#tried) return
    this.#tried = text
    if (addresses.length === 0 || (text === this.#announced && clock.monotonic() - this.#announcedAt < ANNOUNCE_MS)) return
    const issuedMs = clock.now()
    try {
      const takers = await dht.put(
        issueAnnouncement(crypto, inboxSeed, { device, issuedMs, expiresMs: issuedMs + MAX_VALIDITY_MS, addresses }),
        AbortSignal.any([signal, AbortSignal.timeout(QUERY_MS)]),
      )
      // A DHT of one takes everything and tells nobody: then it is tried again in the next round.
      if (takers === 0) return
      this.#announced = text
      this.#announcedAt = clock.monotonic()
    } catch (error) {
      log.debug('the own addresses could not be announced', { error })
    }
  }

  async #look(inbox: Address, signal: AbortSignal): Promise<void> {
    const { dht, log, found } = this.#deps
    try {
      const announcement = await dht.get(inbox, AbortSignal.any([signal, AbortSignal.timeout(QUERY_MS)]))
      if (announcement === undefined || announcement.inbox !== inbox || signal.aborted) return
      const addresses = announcement.addresses.flatMap((address) => textOf(address, announcement.device))
      if (addresses.length === 0) return
      log.debug('somebody was found', { inbox, device: announcement.device })
      found(announcement.device, addresses)
    } catch (error) {
      log.debug('somebody was not found', { inbox, error })
    }
  }

  /**
   * Some of those who are wanted, others each time when they are many. Between two rounds those who were
   * not wanted before, and again after 5, 10, 20 and 40 s: who has just moved says so a little later.
   */
  #round(isDue: boolean): Address[] {
    const now = this.#deps.clock.monotonic()
    const wanted = this.#deps.wanted()
    const from = isDue && wanted.length > MAX_LOOKUPS ? this.#turn % wanted.length : 0
    if (isDue) {
      this.#turn = from + MAX_LOOKUPS
      this.#lookupsLeft = MAX_LOOKUPS
    }
    const before = this.#soon
    const ready = isDue ? [...wanted.slice(from), ...wanted.slice(0, from)] : wanted.filter((inbox) => (before.get(inbox)?.at ?? now) <= now)
    const round = ready.slice(0, this.#lookupsLeft)
    this.#lookupsLeft -= round.length
    const next = new Map(wanted.map((inbox) => [inbox, before.get(inbox) ?? { at: now, pauseMs: LOOK_MS }]))
    for (const inbox of round) {
      const pauseMs = next.get(inbox)?.pauseMs ?? LOOK_MS
      next.set(inbox, pauseMs < EVERY_MS ? { at: now + pauseMs, pauseMs: 2 * pauseMs } : { at: Number.POSITIVE_INFINITY, pauseMs })
    }
    this.#soon = next
    return round
  }
}

/** The address to dial, with the device that has to answer there; only plain ones, which need no name server and no third party. */
function textOf(address: Uint8Array, device: DeviceId): string[] {
  try {
    const plain = multiaddr(address)
    const names = plain.getComponents().map(({ name }) => name)
    if (!/^(ip6zone,)?ip[46],(tcp|udp,quic-v1)$/.test(names.join())) return []
    return [plain.encapsulate(`/p2p/${device}`).toString()]
  } catch {
    return [] // whoever signs may write anything: what is no multiaddr is no hint
  }
}
