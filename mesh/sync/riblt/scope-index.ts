import { type SipKey, siphash24, sipKeyOf } from '#mesh/crypto'
import { PLAUSIBLE_SINCE_MS } from '#mesh/envelope'
import { Digest } from './digest.ts'
import { NO_SLOT } from './item-set.ts'
import { Sketch } from './sketch.ts'
import { SymbolStream } from './symbol-stream.ts'

const DAY_MS = 86_400_000

/** How many days an index tells apart: more than the 30 that an envelope lives, and few enough for a bitmap of 8 bytes. */
export const DAYS = 64

/** All of them. */
export const ALL_DAYS: readonly number[] = Array.from({ length: DAYS }, (_, day) => day)

/** The day of envelopes whose stamp no sane clock made. */
const UNDATED = DAYS - 1

/** Where an item is: its day, and the number that it has there. */
export interface ItemPlace {
  readonly day: number
  readonly slot: number
}

/**
 * The day that an envelope counts to, 0 to 63, by its signed stamp: the same on every node, whatever its clock.
 * Days repeat after 63, so that no author can make a node keep more of them.
 */
export function dayOf(stampMs: number): number {
  return stampMs < PLAUSIBLE_SINCE_MS ? UNDATED : Math.floor(stampMs / DAY_MS) % UNDATED
}

/**
 * The envelope ids of one scope under one key, by day: what one exchange works on.
 *
 * A node keeps one for each scope under its own key of the day, and brings it up to date as envelopes come and
 * go; that serves every exchange it begins. To answer an exchange it makes one under the peer's key, which it may
 * throw away or keep for the next time. It holds hashes, not ids. Whoever wants the ids back keeps them by day
 * and slot, or hashes all of them once more.
 */
export class ScopeIndex {
  /** The 16 bytes of the key, as the peer is told. */
  readonly key: Uint8Array
  readonly #sipKey: SipKey
  readonly #sketches: Array<Sketch | undefined> = ALL_DAYS.map(() => undefined)
  readonly #expectedPerDay: number
  readonly #item = new Int32Array(2)

  /**
   * @param key 16 random bytes
   * @param expectedPerDay ids that will come, if that is known: saves a third of the time it takes to fill it
   */
  constructor(key: Uint8Array, expectedPerDay = 0) {
    this.key = key
    this.#expectedPerDay = expectedPerDay
    this.#sipKey = sipKeyOf(key)
  }

  /** Bytes that it takes. */
  get bytes(): number {
    return this.#sketches.reduce((sum, sketch) => sum + (sketch?.bytes ?? 0), 0)
  }

  /**
   * Adds bytes[from, from + 32), or as many as there are, to a day. The slot stays with it until it is removed;
   * {@link NO_SLOT} when it, or one of the same hash, is there.
   */
  add(day: number, bytes: Uint8Array, from = 0, to = bytes.length): number {
    siphash24(this.#sipKey, bytes, from, to, this.#item)
    const sketch = this.#sketches[day] ?? new Sketch(this.#expectedPerDay)
    this.#sketches[day] = sketch
    return sketch.add(this.#item[0] ?? 0, this.#item[1] ?? 0)
  }

  /** Removes what {@link add} added; the slot that it had, or {@link NO_SLOT}. */
  remove(day: number, bytes: Uint8Array, from = 0, to = bytes.length): number {
    siphash24(this.#sipKey, bytes, from, to, this.#item)
    return this.#sketches[day]?.remove(this.#item[0] ?? 0, this.#item[1] ?? 0) ?? NO_SLOT
  }

  /** Removes what {@link add} added to whatever day; where it was, or `undefined` when it was not here. */
  removeAnywhere(bytes: Uint8Array, from = 0, to = bytes.length): ItemPlace | undefined {
    siphash24(this.#sipKey, bytes, from, to, this.#item)
    const [low = 0, high = 0] = this.#item
    const place = this.find(low, high)
    if (place !== undefined) this.#sketches[place.day]?.remove(low, high)
    return place
  }

  /** Where an item is. */
  find(low: number, high: number): ItemPlace | undefined {
    for (let day = 0; day < DAYS; day++) {
      const slot = this.#sketches[day]?.find(low, high) ?? NO_SLOT
      if (slot !== NO_SLOT) return { day, slot }
    }
    return undefined
  }

  /** Count and digest of these days together. */
  digest(days: readonly number[]): Digest {
    const digest = new Digest()
    for (const sketch of this.#of(days)) digest.merge(sketch.digest)
    return digest
  }

  /** The symbols of these days together, as they are now. To be closed. */
  open(days: readonly number[]): SymbolStream {
    return new SymbolStream(this.#of(days))
  }

  /** Calls back with every item of these days. */
  forEach(days: readonly number[], visit: (low: number, high: number) => void): void {
    for (const sketch of this.#of(days)) sketch.forEach(visit)
  }

  /** All items of these days as pairs of words, low and high. */
  toPairs(days: readonly number[]): Int32Array {
    const pairs = new Int32Array(2 * this.digest(days).count)
    let at = 0
    this.forEach(days, (low, high) => {
      pairs[at++] = low
      pairs[at++] = high
    })
    return pairs
  }

  #of(days: readonly number[]): Sketch[] {
    return days.flatMap((day) => this.#sketches[day] ?? [])
  }
}
