/**
 * How far back the other side keeps envelopes: what it has thrown away is not pushed back to it (DESIGN §8).
 *
 * All of it is generous, since the age of an envelope is only known by its stamp: two days of grace, nothing is
 * left out when one of the clocks is not set or they differ, or when a stamp is further off than any envelope lives.
 */
import { PLAUSIBLE_SINCE_MS, type Stamp } from '#mesh/envelope'
import { MAX_CLOCK_OFFSET_MS, MAX_DAYS_APART } from './limits.ts'
import { ALL_DAYS, dayOf } from './riblt/index.ts'

const DAY_MS = 86_400_000
/** Stamps without a time have a day of their own; the others repeat after it. */
const UNDATED = dayOf(0)

/** What two nodes know about the time and each other's store. */
export interface Horizon {
  /** The smaller retention of both in days; 0 when one of them does not say. */
  readonly keptDays: number
  /** Our wall clock, ms since 1970. */
  readonly nowMs: number
  /** The peer's clock minus ours, in ms. */
  readonly clockOffsetMs: number
}

/** The days, by `dayOf`, from which both sides keep envelopes. */
export function sharedDays(horizon: Horizon): readonly number[] {
  if (!isKnown(horizon)) return ALL_DAYS
  const today = dayOf(horizon.nowMs)
  return ALL_DAYS.filter((day) => day === UNDATED || !isPast((today - day + UNDATED) % UNDATED, horizon.keptDays))
}

/** True for an envelope that is older than what is kept. */
export function isBeyond(horizon: Horizon, stamp: Stamp): boolean {
  if (!isKnown(horizon) || stamp.ms < PLAUSIBLE_SINCE_MS) return false
  return isPast(Math.floor((horizon.nowMs - stamp.ms) / DAY_MS), horizon.keptDays)
}

function isKnown({ keptDays, nowMs, clockOffsetMs }: Horizon): boolean {
  return keptDays > 0 && nowMs >= PLAUSIBLE_SINCE_MS && Math.abs(clockOffsetMs) <= MAX_CLOCK_OFFSET_MS
}

function isPast(daysAgo: number, keptDays: number): boolean {
  return daysAgo > keptDays + 1 && daysAgo <= MAX_DAYS_APART
}
