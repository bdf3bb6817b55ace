import { compareBytes, concatBytes } from '#mesh/codec'
import { MeshError } from '#mesh/errors'
import type { Crypto, Random } from '#mesh/ports'
import { rowKey, type Table } from './tables.ts'
import type { Reader, RowRange, Transaction } from './transaction.ts'

/** How a value becomes bytes and back; `decode` throws when the bytes are not one. */
export interface RowCodec<T> {
  encode(value: T): Uint8Array
  decode(bytes: Uint8Array): T
}

const NONCE_BYTES = 12
const TAG_BYTES = 16

/**
 * Rows that nobody who finds the disk can read.
 *
 * A row is nonce (12, random) ‖ ChaCha20-Poly1305(value), bound to its table and key, so that a row
 * moved to another place does not open. Keys are not encrypted: they hold ids only, never text.
 * Random nonces under one key are safe for about 2^32 rows (collision below 2^-32).
 */
export class SealedTable<T> {
  readonly #deps: { readonly crypto: Crypto; readonly random: Random }
  readonly #table: Table
  readonly #key: Uint8Array
  readonly #codec: RowCodec<T>
  /** What rows say that a running transaction has staged: of a thousand messages each reads what the one before it wrote. */
  readonly #staged = new WeakMap<Uint8Array, { readonly key: Uint8Array; readonly value: T }>()

  /** @param key 32 bytes; kept, not copied: wiping it closes the table. */
  constructor(deps: { readonly crypto: Crypto; readonly random: Random }, table: Table, key: Uint8Array, codec: RowCodec<T>) {
    this.#deps = deps
    this.#table = table
    this.#key = key
    this.#codec = codec
  }

  /** @throws MeshError `MESH_STORE_FAILED` when the row cannot be opened */
  async get(reader: Reader, key: Uint8Array): Promise<T | undefined> {
    const row = await reader.get(this.#table, key)
    if (row === undefined) return undefined
    const staged = this.#staged.get(row)
    return staged !== undefined && compareBytes(staged.key, key) === 0 ? staged.value : this.#open(key, row)
  }

  put(tx: Transaction, key: Uint8Array, value: T): void {
    const nonce = this.#deps.random.bytes(NONCE_BYTES)
    const sealed = this.#deps.crypto.aeadSeal(this.#key, nonce, this.#codec.encode(value), rowKey(this.#table, key))
    const row = concatBytes(nonce, sealed)
    this.#staged.set(row, { key, value })
    tx.put(this.#table, key, row)
  }

  del(tx: Transaction, key: Uint8Array): void {
    tx.del(this.#table, key)
  }

  /** The rows in the order of their keys. @throws MeshError `MESH_STORE_FAILED` when a row cannot be opened */
  async *entries(reader: Reader, range: RowRange = {}): AsyncIterable<[key: Uint8Array, value: T]> {
    for await (const [key, row] of reader.iterate(this.#table, range)) yield [key, this.#open(key, row)]
  }

  #open(key: Uint8Array, row: Uint8Array): T {
    const { crypto } = this.#deps
    const isWhole = row.length >= NONCE_BYTES + TAG_BYTES
    const plain = isWhole ? crypto.aeadOpen(this.#key, row.subarray(0, NONCE_BYTES), row.subarray(NONCE_BYTES), rowKey(this.#table, key)) : undefined
    if (plain === undefined) {
      throw new MeshError('MESH_STORE_FAILED', 'a sealed row does not open: wrong key, or the disk changed it', { detail: { table: this.#table } })
    }
    return this.#codec.decode(plain)
  }
}
