import { PLAUSIBLE_SINCE_MS, type Stamp } from './stamp.ts'

/** The longest that anything is kept, in seconds: 30 days (DESIGN §6). */
export const MAX_LIFETIME_S = 30 * 86_400
/** A stamp further ahead of the receiver than this is not believed, in ms: clocks of honest machines differ by less than a day. */
const MAX_AHEAD_MS = 86_400_000

/** True when a stamp can be a moment of the present by a clock that says `nowMs`; without a clock of one's own none is. */
export function isBelievable(stamp: Stamp, nowMs: number): boolean {
  return stamp.ms >= PLAUSIBLE_SINCE_MS && nowMs >= PLAUSIBLE_SINCE_MS && stamp.ms <= nowMs + MAX_AHEAD_MS
}

/**
 * When an envelope's time is over, in ms since 1970: nothing is immortal, nothing is born dead.
 *
 * A believable stamp counts from the stamp, at most 30 days from now. Without one (its sender or we
 * have no clock) it counts from the age that carriers have added up (RFC 9171 §4.4.2, Bundle Age).
 */
export function expiryOf(envelope: { readonly stamp: Stamp; readonly lifetimeS: number }, firstSeenMs: number, ageS: number): number {
  const latest = firstSeenMs + MAX_LIFETIME_S * 1_000
  if (isBelievable(envelope.stamp, firstSeenMs)) return Math.min(envelope.stamp.ms + envelope.lifetimeS * 1_000, latest)
  return Math.min(firstSeenMs + Math.max(envelope.lifetimeS - ageS, 0) * 1_000, latest)
}
