import type { Priority } from '#mesh/envelope'
import type { EnvelopeId } from '#mesh/ids'
import type { EnvelopeMeta } from '#mesh/store'

/** The order in which envelopes cross a link: keys, receipts and calls for help before the rest (DESIGN §9). */
export const PRIORITIES: readonly Priority[] = ['critical', 'normal', 'bulk', 'ephemeral']

/** Envelopes of one priority, a column each for their ids and the two parts of their stamps: sorted from `at` on, unless some were added since. */
interface Rank {
  ids: Array<EnvelopeId | undefined>
  ms: number[]
  counters: number[]
  at: number
  isSorted: boolean
}

/**
 * Envelopes that wait to be offered, the most important first; within a priority in the order they were written.
 * Holds some 40 bytes for each (measured), beside the text of the id, which the store has anyway; not their descriptions:
 * the store makes these anew whenever it is asked, 236 to 280 bytes each.
 */
export class ByPriority {
  readonly #ranks: Rank[] = PRIORITIES.map(newRank)
  #size = 0

  get isEmpty(): boolean {
    return this.#size === 0
  }

  add({ id, priority, stamp }: EnvelopeMeta): void {
    const rank = this.#ranks[PRIORITIES.indexOf(priority)]
    if (rank === undefined) return
    rank.ids.push(id)
    rank.ms.push(stamp.ms)
    rank.counters.push(stamp.counter)
    rank.isSorted = false
    this.#size++
  }

  /** Takes out the first one. */
  next(): EnvelopeId | undefined {
    for (const rank of this.#ranks) {
      if (rank.at === rank.ids.length) continue
      if (!rank.isSorted) sort(rank)
      const id = rank.ids[rank.at++]
      this.#size--
      if (rank.at === rank.ids.length) Object.assign(rank, newRank())
      return id
    }
    return undefined
  }
}

function newRank(): Rank {
  return { ids: [], ms: [], counters: [], at: 0, isSorted: true }
}

function sort(rank: Rank): void {
  const { ids, ms, counters, at } = rank
  const order = new Uint32Array(ids.length - at).map((_, i) => at + i)
  order.sort((a, b) => (ms[a] ?? 0) - (ms[b] ?? 0) || (counters[a] ?? 0) - (counters[b] ?? 0))
  rank.ids = Array.from(order, (i) => ids[i])
  rank.ms = Array.from(order, (i) => ms[i] ?? 0)
  rank.counters = Array.from(order, (i) => counters[i] ?? 0)
  rank.at = 0
  rank.isSorted = true
}
