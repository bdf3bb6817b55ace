import type { Address, AuthorKey, DeviceId } from '#mesh/ids'
import type { EnvelopeMeta } from './envelope-meta.ts'
import { type Quota, STORED_OVERHEAD_BYTES } from './limits.ts'
import { LOWEST_RANK, rankOf } from './priority.ts'

/** Whose share is asked for: `others` is everything that was not written here, `pinned` the part of it that stays. */
export type UsageScope =
  | { readonly author: AuthorKey }
  | { readonly link: DeviceId }
  | { readonly scope: Address }
  | 'strangers'
  | 'pinned'
  | 'others'
  | 'total'

interface Held {
  bytes: number
  count: number
}

const NOTHING: Quota = { bytes: 0, count: 0 }

/** Own and pinned mail never goes to make room; own receipts may, since they only spare others the carrying. */
export function isEvictable({ own, pinned, kind }: Pick<EnvelopeMeta, 'own' | 'pinned' | 'kind'>): boolean {
  return own ? kind === 'receipt' : !pinned
}

/**
 * Who holds how much. One number per author, link and address that has something here and none for
 * those that have not, so the memory is bounded by the envelopes themselves.
 */
export class Usage {
  readonly #total: Held = { bytes: 0, count: 0 }
  readonly #strangers: Held = { bytes: 0, count: 0 }
  readonly #pinned: Held = { bytes: 0, count: 0 }
  readonly #others: Held = { bytes: 0, count: 0 }
  /** What may be evicted, by the rank of its priority. */
  readonly #evictable: readonly Held[] = Array.from({ length: LOWEST_RANK + 1 }, () => ({ bytes: 0, count: 0 }))
  readonly #authors = new Map<AuthorKey, Held>()
  readonly #scopes = new Map<Address, Held>()
  readonly #links = new Map<DeviceId, Held>()

  add(meta: EnvelopeMeta): void {
    this.#change(meta, 1)
  }

  remove(meta: EnvelopeMeta): void {
    this.#change(meta, -1)
  }

  of(scope: UsageScope): Quota {
    if (scope === 'total') return this.#total
    if (scope === 'strangers') return this.#strangers
    if (scope === 'pinned') return this.#pinned
    if (scope === 'others') return this.#others
    if ('author' in scope) return this.#authors.get(scope.author) ?? NOTHING
    return ('link' in scope ? this.#links.get(scope.link) : this.#scopes.get(scope.scope)) ?? NOTHING
  }

  /** What could be evicted for an envelope of priority `rank`. */
  evictable(rank: number): Quota {
    const held = { bytes: 0, count: 0 }
    for (const { bytes, count } of this.#evictable.slice(rank)) {
      held.bytes += bytes
      held.count += count
    }
    return held
  }

  #change(meta: EnvelopeMeta, count: 1 | -1): void {
    const bytes = count * (meta.size + STORED_OVERHEAD_BYTES)
    change(this.#total, bytes, count)
    if (meta.stranger) change(this.#strangers, bytes, count)
    if (!meta.own) change(this.#others, bytes, count)
    if (!meta.own && meta.pinned) change(this.#pinned, bytes, count)
    if (isEvictable(meta)) change(this.#evictable[rankOf(meta.priority)], bytes, count)
    changeOf(this.#authors, meta.author, bytes, count)
    changeOf(this.#scopes, meta.address, bytes, count)
    if (meta.from !== undefined) changeOf(this.#links, meta.from, bytes, count)
  }
}

function change(held: Held | undefined, bytes: number, count: number): void {
  if (held === undefined) return
  held.bytes += bytes
  held.count += count
}

function changeOf<K>(all: Map<K, Held>, key: K, bytes: number, count: number): void {
  const held = all.get(key)
  if (held === undefined) {
    all.set(key, { bytes, count })
    return
  }
  change(held, bytes, count)
  if (held.count === 0) all.delete(key)
}
