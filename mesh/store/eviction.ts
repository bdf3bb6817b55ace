import type { Priority } from '#mesh/envelope'
import type { EnvelopeIndex } from './envelope-index.ts'
import type { EnvelopeMeta } from './envelope-meta.ts'
import { type Quota, STORED_OVERHEAD_BYTES, type StoreLimits } from './limits.ts'
import { rankOf } from './priority.ts'

/** Part of the store that is freed at once, so that a full store does not look for room for every envelope. */
const EVICTED_SHARE = 0.01

/**
 * What goes so that `over` is gained: lowest priority, then nearest expiry, then fewest copies left
 * here, which means most elsewhere; receipts of this node after all others of their priority. Own and
 * pinned mail never goes, nor what is more urgent than `priority`.
 * @returns `undefined` when that would not be enough
 */
export function pickVictims(index: EnvelopeIndex, over: Quota, priority: Priority, limits: StoreLimits): EnvelopeMeta[] | undefined {
  const evictable = index.projected.evictable(rankOf(priority))
  if (evictable.bytes < over.bytes || evictable.count < over.count) return undefined
  const wanted = {
    bytes: over.bytes > 0 ? Math.max(over.bytes, limits.maxBytes * EVICTED_SHARE) : 0,
    count: over.count > 0 ? Math.max(over.count, Math.floor(limits.maxEnvelopes * EVICTED_SHARE)) : 0,
  }
  const victims: EnvelopeMeta[] = []
  let bytes = 0
  for (const meta of index.evictionOrder(rankOf(priority))) {
    if (index.isStaged(meta.id)) continue
    bytes += meta.size + STORED_OVERHEAD_BYTES
    victims.push(meta)
    if (bytes >= wanted.bytes && victims.length >= wanted.count) break
  }
  return bytes >= over.bytes && victims.length >= over.count ? victims : undefined
}
