import type { EnvelopeId } from '#mesh/ids'

/** Envelopes remembered; about 150 bytes each. Who is forgotten costs a few further copies. */
const MAX_ENVELOPES = 16_384
/**
 * One hand-over raises the demand by so much at the most, two doublings of encounters: a peer that claims to meet
 * everybody, and then throws away what it was given, takes the place of one good carrier and not of all.
 */
const MAX_RISE = 32
/** After this time a copy that brought no receipt does not count any more, ms: another one is given out. */
const PATIENCE_MS = 86_400_000

/**
 * The best carrier that each copy here was given to, by how well it says to serve the owner: the next one has to
 * be better still. That is what keeps the number of copies small (see `plan.ts`). In memory only.
 */
export class BestSeen {
  readonly #seen = new Map<EnvelopeId, { utility: number; untilMs: number }>()

  /** A peer that says to serve the owner so well has a copy; `own` is how well this node does. @param nowMs by the monotonic clock */
  note(id: EnvelopeId, utility: number, own: number, nowMs: number): void {
    const before = Math.max(this.of(id, nowMs), own)
    if (utility <= before) return
    this.#seen.delete(id)
    this.#seen.set(id, { utility: Math.min(utility, before + MAX_RISE), untilMs: nowMs + PATIENCE_MS })
    const oldest = this.#seen.keys().next()
    if (this.#seen.size > MAX_ENVELOPES && oldest.done !== true) this.#seen.delete(oldest.value)
  }

  /** 0 when nobody has one of whom that is known. */
  of(id: EnvelopeId, nowMs: number): number {
    const seen = this.#seen.get(id)
    return seen === undefined || seen.untilMs <= nowMs ? 0 : seen.utility
  }
}
