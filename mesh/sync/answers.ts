import type { EnvelopeId } from '#mesh/ids'
import { type Random, randomBelow } from '#mesh/ports'
import { groupByEnd, type Kept } from './custody.ts'
import type { Refusal } from './frames.ts'
import { MAX_ANSWER_IDS, MAX_PUT_OFF, MAX_WAITING_ANSWERS, RETRY_MAX_MS, RETRY_MIN_MS } from './limits.ts'

/** What a session has to tell its peer about envelopes it was given, until the link takes it. */
export class Answers {
  #kept: Kept[] = []
  #refusals: Refusal[] = []

  get isEmpty(): boolean {
    return this.#kept.length === 0 && this.#refusals.length === 0
  }

  /** We keep it: a promise to be signed. The windows of a session bound how many there are. */
  keep(kept: Kept): void {
    this.#kept.push(kept)
  }

  /** We do not keep it. Dropped when too many wait: the peer then offers it again in its next session. */
  refuse(refusal: Refusal): void {
    if (this.#refusals.length < MAX_WAITING_ANSWERS) this.#refusals.push(refusal)
  }

  /** Everything kept since the last call, in groups that one promise covers. */
  takeKept(): Array<{ untilMs: number; ids: EnvelopeId[] }> {
    if (this.#kept.length === 0) return []
    const kept = this.#kept
    this.#kept = []
    return groupByEnd(kept)
  }

  /** The refusals of one frame; empty when there are none. */
  takeRefusals(): Refusal[] {
    return this.#refusals.splice(0, MAX_ANSWER_IDS)
  }
}

/**
 * Envelopes that the peer had no room for, kept until another attempt. The pause doubles while the peer
 * keeps refusing and starts small again after a pause without a refusal. Pauses differ by up to a half, so
 * that a peer that has room again is not asked by everybody at once.
 */
export class PutOff {
  readonly #ids = new Set<EnvelopeId>()
  #tooMany = false
  #pauseMs = RETRY_MIN_MS
  #dueMs: number | undefined
  #lastMs = 0
  readonly #random: Random | undefined

  /** @param random makes the pauses differ; without one they are what they are */
  constructor(random?: Random) {
    this.#random = random
  }

  add(id: EnvelopeId, nowMs: number): void {
    if (this.#ids.size < MAX_PUT_OFF) this.#ids.add(id)
    else this.#tooMany = true
    if (this.#dueMs !== undefined) return
    this.#pauseMs = nowMs - this.#lastMs > 2 * this.#pauseMs ? RETRY_MIN_MS : Math.min(this.#pauseMs * 2, RETRY_MAX_MS)
    const jitterMs = this.#random === undefined ? 0 : randomBelow(this.#random, this.#pauseMs) - this.#pauseMs / 2
    this.#dueMs = nowMs + this.#pauseMs + jitterMs
  }

  /** When `id` is tried again, ms of the monotonic clock; `undefined` when it was not put off. */
  dueMsOf(id: EnvelopeId): number | undefined {
    return this.#tooMany || this.#ids.has(id) ? this.#dueMs : undefined
  }

  /** Something changed: tries again at once, and with the short pause after that. */
  hurry(nowMs: number): void {
    this.#pauseMs = RETRY_MIN_MS / 2 // the next refusal doubles it
    this.#lastMs = nowMs
    if (this.#dueMs !== undefined) this.#dueMs = nowMs
  }

  /** What is to be tried again by now; `all` when more was refused than could be remembered. */
  due(nowMs: number): { ids: EnvelopeId[]; all: boolean } | undefined {
    if (this.#dueMs === undefined || nowMs < this.#dueMs) return undefined
    const due = { ids: [...this.#ids], all: this.#tooMany }
    this.#ids.clear()
    this.#tooMany = false
    this.#dueMs = undefined
    this.#lastMs = nowMs
    return due
  }
}
