import { MemoryDatastore } from 'datastore-core'
import { Key } from 'interface-datastore'

/** Rows of the DHT kept at most, and bytes of one: 1 MB when all are full. kad-dht itself has no quota. */
const MAX_DHT_ROWS = 1_000
const MAX_DHT_ROW_BYTES = 2_048
const DHT_PREFIX = '/dht/'

/** What libp2p keeps, in memory; what strangers put into the DHT is bounded, the oldest goes first. */
export class BoundedDatastore extends MemoryDatastore {
  readonly #dhtKeys = new Set<string>()

  override put(key: Key, value: Uint8Array): ReturnType<MemoryDatastore['put']> {
    const name = key.toString()
    if (name.startsWith(DHT_PREFIX)) {
      if (value.length > MAX_DHT_ROW_BYTES) throw new RangeError('a DHT record is too large')
      this.#dhtKeys.delete(name)
      this.#dhtKeys.add(name)
      const oldest = this.#dhtKeys.keys().next()
      if (this.#dhtKeys.size > MAX_DHT_ROWS && oldest.done !== true) {
        this.#dhtKeys.delete(oldest.value)
        void super.delete(new Key(oldest.value))
      }
    }
    return super.put(key, value)
  }

  override delete(key: Key): ReturnType<MemoryDatastore['delete']> {
    this.#dhtKeys.delete(key.toString())
    return super.delete(key)
  }

  /** Rows that strangers can cause. */
  get dhtRows(): number {
    return this.#dhtKeys.size
  }
}
