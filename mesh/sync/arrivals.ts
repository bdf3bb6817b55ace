import type { EnvelopeId } from '#mesh/ids'
import { MAX_ARRIVALS } from './limits.ts'

/**
 * The ids of the envelopes that were stored lately, in order, each with a position that never repeats.
 *
 * One ring serves all sessions: a session remembers a position and nothing else. Who falls behind the
 * oldest position kept has missed something and walks the store again.
 */
export class Arrivals {
  readonly #capacity: number
  readonly #ids: EnvelopeId[] = []
  readonly #positions = new Map<EnvelopeId, number>()
  #end = 0

  constructor(capacity = MAX_ARRIVALS) {
    this.#capacity = capacity
  }

  /** The position that the next arrival gets. */
  get end(): number {
    return this.#end
  }

  /** The oldest position that is still kept. */
  get start(): number {
    return this.#end - this.#ids.length
  }

  add(id: EnvelopeId): void {
    const slot = this.#end % this.#capacity
    const displaced = this.#ids[slot]
    if (displaced !== undefined && this.#positions.get(displaced) === this.#end - this.#capacity) this.#positions.delete(displaced)
    this.#ids[slot] = id
    this.#positions.set(id, this.#end)
    this.#end++
  }

  /** The id at `position`, while it is kept. */
  at(position: number): EnvelopeId | undefined {
    return position >= this.start && position < this.#end ? this.#ids[position % this.#capacity] : undefined
  }

  /** Where `id` is, while it is kept. */
  positionOf(id: EnvelopeId): number | undefined {
    return this.#positions.get(id)
  }
}
