import { ByteReader, ByteWriter, concatBytes, copyBytes } from '#mesh/codec'
import { type Database, TABLES } from '#mesh/store'

/** Parts that are remembered; the oldest is forgotten, and then read once more, which costs time and changes nothing. */
const MAX_KNOWN = 1_000
/** See the table in mesh/sync/bundle/promises.ts. */
const PREFIX = Uint8Array.of(3)
const AFTER = Uint8Array.of(4)

/** The parts of bundles that were read whole, or written here. */
export class KnownParts {
  readonly #db: Pick<Database, 'transaction' | 'iterate'>
  readonly #whenMs = new Map<string, { key: Uint8Array; atMs: number }>()

  private constructor(db: Pick<Database, 'transaction' | 'iterate'>) {
    this.#db = db
  }

  static async open(db: Pick<Database, 'transaction' | 'iterate'>): Promise<KnownParts> {
    const known = new KnownParts(db)
    for await (const [key, value] of db.iterate(TABLES.sneakernet, { gte: PREFIX, lt: AFTER })) {
      known.#whenMs.set(key.toString(), { key: copyBytes(key), atMs: new ByteReader(value).u48() })
    }
    return known
  }

  get size(): number {
    return this.#whenMs.size
  }

  has(bundle: Uint8Array, part: number): boolean {
    return this.#whenMs.has(keyOf(bundle, part).toString())
  }

  async add(bundle: Uint8Array, part: number, nowMs: number): Promise<void> {
    if (this.has(bundle, part)) return
    const key = keyOf(bundle, part)
    const atMs = Math.max(0, nowMs)
    const [oldest] = this.#whenMs.size < MAX_KNOWN ? [] : [...this.#whenMs].sort(([, a], [, b]) => a.atMs - b.atMs)
    await this.#db.transaction((tx) => {
      if (oldest !== undefined) tx.del(TABLES.sneakernet, oldest[1].key)
      tx.put(TABLES.sneakernet, key, new ByteWriter(6).u48(atMs).finish())
      tx.onCommit(() => {
        if (oldest !== undefined) this.#whenMs.delete(oldest[0])
        this.#whenMs.set(key.toString(), { key, atMs })
      })
    })
  }
}

function keyOf(bundle: Uint8Array, part: number): Uint8Array {
  return concatBytes(PREFIX, bundle, new ByteWriter(2).u16(part).finish())
}
