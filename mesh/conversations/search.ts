/**
 * Finding messages by words: the index names candidates, the decrypted text decides.
 *
 * It finds what `log` shows: nothing of strangers, and of blocked people only where their conversation is named.
 * What was written before there was an index, or under other rules for words, is indexed in the background.
 */
import { ByteReader, ByteWriter, concatBytes, copyBytes, encodeUtf8 } from '#mesh/codec'
import type { Contact } from '#mesh/contacts'
import { isMeshError } from '#mesh/errors'
import { type Runnable, spawn, type Task } from '#mesh/runtime'
import { type SearchIndex, type Span, spansIn } from '#mesh/search'
import { TABLES, type Transaction } from '#mesh/store'
import type { ConversationsDeps } from './deps.ts'
import type { History } from './history.ts'
import type { MessageView, Views } from './views.ts'

/** A message that has what was looked for. */
export interface SearchHit {
  readonly message: MessageView
  /** Where in the text, in UTF-16 units. */
  readonly hits: readonly Span[]
}

/** What a search found, and why that may not be all. */
export interface SearchResult {
  readonly hits: readonly SearchHit[]
  /** `limit`: there may be more than was asked for. `too-wide`: it would take too long to look at everything. */
  readonly ended: 'complete' | 'limit' | 'too-wide'
  /** Older messages are still being indexed. */
  readonly isBuilding: boolean
}

/** Rules for words and rows that the index follows; raise it when they change, and everything is indexed anew. */
const INDEX_VERSION = 1
const STATE_KEY = encodeUtf8('search')
/** Messages found when nothing else is said. */
const DEFAULT_LIMIT = 50
/** Filters that one query looks at: one to two seconds. */
const MAX_LOOKED_AT = 1_000_000
/** Texts that one query opens in vain or not, as some come from every filter: about a second. */
const MAX_OPENED = 20_000
/** Messages indexed in one transaction: some 30 ms, while nobody can send. */
const CHUNK_MESSAGES = 200
/** Pause between chunks, ms: half of the time is left to others. */
const PAUSE_MS = 30
/** Pause after a failed write, ms. */
const RETRY_MS = 5_000

/** See the head of this file. */
export class Search implements Runnable {
  readonly #deps: Pick<ConversationsDeps, 'db' | 'contacts' | 'clock' | 'log'>
  readonly #history: History
  readonly #index: SearchIndex
  readonly #views: Views
  #isBuilding = false
  #task: Task | undefined

  constructor(deps: Pick<ConversationsDeps, 'db' | 'contacts' | 'clock' | 'log'>, history: History, index: SearchIndex, views: Views) {
    this.#deps = deps
    this.#history = history
    this.#index = index
    this.#views = views
  }

  async start(): Promise<void> {
    const { db, log } = this.#deps
    const { isDone, after } = readState(await db.get(TABLES.own, STATE_KEY))
    if (isDone) return
    if (!(await this.#history.hasAny(db))) return this.#index.onFirst((tx) => writeState(tx, undefined))
    this.#isBuilding = true
    this.#task = spawn(
      (signal) => this.#build(after, signal),
      (error) => log.error('older messages are not indexed', { error }),
    )
  }

  async stop(): Promise<void> {
    await this.#task?.stop()
  }

  /** Looks for messages, the newest first. @throws MeshError `MESH_SEARCH_INVALID`, and as `Contacts.find` for the conversation */
  async find(text: string, limit: number = DEFAULT_LIMIT): Promise<SearchResult> {
    const { db, contacts } = this.#deps
    const query = this.#index.query(text)
    const where: Contact | undefined = query.conversation === undefined ? undefined : contacts.find(query.conversation)
    const hits: SearchHit[] = []
    let lookedAt = 0
    let opened = 0
    const result = (ended: SearchResult['ended']): SearchResult => ({ hits, ended, isBuilding: this.#isBuilding })
    for await (const place of this.#index.candidates(db, query.keys, where === undefined ? undefined : contacts.blind(where.person))) {
      if (++lookedAt > MAX_LOOKED_AT || opened > MAX_OPENED) return result('too-wide')
      if (place === undefined) continue
      opened++
      const row = await this.#history.at(db, place)
      if (row === undefined || !row.isShown) continue
      if (where === undefined && contacts.get(row.person)?.state !== 'contact') continue
      const message = await this.#views.of(row)
      const spans = spansIn(query, message.text)
      if (spans === undefined) continue
      if (hits.length >= limit) return result('limit')
      hits.push({ message, hits: spans })
    }
    return result('complete')
  }

  /** Indexes what is behind `after`, in chunks that a crash repeats at most. */
  async #build(after: Uint8Array | undefined, signal: AbortSignal): Promise<void> {
    const { db, clock, log } = this.#deps
    let at = after
    while (!signal.aborted) {
      try {
        const last = await db.transaction(async (tx) => {
          const reached = await this.#history.indexFrom(tx, at, CHUNK_MESSAGES)
          writeState(tx, reached)
          return reached
        })
        if (last === undefined) break
        at = last
        await clock.sleep(PAUSE_MS, signal)
      } catch (error) {
        if (!isMeshError(error)) throw error
        log.warn('older messages could not be indexed; trying again', { error })
        await clock.sleep(RETRY_MS, signal)
      }
    }
    if (!signal.aborted) this.#isBuilding = false
  }
}

/** u8 version, and as long as it is being built the key of the history that was reached. */
function readState(row: Uint8Array | undefined): { isDone: boolean; after: Uint8Array | undefined } {
  if (row === undefined) return { isDone: false, after: undefined }
  const reader = new ByteReader(row)
  if (reader.u8() !== INDEX_VERSION) return { isDone: false, after: undefined }
  return row.length === 1 ? { isDone: true, after: undefined } : { isDone: false, after: copyBytes(row.subarray(1)) }
}

function writeState(tx: Transaction, reached: Uint8Array | undefined): void {
  const version = new ByteWriter(1).u8(INDEX_VERSION).finish()
  tx.put(TABLES.own, STATE_KEY, reached === undefined ? version : concatBytes(version, reached))
}
