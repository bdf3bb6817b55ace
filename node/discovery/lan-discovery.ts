/**
 * Finding other nodes on every network this machine is on, without a router, a server or a setting.
 *
 * Stock mDNS is silent on a LAN without a default route, hears IPv4 only and swallows its errors; that LAN
 * is our core case. So: sockets for each interface and family, libp2p's mDNS (heard and understood by
 * stock peers) and beside it an IPv6 group of our own, because Freifunk firmware filters mDNS but lets
 * other IPv6 multicast pass. Interfaces come and go; errors are counted, not thrown. What is found is a
 * hint: the handshake of a connection proves who is there.
 *
 * One loop does all the sending: it sleeps until the next thing is due (a question, an answer, a unicast
 * refresh, a look at the interfaces) or until something heard makes something due earlier.
 */
import type { DeviceId } from '#mesh/ids'
import type { Clock, Log, Random } from '#mesh/ports'
import { type Runnable, spawn, type Task } from '#mesh/runtime'
import { Alarm } from './alarm.ts'
import { type Ip, isOnLink } from './ip.ts'
import { PeerBook, type Probe, type Sighting } from './peer-book.ts'
import type { Interfaces, NetworkInterface, SocketFactory } from './ports.ts'
import { type InterfaceStatus, Segment, type SegmentDeps } from './segment.ts'
import type { Group } from './station.ts'
import { systemInterfaces } from './system-interfaces.ts'
import { udpSockets } from './udp-sockets.ts'
import { type HeardPacket, randomName, type View } from './wire.ts'

/** Our own multicast group: transient, site scope (DESIGN §10). */
export const DISCOVERY_GROUP = 'ff15::71:7071'
/** Its UDP port. Not 7717: there QUIC listens without address re-use, and neither could then bind. */
export const DISCOVERY_PORT = 7718

const GROUPS: readonly Group[] = [
  { name: 'mdns', family: 4, address: '224.0.0.251', port: 5353, hops: 255 },
  { name: 'mdns', family: 6, address: 'ff02::fb', port: 5353, hops: 255 },
  { name: 'own', family: 6, address: DISCOVERY_GROUP, port: DISCOVERY_PORT, hops: 1 },
]
/** How often the interfaces are looked at, in ms; it costs some tenths of a millisecond. */
const POLL_EVERY_MS = 1_000
/** Interfaces that sockets are opened on (five each). */
const MAX_SEGMENTS = 16

/** What discovery needs. */
export interface LanDiscoveryDeps {
  readonly clock: Clock
  readonly log: Log
  readonly random: Random
  readonly device: DeviceId
  /**
   * Where the host listens, with real ports. Give `/ip4/0.0.0.0/tcp/7717`, not what libp2p makes of it:
   * that leaves out all link-local addresses. Asked for each packet.
   */
  addresses(): string[]
  /** A peer was found, its addresses changed, or it is still heard after a while. Multiaddrs are complete, with zone and `/p2p/…`. */
  onPeer(peer: DeviceId, multiaddrs: string[]): void
}

/** All optional. */
export interface LanDiscoveryOptions {
  readonly interfaces?: Interfaces
  readonly sockets?: SocketFactory
  readonly pollMs?: number
  /** For tests on one machine: use the loopback interface and believe loopback addresses. */
  readonly allowLoopback?: boolean
}

/** A neighbour's word about whether our libp2p port can be reached. */
export interface AddressView {
  readonly peer: DeviceId
  readonly view: View
}

/** A peer that discovery remembers. */
export interface KnownPeer {
  readonly peer: DeviceId
  readonly multiaddrs: readonly string[]
  readonly interfaces: readonly string[]
  readonly heardS: number
  /** What our own dials found, as far as the host told. */
  readonly ourView?: View
}

/** See the head of this file. */
export class LanDiscovery implements Runnable {
  readonly #deps: LanDiscoveryDeps
  readonly #interfaces: Interfaces
  readonly #pollMs: number
  readonly #allowLoopback: boolean
  readonly #segmentDeps: SegmentDeps
  readonly #book = new PeerBook()
  readonly #segments = new Map<string, Segment>()
  readonly #alarm: Alarm
  #extraProbes: Probe[] = []
  #task: Task | undefined

  constructor(deps: LanDiscoveryDeps, options: LanDiscoveryOptions = {}) {
    this.#deps = deps
    this.#interfaces = options.interfaces ?? systemInterfaces()
    this.#pollMs = options.pollMs ?? POLL_EVERY_MS
    this.#allowLoopback = options.allowLoopback ?? false
    this.#alarm = new Alarm(deps.clock)
    this.#segmentDeps = {
      clock: deps.clock,
      random: deps.random,
      sockets: options.sockets ?? udpSockets(),
      groups: GROUPS,
      device: deps.device,
      name: randomName(deps.random),
      allowLoopback: this.#allowLoopback,
      addresses: () => deps.addresses(),
      isElsewhere: (ip, name) => this.#isElsewhere(ip, name),
      isKnown: (peer) => this.#book.has(peer),
      viewOf: (peer) => this.#book.ourViewOf(peer),
      onSighting: (sighting, packet) => this.#sighted(sighting, packet),
      ring: () => this.#alarm.ring(),
    }
  }

  /** Resolves when the sockets of all present interfaces are open and the first questions have left. Does not fail: errors are in `status`. */
  async start(): Promise<void> {
    const { clock, log } = this.#deps
    await this.#poll()
    await this.#sendDue(clock.monotonic())
    this.#task = spawn(
      (signal) => this.#run(signal),
      (error) => log.error('LAN discovery stopped', { error }),
    )
  }

  async stop(): Promise<void> {
    await this.#task?.stop()
    for (const segment of this.#segments.values()) segment.close()
    this.#segments.clear()
  }

  /** Per interface, including those that cannot be used; loopback only when it is used. */
  status(): Record<string, InterfaceStatus> {
    return Object.fromEntries([...this.#segments].map(([name, segment]) => [name, segment.status()]))
  }

  /** Whom discovery remembers. */
  peers(): KnownPeer[] {
    const now = this.#deps.clock.monotonic()
    return this.#book.list().map(({ heardMs, ...peer }) => ({ ...peer, heardS: Math.round((now - heardMs) / 1_000) }))
  }

  /** What neighbours said in the last ten minutes about our libp2p port. */
  viewsOfUs(): AddressView[] {
    return this.#book.viewsOfUs(this.#deps.clock.monotonic())
  }

  /**
   * The host tells whether a dial to a peer found its port open; the peer is told when that is news, and
   * its `doctor` can say so. A peer behind a closed port has no other way to know.
   */
  noteDial(peer: DeviceId, view: View): void {
    const probe = this.#book.setOurView(peer, view) ? this.#book.placeOf(peer) : undefined
    if (probe === undefined) return
    this.#extraProbes.push(probe)
    this.#alarm.ring()
  }

  /** Asks at once on all interfaces, for example because a person wants to see who is here now. */
  refresh(): void {
    for (const segment of this.#segments.values()) segment.restart()
    this.#alarm.ring()
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { clock } = this.#deps
    let pollDueMs = clock.monotonic() + this.#pollMs
    while (!signal.aborted) {
      if (clock.monotonic() >= pollDueMs) {
        await this.#poll()
        pollDueMs = clock.monotonic() + this.#pollMs
      }
      await this.#sendDue(clock.monotonic())
      const due = Math.min(pollDueMs, this.#book.dueMs(), ...[...this.#segments.values()].map((segment) => segment.dueMs()))
      await this.#alarm.wait(due, signal)
    }
  }

  /** Follows the interfaces of the machine. */
  async #poll(): Promise<void> {
    const { log } = this.#deps
    const present = this.#interfaces.list().filter(({ loopback }) => !loopback || this.#allowLoopback)
    const wanted = new Map(
      present
        .toSorted(byUsefulness)
        .slice(0, MAX_SEGMENTS)
        .map((facts) => [facts.name, facts]),
    )
    for (const [name, segment] of this.#segments) {
      if (wanted.has(name)) continue
      segment.close()
      this.#segments.delete(name)
      this.#book.leave(name)
      log.info('an interface went away', { interface: name })
    }
    await Promise.all([...wanted.values()].map((facts) => this.#follow(facts)))
  }

  async #follow(facts: NetworkInterface): Promise<void> {
    const { log } = this.#deps
    const known = this.#segments.get(facts.name)
    const segment = known ?? new Segment(this.#segmentDeps, facts)
    this.#segments.set(facts.name, segment)
    const before = known?.status().state
    await segment.update(facts)
    const { state, lastError } = segment.status()
    if (state === before) return
    if (state === 'up' || state === 'partial') this.#book.tellAgain(facts.name)
    log.info('an interface changed', { interface: facts.name, state, ...(state === 'up' ? {} : { lastError }) })
  }

  async #sendDue(now: number): Promise<void> {
    for (const segment of this.#segments.values()) await segment.tick(now)
    const { probes, lost } = this.#book.takeProbes(now)
    for (const probe of [...probes, ...this.#extraProbes.splice(0)]) await this.#segments.get(probe.interfaceName)?.probe(probe)
    for (const peer of lost) this.#deps.log.debug('a peer is no longer heard and does not answer', { peer })
  }

  #sighted(sighting: Sighting, packet: HeardPacket): void {
    const { clock, log } = this.#deps
    const now = clock.monotonic()
    const multiaddrs = this.#book.heard(sighting, now)
    if (packet.view !== undefined) this.#book.setItsView(sighting.peer, packet.view, now)
    if (multiaddrs === undefined) return
    try {
      this.#deps.onPeer(sighting.peer, multiaddrs)
    } catch (error) {
      log.error('a found peer could not be handed on', { error })
    }
  }

  #isElsewhere(ip: Ip, interfaceName: string): boolean {
    return [...this.#segments].some(([name, segment]) => name !== interfaceName && isOnLink(ip, segment.facts))
  }
}

/** Interfaces that can be used first, for machines that have more than we open sockets on. */
function byUsefulness(a: NetworkInterface, b: NetworkInterface): number {
  const rank = ({ up, carrier, addresses }: NetworkInterface): number => (up ? 0 : 4) + (carrier === false ? 2 : 0) + (addresses.length > 0 ? 0 : 1)
  return rank(a) - rank(b)
}
