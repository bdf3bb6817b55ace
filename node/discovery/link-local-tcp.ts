/**
 * libp2p's TCP, able to use IPv6 link-local addresses.
 *
 * Stock `@libp2p/tcp` 11 loses the zone in both directions: when it dials `/ip6zone/eth0/ip6/fe80::1/tcp/1`
 * it leaves the zone out (the system then takes the first interface, which is right by luck), and when it
 * is dialled from `fe80::1%eth0` it cannot write that as a multiaddr and drops the connection, which the
 * other side sees as "Encryption failed". On a LAN with only link-local IPv6 nobody can connect. So the
 * host to dial is given with its zone, and an accepted socket shows its remote address without one; the zone is
 * remembered by address and port, as long as the socket is open.
 */
import { Server, type Socket } from 'node:net'
import type { Listener, Transport } from '@libp2p/interface'
import { type TCPComponents, type TCPDialOptions, type TCPOptions, tcp } from '@libp2p/tcp'
import type { Multiaddr } from '@multiformats/multiaddr'

/** Takes the place of `tcp(options)` among the transports of a host. */
export function linkLocalTcp(options?: TCPOptions): (components: TCPComponents) => Transport {
  const make = tcp(options)
  return (components) => {
    const transport = make(components)
    const dial = transport.dial.bind(transport)
    const createListener = transport.createListener.bind(transport)
    transport.dial = (multiaddr, dialOptions) => dial(multiaddr, withZone(multiaddr, dialOptions))
    transport.createListener = (listenOptions) => withoutZones(createListener(listenOptions))
    return transport
  }
}

/** The host to dial as the system wants it (`fe80::1%eth0`), when the multiaddr names a zone. */
export function hostWithZone(multiaddr: Multiaddr): string | undefined {
  const [first, second] = multiaddr.getComponents()
  return first?.name === 'ip6zone' && second?.name === 'ip6' ? `${second.value}%${first.value}` : undefined
}

function withZone(multiaddr: Multiaddr, options: TCPDialOptions): TCPDialOptions {
  const host = hostWithZone(multiaddr)
  const zoned: TCPDialOptions & { host?: string } = host === undefined ? options : { ...options, host }
  return zoned
}

/** Our look at each accepted socket comes before libp2p's. */
function withoutZones(listener: Listener): Listener {
  if ('server' in listener && listener.server instanceof Server) listener.server.prependListener('connection', dropZone)
  return listener
}

/** Zones of accepted sockets, by remote address and port; of all hosts in this process. */
const zones = new Map<string, string[]>()

/** The zone of the accepted socket with this remote address and port; `undefined` when there is none, or two in different zones. */
export function zoneOfSocket(address: string, port: number): string | undefined {
  const found = new Set(zones.get(`${address} ${port}`))
  const [zone] = found
  return found.size === 1 ? zone : undefined
}

function dropZone(socket: Socket): void {
  const [address, zone] = socket.remoteAddress?.split('%') ?? []
  if (address === undefined || zone === undefined) return
  Object.defineProperty(socket, 'remoteAddress', { value: address, configurable: true })
  const name = `${address} ${socket.remotePort}`
  zones.set(name, [...(zones.get(name) ?? []), zone])
  socket.once('close', () => {
    const left = zones.get(name) ?? []
    left.splice(left.indexOf(zone), 1)
    if (left.length === 0) zones.delete(name)
  })
}
