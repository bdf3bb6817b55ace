/**
 * What the clock said last, kept for the next start: `clock` in the node's own state, u48 ms since 1970 ‖ u32 ms of doubt.
 * Written some times a day: what is asked is whether years have passed, and flash wears.
 */
import { ByteReader, ByteWriter, encodeUtf8 } from '#mesh/codec'
import { PLAUSIBLE_SINCE_MS } from '#mesh/envelope'
import type { Database } from './database.ts'
import { TABLES } from './tables.ts'
import type { KnownTime } from './time.ts'

const KEY = encodeUtf8('clock')
/** How far time may have gone on before it is written again, ms; far below the 30 days that are asked for. */
const WRITE_AFTER_MS = 6 * 3_600_000
/** The same for the doubt that is left: it shall end after a day, also on a machine that runs for an hour at a time. */
const DOUBT_STEP_MS = 30 * 60_000

/** See the head of this file. */
export class KnownTimeRow {
  readonly #db: Pick<Database, 'get' | 'transaction'>
  #written: KnownTime | undefined

  constructor(db: Pick<Database, 'get' | 'transaction'>) {
    this.#db = db
  }

  /** What was written last, if anything was. */
  async read(): Promise<KnownTime | undefined> {
    const row = await this.#db.get(TABLES.own, KEY)
    if (row === undefined) return undefined
    const reader = new ByteReader(row)
    this.#written = { knownMs: reader.u48(), doubtMs: reader.u32() }
    return this.#written
  }

  /** Writes what is known now, unless that is about what was written; nothing of a clock that was never set. */
  async note(known: KnownTime): Promise<void> {
    if (known.knownMs < PLAUSIBLE_SINCE_MS) return
    const before = this.#written
    const isNear = before !== undefined && Math.abs(known.knownMs - before.knownMs) < WRITE_AFTER_MS && Math.abs(known.doubtMs - before.doubtMs) < DOUBT_STEP_MS
    if (isNear) return
    await this.#db.transaction((tx) => tx.put(TABLES.own, KEY, new ByteWriter(10).u48(known.knownMs).u32(known.doubtMs).finish()))
    this.#written = known
  }
}
