/**
 * Where an envelope goes next: a pure function from facts to a plan.
 *
 * Binary spray (Spyropoulos et al., WDTN 2005): an envelope starts with a number of copies and each
 * hand-over gives half of them away; the last copy waits for the owner. While the mesh is small every
 * neighbour gets one, since sparing copies pays only where there are many carriers. Receipts and
 * announcements go to everybody: they are what empties the carriers.
 */
import type { DeviceId } from '#mesh/ids'
import type { EnvelopeMeta } from '#mesh/store'

/** Copies of an own envelope (DESIGN §9: L = 8). */
export const INITIAL_COPIES = 8
/** Links an envelope may cross before only its owner takes it. */
export const HOP_LIMIT = 8
/** Below so many known devices every neighbour is offered a copy. */
export const SMALL_MESH_DEVICES = 16

/** What is known about one envelope and one peer. */
export interface RoutingFacts {
  readonly meta: Pick<EnvelopeMeta, 'id' | 'kind' | 'hops' | 'copies' | 'own'>
  readonly peer: DeviceId
  /** The peer has proven that it collects for the envelope's address. */
  readonly peerOwns: boolean
  /** The link that the envelope came over. */
  readonly arrivedFrom: DeviceId | undefined
  /** Devices this node has heard of. */
  readonly neighbours: number
  /** The peer has signed that it carries the envelope. */
  readonly peerHasCustody: boolean
}

/** What to do with an envelope and a peer. `copies` is what the peer may hand out in turn. */
export type Plan =
  | { readonly kind: 'send' }
  | { readonly kind: 'offer'; readonly copies: number }
  | { readonly kind: 'keep'; readonly why: 'came-from-there' | 'carried-there' | 'hop-limit' | 'last-copy' }

/** The plan for one envelope and one peer. */
export function planFor(facts: RoutingFacts): Plan {
  const { meta, peer, peerOwns, arrivedFrom, neighbours, peerHasCustody } = facts
  if (arrivedFrom === peer) return { kind: 'keep', why: 'came-from-there' }
  if (peerOwns) return { kind: 'send' }
  if (peerHasCustody) return { kind: 'keep', why: 'carried-there' }
  if (meta.hops >= HOP_LIMIT) return { kind: 'keep', why: 'hop-limit' }
  if (meta.kind === 'receipt' || meta.kind === 'announcement') return { kind: 'offer', copies: meta.copies }
  const half = Math.floor(meta.copies / 2)
  if (half >= 1) return { kind: 'offer', copies: half }
  return neighbours < SMALL_MESH_DEVICES ? { kind: 'offer', copies: 1 } : { kind: 'keep', why: 'last-copy' }
}
