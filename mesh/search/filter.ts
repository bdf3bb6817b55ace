/**
 * What the index keeps of one message: a Bloom filter whose bits mean something else in every message.
 *
 * A token's key (a keyed hash of it) is mixed with the message's id by SipHash, a pseudo-random function, and that chooses the bits. So
 * who finds the disk sees neither words nor whether two messages share one (Goh, "Secure Indexes", 2003, Z-IDX). Each
 * filter is filled with bits of nothing until it is as full as its size class allows: only the class shows, which the
 * length of the sealed message shows as well.
 *
 * 10 bits and 7 functions for a token: one in 120 messages without a word looks as if it had it; the text decides.
 */
import { type SipKey, siphash24 } from '#mesh/crypto'

const BITS_PER_TOKEN = 10
const FUNCTIONS = 7
/** Classes double from here: 64 bytes are 51 tokens, ten words. */
const MIN_BYTES = 64
/** 13,107 tokens: any text that somebody writes by hand. */
const MAX_BYTES = 16_384
/** Bytes of an id that are mixed in: no two messages share them. */
const ID_BYTES = 16
const NOTHING = new Uint8Array(0)

/** The filter of a message, filled up with bits by `padding`, a key that no token has; empty, which fits every query, when it has too many tokens for one. */
export function makeFilter(id: Uint8Array, tokens: readonly SipKey[], padding: SipKey): Uint8Array {
  let bytes = MIN_BYTES
  while (bytes < MAX_BYTES && capacityOf(bytes) < tokens.length) bytes *= 2
  if (capacityOf(bytes) < tokens.length) return NOTHING
  const filter = new Uint8Array(bytes)
  const hash = new Int32Array(2)
  const set = (key: SipKey, message: Uint8Array): void => {
    siphash24(key, message, 0, message.length, hash)
    for (let i = 0; i < FUNCTIONS; i++) {
      const bit = bitOf(hash, i, bytes)
      filter[bit >>> 3] = (filter[bit >>> 3] ?? 0) | (1 << (bit & 7))
    }
  }
  const short = id.subarray(0, ID_BYTES)
  for (const token of tokens) set(token, short)
  const counted = new Uint8Array(ID_BYTES + 2)
  counted.set(short)
  for (let i = tokens.length; i < capacityOf(bytes); i++) {
    counted[ID_BYTES] = i & 0xff
    counted[ID_BYTES + 1] = i >>> 8
    set(padding, counted)
  }
  return filter
}

/** False when the message has not all of these tokens for sure. `id` may be part of a key: it begins at `at`. */
export function mayHold(filter: Uint8Array, tokens: readonly SipKey[], id: Uint8Array, at: number, hash: Int32Array): boolean {
  if (filter.length === 0) return true
  for (const token of tokens) {
    siphash24(token, id, at, at + ID_BYTES, hash)
    for (let i = 0; i < FUNCTIONS; i++) {
      const bit = bitOf(hash, i, filter.length)
      if (((filter[bit >>> 3] ?? 0) & (1 << (bit & 7))) === 0) return false
    }
  }
  return true
}

function capacityOf(bytes: number): number {
  return Math.floor((bytes * 8) / BITS_PER_TOKEN)
}

/** Sizes are powers of two; an odd step visits different bits (Kirsch, Mitzenmacher 2006). */
function bitOf(hash: Int32Array, i: number, bytes: number): number {
  return ((hash[0] ?? 0) + Math.imul(i, (hash[1] ?? 0) | 1)) & (bytes * 8 - 1)
}
