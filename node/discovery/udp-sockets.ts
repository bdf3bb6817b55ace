/**
 * Real UDP sockets, bound so that each hears exactly what it is for (Linux; other systems may differ).
 *
 * - A socket of a group is bound to the group's own address, not to the wildcard: it then never receives
 *   (or steals from avahi) unicast to the same port. An IPv6 link-local group is bound with its zone,
 *   which ties the socket to that device. In IPv4 there is no zone: Linux hands multicast of every
 *   interface to every such socket, and the receiver sorts by the source address.
 * - A "voice" is bound to our own address on the interface and a port of the system's choice: unicast
 *   reaches exactly this process, also when several nodes run on one machine.
 * - The outgoing interface is always named. Without that a multicast needs a route, and on a LAN without a
 *   default route it fails with ENETUNREACH, which stock mDNS swallows.
 */
import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import type { DatagramSource, SocketEvents, SocketFactory, SocketRequest, UdpSocket } from './ports.ts'

/** Sockets of the operating system. */
export function udpSockets(): SocketFactory {
  return { open }
}

async function open(request: SocketRequest, events: SocketEvents): Promise<UdpSocket> {
  const socket = createSocket(
    request.family === 4 ? { type: 'udp4', reuseAddr: request.group !== undefined } : { type: 'udp6', reuseAddr: request.group !== undefined, ipv6Only: true },
  )
  socket.on('message', (bytes, { address, port }) => events.onDatagram(bytes, sourceOf(address, port)))
  try {
    const listening = once(socket, 'listening')
    socket.bind({ port: request.port, address: bindAddress(request), exclusive: true })
    await listening
    prepare(socket, request)
  } catch (error) {
    socket.close()
    throw error
  }
  socket.on('error', (error) => events.onError(error))
  return { port: socket.address().port, send: (bytes, address, port) => send(socket, bytes, address, port), close: () => socket.close() }
}

function bindAddress({ family, group, ownAddress, interfaceName }: SocketRequest): string {
  const address = group ?? ownAddress
  return family === 6 && /^(fe[89ab][0-9a-f]|ff[0-9a-f]2):/i.test(address) ? `${address}%${interfaceName}` : address
}

function prepare(socket: Socket, { family, group, ownAddress, interfaceName, hops }: SocketRequest): void {
  const outgoing = family === 4 ? ownAddress : `::%${interfaceName}`
  if (group !== undefined) socket.addMembership(group, outgoing)
  socket.setMulticastInterface(outgoing)
  socket.setMulticastTTL(hops)
  socket.setMulticastLoopback(true) // several nodes may live on one machine
}

function send(socket: Socket, bytes: Uint8Array, address: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.send(bytes, port, address, (error) => (error === null || error === undefined ? resolve() : reject(error)))
  })
}

function sourceOf(text: string, port: number): DatagramSource {
  const [address = '', zone] = text.split('%')
  return zone === undefined ? { address, port } : { address, port, zone }
}
