/**
 * Messages and what is known of a conversation, as sealed rows.
 *
 * A message's key is blinded person (16) ‖ place (8) ‖ id (32), so that the last messages of a
 * conversation are one short read backwards. An index row leads from an id to that key. The place is a stamp:
 * what the author's clock said, unless that is not believable or not after what the message follows. So a
 * clock that is years off hides neither its own messages nor everybody else's.
 */
import { encode } from 'cborg'
import { ByteReader, ByteWriter, concatBytes, copyBytes, decodeCbor } from '#mesh/codec'
import { compareStamps, type Stamp, stampAfter } from '#mesh/envelope'
import { type DeviceId, ENVELOPE_ID_BYTES, type EnvelopeId, envelopeIdOf, idBytes, type PersonId } from '#mesh/ids'
import type { Crypto, Random } from '#mesh/ports'
import type { Place, SearchIndex } from '#mesh/search'
import { type Database, type Reader, type RowCodec, SealedTable, TABLES, type Transaction } from '#mesh/store'
import type { Ordered } from './causal-order.ts'
import { decodeFacts, encodeFacts, type Facts } from './facts.ts'

/** How far an own message has come; `carried` is not kept, it follows from custody receipts. `withdrawn`: its author took it back, as far as he could. */
export type KeptState = 'queued' | 'delivered' | 'expired' | 'withdrawn' | 'read'

/** A message as it is kept. */
export interface MessageRow {
  readonly id: EnvelopeId
  /** Its place in this history, see {@link History.place}. */
  readonly stamp: Stamp
  readonly direction: 'in' | 'out'
  readonly person: PersonId
  /** The device that wrote it. */
  readonly device: DeviceId
  readonly text: string
  readonly composedMs: number
  readonly parents: readonly EnvelopeId[]
  readonly seq: number
  readonly state: KeptState
  /** What backs the state: the id of the receipt. */
  readonly by: string
  /** False while it waits for what it follows, or for its author to be accepted. */
  readonly isShown: boolean
  /** False on own messages that nobody may hand from one mesh to another. */
  readonly mayCross?: boolean
  /** What it says beside its text and what was done to it; absent on texts of programs from before there was content. */
  readonly facts?: Facts
}

/** What the next message of a conversation needs to know. */
export interface ConversationRow {
  readonly seq: number
  readonly heads: readonly EnvelopeId[]
}

/** Leads from an envelope's id to whom it is about, and to its message if it is one. */
interface IndexRow {
  readonly person: PersonId
  readonly key: Uint8Array | undefined
}

/** Order on disk; append only. */
const STATES: readonly KeptState[] = ['queued', 'delivered', 'expired', 'withdrawn', 'read']
const STAMP_BYTES = 8
/** First byte of keys in the table of conversations. */
const CONVERSATION = Uint8Array.of(0)
const INDEX = Uint8Array.of(1)
const UNSHOWN = Uint8Array.of(2)
const NOTHING = new Uint8Array(0)

/** See the head of this file. */
export class History {
  readonly #messages: SealedTable<MessageRow>
  readonly #conversations: SealedTable<ConversationRow>
  readonly #index: SealedTable<IndexRow>
  readonly #blind: (person: PersonId) => Uint8Array
  readonly #search: SearchIndex

  constructor(deps: { crypto: Crypto; random: Random; historyKey: Uint8Array; blind: (person: PersonId) => Uint8Array; search: SearchIndex }) {
    this.#messages = new SealedTable(deps, TABLES.history, deps.historyKey, messageCodec)
    this.#conversations = new SealedTable(deps, TABLES.conversations, deps.historyKey, conversationCodec)
    this.#index = new SealedTable(deps, TABLES.conversations, deps.historyKey, indexCodec)
    this.#blind = deps.blind
    this.#search = deps.search
  }

  /** The place of a message that follows `parents`: `stamp`, or right behind the last of them that is here. */
  async place(reader: Reader, stamp: Stamp, parents: readonly EnvelopeId[]): Promise<Stamp> {
    let place = stamp
    for (const id of parents) {
      const parent = await this.message(reader, id)
      if (parent !== undefined && compareStamps(parent.stamp, place) >= 0) place = stampAfter(parent.stamp)
    }
    return place
  }

  /** Keeps a message, and what leads to it. */
  put(tx: Transaction, row: MessageRow): void {
    const key = this.#keyOf(row)
    this.#messages.put(tx, key, row)
    this.#index.put(tx, indexKey(row.id), { person: row.person, key })
    if (row.isShown) this.#search.put(tx, this.#placeOf(row), searchedIn(row))
    else tx.put(TABLES.conversations, unshownKey(row.id), NOTHING)
  }

  /** Notes whom an envelope without a message is about. */
  noteRequest(tx: Transaction, id: EnvelopeId, person: PersonId): void {
    this.#index.put(tx, indexKey(id), { person, key: undefined })
  }

  /**
   * Writes a changed message over the old one, and what finds it: a text that changed is found by its new words only.
   * Whoever gives the old row spares that when nothing of it has changed.
   */
  rewrite(tx: Transaction, row: MessageRow, old?: MessageRow): void {
    this.#messages.put(tx, this.#keyOf(row), row)
    if (row.isShown) tx.del(TABLES.conversations, unshownKey(row.id))
    const isSame = old?.isShown === row.isShown && searchedIn(old) === searchedIn(row)
    if (row.isShown && !isSame) this.#search.put(tx, this.#placeOf(row), searchedIn(row))
  }

  /** The message at a place that the search index names; `undefined` when it is gone. */
  at(reader: Reader, { conversation, stamp, id }: Place): Promise<MessageRow | undefined> {
    return this.#messages.get(reader, concatBytes(conversation, stamp, id))
  }

  /** Makes messages findable that are not yet, `limit` of them behind `after`; returns the last key, or `undefined` when there was none. */
  async indexFrom(tx: Transaction, after: Uint8Array | undefined, limit: number): Promise<Uint8Array | undefined> {
    let last: Uint8Array | undefined
    for await (const [key, row] of this.#messages.entries(tx, { ...(after === undefined ? {} : { gt: after }), limit })) {
      if (row.isShown) this.#search.put(tx, this.#placeOf(row), searchedIn(row))
      last = key
    }
    return last
  }

  /** True when there is any message. */
  async hasAny(reader: Reader): Promise<boolean> {
    for await (const _ of reader.iterate(TABLES.history, { limit: 1 })) return true
    return false
  }

  /** Deletes a message; its id stays known. */
  forget(tx: Transaction, row: MessageRow): void {
    this.#messages.del(tx, this.#keyOf(row))
    this.#search.remove(tx, this.#placeOf(row))
    this.noteRequest(tx, row.id, row.person)
    tx.del(TABLES.conversations, unshownKey(row.id))
  }

  /** The message of an id. */
  async message(reader: Reader, id: EnvelopeId): Promise<MessageRow | undefined> {
    const entry = await this.#index.get(reader, indexKey(id))
    return entry?.key === undefined ? undefined : this.#messages.get(reader, entry.key)
  }

  /** Whether an id is known, as a message or a request. */
  async has(reader: Reader, id: EnvelopeId): Promise<boolean> {
    return (await this.#index.get(reader, indexKey(id))) !== undefined
  }

  /** Whom an envelope of ours was for. */
  async personOf(reader: Reader, id: EnvelopeId): Promise<PersonId | undefined> {
    return (await this.#index.get(reader, indexKey(id)))?.person
  }

  async conversation(reader: Reader, person: PersonId): Promise<ConversationRow> {
    return (await this.#conversations.get(reader, this.#conversationKey(person))) ?? { seq: 0, heads: [] }
  }

  putConversation(tx: Transaction, person: PersonId, row: ConversationRow): void {
    this.#conversations.put(tx, this.#conversationKey(person), row)
  }

  /** The last `limit` messages with a person, the newest first by stamp. */
  async newest(reader: Reader, person: PersonId, limit: number): Promise<MessageRow[]> {
    const prefix = this.#blind(person)
    const rows: MessageRow[] = []
    for await (const [, row] of this.#messages.entries(reader, { gte: prefix, lt: after(prefix), reverse: true, limit })) rows.push(row)
    return rows
  }

  /** As `newest`, without the texts: for ordering a whole conversation. */
  async outline(reader: Reader, person: PersonId, limit: number): Promise<(Ordered & { readonly person: PersonId })[]> {
    const prefix = this.#blind(person)
    const outline: (Ordered & { readonly person: PersonId })[] = []
    for await (const [, { id, stamp, parents }] of this.#messages.entries(reader, { gte: prefix, lt: after(prefix), reverse: true, limit })) {
      outline.push({ id, person, stamp, parents })
    }
    return outline
  }

  /** True when every one of these is here and was shown, or was here and is gone. */
  async isAllShown(reader: Reader, ids: readonly EnvelopeId[]): Promise<boolean> {
    for (const id of ids) if ((await this.message(reader, id))?.isShown !== true && !(await this.#isGone(reader, id))) return false
    return true
  }

  async #isGone(reader: Reader, id: EnvelopeId): Promise<boolean> {
    const entry = await this.#index.get(reader, indexKey(id))
    return entry !== undefined && entry.key === undefined
  }

  /** Messages that have not been shown, of everybody. */
  async *unshown(db: Database): AsyncIterable<MessageRow> {
    for await (const [key] of db.iterate(TABLES.conversations, { gte: UNSHOWN, lt: after(UNSHOWN) })) {
      const row = await this.message(db, envelopeIdOf(key.subarray(UNSHOWN.length)))
      if (row !== undefined) yield row
    }
  }

  #keyOf(row: Pick<MessageRow, 'person' | 'stamp' | 'id'>): Uint8Array {
    const { conversation, stamp, id } = this.#placeOf(row)
    return concatBytes(conversation, stamp, id)
  }

  #placeOf({ person, stamp, id }: Pick<MessageRow, 'person' | 'stamp' | 'id'>): Place {
    return { conversation: this.#blind(person), stamp: new ByteWriter(STAMP_BYTES).u48(stamp.ms).u16(stamp.counter).finish(), id: idBytes(id) }
  }

  #conversationKey(person: PersonId): Uint8Array {
    return concatBytes(CONVERSATION, this.#blind(person))
  }
}

/** What a message is found by. What can be seen once is found by nothing: finding it would be seeing it. */
function searchedIn({ text, facts }: MessageRow): string {
  return facts?.isOnce === true ? '' : text
}

const messageCodec: RowCodec<MessageRow> = {
  encode: (row) =>
    encode([
      1,
      idBytes(row.id),
      row.stamp.ms,
      row.stamp.counter,
      row.direction === 'in',
      row.person,
      row.device,
      row.text,
      row.composedMs,
      concatBytes(...row.parents.map(idBytes)),
      row.seq,
      STATES.indexOf(row.state),
      row.by,
      row.isShown,
      ...(row.mayCross === false || row.facts !== undefined ? [row.mayCross !== false] : []),
      ...(row.facts === undefined ? [] : [encodeFacts(row.facts)]),
    ]),
  decode(bytes) {
    const row = decodeCbor(bytes) as [
      number,
      Uint8Array,
      number,
      number,
      boolean,
      string,
      string,
      string,
      number,
      Uint8Array,
      number,
      number,
      string,
      boolean,
      boolean?,
      Uint8Array?,
    ]
    return {
      id: envelopeIdOf(row[1]),
      stamp: { ms: row[2], counter: row[3] },
      direction: row[4] ? 'in' : 'out',
      person: row[5] as PersonId, // sealed by this node, so it is what it was when it was parsed
      device: row[6] as DeviceId,
      text: row[7],
      composedMs: row[8],
      parents: idsIn(row[9]),
      seq: row[10],
      state: STATES[row[11]] ?? 'queued',
      by: row[12],
      isShown: row[13],
      ...(row[14] === false ? { mayCross: false } : {}),
      ...(row[15] === undefined ? {} : { facts: decodeFacts(row[15]) }),
    }
  },
}

const conversationCodec: RowCodec<ConversationRow> = {
  encode: ({ seq, heads }) => encode([1, seq, concatBytes(...heads.map(idBytes))]),
  decode(bytes) {
    const [, seq, heads] = decodeCbor(bytes) as [number, number, Uint8Array]
    return { seq, heads: idsIn(heads) }
  },
}

const indexCodec: RowCodec<IndexRow> = {
  encode: ({ person, key }) => encode([1, person, key ?? null]),
  decode(bytes) {
    const [, person, key] = decodeCbor(bytes) as [number, string, Uint8Array | null]
    return { person: person as PersonId, key: key ?? undefined }
  },
}

function idsIn(bytes: Uint8Array): EnvelopeId[] {
  const reader = new ByteReader(bytes)
  return Array.from({ length: bytes.length / ENVELOPE_ID_BYTES }, () => envelopeIdOf(reader.bytes(ENVELOPE_ID_BYTES)))
}

function indexKey(id: EnvelopeId): Uint8Array {
  return concatBytes(INDEX, idBytes(id))
}

function unshownKey(id: EnvelopeId): Uint8Array {
  return concatBytes(UNSHOWN, idBytes(id))
}

/** The first key behind all keys that start with `prefix`. */
function after(prefix: Uint8Array): Uint8Array {
  const end = copyBytes(prefix)
  for (let at = end.length - 1; at >= 0; at--) {
    end[at] = ((end[at] ?? 0) + 1) & 0xff
    if (end[at] !== 0) return end
  }
  return concatBytes(prefix, new Uint8Array(64).fill(0xff))
}
