/**
 * Who was heard where, bounded and forgetful.
 *
 * Multicast is lossy on radio and switches stop forwarding it, so silence proves nothing: shortly before
 * an announcement runs out the peer is asked by unicast, and only when that fails too is it forgotten.
 * The book is full at {@link MAX_PEERS}; then the one that was not heard for the longest time goes. One
 * source address may hold only {@link MAX_PEERS_PER_SOURCE} places, so that inventing names on one
 * machine pushes nobody else out.
 */
import type { DeviceId } from '#mesh/ids'
import { MAX_ADDRESSES_PER_PEER } from './multiaddrs.ts'
import type { IpFamily } from './ports.ts'
import { ANNOUNCEMENT_TTL_S, type View } from './wire.ts'

/** Peers that are remembered; some 2 KiB each. */
export const MAX_PEERS = 256
/** Peers behind one source address: several nodes on one machine are fine, hundreds are an attack. */
export const MAX_PEERS_PER_SOURCE = 16
/** Unicast questions before a peer is forgotten. */
export const MAX_PROBES = 4
/** Time between them, in ms; with four of them the peer goes exactly when its announcement has run out. */
export const PROBE_EVERY_MS = 6_000
/** When the first of them is due after the peer was heard, in ms. */
export const PROBE_AFTER_MS = ANNOUNCEMENT_TTL_S * 1_000 - MAX_PROBES * PROBE_EVERY_MS
/** A peer that keeps being heard is reported again after this time, so that a lost connection is dialled anew. */
export const TELL_AGAIN_MS = 10_000
/** Places (an interface and a source address) of one peer; a stranger who speaks in its name gets a place of his own and erases nothing. */
export const MAX_PLACES = 6
/** What a neighbour said about our port is believed for ten minutes. */
export const VIEW_LIFETIME_MS = 600_000

/** Where a peer listens for unicast. */
export interface Voice {
  readonly family: IpFamily
  readonly address: string
  readonly port: number
}

/** A peer heard on an interface. */
export interface Sighting {
  readonly peer: DeviceId
  readonly interfaceName: string
  readonly multiaddrs: readonly string[]
  readonly voice: Voice
}

/** A unicast question that is due. */
export interface Probe {
  readonly peer: DeviceId
  readonly interfaceName: string
  readonly voice: Voice
}

interface Place {
  interfaceName: string
  multiaddrs: readonly string[]
  voice: Voice
  probes: number
  probeDueMs: number
}

interface Entry {
  readonly source: string
  /** By interface and source address, oldest first. */
  readonly places: Map<string, Place>
  heardMs: number
  toldMs: number
  told: string
  /** What our own dials to it found. */
  ourView?: View
  /** What it says about us. */
  itsView?: { view: View; atMs: number }
}

/** See the head of this file. Times are of the monotonic clock. */
export class PeerBook {
  /** In order of last heard, oldest first. */
  readonly #entries = new Map<DeviceId, Entry>()

  get size(): number {
    return this.#entries.size
  }

  has(peer: DeviceId): boolean {
    return this.#entries.has(peer)
  }

  /** Notes a sighting; returns all addresses of the peer when they should be told, otherwise `undefined`. */
  heard(sighting: Sighting, now: number): string[] | undefined {
    const entry = this.#entries.get(sighting.peer) ?? this.#enter(sighting)
    this.#entries.delete(sighting.peer)
    this.#entries.set(sighting.peer, entry)
    entry.heardMs = now
    const key = `${sighting.interfaceName} ${sighting.voice.address}`
    entry.places.delete(key)
    for (const oldest of entry.places.keys()) if (entry.places.size >= MAX_PLACES) entry.places.delete(oldest)
    entry.places.set(key, {
      interfaceName: sighting.interfaceName,
      multiaddrs: sighting.multiaddrs,
      voice: sighting.voice,
      probes: 0,
      probeDueMs: now + PROBE_AFTER_MS,
    })
    const multiaddrs = addressesOf(entry)
    const told = multiaddrs.toSorted().join(' ')
    if (told === entry.told && now - entry.toldMs < TELL_AGAIN_MS) return undefined
    entry.told = told
    entry.toldMs = now
    return multiaddrs
  }

  /** The unicast questions that are due; each is then due again a little later. Forgets whom all of them failed to reach. */
  takeProbes(now: number): { probes: Probe[]; lost: DeviceId[] } {
    const probes: Probe[] = []
    const lost: DeviceId[] = []
    for (const [peer, entry] of this.#entries) {
      for (const [key, place] of entry.places) {
        if (place.probeDueMs > now) continue
        if (place.probes >= MAX_PROBES) {
          entry.places.delete(key)
          continue
        }
        place.probes += 1
        place.probeDueMs = now + PROBE_EVERY_MS
        probes.push({ peer, interfaceName: place.interfaceName, voice: place.voice })
      }
      if (entry.places.size > 0) continue
      this.#entries.delete(peer)
      lost.push(peer)
    }
    return { probes, lost }
  }

  /** When a probe is due next. */
  dueMs(): number {
    let due = Number.POSITIVE_INFINITY
    for (const entry of this.#entries.values()) for (const place of entry.places.values()) due = Math.min(due, place.probeDueMs)
    return due
  }

  /** Where to reach a peer by unicast, the place where it was heard last first. */
  placeOf(peer: DeviceId): Probe | undefined {
    const best = [...(this.#entries.get(peer)?.places.values() ?? [])].at(-1)
    return best === undefined ? undefined : { peer, interfaceName: best.interfaceName, voice: best.voice }
  }

  /** The interface is gone: what was heard there is no longer reachable there. */
  leave(interfaceName: string): void {
    for (const [peer, entry] of this.#entries) {
      for (const [key, place] of entry.places) if (place.interfaceName === interfaceName) entry.places.delete(key)
      if (entry.places.size === 0) this.#entries.delete(peer)
    }
  }

  /** The interface works again: who is heard there is told again, because connections over it may have died. */
  tellAgain(interfaceName: string): void {
    for (const entry of this.#entries.values()) {
      if ([...entry.places.values()].some((place) => place.interfaceName === interfaceName)) entry.toldMs = Number.NEGATIVE_INFINITY
    }
  }

  /** Notes what our dials found; true when that is news. */
  setOurView(peer: DeviceId, view: View): boolean {
    const entry = this.#entries.get(peer)
    if (entry === undefined || entry.ourView === view) return false
    entry.ourView = view
    return true
  }

  ourViewOf(peer: DeviceId): View | undefined {
    return this.#entries.get(peer)?.ourView
  }

  setItsView(peer: DeviceId, view: View, now: number): void {
    const entry = this.#entries.get(peer)
    if (entry !== undefined) entry.itsView = { view, atMs: now }
  }

  /** What neighbours lately said about our port. */
  viewsOfUs(now: number): Array<{ peer: DeviceId; view: View }> {
    return [...this.#entries].flatMap(([peer, { itsView }]) =>
      itsView !== undefined && now - itsView.atMs < VIEW_LIFETIME_MS ? [{ peer, view: itsView.view }] : [],
    )
  }

  /** Everybody in the book. */
  list(): Array<{ peer: DeviceId; multiaddrs: string[]; interfaces: string[]; heardMs: number; ourView?: View }> {
    return [...this.#entries].map(([peer, entry]) => ({
      peer,
      multiaddrs: addressesOf(entry),
      interfaces: [...new Set([...entry.places.values()].map((place) => place.interfaceName))],
      heardMs: entry.heardMs,
      ...(entry.ourView === undefined ? {} : { ourView: entry.ourView }),
    }))
  }

  #enter(sighting: Sighting): Entry {
    const source = sighting.voice.address
    const fromSource = [...this.#entries].filter(([, entry]) => entry.source === source)
    const [oldest] = fromSource.length >= MAX_PEERS_PER_SOURCE ? fromSource : this.#entries.size >= MAX_PEERS ? this.#entries : []
    if (oldest !== undefined) this.#entries.delete(oldest[0])
    return { source, places: new Map(), heardMs: 0, toldMs: Number.NEGATIVE_INFINITY, told: '' }
  }
}

/** Addresses from all places in turn, the place heard last first, without repetition: no place can crowd out another. */
function addressesOf(entry: Entry): string[] {
  const places = [...entry.places.values()].reverse()
  const longest = Math.max(0, ...places.map(({ multiaddrs }) => multiaddrs.length))
  const inTurn = Array.from({ length: longest }, (_, i) => places.flatMap(({ multiaddrs }) => multiaddrs[i] ?? []))
  return [...new Set(inTurn.flat())].slice(0, MAX_ADDRESSES_PER_PEER)
}
