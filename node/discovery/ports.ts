/**
 * What discovery needs from the machine, as seams: a list of network interfaces and UDP sockets.
 * Tests give both from memory; `system-interfaces.ts` and `udp-sockets.ts` are the real ones.
 */

/** The two families of the Internet Protocol. */
export type IpFamily = 4 | 6

/** One address of a network interface. */
export interface NetworkAddress {
  /** Without a zone. */
  readonly address: string
  readonly family: IpFamily
  /** Length of the on-link prefix in bits. */
  readonly prefixLength: number
}

/** A network interface as the operating system shows it at one moment. */
export interface NetworkInterface {
  readonly name: string
  /** The system's number for it; a device that was pulled and put back has the old name and a new number. */
  readonly index?: number
  /** Switched on by an administrator (`ip link set up`). */
  readonly up: boolean
  /** A cable is in, or a radio is associated; `undefined` where the system does not say. */
  readonly carrier: boolean | undefined
  readonly multicast: boolean
  readonly loopback: boolean
  readonly addresses: readonly NetworkAddress[]
}

/** Where the list of interfaces comes from. */
export interface Interfaces {
  list(): NetworkInterface[]
}

/** Where a datagram came from. */
export interface DatagramSource {
  /** Without a zone. */
  readonly address: string
  readonly port: number
  /** The interface that a link-local IPv6 source was heard on, when the system says so. */
  readonly zone?: string
}

/** An open UDP socket. */
export interface UdpSocket {
  /** The port it is bound to. */
  readonly port: number
  /** Resolves when the system took the datagram; rejects with the system's error. */
  send(bytes: Uint8Array, address: string, port: number): Promise<void>
  close(): void
}

/** What kind of socket is wanted. */
export interface SocketRequest {
  readonly family: IpFamily
  /** Interface it belongs to. */
  readonly interfaceName: string
  /** Our own address on that interface, for IPv4 multicast and for sockets that speak. */
  readonly ownAddress: string
  /** A multicast group to join and hear; without one the socket is bound to `ownAddress`. */
  readonly group?: string
  /** 0 for a port of the system's choice. */
  readonly port: number
  /** Hop limit of what is sent to a group. */
  readonly hops: number
}

/** What happens on a socket. */
export interface SocketEvents {
  onDatagram(bytes: Uint8Array, from: DatagramSource): void
  onError(error: Error): void
}

/** Opens UDP sockets. */
export interface SocketFactory {
  /** Rejects with the system's error when the socket cannot be opened, bound or joined. */
  open(request: SocketRequest, events: SocketEvents): Promise<UdpSocket>
}
