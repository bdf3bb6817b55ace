import { isMeshError, MeshError } from '#mesh/errors'
import { type DeviceId, parseDeviceId } from '#mesh/ids'
import { type Interfaces, type Ip, isLinkLocal, isOnLink, isWithin, parseIp, zoneOfSocket } from '#node/discovery'

/** Addresses of one network, and the mesh it belongs to. */
interface Network {
  readonly prefix: Ip
  readonly bits: number
  readonly mesh: string
}

/** The mesh of everything that nothing is said about. */
const NO_NAME = ''
/** What an interface can be called on Linux, macOS and the BSDs. */
const INTERFACE_NAME = /^[\w.:@-]{1,15}$/

/**
 * Which mesh a link belongs to, by the configuration of this node's owner: what the other side says about itself
 * never counts, only the device that the handshake proved, and the address that its packets come from.
 *
 * A device counts before a network, the smaller network before the larger one, both before an interface. An address
 * that could be in two meshes, or in none, is in the one without a name.
 */
export class Meshes {
  readonly #devices = new Map<DeviceId, string>()
  readonly #networks: Network[] = []
  readonly #interfaces = new Map<string, string>()
  readonly #system: Interfaces

  /** @throws MeshError `NODE_CONFIG_INVALID` when something is none of interface, network and device, or belongs to two meshes */
  constructor(config: Readonly<Record<string, readonly string[]>>, system: Interfaces) {
    this.#system = system
    const seen = new Set<string>()
    for (const [mesh, members] of Object.entries(config)) {
      for (const member of members) {
        if (seen.has(member)) throw invalid(`"${member}" stands in two meshes`)
        seen.add(member)
        this.#add(mesh, member)
      }
    }
    this.#networks.sort((a, b) => b.bits - a.bits)
  }

  /** The mesh of a connection. @param remote the multiaddr of the other side, as the socket has it */
  of(remote: string, device: DeviceId): string {
    if (this.#devices.size + this.#networks.length + this.#interfaces.size === 0) return NO_NAME
    const byDevice = this.#devices.get(device)
    if (byDevice !== undefined) return byDevice
    const { ip, zone } = whereabouts(remote)
    if (ip === undefined) return NO_NAME
    return this.#networks.find(({ prefix, bits }) => isWithin(ip, prefix, bits))?.mesh ?? this.#byInterface(ip, zone)
  }

  /** A link-local address is on every interface: only its zone tells which. */
  #byInterface(ip: Ip, zone: string | undefined): string {
    if (this.#interfaces.size === 0) return NO_NAME
    if (zone !== undefined) return this.#interfaces.get(zone) ?? NO_NAME
    if (ip.family === 6 && isLinkLocal(ip)) return NO_NAME
    const meshes = new Set(
      this.#system
        .list()
        .filter((iface) => iface.up && isOnLink(ip, iface))
        .map(({ name }) => this.#interfaces.get(name) ?? NO_NAME),
    )
    const [mesh = NO_NAME] = meshes
    return meshes.size === 1 ? mesh : NO_NAME
  }

  #add(mesh: string, member: string): void {
    const device = deviceIn(member)
    const [address = '', length, ...more] = member.split('/')
    const prefix = parseIp(address)
    if (device !== undefined) this.#devices.set(device, mesh)
    else if (prefix !== undefined) {
      const most = prefix.bytes.length * 8
      const bits = length === undefined ? most : /^\d{1,3}$/.test(length) ? Number(length) : Number.NaN
      if (more.length > 0 || !(bits <= most)) throw invalid(`"${member}" is no network: an address, / and the length of its prefix`)
      this.#networks.push({ prefix, bits, mesh })
    } else if (INTERFACE_NAME.test(member)) this.#interfaces.set(member, mesh)
    else throw invalid(`"${member}" is neither an interface nor a network nor a device`)
  }
}

/** Address and zone of a remote multiaddr; the zone of an accepted socket is known by its port. */
function whereabouts(remote: string): { ip?: Ip; zone?: string } {
  const parts = remote.split('/')
  const zone = parts[1] === 'ip6zone' ? parts[2] : undefined
  const [, address = '', protocol, port] = zone === undefined ? parts.slice(1) : parts.slice(3)
  const ip = unmapped(parseIp(address))
  const known = zone ?? (protocol === 'tcp' ? zoneOfSocket(address, Number(port)) : undefined)
  return { ...(ip === undefined ? {} : { ip }), ...(known === undefined ? {} : { zone: known }) }
}

/** IPv4 as a socket of both families shows it: ::ffff:192.0.2.1. */
function unmapped(ip: Ip | undefined): Ip | undefined {
  if (ip?.family !== 6) return ip
  const isMapped = ip.bytes.subarray(0, 10).every((byte) => byte === 0) && ip.bytes[10] === 0xff && ip.bytes[11] === 0xff
  return isMapped ? { family: 4, bytes: ip.bytes.subarray(12) } : ip
}

function deviceIn(text: string): DeviceId | undefined {
  try {
    return parseDeviceId(text)
  } catch (error) {
    if (isMeshError(error, 'MESH_BYTES_INVALID')) return undefined
    throw error
  }
}

function invalid(fault: string): MeshError {
  return new MeshError('NODE_CONFIG_INVALID', `meshes: ${fault}`, { hint: '`qpq up --print-default-config` shows how meshes are written' })
}
