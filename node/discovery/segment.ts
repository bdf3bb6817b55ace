/** One network interface: its state, its stations, and what is heard there. */
import type { DeviceId } from '#mesh/ids'
import type { Clock, Random } from '#mesh/ports'
import { type Ip, isLinkLocal, isOnLink, isSameIp, parseIp } from './ip.ts'
import { announcedOn, believedOn } from './multiaddrs.ts'
import { Bucket } from './pacing.ts'
import type { Probe, Sighting } from './peer-book.ts'
import type { DatagramSource, IpFamily, NetworkInterface, SocketFactory } from './ports.ts'
import { type Counters, type Group, Station, type StationDeps } from './station.ts'
import { encodePacket, type HeardPacket, mayBeOurs, type OwnPacket, readPacket, type View } from './wire.ts'

/**
 * `up`: every socket is open. `partial`: some are not, see `lastError`. `failed`: none is.
 * The others say why nothing is tried: switched off, no cable or radio, no address, no multicast.
 */
export type InterfaceState = 'up' | 'partial' | 'failed' | 'down' | 'no-carrier' | 'no-address' | 'no-multicast'

/** What `status` and `doctor` show for an interface. */
export interface InterfaceStatus {
  state: InterfaceState
  sent: number
  /** Packets about libp2p from others. */
  received: number
  errors: number
  lastError?: string
  /** Seconds since another libp2p node was heard here. */
  heardS?: number
  /** Seconds since any multicast of another machine was heard here (a printer's will do): the network lets it pass. */
  multicastHeardS?: number
  /** Seconds since the interface became usable. */
  upS?: number
}

/** What a segment needs. */
export interface SegmentDeps {
  readonly clock: Clock
  readonly random: Random
  readonly sockets: SocketFactory
  readonly groups: readonly Group[]
  readonly device: DeviceId
  readonly name: string
  readonly allowLoopback: boolean
  addresses(): string[]
  /** True when `ip` is a neighbour on some other interface. */
  isElsewhere(ip: Ip, interfaceName: string): boolean
  isKnown(peer: DeviceId): boolean
  viewOf(peer: DeviceId): View | undefined
  onSighting(sighting: Sighting, packet: HeardPacket): void
  ring(): void
}

/** Packets about libp2p that are parsed per second and at once, per interface; the rest is a flood. */
const PARSE_RATE = { perSecond: 200, burst: 400 }

/** See the head of this file. */
export class Segment {
  readonly #deps: SegmentDeps
  readonly #counters: Counters = { sent: 0, received: 0, errors: 0, lastError: undefined }
  readonly #stations = new Map<IpFamily, { key: string; station: Station }>()
  readonly #parseBucket = new Bucket(PARSE_RATE.perSecond, PARSE_RATE.burst)
  #facts: NetworkInterface
  #addressesKey = ''
  #heardMs: number | undefined
  #multicastMs: number | undefined
  #upSinceMs: number | undefined

  constructor(deps: SegmentDeps, facts: NetworkInterface) {
    this.#deps = deps
    this.#facts = facts
  }

  get facts(): NetworkInterface {
    return this.#facts
  }

  /** Follows the interface: opens, closes and re-opens sockets, and asks anew when something changed. */
  async update(facts: NetworkInterface): Promise<void> {
    this.#facts = facts
    const usable = this.#unusable() === undefined
    this.#follow(4, usable ? facts.addresses.find(({ family }) => family === 4)?.address : undefined)
    this.#follow(6, usable ? preferredIpv6(facts) : undefined)
    await Promise.all([...this.#stations.values()].map(({ station }) => station.open()))
    const now = this.#deps.clock.monotonic()
    this.#upSinceMs = usable ? (this.#upSinceMs ?? now) : undefined
    const key = usable ? this.#announced().join(' ') : ''
    if (key !== this.#addressesKey) this.restart()
    this.#addressesKey = key
  }

  restart(): void {
    for (const { station } of this.#stations.values()) station.restart(this.#deps.clock.monotonic())
  }

  async tick(now: number): Promise<void> {
    for (const { station } of this.#stations.values()) await station.tick(now)
  }

  dueMs(): number {
    return Math.min(...[...this.#stations.values()].map(({ station }) => station.dueMs()))
  }

  async probe({ peer, voice }: Probe): Promise<void> {
    await this.#stations.get(voice.family)?.station.probe(voice, peer)
  }

  close(): void {
    for (const { station } of this.#stations.values()) station.close()
    this.#stations.clear()
  }

  status(): InterfaceStatus {
    const { sent, received, errors, lastError } = this.#counters
    const now = this.#deps.clock.monotonic()
    const since = (ms: number | undefined): number | undefined => (ms === undefined ? undefined : Math.round((now - ms) / 1_000))
    const [heardS, multicastHeardS, upS] = [since(this.#heardMs), since(this.#multicastMs), since(this.#upSinceMs)]
    return {
      state: this.#unusable() ?? this.#openState(),
      sent,
      received,
      errors,
      ...(lastError === undefined ? {} : { lastError }),
      ...(heardS === undefined ? {} : { heardS }),
      ...(multicastHeardS === undefined ? {} : { multicastHeardS }),
      ...(upS === undefined ? {} : { upS }),
    }
  }

  #unusable(): InterfaceState | undefined {
    const { up, carrier, multicast, loopback, addresses } = this.#facts
    if (!up) return 'down'
    if (carrier === false) return 'no-carrier'
    if (!multicast && !loopback) return 'no-multicast'
    return addresses.length === 0 ? 'no-address' : undefined
  }

  #openState(): InterfaceState {
    const stations = [...this.#stations.values()].map(({ station }) => station)
    if (!stations.some(({ isOpen }) => isOpen)) return 'failed'
    return stations.every(({ isWhole }) => isWhole) ? 'up' : 'partial'
  }

  #follow(family: IpFamily, address: string | undefined): void {
    const key = `${this.#facts.index ?? ''} ${address ?? ''}`
    const current = this.#stations.get(family)
    if (current?.key === key) return
    current?.station.close()
    this.#stations.delete(family)
    if (address === undefined) return
    const station = new Station(this.#stationDeps(), { family, interfaceName: this.#facts.name, ownAddress: address })
    this.#stations.set(family, { key, station })
  }

  #stationDeps(): StationDeps {
    const { clock, random, sockets, groups } = this.#deps
    return {
      clock,
      random,
      sockets,
      groups,
      counters: this.#counters,
      packet: (kind, voicePort, asker) => this.#packet(kind, voicePort, asker),
      onDatagram: (station, via, bytes, from) => this.#heard(station, via, bytes, from),
      ring: () => this.#deps.ring(),
    }
  }

  #announced(): string[] {
    return announcedOn(this.#facts, this.#deps.addresses(), this.#deps.device)
  }

  #packet(kind: OwnPacket['kind'], voicePort: number | undefined, asker: DeviceId | undefined): Uint8Array | undefined {
    const multiaddrs = this.#announced()
    if (kind === 'answer' && multiaddrs.length === 0) return undefined
    const view = asker === undefined ? undefined : this.#deps.viewOf(asker)
    return encodePacket({
      kind,
      name: this.#deps.name,
      multiaddrs,
      ...(voicePort === undefined ? {} : { voicePort }),
      ...(view === undefined ? {} : { view }),
    })
  }

  #heard(station: Station, via: Group | 'voice', bytes: Uint8Array, from: DatagramSource): void {
    const source = parseIp(from.address)
    if (source === undefined || !this.#isFromHere(source, from.zone, via)) return
    const now = this.#deps.clock.monotonic()
    if (via !== 'voice' && !this.#facts.addresses.some(({ address }) => isSameIp(source, address))) this.#multicastMs = now
    if (!mayBeOurs(bytes) || !this.#parseBucket.take(now)) return
    const packet = readPacket(bytes)
    if (packet === undefined || packet.names.includes(this.#deps.name)) return
    this.#counters.received += 1
    this.#heardMs = now
    const sighting = this.#sightingIn(packet, station.family, via, from)
    const isNew = sighting !== undefined && !this.#deps.isKnown(sighting.peer)
    if (sighting !== undefined) this.#deps.onSighting(sighting, packet)
    if (via === 'voice' || via.name === 'own') {
      if (packet.asks) station.answerAsker(from, sighting?.peer, via === 'voice')
      return
    }
    // A newcomer is greeted by unicast: the multicast answer may have to wait until its second is over.
    if (isNew && packet.voicePort !== undefined) station.answerAsker(sighting.voice, sighting.peer, false)
    if (packet.asks) station.answerGroup(via)
  }

  /** Linux gives a multicast of any interface to every socket of the group, so the source has to say whether it is ours. */
  #isFromHere(source: Ip, zone: string | undefined, via: Group | 'voice'): boolean {
    if (zone !== undefined) return zone === this.#facts.name
    if (isOnLink(source, this.#facts)) return true
    if (via === 'voice') return isLinkLocal(source)
    return !this.#deps.isElsewhere(source, this.#facts.name)
  }

  #sightingIn(packet: HeardPacket, family: IpFamily, via: Group | 'voice', from: DatagramSource): Sighting | undefined {
    const { device, allowLoopback } = this.#deps
    const believed = packet.multiaddrs.flatMap((text) => believedOn(this.#facts, text, allowLoopback) ?? [])
    const peer = believed[0]?.peer
    if (peer === undefined || peer === device) return undefined
    const port = via !== 'voice' && via.name === 'mdns' ? (packet.voicePort ?? from.port) : from.port
    const multiaddrs = [...new Set(believed.filter((one) => one.peer === peer).map((one) => one.multiaddr))]
    return { peer, interfaceName: this.#facts.name, multiaddrs, voice: { family, address: from.address, port } }
  }
}

/** Link-local first: it needs no router, and as a source address it tells the hearer the interface. */
function preferredIpv6({ addresses }: NetworkInterface): string | undefined {
  const own = addresses.filter(({ family }) => family === 6)
  const linkLocal = own.find(({ address }) => {
    const ip = parseIp(address)
    return ip !== undefined && isLinkLocal(ip)
  })
  return (linkLocal ?? own[0])?.address
}
