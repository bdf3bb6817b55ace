/**
 * The index that finds messages by words without holding one.
 *
 * A row for each message: inverted place (8, so that the newest comes first) ‖ blinded conversation (16) ‖ id (32), and
 * the message's filter. No row says more than that there is a message and its size class (see `filter.ts`); all keys
 * come from the history key. A query reads the filters from the newest on, some 100 bytes each, and then opens what fits.
 */
import { concatBytes, encodeUtf8 } from '#mesh/codec'
import { hkdfSha256, SIP_KEY_BYTES, type SipKey, siphash24, sipKeyOf } from '#mesh/crypto'
import { type Reader, TABLES, type Transaction } from '#mesh/store'
import { makeFilter, mayHold } from './filter.ts'
import { parseQuery, type Query, tokensOfQuery } from './query.ts'
import { eachToken } from './tokens.ts'

/** Where a message stands: as its row in the history. */
export interface Place {
  /** Blinded conversation, 16 bytes. */
  readonly conversation: Uint8Array
  /** Stamp, 8 bytes: larger is newer. */
  readonly stamp: Uint8Array
  /** 32 bytes. */
  readonly id: Uint8Array
}

const STAMP_BYTES = 8
const CONVERSATION_BYTES = 16
const ID_AT = STAMP_BYTES + CONVERSATION_BYTES
/** Bits of nothing come from a token that no text has: all others begin with `w`, `p` or `2`. */
const NO_TOKEN = '0'

/** See the head of this file. */
export class SearchIndex {
  readonly #first: SipKey
  readonly #second: SipKey
  readonly #padding: SipKey
  readonly #half = new Int32Array(2)
  #onFirst: ((tx: Transaction) => void) | undefined

  /** @param historyKey 32 bytes */
  constructor(historyKey: Uint8Array) {
    const keys = hkdfSha256(historyKey, 'qpq search 1', new Uint8Array(0), 2 * SIP_KEY_BYTES)
    this.#first = sipKeyOf(keys.subarray(0, SIP_KEY_BYTES))
    this.#second = sipKeyOf(keys.subarray(SIP_KEY_BYTES))
    this.#padding = this.#keyOf(encodeUtf8(NO_TOKEN))
  }

  /** Has the next transaction that makes something findable do this as well: once, when it is durable. */
  onFirst(work: (tx: Transaction) => void): void {
    this.#onFirst = work
  }

  /** Makes a message findable by this text and by no other: joins the transaction that writes the message. */
  put(tx: Transaction, place: Place, text: string): void {
    const first = this.#onFirst
    if (first !== undefined) {
      first(tx)
      tx.onCommit(() => {
        this.#onFirst = undefined
      })
    }
    const keys: SipKey[] = []
    eachToken(text, (bytes, length) => keys.push(this.#keyOf(bytes, length)))
    if (keys.length === 0) this.remove(tx, place)
    else tx.put(TABLES.search, rowKeyOf(place), makeFilter(place.id, keys, this.#padding))
  }

  /** Makes a message findable no more. */
  remove(tx: Transaction, place: Place): void {
    tx.del(TABLES.search, rowKeyOf(place))
  }

  /** Prepares a query. @throws MeshError `MESH_SEARCH_INVALID` */
  query(text: string): Query & { readonly keys: readonly SipKey[] } {
    const query = parseQuery(text)
    return { ...query, keys: tokensOfQuery(query).map((token) => this.#keyOf(encodeUtf8(token))) }
  }

  /**
   * Messages that may fit, the newest first; the text decides. Yields `undefined` for each that does not fit, so that
   * the caller can count what is looked at.
   */
  async *candidates(reader: Reader, keys: readonly SipKey[], conversation: Uint8Array | undefined): AsyncIterable<Place | undefined> {
    const hash = new Int32Array(2)
    for await (const [key, filter] of reader.iterate(TABLES.search)) {
      const isWanted = conversation === undefined || isAt(key, conversation, STAMP_BYTES)
      if (isWanted && mayHold(filter, keys, key, ID_AT, hash)) yield placeOf(key)
      else yield undefined
    }
  }

  /** 128 bits by a pseudo-random function of the token: SipHash under two keys. HMAC-SHA256 costs fifteen times as much, for each of 50 tokens of a message. */
  #keyOf(bytes: Uint8Array, length: number = bytes.length): SipKey {
    const key = new Int32Array(4)
    const half = this.#half
    siphash24(this.#second, bytes, 0, length, half)
    key[2] = half[0] ?? 0
    key[3] = half[1] ?? 0
    siphash24(this.#first, bytes, 0, length, key)
    return key as SipKey
  }
}

function rowKeyOf({ stamp, conversation, id }: Place): Uint8Array {
  return concatBytes(inverted(stamp), conversation, id)
}

function placeOf(key: Uint8Array): Place {
  return { stamp: inverted(key.subarray(0, STAMP_BYTES)), conversation: key.subarray(STAMP_BYTES, ID_AT), id: key.subarray(ID_AT) }
}

function inverted(stamp: Uint8Array): Uint8Array {
  return stamp.map((byte) => byte ^ 0xff)
}

function isAt(bytes: Uint8Array, wanted: Uint8Array, at: number): boolean {
  for (let i = 0; i < wanted.length; i++) if (bytes[at + i] !== wanted[i]) return false
  return true
}
