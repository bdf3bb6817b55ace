/**
 * When to ask and when to answer in one multicast group on one interface; plain data and functions.
 *
 * Asking backs off from "at once" to once a minute, because multicast is the dearest thing on a radio
 * mesh. Answers wait 20–120 ms, so that a hundred nodes do not answer one question in the same
 * millisecond (RFC 6762 §6), and are at least a second apart: a question that comes too early is
 * answered when the second is over, never dropped.
 */
import { type Random, randomBelow } from '#mesh/ports'

/** Time before each question, in ms; the last one repeats. */
export const ASK_AFTER_MS: readonly number[] = [0, 250, 1_000, 4_000, 16_000, 60_000]
/** Part of a delay that is random, either way, in per cent: nodes that started together drift apart. */
const JITTER_PERCENT = 20
/** RFC 6762 §6: a shared answer is delayed by 20–120 ms. */
const ANSWER_DELAY_MS = { least: 20, spread: 100 }
/** RFC 6762 §6: a record is not multicast twice within a second. */
export const ANSWER_EVERY_MS = 1_000
/** The questions after which we also announce ourselves unasked (RFC 6762 §8.3: at least twice, a second apart). */
const ANNOUNCING_ROUNDS = new Set([0, 2])

/** Where one group stands. */
export interface Pacing {
  /** Questions asked since the last (re)start. */
  readonly round: number
  readonly askDueMs: number
  readonly answerDueMs: number | undefined
  readonly answeredMs: number
}

/** Begins anew: the first question is due at once. */
export function restart(now: number, before?: Pacing): Pacing {
  return { round: 0, askDueMs: now, answerDueMs: before?.answerDueMs, answeredMs: before?.answeredMs ?? Number.NEGATIVE_INFINITY }
}

/** After a question was asked. In the first rounds an announcement is due with it. */
export function afterAsk(pacing: Pacing, now: number, random: Random): Pacing {
  const round = pacing.round + 1
  const announce = ANNOUNCING_ROUNDS.has(pacing.round) && now - pacing.answeredMs >= ANSWER_EVERY_MS
  return { ...pacing, round, askDueMs: now + askDelayMs(round, random), answerDueMs: announce ? now : pacing.answerDueMs }
}

/** Somebody asked: an answer is due soon. */
export function wantAnswer(pacing: Pacing, now: number, random: Random): Pacing {
  if (pacing.answerDueMs !== undefined) return pacing
  const soon = now + ANSWER_DELAY_MS.least + randomBelow(random, ANSWER_DELAY_MS.spread + 1)
  return { ...pacing, answerDueMs: Math.max(soon, pacing.answeredMs + ANSWER_EVERY_MS) }
}

/** After our answer went out. */
export function afterAnswer(pacing: Pacing, now: number): Pacing {
  return { ...pacing, answerDueMs: undefined, answeredMs: now }
}

/** Somebody asked what we were going to ask, and everybody hears the answers: once settled, ours can wait (RFC 6762 §7.3). */
export function afterSameQuestion(pacing: Pacing, now: number, random: Random): Pacing {
  if (!isSettled(pacing)) return pacing
  return { ...pacing, askDueMs: Math.max(pacing.askDueMs, now + askDelayMs(pacing.round, random)) }
}

/** True once the fast questions are over. */
export function isSettled(pacing: Pacing): boolean {
  return pacing.round >= ASK_AFTER_MS.length - 1
}

/** When something is due next. */
export function dueMs(pacing: Pacing): number {
  return Math.min(pacing.askDueMs, pacing.answerDueMs ?? Number.POSITIVE_INFINITY)
}

function askDelayMs(round: number, random: Random): number {
  const base = ASK_AFTER_MS[Math.min(round, ASK_AFTER_MS.length - 1)] ?? 60_000
  const percent = 100 - JITTER_PERCENT + randomBelow(random, 2 * JITTER_PERCENT + 1)
  return Math.round((base * percent) / 100)
}

/** A token bucket: `burst` at once, `perSecond` in the long run. */
export class Bucket {
  readonly #perSecond: number
  readonly #burst: number
  #tokens: number
  #atMs = 0

  constructor(perSecond: number, burst: number) {
    this.#perSecond = perSecond
    this.#burst = burst
    this.#tokens = burst
  }

  /** Takes a token, if there is one. */
  take(now: number): boolean {
    this.#tokens = Math.min(this.#burst, this.#tokens + (Math.max(0, now - this.#atMs) * this.#perSecond) / 1_000)
    this.#atMs = now
    if (this.#tokens < 1) return false
    this.#tokens -= 1
    return true
  }
}
