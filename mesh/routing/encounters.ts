/**
 * Who is met how often: what tells a good carrier for an address from a bad one.
 *
 * An encounter is a link to somebody who has proven to collect for an address. Their number, fading by half
 * every week, says how likely the next one is: people meet whom they met before (Lindgren et al., RFC 6693;
 * Erramilli et al., "Delegation Forwarding", MobiHoc 2008, where the number of contacts with the destination
 * does best of all qualities that need no map). On the Infocom'05 trace it did better than the time since the
 * last encounter, the time spent together and the number of encounters with anybody (`npm run bench -- W7`).
 */
import { ByteReader, ByteWriter } from '#mesh/codec'
import { ADDRESS_BYTES, type Address, addressOf, idBytes } from '#mesh/ids'
import type { Clock } from '#mesh/ports'

/** After this time an encounter counts half, ms: a week, the rhythm in which people meet again. */
const HALF_LIFE_MS = 7 * 86_400_000
/** Who comes back sooner was not away, ms: a radio that flickers is no crowd. */
const FLICKER_MS = 60_000
/** Staying linked for so long counts as meeting once more, ms: who is always there is met more than who passes by. */
const STAY_MS = 3_600_000
/** Addresses remembered, the most met: with 26 bytes each 106 kB on the disk. */
const MAX_ADDRESSES = 4_096
/** Steps of utility for each doubling of encounters. */
const STEPS_PER_DOUBLING = 16
/** The utility of somebody who is linked with the owner now; the highest there is. */
export const UTILITY_LINKED = 255
/** Encounters are written in parts of this size. */
const PARTS = 1_024
const MAX_U32 = 0xffff_ffff
const VERSION = 1

interface Encounters1 {
  /** Encounters as they counted at {@link atMs}. */
  count: number
  atMs: number
  /** Links to somebody who collects for the address, now. */
  links: number
}

/** See the head of this file. */
export class Encounters {
  readonly #clock: Clock
  readonly #known = new Map<Address, Encounters1>()
  #changes = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Goes up whenever something was learnt. */
  get changes(): number {
    return this.#changes
  }

  /** A peer has proven to collect for these. */
  met(addresses: Iterable<Address>): void {
    const nowMs = this.#clock.now()
    for (const address of addresses) {
      const known = this.#known.get(address) ?? { count: 0, atMs: Number.NEGATIVE_INFINITY, links: 0 }
      if (known.links === 0 && Math.abs(nowMs - known.atMs) >= FLICKER_MS) this.#count(known, nowMs, 1)
      known.links++
      this.#known.set(address, known)
    }
    this.#forgetLeast()
  }

  /** The link to that peer has ended. */
  parted(addresses: Iterable<Address>): void {
    const nowMs = this.#clock.now()
    for (const address of addresses) {
      const known = this.#known.get(address)
      if (known === undefined || known.links === 0) continue
      known.links--
      if (known.links === 0) this.#count(known, nowMs, 0)
    }
  }

  /** Time went by: counts those who stayed. */
  tick(): void {
    const nowMs = this.#clock.now()
    for (const known of this.#known.values()) if (known.links > 0 && nowMs - known.atMs >= STAY_MS) this.#count(known, nowMs, 1)
  }

  /**
   * How well this node serves an address, 0 (never met) to 254, in equal steps of the logarithm so that
   * a few encounters are told apart as well as many; {@link UTILITY_LINKED} while its owner is linked.
   */
  utilityFor(address: Address): number {
    const known = this.#known.get(address)
    if (known === undefined) return 0
    if (known.links > 0) return UTILITY_LINKED
    return Math.min(Math.floor(STEPS_PER_DOUBLING * Math.log2(1 + faded(known, this.#clock.now()))), UTILITY_LINKED - 1)
  }

  /** Addresses met within a half-life: how large the mesh is, as far as one node sees it over time. */
  recent(): number {
    const sinceMs = this.#clock.now() - HALF_LIFE_MS
    let recent = 0
    for (const { atMs, links } of this.#known.values()) if (links > 0 || atMs >= sinceMs) recent++
    return recent
  }

  /** As one row: u8 version, then address 16, u48 ms, u32 encounters / 1,024, for each. */
  encode(): Uint8Array {
    const writer = new ByteWriter(1 + 26 * this.#known.size).u8(VERSION)
    for (const [address, { count, atMs }] of this.#known) {
      writer
        .bytes(idBytes(address))
        .u48(Math.max(0, Math.floor(atMs)))
        .u32(Math.min(Math.round(count * PARTS), MAX_U32))
    }
    return writer.finish()
  }

  /** Takes up what {@link encode} gave, of an earlier run. @throws MeshError `MESH_BYTES_…` for other bytes */
  restore(bytes: Uint8Array): void {
    const reader = new ByteReader(bytes)
    if (reader.u8() !== VERSION) return // of a newer program: to be learnt again
    while (reader.remaining > 0) {
      const address = addressOf(reader.bytes(ADDRESS_BYTES))
      this.#known.set(address, { atMs: reader.u48(), count: reader.u32() / PARTS, links: 0 })
    }
    this.#forgetLeast()
  }

  #count(known: Encounters1, nowMs: number, more: number): void {
    known.count = faded(known, nowMs) + more
    known.atMs = nowMs
    this.#changes++
  }

  /** Makes room at once for a quarter, so that a crowd of strangers does not sort the table for each of them. */
  #forgetLeast(): void {
    if (this.#known.size <= MAX_ADDRESSES) return
    const nowMs = this.#clock.now()
    const byWorth = [...this.#known].filter(([, { links }]) => links === 0).sort(([, a], [, b]) => faded(a, nowMs) - faded(b, nowMs))
    for (const [address] of byWorth.slice(0, this.#known.size - Math.floor((3 * MAX_ADDRESSES) / 4))) this.#known.delete(address)
  }
}

/** Encounters as they count now; a clock that was set back fades nothing. */
function faded({ count, atMs }: Encounters1, nowMs: number): number {
  return count === 0 ? 0 : count * 2 ** (-Math.max(0, nowMs - atMs) / HALF_LIFE_MS)
}
