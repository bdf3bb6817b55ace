/**
 * What goes into a bundle, and in which order.
 *
 * Nobody is at the other end yet, so what routing would offer to a device that it knows nothing of is given:
 * half of the copies, at least one. An export is a hand-over that nobody has confirmed, and the same stick may
 * be read in many places or in none: so the copies here stay as they are until a promise of custody comes back.
 * Own envelopes are given even when their copies are with others, and so is what goes to an address that was
 * asked for or to the inbox of somebody whose bundle was read here.
 */
import { compareStamps, type Stamp } from '#mesh/envelope'
import type { Address, EnvelopeId } from '#mesh/ids'
import { planFor } from '#mesh/routing'
import type { EnvelopeMeta } from '#mesh/store'
import { PRIORITIES } from '../by-priority.ts'
import type { BundleDeps } from './deps.ts'
import { STICK_LINK } from './stick-link.ts'

/** An envelope for a bundle, with the copies that whoever reads it may hand out. */
export interface Selected {
  readonly id: EnvelopeId
  readonly copies: number
  readonly size: number
}

/** Whom a bundle is for. */
export interface Audience {
  /** Only what goes there, and what everybody gets: receipts and announcements. Absent: everything. */
  readonly only: ReadonlySet<Address> | undefined
  /** Inboxes of those who may read it. */
  readonly correspondents: ReadonlySet<Address>
}

/** Receipts and announcements first, since they make room; then by priority, and the oldest first. */
export function selectForBundle(deps: Pick<BundleDeps, 'store' | 'knownDevices'>, audience: Audience): Selected[] {
  const neighbours = deps.knownDevices()
  const chosen: Array<Selected & { rank: number; stamp: Stamp }> = []
  for (const id of deps.store.ids()) {
    const meta = deps.store.meta(id)
    if (meta === undefined || meta.priority === 'ephemeral') continue // now or never: no stick is that fast
    const copies = copiesFor(meta, audience, neighbours)
    if (copies > 0) chosen.push({ id, copies, size: meta.size, rank: rankOf(meta), stamp: meta.stamp })
  }
  chosen.sort((a, b) => a.rank - b.rank || compareStamps(a.stamp, b.stamp))
  return chosen.map(({ id, copies, size }) => ({ id, copies, size }))
}

function copiesFor(meta: EnvelopeMeta, { only, correspondents }: Audience, neighbours: number): number {
  const isForAll = isAnnounced(meta)
  if (!meta.mayCross && !meta.own) return 0 // nobody knows in which mesh a stick is read; its author may put it there
  if (only !== undefined && !only.has(meta.address) && !isForAll) return 0
  const half = Math.max(1, Math.floor(meta.copies / 2))
  if (meta.own || only?.has(meta.address) === true || correspondents.has(meta.address)) return isForAll ? meta.copies : half
  // Whoever reads it is as good as a device that is not known: what came on another stick may go on with this one.
  const plan = planFor({ meta, peer: STICK_LINK, peerOwns: false, arrivedFrom: undefined, neighbours, peerHasCustody: false, mesh: meta.mesh, utility: 0 })
  return plan.kind === 'offer' && (plan.least ?? 0) === 0 ? plan.copies : 0 // whom a reader meets is not known either
}

function rankOf(meta: EnvelopeMeta): number {
  return isAnnounced(meta) ? -1 : PRIORITIES.indexOf(meta.priority)
}

function isAnnounced({ kind }: EnvelopeMeta): boolean {
  return kind === 'receipt' || kind === 'announcement'
}
