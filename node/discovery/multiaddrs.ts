/**
 * Which multiaddrs are said on a network, and which are believed when heard there.
 *
 * Said: only the addresses of the interface that is spoken on, so that nobody learns about our other
 * networks. A zone (`%eth0`) means nothing on another machine (RFC 4007 §11.2), so it never leaves; who
 * hears a link-local IPv6 address adds the zone of the interface it was heard on.
 *
 * Believed: nothing is signed here, and what is believed gets dialled. So only plain TCP and QUIC on
 * literal addresses that are link-local, private, or on this interface's own prefixes: a stranger on the
 * LAN can make us knock at a neighbour's door (bounded, and the handshake proves who answers), never at a
 * host in the internet, and never ask a name server.
 */
import { type DeviceId, parseDeviceId } from '#mesh/ids'
import { type Ip, isLinkLocal, isLoopback, isOnLink, isPrivate, isSameIp, isUnspecified, isUnusable, parseIp } from './ip.ts'
import type { NetworkInterface } from './ports.ts'

/** A TXT string has a one-byte length (RFC 1035 §3.3), so `dnsaddr=…` is at most this long, in bytes. */
export const MAX_DNSADDR_BYTES = 255
/** Addresses of one peer that are kept or announced: two families, two transports, four addresses each. */
export const MAX_ADDRESSES_PER_PEER = 16

const DNSADDR = 'dnsaddr='

/** The multiaddrs to announce on `iface`, most useful first, each ending in `/p2p/<device>`. */
export function announcedOn(iface: NetworkInterface, listen: readonly string[], device: DeviceId): string[] {
  const found = new Set<string>()
  for (const text of listen) {
    const parts = splitListen(text)
    if (parts === undefined) continue
    for (const address of addressesBehind(parts.ip, parts.address, iface)) {
      const ip = parseIp(address)
      if (ip === undefined || !isDialable(ip, parts.rest)) continue
      const multiaddr = `/ip${parts.ip.family}/${address}/${parts.rest}/p2p/${device}`
      if (DNSADDR.length + multiaddr.length <= MAX_DNSADDR_BYTES) found.add(multiaddr)
    }
  }
  return [...found].sort((a, b) => usefulness(a) - usefulness(b)).slice(0, MAX_ADDRESSES_PER_PEER)
}

function splitListen(text: string): { ip: Ip; address: string; rest: string } | undefined {
  const [empty, protocol, address = '', ...rest] = text.replace(/^\/ip6zone\/[^/]+/, '').split('/')
  const end = rest.indexOf('p2p')
  const tail = end === -1 ? rest : rest.slice(0, end)
  const ip = parseIp(address)
  if (empty !== '' || ip === undefined || protocol !== `ip${ip.family}` || (tail[0] !== 'tcp' && tail[0] !== 'udp') || tail[1] === '0') return undefined
  return { ip, address, rest: tail.join('/') }
}

function addressesBehind(ip: Ip, address: string, iface: NetworkInterface): string[] {
  if (isUnspecified(ip)) return iface.addresses.filter(({ family }) => family === ip.family).map((own) => own.address)
  return iface.addresses.some((own) => isSameIp(ip, own.address)) ? [address] : []
}

/** Addresses that work without a router come first, so that they are in when not all fit. */
function usefulness(multiaddr: string): number {
  const ip = parseIp(multiaddr.split('/')[2] ?? '')
  if (ip === undefined) return 3
  if (isLinkLocal(ip)) return 1
  return isPrivate(ip) ? 0 : 2
}

/** The QUIC binding cannot dial a zone: such an address only costs the dialler a time-out. */
const isDialable = (ip: Ip, transport: string): boolean => ip.family === 4 || transport.startsWith('tcp') || !isLinkLocal(ip)

/** What a heard multiaddr turned out to be. */
export interface HeardMultiaddr {
  readonly peer: DeviceId
  readonly multiaddr: string
}

/** The peer and the dialable address in `text` heard on `iface`; `undefined` when it is not to be believed. */
export function believedOn(iface: NetworkInterface, text: string, allowLoopback: boolean): HeardMultiaddr | undefined {
  if (text.length > MAX_DNSADDR_BYTES) return undefined
  const match = /^(?:\/ip6zone\/[^/]{1,32})?\/(ip[46])\/([0-9a-fA-F.:]{2,45})\/(tcp\/\d{1,5}|udp\/\d{1,5}\/quic-v1)\/p2p\/([1-9A-HJ-NP-Za-km-z]{46,64})$/.exec(
    text,
  )
  if (match === null) return undefined
  const [, protocol, address = '', transport = '', id = ''] = match
  const ip = parseIp(address)
  const port = Number(transport.split('/')[1])
  if (ip === undefined || protocol !== `ip${ip.family}` || port < 1 || port > 65_535 || !isDialable(ip, transport) || !isReachable(ip, iface, allowLoopback))
    return undefined
  const peer = deviceIn(id)
  if (peer === undefined) return undefined
  const zone = ip.family === 6 && isLinkLocal(ip) ? `/ip6zone/${iface.name}` : ''
  return { peer, multiaddr: `${zone}/ip${ip.family}/${address}/${transport}/p2p/${peer}` }
}

function isReachable(ip: Ip, iface: NetworkInterface, allowLoopback: boolean): boolean {
  if (isUnusable(ip)) return false
  if (isLoopback(ip)) return allowLoopback
  return isLinkLocal(ip) || isPrivate(ip) || isOnLink(ip, iface)
}

/** `undefined` for peers whose id is not an Ed25519 key (stock libp2p knows others; we cannot name them). */
function deviceIn(id: string): DeviceId | undefined {
  try {
    return parseDeviceId(id)
  } catch {
    return undefined
  }
}
