import { multiaddr } from '@multiformats/multiaddr'

/** Where TCP or QUIC answers, and perhaps which device: PeerIds of Ed25519 keys have 52 characters. */
const END = /(\/tcp\/\d+|\/udp\/\d+\/quic-v1)(\/p2p\/12D3KooW[1-9A-HJ-NP-Za-km-z]{44})?$/

/** True for a multiaddr that a host can dial or listen on; whether anybody answers there is another question. */
export function isNodeAddress(text: string): boolean {
  try {
    return END.test(multiaddr(text).toString())
  } catch (error) {
    if (error instanceof Error) return false
    throw error
  }
}
