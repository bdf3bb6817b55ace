import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'

/** Code of `/p2p/` in a multiaddr. */
export const P2P_CODE = 421

/** What may stand on a card among the addresses of a node, as binary multiaddrs: TCP, and nothing that means something on one link only. */
export function hintsAmong(addresses: readonly Multiaddr[]): Uint8Array[] {
  const bare = addresses.map((address) => address.decapsulateCode(P2P_CODE))
  return bare.filter((address) => isHint(address.toString())).map((address) => address.bytes)
}

/** The text of a hint on a card, or `undefined` when it is not a multiaddr. */
export function hintText(hint: Uint8Array): string | undefined {
  try {
    return multiaddr(hint).toString()
  } catch {
    return undefined // a card may hold anything: a hint that cannot be read is no hint
  }
}

function isHint(address: string): boolean {
  return address.includes('/tcp/') && !/^\/ip4\/(127|169\.254)\.|^\/ip6\/(::1|fe80)|^\/ip6zone/.test(address)
}
