import type { Passage } from '#mesh/envelope'
import { ENVELOPE_OVERHEAD_BYTES, expiryOf, PLAUSIBLE_SINCE_MS, readClassByte } from '#mesh/envelope'
import type { EnvelopeId } from '#mesh/ids'
import type { EnvelopeMeta } from '#mesh/store'
import type { Books } from './books.ts'
import type { Offer, RefusalReason } from './frames.ts'
import { MAX_CUSTODY_MS } from './limits.ts'
import type { OfferJudgement } from './offers.ts'

const MAX_U32 = 0xffff_ffff

/** What travels beside an envelope: one more hop, the copies that are handed over, and its age by now, however long this store keeps things. */
export function passageOf(meta: EnvelopeMeta, copies: number, nowMs: number): Passage {
  const aliveS = Math.ceil((expiryOf(meta, meta.firstSeenMs, meta.ageS) - nowMs) / 1_000)
  const ageS = Math.min(Math.max(meta.lifetimeS - aliveS, 0), MAX_U32)
  return { hops: Math.min(meta.hops + 1, 255), copies: Math.min(Math.max(copies, 1), 255), ageS }
}

/** What to do about an envelope that the peer of this session offers. */
export function judgeOffer(books: Books, offer: Offer): OfferJudgement {
  const { deps, claims, takenBack } = books.shared
  if (deps.store.has(offer.id)) return offer.tell ? 'carried' : 'no'
  if (takenBack.has(offer.id)) return 'no'
  if (offer.size < ENVELOPE_OVERHEAD_BYTES || readClassByte(offer.classByte) === undefined) return 'no'
  if (offer.serving !== undefined && deps.encounters.utilityFor(offer.serving.address) < offer.serving.least) return 'no'
  return claims.isClaimedByOther(offer.id, books, deps.clock.monotonic()) ? 'wait' : 'want'
}

/** True for an ephemeral whose lifetime is over and that was not swept yet: others end when the store says so, which is patient with clocks. */
export function isOver({ priority, expiryMs }: EnvelopeMeta, nowMs: number): boolean {
  return priority === 'ephemeral' && expiryMs <= nowMs
}

/** True for an ephemeral of somebody else: it came to a neighbour of its author, who gives it to its owner and to nobody else. */
export function isSpent({ priority, own }: EnvelopeMeta): boolean {
  return priority === 'ephemeral' && !own
}

/** Refusals that pass by themselves; the others stay what they are. */
export function isPassing(reason: RefusalReason): boolean {
  return reason === 'rate' || reason === 'full' || reason === 'quota'
}

/**
 * Until when this node promises to carry what it holds, in ms by the peer's clock when our own is not
 * set (a Pi that woke up in 1970), by ours otherwise.
 */
export function custodyEnd(books: Books, id: EnvelopeId): number {
  const { clock, store } = books.shared.deps
  const nowMs = clock.now()
  const untilMs = Math.min(store.meta(id)?.expiryMs ?? nowMs, nowMs + MAX_CUSTODY_MS)
  return Math.max(0, nowMs < PLAUSIBLE_SINCE_MS ? untilMs + (books.greeted?.clockOffsetMs ?? 0) : untilMs)
}
