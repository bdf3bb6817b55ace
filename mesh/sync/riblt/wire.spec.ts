import assert from 'node:assert/strict'
import fc from 'fast-check'
import { MeshError } from '#mesh/errors'
import { decodeMessage, encodeMessage, type Message } from './messages.ts'
import { itemsOf, naiveSymbols, peerCode, seededBytes, seededItems, symbolsOf, wordsOf } from './naive-twin.ts'
import { ScopeIndex } from './scope-index.ts'
import { Sketch } from './sketch.ts'
import { SymbolStream } from './symbol-stream.ts'
import { encodeItems, encodeSymbols, readItems, readSymbols } from './wire.ts'

const SET = seededItems(21, 700)
const BATCHES = batchesOf(SET, 12)
const u8 = fc.nat(255)

/** Cuts, flips, repeats and additions. */
const mutation = fc.record({ at: fc.nat(), value: u8, how: fc.constantFrom('flip', 'cut', 'repeat', 'append', 'drop') })

describe('a batch of symbols on the wire', () => {
  it('comes back as it was, and is that of the naive twin', () => {
    const symbols = naiveSymbols(SET, 12 * 64)
    BATCHES.forEach((bytes, batch) => {
      const cells = readSymbols(bytes, { first: 64 * batch, setSize: SET.length })
      assert.deepEqual(symbolsOf(cells), symbols.slice(64 * batch, 64 * batch + 64))
      assert.deepEqual(encodeSymbols({ first: 64 * batch, setSize: SET.length }, cells), bytes)
    })
  })

  it('costs 13 bytes and little more for each symbol of a large set', () => {
    const batches = batchesOf(seededItems(22, 20_000), 22)
    const bytes = batches.reduce((sum, batch) => sum + batch.length, 0)
    assert.ok(bytes < 13.15 * 22 * 64, String(bytes))
  })

  it('that was flipped, cut or repeated is read as another batch or blamed on the peer', () => {
    fc.assert(
      fc.property(fc.nat(BATCHES.length - 1), mutation, (batch, how) => {
        const place = { first: 64 * batch, setSize: SET.length }
        const bytes = mutate(BATCHES[batch] ?? new Uint8Array(0), how)
        assertBounded(() => assert.deepEqual(encodeSymbols(place, readSymbols(bytes, place)), bytes))
      }),
      { numRuns: 1_000 },
    )
  })

  it('is refused out of order, for another set, with impossible counts', () => {
    const [first = new Uint8Array(0), second = new Uint8Array(0)] = BATCHES
    const read = (bytes: Uint8Array, at: number, setSize = SET.length): string | undefined => peerCode(() => readSymbols(bytes, { first: at, setSize }))
    assert.equal(read(first, 0), undefined)
    assert.equal(read(second, 0), 'MESH_PROTOCOL_VIOLATION')
    assert.equal(read(first, 64), 'MESH_PROTOCOL_VIOLATION')
    assert.equal(read(first, 0, 3), 'MESH_PROTOCOL_VIOLATION')
    const less = first.slice()
    less[13] = 1 // symbol 0 with one item less than the set
    assert.equal(read(less, 0), 'MESH_PROTOCOL_VIOLATION')
    const none = batchesOf(SET.slice(0, 3), 1)[0]?.with(26, 5) ?? new Uint8Array(0) // symbol 1: 2 are expected, 3 less are said
    assert.equal(read(none, 0, 3), 'MESH_PROTOCOL_VIOLATION')
    assert.equal(read(new Uint8Array(0), 0), 'MESH_BYTES_TRUNCATED')
    assert.equal(read(Uint8Array.of(0), 0), 'MESH_BYTES_TRUNCATED')
    assert.equal(read(Uint8Array.of(0xff, 0xff, 0xff, 0x7f), 0), 'MESH_BYTES_INVALID')
  })
})

describe('items on the wire', () => {
  it('come back as they were', () => {
    for (const count of [0, 1, 700, 8_000]) {
      const pairs = Int32Array.from(seededItems(count, count).flatMap(wordsOf))
      const bytes = encodeItems(pairs)
      assert.equal(bytes.length, 2 + 8 * count)
      assert.deepEqual(readItems(bytes), pairs)
    }
  })

  it('are refused when they are more than there are bytes, or more than the limit', () => {
    assert.equal(
      peerCode(() => readItems(Uint8Array.of(0xff, 0xff))),
      'MESH_BYTES_TRUNCATED',
    )
    const many = new Uint8Array(2 + 8 * 8_001)
    many.set([8_001 >> 8, 8_001 & 255])
    assert.equal(
      peerCode(() => readItems(many)),
      'MESH_BYTES_INVALID',
    )
    assert.equal(
      peerCode(() => readItems(Uint8Array.of(0, 0, 1))),
      'MESH_BYTES_TRAILING',
    )
  })

  it('are written high word first', () => {
    assert.equal(Buffer.from(encodeItems(Int32Array.from(wordsOf(0x0102_0304_0506_0708n)))).toString('hex'), '00010102030405060708')
    assert.deepEqual(itemsOf(readItems(Uint8Array.of(0, 1, 0xff, 2, 3, 4, 5, 6, 7, 0xf8))), [0xff02_0304_0506_07f8n])
  })
})

describe('messages of an exchange', () => {
  const index = new ScopeIndex(seededBytes(23, 16))
  for (let i = 0; i < 300; i++) index.add(i % 40, seededBytes(i, 32))
  const days = fc.uniqueArray(fc.nat(63), { maxLength: 64 }).map((all) => all.sort((a, b) => a - b))
  const messages: fc.Arbitrary<Message> = fc.oneof(
    days.map((some): Message => ({ kind: 'open', key: index.key, days: some, digest: index.digest(some) })),
    days.map((some): Message => ({ kind: 'days', days: some, digests: some.map((day) => index.digest([day])) })),
    fc.constantFrom<Message>({ kind: 'same' }, { kind: 'list' }, { kind: 'done' }, { kind: 'busy' }),
    fc.record({ kind: fc.constant('ask' as const), left: fc.nat(1_000_000), body: fc.uint8Array({ maxLength: 300 }) }),
    fc.record({ kind: fc.constant('plan' as const), mode: fc.constantFrom('symbols' as const, 'list' as const), days, count: fc.nat(1_000_000) }),
    fc.record({ kind: fc.constantFrom('symbols' as const, 'items' as const), body: fc.uint8Array({ maxLength: 300 }) }),
    fc.nat(512).map((batches): Message => ({ kind: 'credit', symbols: 64 * batches })),
  )

  it('survive the way over the wire', () => {
    fc.assert(fc.property(messages, (message) => assert.deepEqual(comparable(decodeMessage(encodeMessage(message))), comparable(message))))
  })

  it('that were flipped, cut or repeated are read as another message or blamed on the peer', () => {
    fc.assert(
      fc.property(messages, mutation, (message, how) => {
        const bytes = mutate(encodeMessage(message), how)
        assertBounded(() => assert.deepEqual(encodeMessage(decodeMessage(bytes)), bytes))
      }),
      { numRuns: 1_000 },
    )
  })

  it('are refused with an unknown kind or mode, and counts over the limit', () => {
    const plan = encodeMessage({ kind: 'plan', mode: 'list', days: [1], count: 1_000_000 })
    assert.equal(decodes(plan), undefined)
    assert.equal(decodes(plan.with(1, 3)), 'MESH_PROTOCOL_VIOLATION')
    assert.equal(decodes(Uint8Array.of(...plan.subarray(0, 10), 0xff, 0xff, 0x7f)), 'MESH_BYTES_INVALID')
    assert.equal(decodes(Uint8Array.of(0)), 'MESH_PROTOCOL_VIOLATION')
    assert.equal(decodes(Uint8Array.of(12)), 'MESH_PROTOCOL_VIOLATION')
    assert.equal(decodes(Uint8Array.of(10, 0xc1, 0x84, 0x3d, 0, 0)), 'MESH_BYTES_INVALID')
    assert.equal(decodes(Uint8Array.of(7, 0x81, 0x04)), 'MESH_BYTES_INVALID')
    assert.equal(decodes(new Uint8Array(0)), 'MESH_BYTES_TRUNCATED')
    assert.equal(decodes(Uint8Array.of(2, 0)), 'MESH_BYTES_TRAILING')
  })
})

function batchesOf(items: readonly bigint[], batches: number): Uint8Array[] {
  const sketch = new Sketch()
  for (const item of items) sketch.add(...wordsOf(item))
  const stream = new SymbolStream([sketch])
  return Array.from({ length: batches }, (_, batch) =>
    encodeSymbols({ first: 64 * batch, setSize: items.length }, stream.next(64) ?? new Int32Array(0)).slice(),
  )
}

function mutate(bytes: Uint8Array, { at, value, how }: { at: number; value: number; how: string }): Uint8Array {
  const place = at % (bytes.length + 1)
  if (how === 'flip' && place < bytes.length) return bytes.with(place, value)
  if (how === 'cut') return bytes.slice(0, place)
  if (how === 'repeat') return Uint8Array.of(...bytes, ...bytes.subarray(place))
  if (how === 'drop') return Uint8Array.of(...bytes.subarray(0, place), ...bytes.subarray(place + 1))
  return Uint8Array.of(...bytes, value)
}

/** What reads is written the same; else the peer is to blame. */
function assertBounded(act: () => void): void {
  try {
    act()
  } catch (error) {
    if (!(error instanceof MeshError) || error.blame !== 'peer') throw error
  }
}

/** A message with all bytes as hex: digests keep theirs in private fields, which `deepEqual` does not see. */
function comparable(message: Message): Record<string, unknown> {
  const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
  return {
    ...message,
    key: 'key' in message && hex(message.key),
    body: 'body' in message && hex(message.body),
    digest: 'digest' in message && hex(message.digest.toBytes()),
    digests: 'digests' in message && message.digests.map((digest) => hex(digest.toBytes())),
  }
}

function decodes(bytes: Uint8Array): string | undefined {
  return peerCode(() => decodeMessage(bytes))
}
