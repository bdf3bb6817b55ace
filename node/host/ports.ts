import { createSocket } from 'node:dgram'
import { createServer } from 'node:net'
import { isMeshError, MeshError } from '#mesh/errors'
import { loadQuic } from './quic.ts'

/** What a port is for. libp2p opens each of these by itself, and goes on without those that it does not get. */
type Use = 'TCP over IPv4' | 'TCP over IPv6' | 'UDP over IPv4' | 'UDP over IPv6'

const TCP_USES: readonly Use[] = ['TCP over IPv4', 'TCP over IPv6']
const UDP_USES: readonly Use[] = ['UDP over IPv4', 'UDP over IPv6']
/** A random port that is free for one use may be taken for another; this many in a row are never bad luck. */
const MAX_RANDOM_PORTS = 20
/** This machine does not speak IPv6: then nobody has the port there either. */
const NO_FAMILY_CODES = new Set(['EAFNOSUPPORT', 'EADDRNOTAVAIL', 'EPROTONOSUPPORT'])

/** All optional. */
export interface FreePortOptions {
  /** Whether UDP has to be free as well; it is asked for when QUIC is there. */
  readonly udp?: boolean
}

/**
 * A port that is free now on every interface, over IPv4 and IPv6, for TCP and for UDP: the one asked for,
 * or any for 0. libp2p may take a random port for each of them; discovery wants one number.
 * @throws MeshError `NODE_PORT_IN_USE`
 */
export async function freePort(port: number, options: FreePortOptions = {}): Promise<number> {
  const hasUdp = options.udp ?? typeof (await loadQuic()) !== 'string'
  const uses = hasUdp ? [...TCP_USES, ...UDP_USES] : TCP_USES
  if (port !== 0) return wholePort(port, uses)
  for (let left = MAX_RANDOM_PORTS; ; left--) {
    const candidate = await probe(0, 'TCP over IPv4')
    try {
      return await wholePort(candidate, uses)
    } catch (error) {
      if (left <= 1 || !isMeshError(error, 'NODE_PORT_IN_USE')) throw error
    }
  }
}

/** The port itself, when it is free for all `uses`. */
async function wholePort(port: number, uses: readonly Use[]): Promise<number> {
  for (const use of uses) {
    try {
      await probe(port, use)
    } catch (error) {
      const code = error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : ''
      if (!NO_FAMILY_CODES.has(code) || use.endsWith('IPv4')) throw refusal(port, use, code, error)
    }
  }
  return port
}

function refusal(port: number, use: Use, code: string, cause: unknown): unknown {
  const detail = { port, use }
  if (code === 'EADDRINUSE') {
    return new MeshError('NODE_PORT_IN_USE', `port ${port} is taken by another program (${use})`, {
      cause,
      detail,
      hint: `Choose another one with --port, or see who has it: ss -${use.startsWith('TCP') ? 'lntp' : 'lnup'} 'sport = :${port}'`,
    })
  }
  if (code !== 'EACCES') return cause
  const hint = 'Choose a port above 1023 with --port.'
  return new MeshError('NODE_PORT_IN_USE', `this user may not listen on port ${port}`, { cause, detail, hint })
}

/** Opens and closes a port. Rejects with the system's error. */
function probe(port: number, use: Use): Promise<number> {
  const place = use.endsWith('IPv6') ? { host: '::', ipv6Only: true } : { host: '0.0.0.0', ipv6Only: false }
  return use.startsWith('TCP') ? probeTcp(port, place) : probeUdp(port, place)
}

function probeTcp(port: number, place: { host: string; ipv6Only: boolean }): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen({ port, ...place }, () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : port))
    })
  })
}

function probeUdp(port: number, { host, ipv6Only }: { host: string; ipv6Only: boolean }): Promise<number> {
  return new Promise((resolve, reject) => {
    const socket = createSocket({ type: ipv6Only ? 'udp6' : 'udp4', ipv6Only })
    socket.once('error', (error) => socket.close(() => reject(error)))
    socket.bind({ port, address: host, exclusive: true }, () => socket.close(() => resolve(port)))
  })
}
