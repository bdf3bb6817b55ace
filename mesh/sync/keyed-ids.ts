import { ENVELOPE_ID_BYTES, type EnvelopeId, writeIdBytes } from '#mesh/ids'
import { dayOf, NO_SLOT, ScopeIndex } from './riblt/index.ts'

/** Days over which envelopes are spread, as a guess of how much room each takes: the 30 that one lives. */
const USUAL_DAYS = 30

/**
 * The ids of what is carried, hashed under one key, and the way back from a hash to its id.
 *
 * Beside the 36 bytes that riblt takes for an item it holds a reference to the id that the store has anyway.
 */
export class KeyedIds {
  readonly index: ScopeIndex
  /** By day, then by the slot that the index gave. */
  readonly #ids: Array<Array<EnvelopeId | undefined> | undefined> = []
  readonly #bytes = new Uint8Array(ENVELOPE_ID_BYTES)

  /**
   * @param key 16 random bytes
   * @param expected ids that will come
   */
  constructor(key: Uint8Array, expected = 0) {
    this.index = new ScopeIndex(key, Math.ceil(expected / USUAL_DAYS))
  }

  /** Takes in an id with the time of its envelope's stamp; nothing happens when it is here. */
  add(id: EnvelopeId, stampMs: number): void {
    const day = dayOf(stampMs)
    writeIdBytes(id, this.#bytes)
    const slot = this.index.add(day, this.#bytes)
    if (slot === NO_SLOT) return
    const ids = this.#ids[day] ?? []
    this.#ids[day] = ids
    ids[slot] = id
  }

  /** Takes an id out; nothing happens when it is not here. */
  remove(id: EnvelopeId): void {
    writeIdBytes(id, this.#bytes)
    const place = this.index.removeAnywhere(this.#bytes)
    const ids = place === undefined ? undefined : this.#ids[place.day]
    if (place !== undefined && ids !== undefined) ids[place.slot] = undefined
  }

  /** The id behind an item, as long as it is here. */
  find(low: number, high: number): EnvelopeId | undefined {
    const place = this.index.find(low, high)
    return place === undefined ? undefined : this.#ids[place.day]?.[place.slot]
  }
}
