/**
 * What libp2p keeps, in memory. Others decide how much of it there is (whom they name, what they put into
 * the DHT), so each kind has its quota; the row that was used longest ago goes first.
 */
import { MemoryDatastore } from 'datastore-core'
import { Key } from 'interface-datastore'
import { copyBytes } from '#mesh/codec'

/** How much of one kind is kept. */
interface Quota {
  readonly prefix: string
  readonly rows: number
  readonly rowBytes: number
  readonly bytes: number
}

/** Announcements of others: 1,000 is ten times a large mesh; one is at most 1 KiB in a wrapping. */
const RECORDS: Quota = { prefix: '/dht/record/', rows: 1_000, rowBytes: 2_048, bytes: 1_024 * 1_024 }
/** Peers that libp2p heard of, also from strangers who answer the DHT: 16 for each of our connections. */
const PEERS: Quota = { prefix: '/peers/', rows: 1_000, rowBytes: 8_192, bytes: 2 * 1_024 * 1_024 }
/** All rows of kad-dht; those that are not records say who has which content, and nobody of ours asks that. */
const DHT_PREFIX = '/dht/'

/** See the head of this file. */
export class BoundedDatastore extends MemoryDatastore {
  readonly #records = new Shelf(RECORDS)
  readonly #peers = new Shelf(PEERS)

  /** @throws RangeError for a row that is too large, or of a kind that is not kept */
  override put(key: Key, value: Uint8Array): ReturnType<MemoryDatastore['put']> {
    const name = key.toString()
    const shelf = this.#shelfOf(name)
    if (shelf === undefined && name.startsWith(DHT_PREFIX)) throw new RangeError('this DHT keeps announcements only')
    for (const old of shelf?.add(name, value.length) ?? []) void super.delete(new Key(old))
    // What libp2p encodes is cut from a pool of 64 KiB: kept as it is, a row of 200 bytes would keep all of that.
    return super.put(key, copyBytes(value))
  }

  override get(key: Key): ReturnType<MemoryDatastore['get']> {
    const name = key.toString()
    this.#shelfOf(name)?.touch(name)
    return super.get(key)
  }

  override delete(key: Key): ReturnType<MemoryDatastore['delete']> {
    const name = key.toString()
    this.#shelfOf(name)?.remove(name)
    return super.delete(key)
  }

  /** Rows that strangers can cause in the DHT. */
  get dhtRows(): number {
    return this.#records.size
  }

  #shelfOf(name: string): Shelf | undefined {
    return [this.#records, this.#peers].find((shelf) => name.startsWith(shelf.quota.prefix))
  }
}

/** The rows of one kind and their sizes, the one that was used longest ago first. */
class Shelf {
  readonly quota: Quota
  readonly #sizes = new Map<string, number>()
  #bytes = 0

  constructor(quota: Quota) {
    this.quota = quota
  }

  get size(): number {
    return this.#sizes.size
  }

  /** Makes room for a row; returns those that have to go. */
  add(name: string, size: number): string[] {
    if (size > this.quota.rowBytes) throw new RangeError('a row is too large to be kept')
    this.remove(name)
    this.#sizes.set(name, size)
    this.#bytes += size
    const gone: string[] = []
    for (const old of this.#sizes.keys()) {
      if (this.#sizes.size <= this.quota.rows && this.#bytes <= this.quota.bytes) break
      this.remove(old)
      gone.push(old)
    }
    return gone
  }

  touch(name: string): void {
    const size = this.#sizes.get(name)
    if (size === undefined) return
    this.#sizes.delete(name)
    this.#sizes.set(name, size)
  }

  remove(name: string): void {
    this.#bytes -= this.#sizes.get(name) ?? 0
    this.#sizes.delete(name)
  }
}
