import { compareStamps } from '#mesh/envelope'
import type { EnvelopeId } from '#mesh/ids'
import type { EnvelopeMeta } from '#mesh/store'
import { PRIORITIES } from './walks.ts'

/** Envelopes of one priority: sorted from `at` on, unless some were added since. */
interface Rank {
  metas: EnvelopeMeta[]
  at: number
  isSorted: boolean
}

/**
 * Envelopes that wait to be offered, the most important first; within a priority in the order they were written.
 * Holds 8 bytes for each, which the store has anyway.
 */
export class ByPriority {
  readonly #ranks: Rank[] = PRIORITIES.map(() => ({ metas: [], at: 0, isSorted: true }))
  #size = 0

  get isEmpty(): boolean {
    return this.#size === 0
  }

  add(meta: EnvelopeMeta): void {
    const rank = this.#ranks[PRIORITIES.indexOf(meta.priority)]
    if (rank === undefined) return
    rank.metas.push(meta)
    rank.isSorted = false
    this.#size++
  }

  /** Takes out the first one. */
  next(): EnvelopeId | undefined {
    for (const rank of this.#ranks) {
      if (rank.at === rank.metas.length) continue
      if (!rank.isSorted) sort(rank)
      const meta = rank.metas[rank.at++]
      this.#size--
      if (rank.at === rank.metas.length) {
        rank.metas = []
        rank.at = 0
      }
      return meta?.id
    }
    return undefined
  }
}

function sort(rank: Rank): void {
  rank.metas = rank.metas.slice(rank.at).sort((a, b) => compareStamps(a.stamp, b.stamp))
  rank.at = 0
  rank.isSorted = true
}
