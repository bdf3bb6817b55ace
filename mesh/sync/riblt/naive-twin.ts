/**
 * The same as the rest of this folder, in the most obvious code: BigInt, sets, strings, no caches. Slow on purpose,
 * for tests only, and written from the definitions, so that an error has to be made twice to pass.
 */
import { isMeshError } from '#mesh/errors'
import type { Initiator } from './initiator.ts'
import type { Responder } from './responder.ts'

const WORD = 0xffff_ffffn

/** One coded symbol. */
export interface NaiveSymbol {
  sum: bigint
  check: bigint
  count: number
}

/** What differs between two sets: what a full exchange of lists would find. */
export function naiveDifferences(local: Iterable<bigint>, remote: Iterable<bigint>): { localOnly: bigint[]; remoteOnly: bigint[] } {
  const ours = new Set(local)
  const theirs = new Set(remote)
  return { localOnly: sorted([...ours].filter((item) => !theirs.has(item))), remoteOnly: sorted([...theirs].filter((item) => !ours.has(item))) }
}

/** The indexes below `end` that an item is part of. */
export function naiveIndexes(item: bigint, end: number): number[] {
  let s0 = item & WORD
  let s1 = item >> 32n
  const indexes: number[] = []
  for (let index = 0; index < end; ) {
    indexes.push(index)
    const random = Number((s0 * 0x9e37_79bbn) & WORD)
    s1 ^= s0
    s0 = rotate(s0, 26n) ^ s1 ^ ((s1 << 9n) & WORD)
    s1 = rotate(s1, 13n)
    index += 1 + Math.floor((index + 1.5) * (1 / Math.sqrt((random + 1) / 2 ** 32) - 1))
  }
  return indexes
}

/** The check of an item, or of a mixture. */
export function naiveCheck(item: bigint): bigint {
  return naiveMix((naiveMix((item & WORD) ^ 0x5bd1_e995n) + (item >> 32n)) & WORD)
}

/** The first `count` symbols of a set. */
export function naiveSymbols(items: Iterable<bigint>, count: number): NaiveSymbol[] {
  const symbols = Array.from({ length: count }, () => ({ sum: 0n, check: 0n, count: 0 }))
  for (const item of items) {
    for (const index of naiveIndexes(item, count)) {
      const symbol = symbols[index]
      if (symbol === undefined) continue
      symbol.sum ^= item
      symbol.check ^= naiveCheck(item)
      symbol.count++
    }
  }
  return symbols
}

/** Cells as the naive symbols. */
export function symbolsOf(cells: Int32Array): NaiveSymbol[] {
  const symbols: NaiveSymbol[] = []
  for (let at = 0; at < cells.length; at += 4) {
    const [low = 0, high = 0, check = 0, count = 0] = cells.subarray(at, at + 4)
    symbols.push({ sum: itemOf(low, high), check: BigInt(check >>> 0), count })
  }
  return symbols
}

/** An item of two words. */
export function itemOf(low: number, high: number): bigint {
  return (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0)
}

/** The two words of an item, low and high, as this folder has them. */
export function wordsOf(item: bigint): [low: number, high: number] {
  return [Number(item & WORD) | 0, Number(item >> 32n) | 0]
}

/** Pairs of words as items, in order of size. */
export function itemsOf(pairs: Int32Array): bigint[] {
  const items: bigint[] = []
  for (let at = 0; at < pairs.length; at += 2) items.push(itemOf(pairs[at] ?? 0, pairs[at + 1] ?? 0))
  return sorted(items)
}

/** Random bytes that depend on the seed alone, fast enough for megabytes (xorshift32; not for keys). */
export function seededBytes(seed: number, length: number): Uint8Array {
  let state = (Math.imul(seed, 0x9e37_79b1) ^ 0x5eed_1e55) | 1
  return Uint8Array.from({ length }, () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return Math.imul(state, 0x2c1b_3c6d) >>> 24
  })
}

/** `count` different items that depend on the seed alone. */
export function seededItems(seed: number, count: number): bigint[] {
  const view = new DataView(seededBytes(seed, 8 * count).buffer)
  return Array.from({ length: count }, (_, i) => view.getBigUint64(8 * i))
}

/** What crossed in one exchange, in order; `>` from the side that began. */
export interface Crossing {
  readonly direction: '>' | '<'
  readonly bytes: Uint8Array
}

/** Lets two sides talk until neither has anything to say. */
export function converse(initiator: Initiator, responder: Responder): Crossing[] {
  const crossings: Crossing[] = []
  for (let bytes = initiator.next(); bytes !== undefined; bytes = initiator.next()) {
    crossings.push({ direction: '>', bytes })
    const answer = responder.receive(bytes)
    if (answer === undefined) continue
    crossings.push({ direction: '<', bytes: answer })
    initiator.receive(answer)
  }
  return crossings
}

/** The code of the error that `act` throws, when it blames the peer. */
export function peerCode(act: () => unknown): string | undefined {
  try {
    act()
    return undefined
  } catch (error) {
    if (isMeshError(error) && error.blame === 'peer') return error.code
    throw error
  }
}

function sorted(items: bigint[]): bigint[] {
  return items.sort((a, b) => (a < b ? -1 : a > b ? 1 : 0))
}

function rotate(word: bigint, by: bigint): bigint {
  return ((word << by) | (word >> (32n - by))) & WORD
}

function naiveMix(word: bigint): bigint {
  let x = ((word ^ (word >> 16n)) * 0x7feb_352dn) & WORD
  x = ((x ^ (x >> 15n)) * 0x846c_a68bn) & WORD
  return x ^ (x >> 16n)
}
