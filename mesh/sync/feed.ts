import type { EnvelopeId } from '#mesh/ids'
import type { Arrivals } from './arrivals.ts'
import { MAX_PUT_OFF, MAX_STEPS } from './limits.ts'

/** A walk over a store: ids, and now and then `undefined` for rows that it passed over. */
export type Walk = Iterator<EnvelopeId | undefined, void>

/**
 * What one session has still to look at: first what arrives live, then what was put off, then the walk
 * over the store. A feed is a position, an iterator and a bounded list, however large the store is.
 *
 * Nothing is handed out by both the walk and the live side: the walk leaves out what arrived after it
 * began. When the session was too slow for the ring of arrivals, or too much was put off, the store is
 * walked once more at the end; what the peer has by then costs one id in an offer.
 */
export class Feed {
  readonly #arrivals: Arrivals
  readonly #newWalk: () => Walk
  readonly #putOff = new Set<EnvelopeId>()
  #walk: Walk | undefined
  #isBegun = false
  #walkAgain = false
  #position: number
  #since: number

  constructor(arrivals: Arrivals, newWalk: () => Walk) {
    this.#arrivals = arrivals
    this.#newWalk = newWalk
    this.#position = arrivals.end
    this.#since = arrivals.end
    this.#walk = newWalk()
  }

  /** True when nothing is left to look at for now. */
  get isIdle(): boolean {
    return !this.hasNews && this.#walk === undefined
  }

  /** True when something arrived, or is to be looked at again: beside the walk. */
  get hasNews(): boolean {
    return this.#position < this.#arrivals.end || this.#putOff.size > 0
  }

  /** The next id to look at; `undefined` when there is none, or after `steps` rows that were passed over. */
  next(steps = MAX_STEPS): EnvelopeId | undefined {
    return this.#nextArrival() ?? this.#nextPutOff() ?? this.#nextOfWalk(steps)
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

  #nextOfWalk(steps: number): EnvelopeId | undefined {
    for (let step = 0; this.#walk !== undefined && step < steps; step++) {
      this.#isBegun = true
      const next = this.#walk.next()
      if (next.done) {
        this.#walk = undefined
        if (this.#walkAgain) this.#beginWalk()
        return undefined
      }
      if (next.value !== undefined && (this.#arrivals.positionOf(next.value) ?? -1) < this.#since) return next.value
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
