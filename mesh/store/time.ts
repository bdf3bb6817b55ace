import { expiryOf, MAX_LIFETIME_S, PLAUSIBLE_SINCE_MS } from '#mesh/envelope'
import type { Clock } from '#mesh/ports'
import type { EnvelopeMeta } from './envelope-meta.ts'

/** How far ahead of now a first sight may be dated, in ms: more means that the clock was wrong then. */
const MAX_AHEAD_MS = 86_400_000

/** A jump ahead by more than this is not believed at once, in ms: summer time and drift are less, a wrong time server is more. */
const MAX_JUMP_MS = 86_400_000
/** For so long nothing expires after such a jump, in ms of running time: somebody may notice and set the clock right. */
const DOUBT_MS = 86_400_000

/** True when the moment `thenMs` was read from a clock that cannot have been the one that says `nowMs`. */
export function isFromAnotherTime(thenMs: number, nowMs: number): boolean {
  return nowMs >= PLAUSIBLE_SINCE_MS && (thenMs < PLAUSIBLE_SINCE_MS || thenMs > nowMs + MAX_AHEAD_MS)
}

/** The longest that a tombstone stands, in ms: others may keep for so long what it keeps away, whatever is kept here. */
export const MAX_GRAVE_MS = MAX_LIFETIME_S * 1_000

/** True when a tombstone that stands until `untilMs` was not laid by the clock that says `nowMs`. */
export function endsInAnotherTime(untilMs: number, nowMs: number): boolean {
  return nowMs >= PLAUSIBLE_SINCE_MS && (untilMs < PLAUSIBLE_SINCE_MS || untilMs > nowMs + MAX_GRAVE_MS + MAX_AHEAD_MS)
}

/**
 * When an envelope ends here: what its author claims, never longer than the store keeps anything.
 * Nothing is immortal, nothing is born dead (DESIGN §6).
 */
export function expiryWithin(envelope: Pick<EnvelopeMeta, 'stamp' | 'lifetimeS'>, firstSeenMs: number, ageS: number, retentionMs: number): number {
  return Math.min(expiryOf(envelope, firstSeenMs, ageS), firstSeenMs + retentionMs)
}

/**
 * Watches the wall clock against the monotonic one, so that what was dated before a jump can be moved
 * by exactly that jump: a Pi that starts in 1970 and gets NTP an hour later knows that an hour passed.
 */
export class ClockJumps {
  readonly #clock: Clock
  #offsetMs: number
  /** Until when the clock is in doubt, in ms of the monotonic clock, and what it was off by before. */
  #doubt: { readonly untilMs: number; readonly offsetMs: number } | undefined

  constructor(clock: Clock) {
    this.#clock = clock
    this.#offsetMs = clock.now() - clock.monotonic()
  }

  /**
   * True for a day after the clock jumped ahead by more than a day, unless it was never set before or has
   * jumped back: what has expired by it alone may still be alive.
   */
  get isInDoubt(): boolean {
    return this.#doubt !== undefined && this.#clock.monotonic() < this.#doubt.untilMs
  }

  /** The jump since the last call, in whole ms, though a monotonic clock has fractions; drift below a minute is none. */
  take(): number {
    const offset = this.#clock.now() - this.#clock.monotonic()
    const jump = Math.round(offset - this.#offsetMs)
    if (Math.abs(jump) < 60_000) return 0
    const wasSet = this.#clock.now() - jump >= PLAUSIBLE_SINCE_MS
    if (jump > MAX_JUMP_MS && wasSet) this.#doubt ??= { untilMs: this.#clock.monotonic() + DOUBT_MS, offsetMs: this.#offsetMs }
    else if (this.#doubt !== undefined && offset <= this.#doubt.offsetMs + MAX_JUMP_MS) this.#doubt = undefined
    this.#offsetMs = offset
    return jump
  }
}

/** `thenMs` on the clock of today: moved by the jump if that gives a moment of the past, now otherwise. */
export function redate(thenMs: number, nowMs: number, jumpMs: number): number {
  const moved = thenMs + jumpMs
  return moved <= nowMs && moved >= PLAUSIBLE_SINCE_MS ? moved : nowMs
}
