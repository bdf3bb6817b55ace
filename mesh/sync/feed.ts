import type { EnvelopeId } from '#mesh/ids'
import type { EnvelopeMeta } from '#mesh/store'
import type { Arrivals } from './arrivals.ts'
import { ByPriority } from './by-priority.ts'
import { MAX_PUT_OFF, MAX_STEPS } from './limits.ts'

/** A walk over a store: ids, and now and then `undefined` for rows that it passed over. */
export type Walk = Iterator<EnvelopeId | undefined, void>

/**
 * What one session has still to look at: first what arrives live, then what was put off, then what the peer is
 * known to lack, then the walk over the store. A feed is a position, an iterator, a bounded list and 40 bytes for
 * each envelope that the peer lacks, however large the store is.
 *
 * Nothing is handed out by both the walk and the live side: the walk leaves out what arrived after it
 * began. When the session was too slow for the ring of arrivals, or too much was put off, the store is
 * walked once more at the end; what the peer has by then costs one id in an offer.
 */
export class Feed {
  readonly #arrivals: Arrivals
  readonly #newWalk: () => Walk
  readonly #putOff = new Set<EnvelopeId>()
  readonly #lacking = new ByPriority()
  #walk: Walk | undefined
  #isBegun = false
  #walkAgain = false
  #position: number
  #since: number

  /** With `walks: false` the store is walked only when {@link walkAgain} says so. */
  constructor(arrivals: Arrivals, newWalk: () => Walk, options: { walks?: boolean } = {}) {
    this.#arrivals = arrivals
    this.#newWalk = newWalk
    this.#position = arrivals.end
    this.#since = arrivals.end
    this.#walk = options.walks === false ? undefined : newWalk()
  }

  /** True when nothing is left to look at for now. */
  get isIdle(): boolean {
    return !this.hasNews && this.#walk === undefined
  }

  /** True when something arrived, or is to be looked at again: beside the walk. */
  get hasNews(): boolean {
    return this.#position < this.#arrivals.end || this.#putOff.size > 0 || !this.#lacking.isEmpty
  }

  /** The next id to look at; `undefined` when there is none, or after `steps` rows that were passed over. */
  next(steps = MAX_STEPS): EnvelopeId | undefined {
    return this.#nextArrival() ?? this.#nextPutOff() ?? this.#lacking.next() ?? this.#nextOfWalk(steps)
  }

  /** Looks at envelopes that the peer lacks, in the order of their importance. */
  add(metas: Iterable<EnvelopeMeta>): void {
    for (const meta of metas) if (!this.#isLive(meta.id)) this.#lacking.add(meta)
  }

  /** Looks at `id` once more. */
  again(id: EnvelopeId): void {
    if (this.#putOff.size < MAX_PUT_OFF) this.#putOff.add(id)
    else this.walkAgain()
  }

  /** Walks the whole store once more, after the walk that is under way. */
  walkAgain(): void {
    if (this.#walk === undefined) this.#beginWalk()
    else if (this.#isBegun) this.#walkAgain = true
  }

  #nextArrival(): EnvelopeId | undefined {
    if (this.#position < this.#arrivals.start) {
      this.#position = this.#arrivals.start
      this.walkAgain()
    }
    const id = this.#arrivals.at(this.#position)
    if (id !== undefined) this.#position++
    return id
  }

  #nextPutOff(): EnvelopeId | undefined {
    for (const id of this.#putOff) {
      this.#putOff.delete(id)
      return id
    }
    return undefined
  }

  /** True for what arrived after the feed began to look elsewhere: it comes, or came, as an arrival. */
  #isLive(id: EnvelopeId): boolean {
    return (this.#arrivals.positionOf(id) ?? -1) >= this.#since
  }

  #nextOfWalk(steps: number): EnvelopeId | undefined {
    for (let step = 0; this.#walk !== undefined && step < steps; step++) {
      this.#isBegun = true
      const next = this.#walk.next()
      if (next.done) {
        this.#walk = undefined
        if (this.#walkAgain) this.#beginWalk()
        return undefined
      }
      if (next.value !== undefined && !this.#isLive(next.value)) return next.value
    }
    return undefined
  }

  #beginWalk(): void {
    this.#walkAgain = false
    this.#isBegun = false
    this.#since = this.#arrivals.end
    this.#walk = this.#newWalk()
  }
}
