import { isIPv4, isIPv6 } from 'node:net'
import type { IpFamily, NetworkInterface } from './ports.ts'

/** An IP address as bytes: 4 or 16. */
export interface Ip {
  readonly family: IpFamily
  readonly bytes: Uint8Array
}

/** Parses an address without zone; `undefined` when it is none. */
export function parseIp(text: string): Ip | undefined {
  if (isIPv4(text)) return { family: 4, bytes: Uint8Array.from(text.split('.'), Number) }
  if (text.includes('%') || !isIPv6(text)) return undefined
  return { family: 6, bytes: ipv6Bytes(text) }
}

/** The `text` of an IPv6 address is already known to be valid. */
function ipv6Bytes(text: string): Uint8Array {
  const bytes = new Uint8Array(16)
  const [head = '', tail] = text.split('::')
  bytes.set(groupBytes(head))
  if (tail !== undefined) {
    const end = groupBytes(tail)
    bytes.set(end, 16 - end.length)
  }
  return bytes
}

function groupBytes(text: string): Uint8Array {
  if (text === '') return new Uint8Array(0)
  return Uint8Array.from(
    text.split(':').flatMap((group) => {
      if (group.includes('.')) return group.split('.').map(Number)
      const value = Number.parseInt(group, 16)
      return [value >> 8, value & 0xff]
    }),
  )
}

/** True when the first `bits` of `ip` are those of `prefix`. */
export function isWithin(ip: Ip, prefix: Ip, bits: number): boolean {
  if (ip.family !== prefix.family) return false
  for (let i = 0; i < bits; i++) {
    const mask = 0x80 >> (i & 7)
    if (((ip.bytes[i >> 3] ?? 0) & mask) !== ((prefix.bytes[i >> 3] ?? 0) & mask)) return false
  }
  return true
}

/** True when `text` is the same address as `ip`, however it is written. */
export function isSameIp(ip: Ip, text: string): boolean {
  const other = parseIp(text)
  return other !== undefined && isWithin(ip, other, other.bytes.length * 8)
}

/** True for an address that a neighbour on this interface can have without a router between. */
export function isOnLink(ip: Ip, iface: Pick<NetworkInterface, 'addresses'>): boolean {
  return iface.addresses.some(({ address, prefixLength }) => {
    const own = parseIp(address)
    return own !== undefined && isWithin(ip, own, prefixLength)
  })
}

const range = (cidr: string): { prefix: Ip; bits: number } => {
  const [address = '', bits = '0'] = cidr.split('/')
  const prefix = parseIp(address)
  if (prefix === undefined) throw new TypeError(`not a prefix: ${cidr}`)
  return { prefix, bits: Number(bits) }
}
const inAny = (ip: Ip, ranges: ReadonlyArray<{ prefix: Ip; bits: number }>): boolean => ranges.some(({ prefix, bits }) => isWithin(ip, prefix, bits))

const LINK_LOCAL = ['169.254.0.0/16', 'fe80::/10'].map(range)
const LOOPBACK = ['127.0.0.0/8', '::1/128'].map(range)
/** RFC 1918, RFC 6598 (carrier NAT, used by meshes), RFC 4193 (unique local IPv6). */
const PRIVATE = ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '100.64.0.0/10', 'fc00::/7'].map(range)
/** Unspecified, multicast, broadcast and IPv4 inside IPv6: nobody can be dialled there. */
const UNUSABLE = ['0.0.0.0/8', '224.0.0.0/3', '::/128', '::ffff:0:0/96', 'ff00::/8'].map(range)
const UNSPECIFIED = ['0.0.0.0/32', '::/128'].map(range)

/** 169.254/16 or fe80::/10. */
export const isLinkLocal = (ip: Ip): boolean => inAny(ip, LINK_LOCAL)
/** 127/8 or ::1. */
export const isLoopback = (ip: Ip): boolean => inAny(ip, LOOPBACK)
/** An address that is never routed in the internet. */
export const isPrivate = (ip: Ip): boolean => inAny(ip, PRIVATE)
/** An address that cannot be one host's. */
export const isUnusable = (ip: Ip): boolean => inAny(ip, UNUSABLE)
/** 0.0.0.0 or ::, which as a listen address means "all". */
export const isUnspecified = (ip: Ip): boolean => inAny(ip, UNSPECIFIED)
