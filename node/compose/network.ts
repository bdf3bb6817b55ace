/** The parts of a node that reach out: host, discovery, static peers, links. */

import { isMeshError } from '#mesh/errors'
import type { Address, DeviceId } from '#mesh/ids'
import type { Clock, Crypto, Link, Log, Random } from '#mesh/ports'
import type { Runnable } from '#mesh/runtime'
import type { NodeOptions } from '#node/config'
import { LanDiscovery, systemInterfaces } from '#node/discovery'
import { BoundedDatastore, LanDht, PeopleFinder } from '#node/discovery-dht'
import { DEFAULT_HOST_LIMITS, Dialer, freePort, Host, isAlive, Meshes, Revival, ROUTER_HOST_LIMITS, StaticPeers } from '#node/host'
import type { Secrets } from '#node/keystore'
import { LinkKeeper } from '#node/protocols'
import { NetworkWatch } from './network-watch.ts'

/** What the network needs. */
export interface NetworkDeps {
  readonly secrets: Secrets
  readonly crypto: Crypto
  readonly random: Random
  readonly clock: Clock
  readonly log: Log
  readonly isBlocked: (device: DeviceId) => boolean
  readonly attach: (link: Link) => Promise<void>
  /** Inboxes of contacts who are not connected. */
  readonly wanted: () => Address[]
  /** The network of this machine changed. Must not throw. */
  readonly onChange: () => void
}

/** The running network. */
export interface Network {
  readonly host: Host
  readonly dialer: Dialer
  readonly discovery: LanDiscovery | undefined
  /** Those named with `--peer`. */
  readonly peers: StaticPeers
  /** Ends the pauses before links are opened again. */
  readonly hurryLinks: () => void
  /** What is started and stopped, in order. */
  readonly parts: readonly Runnable[]
}

/** Chooses the port and makes the parts; nothing is started yet. @throws MeshError `NODE_PORT_IN_USE` when a chosen port is taken */
export async function makeNetwork(deps: NetworkDeps, options: NodeOptions): Promise<Network> {
  const { secrets, crypto, random, clock, log, isBlocked } = deps
  const limits = options.profile === 'router' ? ROUTER_HOST_LIMITS : DEFAULT_HOST_LIMITS
  const port = await portFor(options, log)
  const dht = new LanDht({ crypto, clock })
  const host = new Host(
    { deviceSeed: secrets.deviceSeed, crypto, clock, log, isBlocked },
    { port, listen: options.listen, limits, datastore: new BoundedDatastore(), ...(options.discovery.dht ? { services: { dht: dht.service } } : {}) },
  )
  let discovery: LanDiscovery | undefined
  const dialer = new Dialer({ host, clock, log, isBlocked, onDialled: (device, view) => discovery?.noteDial(device, view) })
  if (options.discovery.lan) {
    discovery = new LanDiscovery({
      clock,
      log,
      random,
      device: secrets.device,
      addresses: () => [...host.listenPatterns],
      onPeer: (device, addresses) => dialer.found(device, addresses),
    })
  }
  const meshes = new Meshes(options.meshes, systemInterfaces())
  const links = lateLinks(
    () =>
      new LinkKeeper({
        libp2p: host.libp2p,
        device: secrets.device,
        clock,
        random,
        log,
        attach: deps.attach,
        meshOf: (remote, peer) => meshes.of(remote, peer),
      }),
  )
  const peers = new StaticPeers({ host, clock, random, log }, options.peers)
  const revival = new Revival({
    connections: () => host.libp2p.getConnections(),
    isAlive,
    dialBeside: (connection, signal) => host.dialBeside(connection, signal),
    onRevived: () => links.hurry(),
    clock,
    log,
  })
  const onChange = (): void => {
    revival.check()
    dialer.hurry()
    peers.hurry()
    links.hurry()
    deps.onChange()
  }
  // The first look comes before the first dial, so that no change is missed between them.
  const watch = new NetworkWatch({ clock, log, onChange })
  const people = options.discovery.dht ? [peopleFinder(deps, host, dialer, dht)] : []
  return {
    host,
    dialer,
    discovery,
    peers,
    hurryLinks: () => links.hurry(),
    parts: [host, dialer, links, revival, watch, peers, ...(discovery === undefined ? [] : [discovery]), ...people],
  }
}

/** Looks for contacts through the DHT. */
function peopleFinder(deps: NetworkDeps, host: Host, dialer: Dialer, dht: LanDht): Runnable {
  const { secrets, crypto, clock, random, log, wanted } = deps
  return new PeopleFinder({
    dht,
    crypto,
    clock,
    random,
    log,
    device: secrets.device,
    inboxSeed: secrets.person.inboxSeed,
    addresses: () => host.hints,
    hasPeers: () => host.peers().length > 0,
    wanted,
    found: (device, addresses) => dialer.found(device, addresses),
  })
}

/** The keeper of links wants the libp2p node, which exists once the host has started. */
function lateLinks(make: () => LinkKeeper): Runnable & Pick<LinkKeeper, 'hurry'> {
  let keeper: LinkKeeper | undefined
  return {
    async start() {
      keeper = make()
      await keeper.start()
    },
    stop: async () => keeper?.stop(),
    hurry: () => keeper?.hurry(),
  }
}

/** A port that somebody chose must be free; the default gives way to any other when a neighbour on this machine has it. */
async function portFor({ port, isPortGiven, listen }: NodeOptions, log: Log): Promise<number> {
  if (listen.length > 0) return port
  try {
    return await freePort(port)
  } catch (error) {
    if (isPortGiven || !isMeshError(error, 'NODE_PORT_IN_USE')) throw error
    const free = await freePort(0)
    log.info('the usual port is taken; another one is used', { taken: port, port: free })
    return free
  }
}
