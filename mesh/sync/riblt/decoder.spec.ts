import assert from 'node:assert/strict'
import fc from 'fast-check'
import { Decoder, type Progress } from './decoder.ts'
import { ItemSet } from './item-set.ts'
import { checkOf } from './mapping.ts'
import { itemsOf, naiveDifferences, naiveIndexes, seededItems, wordsOf } from './naive-twin.ts'
import { Sketch } from './sketch.ts'
import { SymbolStream } from './symbol-stream.ts'

const POOL = seededItems(31, 400)

describe('decoder', () => {
  it('finds what the naive twin finds, for sets that differ in any way', () => {
    const side = fc.uniqueArray(fc.nat(POOL.length - 1), { maxLength: POOL.length }).map((chosen) => chosen.map((i) => POOL[i] ?? 0n))
    fc.assert(
      fc.property(side, side, (ours, theirs) => {
        const { progress, decoder } = decode(ours, theirs, 1_280)
        assert.equal(progress, 'decoded')
        const expected = naiveDifferences(ours, theirs)
        assert.deepEqual(itemsOf(decoder.localOnly.toPairs()), expected.localOnly)
        assert.deepEqual(itemsOf(decoder.remoteOnly.toPairs()), expected.remoteOnly)
      }),
      { numRuns: 60 },
    )
  })

  it('needs 1.3 to 1.6 symbols for each difference of hundreds', () => {
    const overheads = [300, 1_000, 3_000].map((differences) => {
      const items = seededItems(32 + differences, 4_000)
      const { progress, decoder } = decode(items.slice(differences), items, 6_400)
      assert.equal(progress, 'decoded')
      return decoder.received / differences
    })
    for (const overhead of overheads) assert.ok(overhead > 1.2 && overhead < 1.6, String(overheads))
  })

  it('knows from 128 symbols how many items differ, to a third or so', () => {
    for (const [differences, ours] of [
      [200, 100],
      [2_000, 0],
      [2_000, 1_000],
      [2_000, 2_000],
    ] as const) {
      const items = seededItems(33, 5_000)
      const decoder = new Decoder(streamOf(items.slice(0, items.length - differences + ours)), { remoteCount: 5_000 - ours, limit: 3_000 })
      const remote = streamOf(items.slice(ours))
      for (let i = 0; i < 2; i++) decoder.feed(remote.next(64) ?? new Int32Array(0))
      assert.ok(Math.abs(decoder.differences / differences - 1) < 0.4, `${decoder.differences} instead of ${differences}`)
    }
  })

  it('gives up when the limit is reached', () => {
    const items = seededItems(34, 300)
    const { progress, decoder } = decode([], items, 256)
    assert.equal(progress, 'fallback')
    assert.ok(decoder.received <= 256)
  })

  it('gives up at the limit also when it looks as if little differed', () => {
    const remote = streamOf(POOL)
    const decoder = new Decoder(streamOf(POOL), { remoteCount: POOL.length, limit: 192 })
    const progress = [1, 2, 3].map((batch) => {
      const cells = remote.next(64) ?? new Int32Array(0)
      cells[0] = (cells[0] ?? 0) ^ batch
      return decoder.feed(cells)
    })
    assert.deepEqual(progress, ['more', 'more', 'fallback'])
  })

  it('gives up after a few batches when the sets have little in common, instead of at the limit', () => {
    const items = seededItems(35, 20_000)
    const { progress, decoder } = decode(items.slice(0, 10_000), items.slice(10_000), 6_000)
    assert.equal(progress, 'fallback')
    assert.ok(decoder.received <= 128, String(decoder.received))
  })

  it('gives up when its own set has changed too much', () => {
    const sketch = new Sketch()
    const decoder = new Decoder(new SymbolStream([sketch]), { remoteCount: 200, limit: 640 })
    const remote = streamOf(POOL.slice(0, 200))
    assert.equal(decoder.feed(remote.next(64) ?? new Int32Array(0)), 'more')
    for (const item of seededItems(36, 4_097)) sketch.add(...wordsOf(item))
    assert.equal(decoder.feed(remote.next(64) ?? new Int32Array(0)), 'fallback')
  })
})

describe('decoder, towards a liar', () => {
  it('ends in bounded time and memory on symbols of garbage', () => {
    fc.assert(
      fc.property(fc.integer(), fc.constantFrom(-1, 0, 1, 2), (seed, spread) => {
        const items = seededItems(seed, 64 * 20)
        const batches = Array.from({ length: 10 }, (_, batch) =>
          Int32Array.from(
            { length: 256 },
            (_, at) => [wordsOf(items[batch * 64 + (at >> 2)] ?? 0n)[0], seed ^ at, at * 7_919, Math.max(0, spread + (at % 3))][at & 3] ?? 0,
          ),
        )
        assertBounded(batches, POOL.slice(0, 50), 640)
      }),
      { numRuns: 100 },
    )
  })

  it('ends on symbols that each tell one item, whatever they are: ours, unknown, or twice the same', () => {
    const some = fc.constantFrom(...POOL.slice(0, 6))
    fc.assert(
      fc.property(fc.array(some, { minLength: 640, maxLength: 640 }), fc.array(fc.nat(3), { minLength: 640, maxLength: 640 }), (items, counts) => {
        const cells = new Int32Array(4 * 640)
        items.forEach((item, i) => {
          const [low, high] = wordsOf(item)
          cells.set([low, high, checkOf(low, high), counts[i] ?? 0], 4 * i)
        })
        assertBounded(
          Array.from({ length: 10 }, (_, batch) => cells.slice(256 * batch, 256 * batch + 256)),
          POOL.slice(0, 3),
          640,
        )
      }),
      { numRuns: 100 },
    )
  })

  it('does not believe that the other side alone has an item of ours, nor that an unknown one is ours alone', () => {
    const [ours = 0n, unknown = 0n] = POOL
    assert.equal(forge([ours], { item: ours, count: 2 }), 'fallback')
    assert.equal(forge([ours], { item: unknown, count: 0 }), 'fallback')
  })

  it('does not believe it either when all symbols agree on it', () => {
    const [ours = 0n, unknown = 0n] = POOL
    for (const [item, sign] of [
      [ours, 1],
      [unknown, -1],
    ] as const) {
      const cells = streamOf([ours]).next(64) ?? new Int32Array(0)
      const lie = new ItemSet()
      lie.add(...wordsOf(item))
      lie.place({ cells, base: 0 }, 64, sign)
      assert.equal(new Decoder(streamOf([ours]), { remoteCount: 1 + sign, limit: 640 }).feed(cells), 'fallback')
    }
  })

  it('does not take an item from a symbol that it is no part of', () => {
    const [item = 0n] = POOL
    const wrong = [1, 2, 3, 4, 5, 6, 7, 8, 9].find((index) => !naiveIndexes(item, 10).includes(index)) ?? 0
    const cells = new Int32Array(256)
    const [low, high] = wordsOf(item)
    cells.set([low, high, checkOf(low, high), 1], 4 * wrong)
    assert.equal(new Decoder(streamOf([]), { remoteCount: 1, limit: 640 }).feed(cells), 'fallback')
  })

  it('does not call a set decoded whose symbols do not all come out even', () => {
    const remote = streamOf(POOL.slice(0, 10)).next(64) ?? new Int32Array(0)
    remote[4 * 63] = (remote[4 * 63] ?? 0) ^ 1
    remote[4 * 63 + 3] = 9
    assert.equal(new Decoder(streamOf([]), { remoteCount: 10, limit: 640 }).feed(remote), 'fallback')
  })

  it('never finds more items than the other side claims to have', () => {
    const remote = streamOf(POOL.slice(0, 30)).next(64) ?? new Int32Array(0)
    const decoder = new Decoder(streamOf([]), { remoteCount: 10, limit: 640 })
    assert.equal(decoder.feed(remote), 'fallback')
    assert.ok(decoder.remoteOnly.size <= 11)
  })
})

function streamOf(items: readonly bigint[]): SymbolStream {
  const sketch = new Sketch()
  for (const item of items) sketch.add(...wordsOf(item))
  return new SymbolStream([sketch])
}

function decode(ours: readonly bigint[], theirs: readonly bigint[], limit: number): { progress: Progress; decoder: Decoder } {
  const decoder = new Decoder(streamOf(ours), { remoteCount: theirs.length, limit })
  const remote = streamOf(theirs)
  let progress: Progress = 'more'
  while (progress === 'more') progress = decoder.feed(remote.next(64) ?? new Int32Array(0))
  return { progress, decoder }
}

function assertBounded(batches: readonly Int32Array[], ours: readonly bigint[], limit: number): void {
  const decoder = new Decoder(streamOf(ours), { remoteCount: 100, limit })
  let progress: Progress = 'more'
  for (const batch of batches) {
    progress = decoder.feed(batch)
    assert.ok(decoder.remoteOnly.size + decoder.localOnly.size <= decoder.received + 1)
    if (progress !== 'more') break
  }
  assert.notEqual(progress, 'more')
}

/** Symbol 0 as a liar sends it, against a set of ours. */
function forge(ours: readonly bigint[], claim: { item: bigint; count: number }): Progress {
  const [low, high] = wordsOf(claim.item)
  const own = streamOf(ours).next(64) ?? new Int32Array(0)
  // What is sent, minus ours, shall be the claimed item alone in symbol 0, and nothing in the others.
  const cells = own.slice()
  for (let word = 0; word < 3; word++) cells[word] = (own[word] ?? 0) ^ ([low, high, checkOf(low, high)][word] ?? 0)
  cells[3] = claim.count
  return new Decoder(streamOf(ours), { remoteCount: 2, limit: 640 }).feed(cells)
}
