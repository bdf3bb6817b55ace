/**
 * What libp2p keeps, in memory. Others decide how much of it there is (whom they name, what they put into
 * the DHT), so each kind has its quota, which those who put into the DHT share (see `shelf.ts`).
 */
import { MemoryDatastore } from 'datastore-core'
import { Key } from 'interface-datastore'
import { copyBytes } from '#mesh/codec'
import { asking } from './asking.ts'
import { type Quota, Shelf } from './shelf.ts'

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

  /** @throws RangeError for a row that is too large, older than the one in its place, or of a kind that is not kept */
  override put(key: Key, value: Uint8Array): ReturnType<MemoryDatastore['put']> {
    const name = key.toString()
    const shelf = this.#shelfOf(name)
    if (shelf === undefined && name.startsWith(DHT_PREFIX)) throw new RangeError('this DHT keeps announcements only')
    const asker = shelf === this.#records ? asking.getStore() : undefined
    const row = { bytes: value.length, owner: asker?.peer, issuedMs: asker?.issuedMs, isOwn: asker?.isOwn }
    for (const old of shelf?.add(name, row) ?? []) void super.delete(new Key(old))
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
