/** Writes vectors.json, what another implementation must do alike: `node mesh/sync/riblt/make-vectors.ts`. */
import { writeFileSync } from 'node:fs'
import { siphash24, sipKeyOf } from '#mesh/crypto'
import { Digest } from './digest.ts'
import { Initiator } from './initiator.ts'
import { checkOf, forEachIndex } from './mapping.ts'
import { decodeMessage } from './messages.ts'
import { converse, itemOf, peerCode, seededBytes, seededItems, wordsOf } from './naive-twin.ts'
import { Responder } from './responder.ts'
import { ALL_DAYS, ScopeIndex } from './scope-index.ts'
import { Sketch } from './sketch.ts'
import { SymbolStream } from './symbol-stream.ts'
import { encodeItems, encodeSymbols, readItems, readSymbols } from './wire.ts'

/** The file. All bytes are hex, items are 16 digits, high word first. */
export interface VectorFile {
  readonly about: string
  /** The item of an id under a key. */
  readonly hashes: ReadonlyArray<{ readonly key: string; readonly id: string; readonly item: string }>
  /** The symbols below 1,000 that an item is part of, and its check. */
  readonly mappings: ReadonlyArray<{ readonly item: string; readonly indexes: readonly number[]; readonly check: string }>
  /** Count, XOR and sum of items. */
  readonly digests: ReadonlyArray<{ readonly items: readonly string[]; readonly digest: string }>
  /** A body of SYMBOLS of these items from symbol `first` on. */
  readonly symbols: ReadonlyArray<{ readonly items: readonly string[]; readonly first: number; readonly body: string }>
  /** A body of ITEMS. */
  readonly lists: ReadonlyArray<{ readonly items: readonly string[]; readonly body: string }>
  /** What is refused, and how. Symbols are read as the first batch of a set of 3. */
  readonly invalid: ReadonlyArray<{ readonly name: string; readonly read: 'message' | 'symbols' | 'items'; readonly bytes: string; readonly code: string }>
  /** All that crosses when a, which begins, and b have these ids, by day; and what b finds. */
  readonly exchanges: readonly ExchangeVector[]
}

/** A whole exchange. */
export interface ExchangeVector {
  readonly name: string
  readonly key: string
  readonly a: ReadonlyArray<{ readonly day: number; readonly id: string }>
  readonly b: ReadonlyArray<{ readonly day: number; readonly id: string }>
  readonly messages: readonly string[]
  readonly remoteOnly: readonly string[]
  readonly localOnly: readonly string[]
}

const KEY = Uint8Array.from({ length: 16 }, (_, i) => i)

/** Everything in the file. */
export function makeVectors(): VectorFile {
  const items = seededItems(61, 200)
  const edges = [0n, 1n, 0xffff_ffffn, 0xffff_ffff_0000_0000n, 0x8000_0000_0000_0000n, 0xffff_ffff_ffff_ffffn]
  const sets = [[], items.slice(0, 1), items.slice(0, 3), items.slice(0, 40)]
  return {
    about: 'Set reconciliation of quicproquo, see mesh/sync/riblt/index.ts. Bytes are hex; an item is 16 hex digits, high word first.',
    hashes: [KEY, seededBytes(62, 16)].flatMap((key) => [0, 1, 2].map((n) => hashVector(key, n === 0 ? new Uint8Array(32) : seededBytes(62 + n, 32)))),
    mappings: [...edges, ...items.slice(0, 6)].map(mappingVector),
    digests: sets.map((set) => ({ items: set.map(hexItem), digest: hex(digestOf(set)) })),
    symbols: [...sets.slice(1).map((set) => symbolVector(set, 0)), symbolVector(items.slice(0, 40), 64), symbolVector(items, 192)],
    lists: sets.map((set) => ({ items: set.map(hexItem), body: hex(encodeItems(Int32Array.from(set.flatMap(wordsOf)))) })),
    invalid: invalidVectors(items.slice(0, 3)),
    exchanges: [
      exchangeVector('nothing on either side', 0, 0, 0),
      exchangeVector('equal sets', 12, 0, 0),
      exchangeVector('few ids, by list', 12, 2, 1),
      exchangeVector('by symbols', 200, 6, 5),
      exchangeVector('too different for symbols, so by list in the end', 120, 60, 60),
    ],
  }
}

function hashVector(key: Uint8Array, id: Uint8Array): VectorFile['hashes'][number] {
  const out = new Int32Array(2)
  siphash24(sipKeyOf(key), id, 0, id.length, out)
  return { key: hex(key), id: hex(id), item: hexItem(itemOf(out[0] ?? 0, out[1] ?? 0)) }
}

function mappingVector(item: bigint): VectorFile['mappings'][number] {
  const indexes: number[] = []
  forEachIndex(...wordsOf(item), 1_000, (index) => indexes.push(index))
  return { item: hexItem(item), indexes, check: (checkOf(...wordsOf(item)) >>> 0).toString(16).padStart(8, '0') }
}

function digestOf(items: readonly bigint[]): Uint8Array {
  const digest = new Digest()
  for (const item of items) digest.add(...wordsOf(item))
  return digest.toBytes()
}

function symbolVector(items: readonly bigint[], first: number): VectorFile['symbols'][number] {
  return { items: items.map(hexItem), first, body: hex(symbolsBody(items, first)) }
}

function symbolsBody(items: readonly bigint[], first: number): Uint8Array {
  const sketch = new Sketch()
  for (const item of items) sketch.add(...wordsOf(item))
  const stream = new SymbolStream([sketch])
  while (stream.position < first) stream.next(64)
  return encodeSymbols({ first, setSize: items.length }, stream.next(64) ?? new Int32Array(0))
}

function invalidVectors(three: readonly bigint[]): VectorFile['invalid'] {
  const body = symbolsBody(three, 0)
  const list = encodeItems(Int32Array.from(three.flatMap(wordsOf)))
  const vectors: Array<[name: string, read: 'message' | 'symbols' | 'items', bytes: Uint8Array]> = [
    ['nothing', 'message', new Uint8Array(0)],
    ['kind 0', 'message', Uint8Array.of(0)],
    ['kind 12', 'message', Uint8Array.of(12)],
    ['SAME with a byte too many', 'message', Uint8Array.of(2, 0)],
    ['OPEN without a digest', 'message', Uint8Array.of(1, ...KEY, 0, 0, 0, 0, 0, 0, 0, 1)],
    ['PLAN of mode 3', 'message', Uint8Array.of(4, 3, 0, 0, 0, 0, 0, 0, 0, 1, 5)],
    ['PLAN of 1,000,001 items', 'message', Uint8Array.of(4, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0xc1, 0x84, 0x3d)],
    ['CREDIT of 513 batches', 'message', Uint8Array.of(7, 0x81, 0x04)],
    ['CREDIT in two bytes that needs one', 'message', Uint8Array.of(7, 0x81, 0)],
    ['symbols cut', 'symbols', body.slice(0, -1)],
    ['symbols with a byte too many', 'symbols', Uint8Array.of(...body, 0)],
    ['symbols of another batch', 'symbols', body.with(0, 1)],
    ['symbol 0 without an item of the set', 'symbols', body.with(13, 1)],
    ['symbol 1 with more items than the set', 'symbols', body.with(26, 100)],
    ['symbol 1 with less than no items', 'symbols', body.with(26, 5)],
    ['a list that is longer than its bytes', 'items', list.with(1, 4)],
    ['a list that is shorter than its bytes', 'items', list.with(1, 2)],
  ]
  return vectors.map(([name, read, bytes]) => ({ name, read, bytes: hex(bytes), code: refusalOf(read, bytes) ?? 'none' }))
}

/** How bytes are refused; `undefined` when they are not. */
export function refusalOf(read: 'message' | 'symbols' | 'items', bytes: Uint8Array): string | undefined {
  return peerCode(() => (read === 'message' ? decodeMessage(bytes) : read === 'symbols' ? readSymbols(bytes, { first: 0, setSize: 3 }) : readItems(bytes)))
}

/** Both have `shared` ids, `onlyA` and `onlyB` are one side's alone; ids are spread over three days. */
function exchangeVector(name: string, shared: number, onlyA: number, onlyB: number): ExchangeVector {
  const ids = Array.from({ length: shared + onlyA + onlyB }, (_, i) => ({ day: i % 3, id: hex(seededBytes(70 + i, 32)) }))
  const a = ids.slice(0, shared + onlyA)
  const b = [...ids.slice(0, shared), ...ids.slice(shared + onlyA)]
  return { name, key: hex(KEY), a, b, ...runExchange(KEY, a, b) }
}

/** Runs an exchange of which the ids are given. */
export function runExchange(key: Uint8Array, a: ExchangeVector['a'], b: ExchangeVector['b']): Pick<ExchangeVector, 'messages' | 'remoteOnly' | 'localOnly'> {
  const responder = new Responder({ indexFor: (theirs) => indexOf(theirs, b), days: ALL_DAYS })
  const messages = converse(new Initiator(indexOf(key, a), ALL_DAYS.slice(0, 8)), responder)
  for (let bytes = responder.next(); bytes !== undefined; bytes = responder.next()) messages.push({ direction: '<', bytes })
  const pairs = (found: Int32Array | undefined): string[] => {
    const items: string[] = []
    for (let at = 0; at < (found?.length ?? 0); at += 2) items.push(hexItem(itemOf(found?.[at] ?? 0, found?.[at + 1] ?? 0)))
    return items.sort()
  }
  return {
    messages: messages.map(({ direction, bytes }) => `${direction} ${hex(bytes)}`),
    remoteOnly: pairs(responder.differences?.remoteOnly),
    localOnly: pairs(responder.differences?.localOnly),
  }
}

function indexOf(key: Uint8Array, ids: ExchangeVector['a']): ScopeIndex {
  const index = new ScopeIndex(key)
  for (const { day, id } of ids) index.add(day, new Uint8Array(Buffer.from(id, 'hex')))
  return index
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}

function hexItem(item: bigint): string {
  return item.toString(16).padStart(16, '0')
}

if (process.argv[1] === import.meta.filename) {
  writeFileSync(new URL('vectors.json', import.meta.url), `${JSON.stringify(makeVectors(), undefined, 1)}\n`)
}
