import { type Ip, isLinkLocal, isWithin, parseIp } from '#node/discovery'

/** Bits of an IPv6 address that a provider gives to one customer at least: the rest is the customer's to choose. */
const CUSTOMER_BITS = 64
/** What is routed in the internet (RFC 4291 §2.4): the rest are links, sites and loopback, where neighbours share their prefix. */
const GLOBAL_UNICAST: Ip = { family: 6, bytes: Uint8Array.of(0x20, ...new Uint8Array(15)) }
const GLOBAL_UNICAST_BITS = 3

/**
 * Who stands behind a remote multiaddr, as far as an address tells: the name under which connections are
 * counted together. One IPv4 address; a /64 of global IPv6, since whoever has one address has them all; any
 * other IPv6 address alone, with its zone when it is link-local, as all neighbours of a LAN share its prefix.
 */
export function originOf(multiaddr: string): string {
  const parts = multiaddr.split('/')
  const zone = parts[1] === 'ip6zone' ? parts[2] : undefined
  const [protocol = '', address = ''] = zone === undefined ? parts.slice(1) : parts.slice(3)
  const ip = parseIp(address)
  if (ip === undefined) return `${protocol}/${address}`
  const mapped = mappedIpv4(ip)
  if (mapped !== undefined) return `ip4/${mapped.join('.')}`
  if (ip.family === 4) return `ip4/${ip.bytes.join('.')}`
  if (isWithin(ip, GLOBAL_UNICAST, GLOBAL_UNICAST_BITS)) return `ip6/${hex(ip.bytes.subarray(0, CUSTOMER_BITS / 8))}/${CUSTOMER_BITS}`
  return `ip6/${hex(ip.bytes)}${isLinkLocal(ip) && zone !== undefined ? `%${zone}` : ''}`
}

/** IPv4 as a socket of both families shows it: ::ffff:192.0.2.1. */
function mappedIpv4({ family, bytes }: Ip): Uint8Array | undefined {
  const isMapped = family === 6 && bytes.subarray(0, 10).every((byte) => byte === 0) && bytes[10] === 0xff && bytes[11] === 0xff
  return isMapped ? bytes.subarray(12) : undefined
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}
