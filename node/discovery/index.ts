export { type Ip, isLinkLocal, isLoopback, isOnLink, isSameIp, isWithin, parseIp } from './ip.ts'
export {
  type AddressView,
  type KnownPeer,
  LanDiscovery,
  type LanDiscoveryDeps,
  type LanDiscoveryOptions,
} from './lan-discovery.ts'
export { linkLocalTcp, zoneOfSocket } from './link-local-tcp.ts'
export type {
  DatagramSource,
  Interfaces,
  IpFamily,
  NetworkAddress,
  NetworkInterface,
  SocketEvents,
  SocketFactory,
  SocketRequest,
  UdpSocket,
} from './ports.ts'
export type { InterfaceState, InterfaceStatus } from './segment.ts'
export { systemInterfaces } from './system-interfaces.ts'
