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

/** A start so far ahead of the last stop is not believed at once, in ms: who is away for longer loses a day, a wrong clock is off by years. */
const MAX_OFF_MS = 30 * 86_400_000

/** What is kept of the clock from one run to the next. */
export interface KnownTime {
  /** It was as late as this at least, in ms since 1970. */
  readonly knownMs: number
  /** How much longer the clock is in doubt, in ms of running time; 0 when it is not. */
  readonly doubtMs: number
}

interface Doubt {
  /** By the monotonic clock, in ms. */
  readonly untilMs: number
  /** How far the wall clock was ahead of the monotonic one when it was right for the last time, in ms. */
  readonly offsetMs: number
  /** Who is set to no more than this ahead of that is right again, in ms. */
  readonly slackMs: number
  readonly isSinceStart: boolean
}

/**
 * Watches the wall clock against the monotonic one, so that what was dated before a jump can be moved
 * by exactly that jump: a Pi that starts in 1970 and gets NTP an hour later knows that an hour passed.
 * From one run to the next only the wall clock counts, and what it said last.
 */
export class ClockJumps {
  readonly #clock: Clock
  #offsetMs: number
  #doubt: Doubt | undefined

  constructor(clock: Clock, last?: KnownTime) {
    this.#clock = clock
    this.#offsetMs = clock.now() - clock.monotonic()
    if (last === undefined || last.knownMs < PLAUSIBLE_SINCE_MS || clock.now() <= last.knownMs + MAX_OFF_MS) return
    const untilMs = clock.monotonic() + (last.doubtMs === 0 ? DOUBT_MS : last.doubtMs)
    this.#doubt = { untilMs, offsetMs: last.knownMs - clock.monotonic(), slackMs: MAX_OFF_MS, isSinceStart: true }
  }

  /**
   * True for a day of running time after the clock jumped ahead by more than a day, or started more than 30 days ahead of
   * the last stop, unless it was never set before or has jumped back: what has expired by it alone may still be alive.
   */
  get isInDoubt(): boolean {
    return this.#doubt !== undefined && this.#clock.monotonic() < this.#doubt.untilMs
  }

  /** True when it is in doubt because of what it said at the start. */
  get isStartInDoubt(): boolean {
    return this.isInDoubt && this.#doubt?.isSinceStart === true
  }

  /** It is as late as this at least, in ms since 1970: while the clock is in doubt, what it would say if it had not jumped. */
  surelyMs(): number {
    const nowMs = this.#clock.now()
    return this.#doubt !== undefined && this.isInDoubt ? Math.min(nowMs, this.#doubt.offsetMs + this.#clock.monotonic()) : nowMs
  }

  /** What to keep for the next start. */
  known(): KnownTime {
    const doubtMs = this.#doubt !== undefined && this.isInDoubt ? Math.ceil(this.#doubt.untilMs - this.#clock.monotonic()) : 0
    return { knownMs: Math.max(0, Math.floor(this.surelyMs())), doubtMs }
  }

  /** The jump since the last call, in whole ms, though a monotonic clock has fractions; drift below a minute is none. */
  take(): number {
    const offset = this.#clock.now() - this.#clock.monotonic()
    const jump = Math.round(offset - this.#offsetMs)
    if (Math.abs(jump) < 60_000) return 0
    const wasSet = this.#clock.now() - jump >= PLAUSIBLE_SINCE_MS
    if (jump > MAX_JUMP_MS && wasSet) {
      this.#doubt ??= { untilMs: this.#clock.monotonic() + DOUBT_MS, offsetMs: this.#offsetMs, slackMs: MAX_JUMP_MS, isSinceStart: false }
    } else if (this.#doubt !== undefined && offset <= this.#doubt.offsetMs + this.#doubt.slackMs) this.#doubt = undefined
    this.#offsetMs = offset
    return jump
  }
}

/** `thenMs` on the clock of today: moved by the jump if that gives a moment of the past, now otherwise. */
export function redate(thenMs: number, nowMs: number, jumpMs: number): number {
  const moved = thenMs + jumpMs
  return moved <= nowMs && moved >= PLAUSIBLE_SINCE_MS ? moved : nowMs
}
