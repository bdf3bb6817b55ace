/**
 * What a spoiled row of the index said, told anew from the bytes of the envelopes themselves.
 *
 * A lost row may have put envelopes into the index or taken them out of it. Bytes that the index does not know go
 * back into it, and what it knows without bytes goes. How an envelope came is not in its bytes: it is
 * guessed from what its author's other envelopes are here, and where that says nothing, it belongs to a stranger and
 * one copy of it may go on. What must not leave the mesh in which it came cannot be guessed, and goes, unless it
 * is own or waits to be read here: those need no mesh. The spoiled rows go last, so that a start that
 * ends in the middle is repeated.
 */
import { decodeEnvelope, type Envelope } from '#mesh/envelope'
import { isMeshError } from '#mesh/errors'
import { type AuthorKey, type EnvelopeId, envelopeIdOf, idBytes } from '#mesh/ids'
import type { Database } from './database.ts'
import type { EnvelopeIndex, UnreadableRow } from './envelope-index.ts'
import { type Arrival, type EnvelopeMeta, metaOf } from './envelope-meta.ts'
import { TABLES } from './tables.ts'
import type { Transaction } from './transaction.ts'

/** Entries without bytes that one transaction takes out. */
const REMOVED_AT_ONCE = 4_096

/** What became of it, in envelopes. */
export interface Rebuilt {
  /** Put back into the index. */
  readonly rebuilt: number
  /** Taken out of the index: their bytes are gone. */
  readonly withoutBytes: number
  /** Bytes that went: no envelope, or one whose mesh nobody remembers. */
  readonly dropped: number
}

/** What envelopes of one author are here: all the same, since an author key is for one contact. */
type Kin = 'own' | 'pinned' | 'stranger' | 'other'

/** One rebuilding; see the head of this file. */
export class Rebuild {
  readonly #db: Database
  readonly #index: EnvelopeIndex
  readonly #nowMs: number
  readonly #retentionMs: number
  readonly #kin = new Map<AuthorKey, Kin>()

  constructor(db: Database, index: EnvelopeIndex, nowMs: number, retentionMs: number) {
    this.#db = db
    this.#index = index
    this.#nowMs = nowMs
    this.#retentionMs = retentionMs
  }

  /** Reads all envelopes once, then removes the `spoiled` rows. @throws MeshError `MESH_STORE_FULL`, `MESH_STORE_FAILED` */
  async run(spoiled: readonly UnreadableRow[]): Promise<Rebuilt> {
    for (const meta of this.#index.all()) if (this.#kin.get(meta.author) !== 'own') this.#kin.set(meta.author, kinOf(meta))
    const withoutBytes = new Set(this.#index.ids())
    let [rebuilt, dropped] = [0, 0]
    for await (const rows of this.#db.chunks(TABLES.envelopes)) {
      const unknown = rows.filter(([key]) => {
        const id = envelopeIdOf(key)
        withoutBytes.delete(id)
        return !this.#index.has(id)
      })
      if (unknown.length === 0) continue
      const back = await this.#db.transaction((tx) => this.#putBack(tx, unknown))
      rebuilt += back
      dropped += unknown.length - back
    }
    await this.#remove([...withoutBytes])
    await this.#db.transaction((tx) => {
      for (const { table, key } of spoiled) tx.del(table, key)
    })
    return { rebuilt, withoutBytes: withoutBytes.size, dropped }
  }

  /** Puts rows of envelopes back into the index, or removes them; says how many went back. */
  async #putBack(tx: Transaction, rows: readonly (readonly [key: Uint8Array, bytes: Uint8Array])[]): Promise<number> {
    let back = 0
    for (const [key, bytes] of rows) {
      const envelope = envelopeIn(key, bytes)
      const arrival = envelope === undefined ? undefined : await this.#arrivalOf(tx, envelope)
      if (envelope === undefined || arrival === undefined) {
        tx.del(TABLES.envelopes, key)
        tx.del(TABLES.inboxQueue, key)
      } else {
        this.#index.stage(tx, envelope.id, metaOf(envelope, arrival, this.#nowMs, this.#retentionMs))
        back++
      }
    }
    return back
  }

  /** How it may have come; `undefined` when it must not be kept. */
  async #arrivalOf(tx: Transaction, { id, author, kind, mayCross }: Envelope): Promise<Arrival | undefined> {
    const kin = this.#kin.get(author)
    const own = kin === 'own' || (await tx.get(TABLES.outbox, idBytes(id))) !== undefined
    const isQueued = (await tx.get(TABLES.inboxQueue, idBytes(id))) !== undefined
    if (!mayCross && !own && !(isQueued && kind === 'inbox')) return undefined
    const stranger = !own && !isQueued && (kin === undefined || kin === 'stranger')
    return { hops: own ? 0 : 1, copies: 1, ageS: 0, from: undefined, own, pinned: own || kin === 'pinned', stranger }
  }

  async #remove(ids: readonly EnvelopeId[]): Promise<void> {
    for (let at = 0; at < ids.length; at += REMOVED_AT_ONCE) {
      await this.#db.transaction((tx) => {
        for (const id of ids.slice(at, at + REMOVED_AT_ONCE)) this.#index.stage(tx, id, undefined)
      })
    }
  }
}

function kinOf({ own, pinned, stranger }: EnvelopeMeta): Kin {
  if (own) return 'own'
  if (pinned) return 'pinned'
  return stranger ? 'stranger' : 'other'
}

/** The envelope in a row, or `undefined` when there is none or its key names another one. */
function envelopeIn(key: Uint8Array, bytes: Uint8Array): Envelope | undefined {
  try {
    const envelope = decodeEnvelope(bytes)
    return envelope.id === envelopeIdOf(key) ? envelope : undefined
  } catch (error) {
    if (isMeshError(error) && error.blame === 'peer') return undefined
    throw error
  }
}
