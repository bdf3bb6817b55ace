/**
 * What travels beside an envelope, never in it. Nobody signs it, so it must never prove directness,
 * freshness or permission.
 */
export interface Passage {
  /** How many links the envelope has crossed. */
  readonly hops: number
  /** How many copies the holder may still hand out, its own included. */
  readonly copies: number
  /** Seconds since the envelope was made, as its carriers have added them up. */
  readonly ageS: number
}

/** Copies of an own envelope (DESIGN §9: L = 8). */
export const INITIAL_COPIES = 8
/** Links an envelope may cross before only its owner takes it. */
export const HOP_LIMIT = 8
