import type { EnvelopeId } from '#mesh/ids'
import type { RemovalReason } from '#mesh/store'
import { MAX_TAKEN_BACK } from './limits.ts'

/** Ends after which an envelope must not come again: a tombstone stands within its address. */
const FOR_GOOD: ReadonlySet<RemovalReason> = new Set(['retracted', 'consumed', 'withdrawn'])

/**
 * Ids that were here and were taken back lately, so that none is fetched again from a neighbour that has not heard of it yet.
 * An offer does not name its address, and tombstones hold within one: only ids whose address was checked get in here,
 * else the owner of any inbox could keep others' mail away. The oldest give way; then it costs one more copy.
 */
export class TakenBack {
  readonly #ids = new Set<EnvelopeId>()
  readonly #max: number

  constructor(max = MAX_TAKEN_BACK) {
    this.#max = max
  }

  has(id: EnvelopeId): boolean {
    return this.#ids.has(id)
  }

  /** An envelope left the store. */
  removed(id: EnvelopeId, reason: RemovalReason): void {
    if (FOR_GOOD.has(reason)) this.add(id)
  }

  /** The door refused it because of a tombstone. */
  add(id: EnvelopeId): void {
    this.#ids.add(id)
    for (const oldest of this.#ids) {
      if (this.#ids.size <= this.#max) return
      this.#ids.delete(oldest)
    }
  }
}
