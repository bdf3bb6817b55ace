import { encodeUtf8 } from '#mesh/codec'
import { isMeshError } from '#mesh/errors'
import type { Clock, Crypto, Log, Random } from '#mesh/ports'
import { type Runnable, spawn, type Task } from '#mesh/runtime'
import { type Database, SealedTable, TABLES } from '#mesh/store'
import { Encounters } from './encounters.ts'

/** Between two writes, ms: a row of at most 106 kB is no burden for flash, and a crash forgets ten minutes of encounters. */
const SAVE_MS = 600_000
const KEY = encodeUtf8('encounters')

/** What is needed to keep encounters. */
export interface EncounterBookDeps {
  readonly db: Database
  readonly crypto: Crypto
  readonly random: Random
  readonly clock: Clock
  readonly log: Log
  /** Encrypts them: whom this person meets is nobody's business. 32 bytes. */
  readonly key: Uint8Array
}

/** Encounters that outlive the process: one sealed row, written now and then. */
export class EncounterBook implements Runnable {
  readonly encounters: Encounters
  readonly #deps: EncounterBookDeps
  readonly #table: SealedTable<Uint8Array>
  #task: Task | undefined
  #saved = 0

  private constructor(deps: EncounterBookDeps) {
    this.#deps = deps
    this.encounters = new Encounters(deps.clock)
    this.#table = new SealedTable(deps, TABLES.peers, deps.key, { encode: (row) => row, decode: (row) => row })
  }

  /** Reads what an earlier run left. A row that is damaged is forgotten: encounters come again. */
  static async open(deps: EncounterBookDeps): Promise<EncounterBook> {
    const book = new EncounterBook(deps)
    try {
      const row = await book.#table.get(deps.db, KEY)
      if (row !== undefined) book.encounters.restore(row)
    } catch (error) {
      if (!isMeshError(error)) throw error
      deps.log.warn('what was known of encounters cannot be read, and is learnt anew', { error })
    }
    return book
  }

  async start(): Promise<void> {
    const { clock, log } = this.#deps
    this.#task = spawn(
      async (signal) => {
        while (!signal.aborted) {
          await clock.sleep(SAVE_MS, signal)
          if (!signal.aborted) await this.#save()
        }
      },
      (error) => log.error('encounters are no longer written down', { error }),
    )
  }

  async stop(): Promise<void> {
    await this.#task?.stop()
    await this.#save()
  }

  async #save(): Promise<void> {
    const { changes } = this.encounters
    if (changes === this.#saved) return
    try {
      await this.#deps.db.transaction((tx) => this.#table.put(tx, KEY, this.encounters.encode()))
      this.#saved = changes
    } catch (error) {
      if (!isMeshError(error)) throw error
      this.#deps.log.warn('encounters could not be written down; trying again later', { error })
    }
  }
}
