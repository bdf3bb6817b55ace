/**
 * Messages that go by themselves: sent ones so long after sending, received ones after they were read. Their
 * rows are deleted, and nothing stays but ids, so that a late copy is still known.
 *
 * Key: 3 ‖ end u48 ms ‖ envelope id; value: lifetime u32 s. Ends are dated by the wall clock, which may jump. A jump while
 * the node runs moves the ends that were dated before it, so that time counts as it passed here. An end whose beginning
 * lies in another time (before 2026, or more than a day ahead) counts anew from now: it goes one lifetime
 * later at the most. A clock that starts far ahead of the last stop removes nothing that was dated before for a day, and
 * that stays as it is when the clock is set back.
 */
import { ByteReader, ByteWriter, concatBytes, copyBytes } from '#mesh/codec'
import { PLAUSIBLE_SINCE_MS } from '#mesh/envelope'
import { isMeshError } from '#mesh/errors'
import { type EnvelopeId, envelopeIdOf, idBytes } from '#mesh/ids'
import { Bell, type Runnable, spawn, type Task } from '#mesh/runtime'
import { TABLES, type Transaction } from '#mesh/store'
import type { ConversationsDeps } from './deps.ts'
import type { History, MessageRow } from './history.ts'

/** How often ends are looked at when none is near, ms: so late a jump of the clock is noticed. */
const LOOK_MS = 30_000
/** Pause after a failed write, ms. */
const RETRY_MS = 5_000
/** Rows of one transaction. */
const BATCH = 500
/** Drift below it is no jump, ms. */
const LEAST_JUMP_MS = 60_000
/** A beginning so far ahead was dated by another clock, ms. */
const AHEAD_MS = 86_400_000

const ENDS = Uint8Array.of(3)
const HEAD_BYTES = 7

interface End {
  readonly key: Uint8Array
  readonly id: EnvelopeId
  readonly endMs: number
  readonly lifetimeS: number
}

/** See the head of this file. */
export class Vanishing implements Runnable {
  readonly #deps: Pick<ConversationsDeps, 'db' | 'clock' | 'log' | 'store'>
  readonly #history: History
  readonly #bell = new Bell()
  #offsetMs: number
  /** Whether any time runs; without one nothing is looked at. */
  #isIdle = true
  #isDated = false
  /** What the clock said at the start, when that was far ahead of the last stop. */
  readonly #doubtfulStartMs: number | undefined
  #task: Task | undefined

  constructor(deps: Pick<ConversationsDeps, 'db' | 'clock' | 'log' | 'store'>, history: History) {
    this.#deps = deps
    this.#history = history
    this.#offsetMs = deps.clock.now() - deps.clock.monotonic()
    if (deps.store.isStartInDoubt) this.#doubtfulStartMs = deps.clock.now()
  }

  async start(): Promise<void> {
    const { log } = this.#deps
    this.#task = spawn(
      (signal) => this.#run(signal),
      (error) => log.error('messages no longer disappear', { error }),
    )
  }

  async stop(): Promise<void> {
    await this.#task?.stop()
  }

  /** From now on the time of a message runs; the row says until when. Rows without a lifetime stay as they are. */
  begin(tx: Transaction, row: MessageRow): MessageRow {
    const { facts } = row
    if (facts?.lifetimeS === undefined || facts.endMs !== undefined) return row
    if (this.#isIdle) this.#offsetMs = this.#deps.clock.now() - this.#deps.clock.monotonic()
    this.#isIdle = false
    const endMs = Math.max(Math.floor(this.#deps.clock.now()), 0) + facts.lifetimeS * 1_000
    this.#put(tx, row.id, endMs, facts.lifetimeS)
    return { ...row, facts: { ...facts, endMs } }
  }

  #put(tx: Transaction, id: EnvelopeId, endMs: number, lifetimeS: number): void {
    tx.put(TABLES.content, concatBytes(ENDS, new ByteWriter(6).u48(endMs).finish(), idBytes(id)), new ByteWriter(4).u32(lifetimeS).finish())
    tx.onCommit(() => this.#bell.ring())
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#deps
    while (!signal.aborted) {
      try {
        await this.#redate()
        const nextMs = await this.#remove()
        this.#isIdle = nextMs === Number.POSITIVE_INFINITY
        if (this.#isIdle) await this.#bell.heard(signal)
        else await this.#bell.heardWithin(clock, Math.min(Math.max(nextMs - clock.now(), 0), LOOK_MS), signal)
      } catch (error) {
        if (!isMeshError(error)) throw error
        log.warn('messages whose time is over could not be removed; trying again', { error })
        await clock.sleep(RETRY_MS, signal)
      }
    }
  }

  /** Removes what is due; says when the next one is. */
  async #remove(): Promise<number> {
    const { db, clock, store } = this.#deps
    for (;;) {
      const nowMs = clock.now()
      // Set back, the clock is right again, whether the store has noticed that already or not.
      const startMs = this.#doubtfulStartMs ?? 0
      const keptUntilMs = store.isStartInDoubt && nowMs >= startMs - LEAST_JUMP_MS ? startMs : 0
      let hasKept = false
      const due: End[] = []
      let nextMs = Number.POSITIVE_INFINITY
      for await (const end of this.#ends()) {
        if (end.endMs > nowMs || due.length >= BATCH) {
          nextMs = end.endMs
          break
        }
        if (end.endMs - end.lifetimeS * 1_000 < keptUntilMs) hasKept = true
        else due.push(end)
      }
      if (due.length === 0) return hasKept ? Math.min(nextMs, nowMs + LOOK_MS) : nextMs
      await db.transaction(async (tx) => {
        for (const { id, key } of due) {
          tx.del(TABLES.content, key)
          const row = await this.#history.message(tx, id)
          if (row === undefined) continue
          this.#history.forget(tx, row)
          tx.emit({ kind: 'message-gone', conversation: row.person, id })
        }
      })
    }
  }

  /** Dates anew what was dated by another clock than the one that says now. */
  async #redate(): Promise<void> {
    const { db, clock } = this.#deps
    const nowMs = Math.max(Math.floor(clock.now()), 0)
    const offsetMs = nowMs - clock.monotonic()
    const drift = Math.round(offsetMs - this.#offsetMs)
    const jumpMs = Math.abs(drift) < LEAST_JUMP_MS ? 0 : drift
    if (jumpMs === 0 && this.#isDated) return
    const beforeMs = nowMs - jumpMs
    // Set back behind a start that was far ahead: what was dated before that start was dated rightly.
    const rightUntilMs = this.#doubtfulStartMs !== undefined && nowMs < this.#doubtfulStartMs - LEAST_JUMP_MS ? nowMs + AHEAD_MS : Number.NEGATIVE_INFINITY
    const moved: { end: End; toMs: number }[] = []
    for await (const end of this.#ends()) {
      const startMs = end.endMs - end.lifetimeS * 1_000
      const isOfBefore =
        jumpMs !== 0 && startMs > rightUntilMs && startMs <= beforeMs + LEAST_JUMP_MS && (startMs >= PLAUSIBLE_SINCE_MS || beforeMs < PLAUSIBLE_SINCE_MS)
      const isOfAnotherTime = nowMs >= PLAUSIBLE_SINCE_MS && (startMs < PLAUSIBLE_SINCE_MS || startMs > nowMs + AHEAD_MS)
      const toMs = isOfBefore ? end.endMs + jumpMs : isOfAnotherTime ? nowMs + end.lifetimeS * 1_000 : end.endMs
      if (toMs !== end.endMs) moved.push({ end, toMs })
    }
    for (let at = 0; at < moved.length; at += BATCH) {
      await db.transaction(async (tx) => {
        for (const { end, toMs } of moved.slice(at, at + BATCH)) {
          tx.del(TABLES.content, end.key)
          const row = await this.#history.message(tx, end.id)
          if (row?.facts === undefined) continue
          this.#history.rewrite(tx, { ...row, facts: { ...row.facts, endMs: toMs } }, row)
          this.#put(tx, end.id, toMs, end.lifetimeS)
        }
      })
    }
    if (jumpMs !== 0) this.#offsetMs = offsetMs
    this.#isDated = true
  }

  async *#ends(): AsyncIterable<End> {
    for await (const [key, value] of this.#deps.db.iterate(TABLES.content, { gte: ENDS, lt: Uint8Array.of(4) })) {
      const endMs = new ByteReader(key.subarray(1, HEAD_BYTES)).u48()
      yield { key: copyBytes(key), id: envelopeIdOf(key.subarray(HEAD_BYTES)), endMs, lifetimeS: new ByteReader(value).u32() }
    }
  }
}
