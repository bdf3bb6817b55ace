import type { EnvelopeId } from '#mesh/ids'
import type { EnvelopeMeta } from './envelope-meta.ts'
import { LOWEST_RANK, rankOf } from './priority.ts'
import { isEvictable } from './usage.ts'

/** Expiries that share a bucket, in ms: 30 days are 43,200 of them, which sort in some milliseconds. */
const BUCKET_MS = 60_000

type Buckets = Map<number, Set<EnvelopeId>>

/**
 * What may be evicted, in buckets by priority, whose it is, and minute of expiry.
 *
 * Sorting the whole index whenever a full store needs room cost more than checking the signatures of what came in
 * (measured with 250,000 envelopes); this way only buckets are sorted, and what is in the first ones.
 */
export class EvictionOrder {
  readonly #get: (id: EnvelopeId) => EnvelopeMeta | undefined
  /** By class: twice the rank of the priority, one more for receipts of this node. */
  readonly #classes: readonly Buckets[] = Array.from({ length: 2 * (LOWEST_RANK + 1) }, () => new Map())

  constructor(get: (id: EnvelopeId) => EnvelopeMeta | undefined) {
    this.#get = get
  }

  add(meta: EnvelopeMeta): void {
    if (!isEvictable(meta)) return
    const buckets = this.#classOf(meta)
    const ids = buckets?.get(bucketOf(meta))
    if (ids === undefined) buckets?.set(bucketOf(meta), new Set([meta.id]))
    else ids.add(meta.id)
  }

  remove(meta: EnvelopeMeta): void {
    if (!isEvictable(meta)) return
    const buckets = this.#classOf(meta)
    const ids = buckets?.get(bucketOf(meta))
    ids?.delete(meta.id)
    if (ids?.size === 0) buckets?.delete(bucketOf(meta))
  }

  /**
   * Everything of priority `rank` or less: lowest priority, receipts of this node after others of their priority, nearest expiry,
   * then fewest copies left here, which means most elsewhere.
   */
  *from(rank: number): Iterable<EnvelopeMeta> {
    for (let lowest = LOWEST_RANK; lowest >= rank; lowest--) {
      for (const own of [0, 1]) {
        const buckets = this.#classes[2 * lowest + own]
        for (const bucket of [...(buckets?.keys() ?? [])].sort((a, b) => a - b)) {
          const metas = [...(buckets?.get(bucket) ?? [])].flatMap((id) => this.#get(id) ?? [])
          yield* metas.sort((a, b) => a.expiryMs - b.expiryMs || a.copies - b.copies)
        }
      }
    }
  }

  #classOf({ priority, own }: EnvelopeMeta): Buckets | undefined {
    return this.#classes[2 * rankOf(priority) + Number(own)]
  }
}

function bucketOf({ expiryMs }: EnvelopeMeta): number {
  return Math.floor(expiryMs / BUCKET_MS)
}
