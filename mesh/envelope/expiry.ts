import { PLAUSIBLE_SINCE_MS, type Stamp } from './stamp.ts'

/** The longest that anything is kept, in seconds: 30 days (DESIGN §6). */
export const MAX_LIFETIME_S = 30 * 86_400
/** A stamp further ahead of the receiver than this is not believed, in ms: clocks of honest machines differ by less than a day. */
const MAX_AHEAD_MS = 86_400_000

/**
 * When an envelope's time is over, in ms since 1970: nothing is immortal, nothing is born dead.
 *
 * A believable stamp counts from the stamp, at most 30 days from now. Without one (its sender or we
 * have no clock) it counts from the age that carriers have added up (RFC 9171 §4.4.2, Bundle Age).
 */
export function expiryOf(envelope: { readonly stamp: Stamp; readonly lifetimeS: number }, firstSeenMs: number, ageS: number): number {
  const latest = firstSeenMs + MAX_LIFETIME_S * 1_000
  const { ms } = envelope.stamp
  const isBelievable = ms >= PLAUSIBLE_SINCE_MS && firstSeenMs >= PLAUSIBLE_SINCE_MS && ms <= firstSeenMs + MAX_AHEAD_MS
  if (isBelievable) return Math.min(ms + envelope.lifetimeS * 1_000, latest)
  return Math.min(firstSeenMs + Math.max(envelope.lifetimeS - ageS, 0) * 1_000, latest)
}
