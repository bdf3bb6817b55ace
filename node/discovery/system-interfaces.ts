/**
 * The interfaces of this machine: addresses from the system call behind `os.networkInterfaces`, which
 * leaves out interfaces without one; switch, carrier and flags from /sys/class/net, where there is one.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { networkInterfaces } from 'node:os'
import { join } from 'node:path'
import type { Interfaces, NetworkAddress, NetworkInterface } from './ports.ts'

/** Interfaces looked at; a machine with hundreds of container bridges shall not cost hundreds of sockets. */
const MAX_INTERFACES = 64
/** Bits of /sys/class/net/<name>/flags, from linux/if.h. */
const FLAG = { up: 0x1, loopback: 0x8, multicast: 0x1000 }

/** @param root where the kernel shows its interfaces; tests bring a folder of their own. */
export function systemInterfaces(root = '/sys/class/net', addresses: typeof networkInterfaces = networkInterfaces): Interfaces {
  return {
    list() {
      const found = addresses()
      const names = new Set([...namesIn(root), ...Object.keys(found)])
      return [...names].slice(0, MAX_INTERFACES).map((name) => describe(root, name, found[name] ?? []))
    },
  }
}

function describe(root: string, name: string, found: NonNullable<ReturnType<typeof networkInterfaces>[string]>): NetworkInterface {
  const addresses: NetworkAddress[] = found.map(({ address, family, cidr }) => ({
    address: address.split('%')[0] ?? address,
    family: family === 'IPv4' ? 4 : 6,
    prefixLength: Number(cidr?.split('/')[1] ?? (family === 'IPv4' ? 32 : 128)),
  }))
  const flags = Number(textOf(root, name, 'flags') ?? Number.NaN)
  const index = Number(textOf(root, name, 'ifindex') ?? Number.NaN)
  const carrier = textOf(root, name, 'carrier')
  const common = { name, addresses, carrier: carrier === undefined ? undefined : carrier === '1', ...(Number.isNaN(index) ? {} : { index }) }
  if (Number.isNaN(flags)) return { ...common, up: addresses.length > 0, multicast: true, loopback: found.some(({ internal }) => internal) }
  return { ...common, up: (flags & FLAG.up) !== 0, multicast: (flags & FLAG.multicast) !== 0, loopback: (flags & FLAG.loopback) !== 0 }
}

function namesIn(root: string): string[] {
  try {
    return readdirSync(root)
  } catch {
    return [] // not Linux, or a sandbox without /sys: addresses alone have to do
  }
}

/** `undefined` when the file is not there, or cannot be read: the carrier of an interface that is down answers EINVAL. */
function textOf(root: string, name: string, file: string): string | undefined {
  try {
    return readFileSync(join(root, name, file), 'utf8').trim()
  } catch {
    return undefined
  }
}
