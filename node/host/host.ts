/**
 * This node among its peers: a libp2p node with every limit set, TCP always and QUIC when its binary loads.
 *
 * Who a peer is, is what the handshake proves. A host knows nothing of envelopes: it hands connections to
 * those who asked (`libp2p`), and says who is up.
 */
import { noise } from '@chainsafe/libp2p-noise'
import { yamux } from '@chainsafe/libp2p-yamux'
import { privateKeyFromRaw } from '@libp2p/crypto/keys'
import { identify } from '@libp2p/identify'
import type { Connection, Libp2p, PeerId } from '@libp2p/interface'
import { peerIdFromString } from '@libp2p/peer-id'
import { ping } from '@libp2p/ping'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p, type Libp2pOptions, type ServiceFactoryMap } from 'libp2p'
import { concatBytes } from '#mesh/codec'
import { MeshError } from '#mesh/errors'
import { type DeviceId, deviceIdOf } from '#mesh/ids'
import type { Clock, Crypto, Log } from '#mesh/ports'
import type { Runnable } from '#mesh/runtime'
import { linkLocalTcp } from '#node/discovery'
import { corkedTcp } from '#node/transports'
import { originOf } from './crowding.ts'
import { deviceOf } from './device-of.ts'
import { Heartbeat } from './heartbeat.ts'
import { hintsAmong } from './hints.ts'
import { DEFAULT_HOST_LIMITS, type HostLimits } from './limits.ts'
import { listeningAt } from './listening-at.ts'
import { type NeighbourView, NeighbourViews } from './neighbour-views.ts'
import { freePort } from './ports.ts'
import { loadQuic, type QuicTransport } from './quic.ts'

/** What a host needs. */
export interface HostDeps {
  readonly deviceSeed: Uint8Array
  readonly crypto: Crypto
  readonly clock: Clock
  readonly log: Log
  /** True for devices that are neither dialled nor let in. */
  readonly isBlocked: (device: DeviceId) => boolean
}

/** What a host can be told. */
export interface HostOptions {
  /** TCP and UDP port on every interface; 0 takes any free one. */
  readonly port: number
  /** Multiaddrs to listen on instead. */
  readonly listen?: readonly string[]
  readonly limits?: HostLimits
  /** More libp2p services, as the DHT. */
  readonly services?: ServiceFactoryMap
  /** Where libp2p keeps what it learns; in memory, unbounded, unless given. */
  readonly datastore?: NonNullable<Libp2pOptions['datastore']>
}

/** A connected peer. */
export interface HostPeer {
  readonly device: DeviceId
  readonly address: string
  readonly transport: 'tcp' | 'quic' | 'other'
  readonly direction: 'inbound' | 'outbound'
  readonly sinceMs: number
  readonly rttMs?: number
}

/** A peer came (its first connection) or went (its last). */
export interface PeerEvent {
  readonly device: DeviceId
  readonly isUp: boolean
  readonly address: string
}

/** See the head of this file. */
export class Host implements Runnable {
  readonly device: DeviceId
  readonly #deps: HostDeps
  readonly #options: HostOptions
  readonly #limits: HostLimits
  readonly #listeners = new Set<(event: PeerEvent) => void>()
  readonly #refusals: Record<string, number> = {}
  readonly #heartbeat: Heartbeat
  #libp2p: Libp2p | undefined
  #views: NeighbourViews | undefined
  #listen: string[] = []
  #quic: QuicTransport | string = 'not loaded yet'

  constructor(deps: HostDeps, options: HostOptions) {
    this.#deps = deps
    this.#options = options
    this.#limits = options.limits ?? DEFAULT_HOST_LIMITS
    const { clock, log } = deps
    const { silentMs, answerMs } = this.#limits
    this.#heartbeat = new Heartbeat({ connections: () => this.libp2p.getConnections(), clock, log }, { silentMs, answerMs })
    this.device = deviceIdOf(deps.crypto.ed25519PublicKey(deps.deviceSeed))
  }

  /** @throws MeshError `NODE_PORT_IN_USE` */
  async start(): Promise<void> {
    this.#quic = await loadQuic()
    this.#listen = await this.#addresses()
    const libp2p = await this.#create()
    this.#libp2p = libp2p
    this.#views = new NeighbourViews(libp2p)
    libp2p.addEventListener('peer:connect', (event) => this.#tell(event.detail, true))
    libp2p.addEventListener('peer:disconnect', (event) => this.#tell(event.detail, false))
    await libp2p.start()
    // libp2p goes on without a single address (see `faultTolerance`); a node that nobody can dial shall say so.
    if (libp2p.getMultiaddrs().length > 0) return this.#heartbeat.start()
    await libp2p.stop()
    throw new MeshError('NODE_PORT_IN_USE', `nothing could be opened to listen on: ${this.#listen.join(', ')}`, {
      detail: { listen: this.#listen.join() },
      hint: 'Another program has the port, or the address is not one of this machine. Choose others with --port or --listen.',
    })
  }

  async stop(): Promise<void> {
    await this.#heartbeat.stop()
    await this.#libp2p?.stop()
  }

  /** The libp2p node, for protocols. @throws when the host was not started */
  get libp2p(): Libp2p {
    if (this.#libp2p === undefined) throw new Error('the host is not started')
    return this.#libp2p
  }

  /** What the node listens on, with wildcards as they were given and real ports: what discovery wants. */
  get listenPatterns(): readonly string[] {
    return this.#listen
  }

  /** Addresses at which this node can be dialled, for people. */
  get addresses(): string[] {
    return this.libp2p.getMultiaddrs().map(String)
  }

  /** Where this node may be found, as binary multiaddrs for a card: TCP, and nothing that means something on one link only. */
  get hints(): Uint8Array[] {
    return hintsAmong(this.libp2p.getMultiaddrs())
  }

  /** Which transports work, and why one does not. */
  get transports(): Record<string, string> {
    return { tcp: 'on', quic: typeof this.#quic === 'string' ? this.#quic : 'on' }
  }

  /** Connections that were refused, by reason. */
  get refusals(): Readonly<Record<string, number>> {
    return this.#refusals
  }

  /** What those who are connected know about where this node is. */
  get viewsOfUs(): NeighbourView[] {
    return this.#views?.list() ?? []
  }

  /** Everybody who is connected, with the oldest connection of each. */
  peers(): HostPeer[] {
    const peers = new Map<DeviceId, HostPeer>()
    for (const connection of this.libp2p.getConnections()) {
      const device = deviceOf(connection.remotePeer)
      const known = device === undefined ? undefined : peers.get(device)
      if (device !== undefined && (known === undefined || known.sinceMs > connection.timeline.open)) peers.set(device, peerOf(device, connection))
    }
    return [...peers.values()]
  }

  isConnected(device: DeviceId): boolean {
    return this.libp2p.getConnections(peerIdFromString(device)).length > 0
  }

  /** Hears who comes and goes. Returns how to stop listening. */
  subscribe(listener: (event: PeerEvent) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Dials a peer at addresses that somebody named; resolves when it is connected. Rejects as libp2p does. */
  async dial(addresses: readonly string[], signal: AbortSignal): Promise<DeviceId | undefined> {
    const connection = await this.libp2p.dial(
      addresses.map((address) => multiaddr(address)),
      { signal: AbortSignal.any([signal, AbortSignal.timeout(this.#limits.dialTimeoutMs)]) },
    )
    return deviceOf(connection.remotePeer)
  }

  /** Makes another connection with the same peer, on the same way as this one. Rejects as libp2p does. */
  async dialBeside(connection: Connection, signal: AbortSignal): Promise<void> {
    const { remotePeer, remoteAddr, direction } = connection
    const addresses = direction === 'outbound' ? [remoteAddr] : listeningAt(remoteAddr, (await this.libp2p.peerStore.get(remotePeer)).addresses)
    await this.libp2p.dial(addresses, { force: true, signal: AbortSignal.any([signal, AbortSignal.timeout(this.#limits.dialTimeoutMs)]) })
  }

  /** Ends all connections with a device, as when it was blocked. */
  async hangUp(device: DeviceId): Promise<void> {
    await this.libp2p.hangUp(peerIdFromString(device))
  }

  async #addresses(): Promise<string[]> {
    const { listen, port: wanted } = this.#options
    if (listen !== undefined && listen.length > 0) return [...listen]
    const port = await freePort(wanted)
    const tcp = [`/ip4/0.0.0.0/tcp/${port}`, `/ip6/::/tcp/${port}`]
    return typeof this.#quic === 'string' ? tcp : [...tcp, `/ip4/0.0.0.0/udp/${port}/quic-v1`, `/ip6/::/udp/${port}/quic-v1`]
  }

  async #create(): Promise<Libp2p> {
    const limits = this.#limits
    const { deviceSeed, crypto } = this.#deps
    const streams = {
      maxStreamWindowSize: limits.maxStreamWindowBytes,
      maxReadBufferLength: limits.maxReadBufferBytes,
      maxWriteBufferLength: limits.maxWriteBufferBytes,
    }
    const quic = typeof this.#quic === 'string' ? [] : [this.#quic()]
    return createLibp2p({
      start: false,
      ...(this.#options.datastore === undefined ? {} : { datastore: this.#options.datastore }),
      privateKey: privateKeyFromRaw(concatBytes(deviceSeed, crypto.ed25519PublicKey(deviceSeed))),
      addresses: { listen: [...this.#listen] },
      // A machine without IPv6 still listens on IPv4; that the port was free was seen before.
      transportManager: { faultTolerance: 1 },
      transports: [corkedTcp(linkLocalTcp({ maxConnections: limits.maxConnections, backlog: limits.maxPendingInbound })), ...quic],
      connectionEncrypters: [noise()],
      streamMuxers: [yamux({ enableKeepAlive: false, maxInboundStreams: limits.maxStreams, maxOutboundStreams: limits.maxStreams, streamOptions: streams })],
      connectionManager: {
        maxConnections: limits.maxConnections,
        maxIncomingPendingConnections: limits.maxPendingInbound,
        inboundConnectionThreshold: limits.inboundPerSecond,
        maxParallelDials: limits.maxParallelDials,
        maxDialQueueLength: 4 * limits.maxConnections,
        maxPeerAddrsToDial: 16,
        dialTimeout: limits.dialTimeoutMs,
        addressDialTimeout: limits.addressTimeoutMs,
        inboundUpgradeTimeout: limits.inboundHandshakeMs,
        // Peers are kept by discovery and by the keeper of static peers; libp2p's own list would do it twice.
        reconnectRetries: 0,
      },
      // See `Heartbeat`.
      connectionMonitor: { enabled: false },
      connectionGater: {
        denyDialPeer: (peer) => this.#isDenied(peer),
        denyInboundConnection: ({ remoteAddr }) => this.#isCrowded(originOf(remoteAddr.toString())),
        denyInboundEncryptedConnection: (peer) => this.#isDenied(peer),
        denyOutboundEncryptedConnection: (peer) => this.#isDenied(peer),
        // libp2p denies private addresses in some environments; they are all we have.
        denyDialMultiaddr: () => false,
      },
      services: {
        identify: identify({ maxInboundStreams: 2, maxOutboundStreams: 2, maxObservedAddresses: 8 }),
        ping: ping({ maxInboundStreams: 2, maxOutboundStreams: 2 }),
        ...this.#options.services,
      },
    })
  }

  #isDenied(peer: PeerId): boolean {
    const device = deviceOf(peer)
    const isDenied = device === undefined || this.#deps.isBlocked(device)
    if (isDenied) this.#refuse(device === undefined ? 'no-ed25519' : 'blocked')
    return isDenied
  }

  #isCrowded(origin: string): boolean {
    const present = this.#libp2p?.getConnections().filter(({ remoteAddr }) => originOf(remoteAddr.toString()) === origin).length ?? 0
    if (present < this.#limits.maxPerAddress) return false
    this.#refuse('per-address')
    return true
  }

  #refuse(reason: string): void {
    this.#refusals[reason] = (this.#refusals[reason] ?? 0) + 1
  }

  #tell(peer: PeerId, isUp: boolean): void {
    const device = deviceOf(peer)
    if (device === undefined) return
    const address = this.libp2p.getConnections(peer)[0]?.remoteAddr.toString() ?? ''
    for (const listener of [...this.#listeners]) {
      try {
        listener({ device, isUp, address })
      } catch (error) {
        // Thrown out of libp2p's event it would end the process.
        this.#deps.log.error('somebody who listens for peers failed', { device, error })
      }
    }
  }
}

function peerOf(device: DeviceId, connection: Connection): HostPeer {
  const address = connection.remoteAddr.toString()
  const transport = address.includes('/quic-v1') ? 'quic' : address.includes('/tcp/') ? 'tcp' : 'other'
  const { rtt, direction, timeline } = connection
  return { device, address, transport, direction, sinceMs: timeline.open, ...(rtt === undefined ? {} : { rttMs: rtt }) }
}
