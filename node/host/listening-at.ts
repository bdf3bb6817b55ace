import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'

/** The transports of ours: what stands before the port, and behind it. */
const TRANSPORTS = [/^(.*\/tcp\/)\d+((?:\/p2p\/\w+)?)$/, /^(.*\/udp\/)\d+(\/quic-v1(?:\/p2p\/\w+)?)$/]
/** Ports tried of a peer; ours listen on one. */
const MAX_PORTS = 4

/**
 * Where one can dial a peer that has dialled us from `remote`: there, at the ports on which it says that it listens.
 * Its other addresses may lie in networks that are not ours, and each costs a dial its time. Empty when it said nothing.
 */
export function listeningAt(remote: Multiaddr, said: readonly { readonly multiaddr: Multiaddr }[]): Multiaddr[] {
  const text = remote.toString()
  for (const transport of TRANSPORTS) {
    const [, before, behind] = transport.exec(text) ?? []
    if (before === undefined || behind === undefined) continue
    const protocol = before.endsWith('/tcp/') ? /\/tcp\/(\d+)/ : /\/udp\/(\d+)\/quic-v1/
    const ports = new Set(said.flatMap((one) => protocol.exec(one.multiaddr.toString())?.[1] ?? []))
    return [...ports].slice(0, MAX_PORTS).map((port) => multiaddr(`${before}${port}${behind}`))
  }
  return []
}
