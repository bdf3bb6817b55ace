/**
 * Where an envelope goes next: a pure function from facts to a plan.
 *
 * What its author does not want bridged stays in the mesh it came in; its author gives it to every neighbour he has.
 *
 * Binary spray (Spyropoulos et al., WDTN 2005): an envelope starts with a number of copies, and each hand-over
 * gives half of them away. Then focus: whoever has used up his copies gives further ones only to somebody who
 * meets the owner more often than anybody this copy has seen (delegation forwarding, Erramilli et al., MobiHoc
 * 2008: a message among n carriers makes about √n copies). Where somebody is known to meet the owner, spraying
 * stops sooner: half of the copies then do as well as all (see {@link KNOWN_COPIES}).
 *
 * While the mesh is small every neighbour gets one, since sparing copies pays only where there are many
 * carriers. Receipts and announcements go to everybody: they are what empties the carriers.
 */
import { HOP_LIMIT } from '#mesh/envelope'
import type { DeviceId } from '#mesh/ids'
import type { EnvelopeMeta } from '#mesh/store'
import { UTILITY_LINKED } from './encounters.ts'

/**
 * Spraying stops at so many copies when somebody is known who meets the owner. On the Infocom'05 trace 89.0 % arrive
 * with 5.2 relays each, instead of 89.1 % with 9.4 when it goes on (`npm run bench -- W7`).
 */
export const KNOWN_COPIES = 4
/** Below so many known devices every neighbour is offered a copy. */
export const SMALL_MESH_DEVICES = 16

/** What is known about one envelope and one peer. */
export interface RoutingFacts {
  readonly meta: Pick<EnvelopeMeta, 'kind' | 'hops' | 'copies' | 'mayCross' | 'own' | 'mesh'>
  readonly peer: DeviceId
  /** The peer has proven that it collects for the envelope's address. */
  readonly peerOwns: boolean
  /** The link that the envelope came over. */
  readonly arrivedFrom: DeviceId | undefined
  /** How many devices there are, as far as this node and the peer have heard. */
  readonly neighbours: number
  /** The peer has signed that it carries the envelope. */
  readonly peerHasCustody: boolean
  /** The mesh in which the peer is linked. */
  readonly mesh: string
  /** How well the best of those whom this copy has seen serves its address, this node included; see `Encounters.utilityFor`. */
  readonly utility: number
}

/**
 * What to do with an envelope and a peer. `copies` is what the peer may hand out in turn; `least` how well it has to
 * serve the address to get any, 0 for anybody, and absent where that does not matter and is not asked.
 */
export type Plan =
  | { readonly kind: 'send' }
  | { readonly kind: 'offer'; readonly copies: number; readonly least?: number }
  | { readonly kind: 'keep'; readonly why: 'came-from-there' | 'carried-there' | 'hop-limit' | 'owner-here' | 'other-mesh' }

/** The plan for one envelope and one peer. */
export function planFor(facts: RoutingFacts): Plan {
  const { meta, peer, peerOwns, arrivedFrom, neighbours, peerHasCustody, utility, mesh } = facts
  if (arrivedFrom === peer) return { kind: 'keep', why: 'came-from-there' }
  if (!meta.mayCross && !meta.own && meta.mesh !== mesh) return { kind: 'keep', why: 'other-mesh' } // to its owner as well: that is crossing
  if (peerOwns) return { kind: 'send' }
  if (peerHasCustody) return { kind: 'keep', why: 'carried-there' }
  if (meta.hops >= HOP_LIMIT) return { kind: 'keep', why: 'hop-limit' }
  if (meta.kind === 'receipt' || meta.kind === 'announcement') return { kind: 'offer', copies: meta.copies }
  const copies = Math.max(1, Math.floor(meta.copies / 2))
  const isSpraying = meta.copies > (utility > 0 ? KNOWN_COPIES : 1)
  if (neighbours < SMALL_MESH_DEVICES) return { kind: 'offer', copies }
  if (isSpraying) return { kind: 'offer', copies, least: 0 }
  return utility < UTILITY_LINKED ? { kind: 'offer', copies, least: utility + 1 } : { kind: 'keep', why: 'owner-here' }
}
