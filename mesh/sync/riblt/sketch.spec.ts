import assert from 'node:assert/strict'
import fc from 'fast-check'
import { NO_SLOT } from './item-set.ts'
import { naiveSymbols, seededItems, symbolsOf, wordsOf } from './naive-twin.ts'
import { Sketch } from './sketch.ts'
import { SymbolStream } from './symbol-stream.ts'

const SYMBOLS = 192
const POOL = seededItems(11, 60)
/** Which of 60 items, and in which of three sketches an item belongs. */
const toggles = fc.array(fc.nat(POOL.length - 1), { maxLength: 120 })

describe('sketch', () => {
  it('has the symbols of the naive twin, in whatever steps they are made', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.nat(POOL.length - 1)), fc.integer({ min: 1, max: 400 }), fc.integer({ min: 1, max: 400 }), (chosen, first, second) => {
        const sketch = new Sketch()
        const items = chosen.map((i) => POOL[i] ?? 0n)
        for (const item of items) sketch.add(...wordsOf(item))
        sketch.cells(first)
        const count = Math.max(first, second)
        assert.deepEqual(symbolsOf(sketch.cells(second).subarray(0, 4 * count)), naiveSymbols(items, count))
      }),
      { numRuns: 40 },
    )
  })

  it('keeps its symbols right while items come and go, as if it were made anew', () => {
    fc.assert(
      fc.property(toggles, fc.nat(SYMBOLS), (steps, early) => {
        const sketch = new Sketch()
        const present = new Set<bigint>()
        steps.forEach((i, step) => {
          if (step === 20) sketch.cells(early)
          toggle(sketch, present, POOL[i] ?? 0n)
        })
        const fresh = new Sketch()
        for (const item of present) fresh.add(...wordsOf(item))
        assert.equal(sketch.size, present.size)
        assert.ok(sketch.digest.equals(fresh.digest))
        assert.deepEqual(symbolsOf(sketch.cells(SYMBOLS).subarray(0, 4 * SYMBOLS)), naiveSymbols(present, SYMBOLS))
      }),
      { numRuns: 60 },
    )
  })

  it('changes nothing for an item that is there, or is not there to be removed', () => {
    const sketch = new Sketch()
    const [one = 0n, two = 0n] = POOL
    sketch.add(...wordsOf(one))
    const before = symbolsOf(sketch.cells(64))
    const digest = sketch.digest.toBytes()
    assert.equal(sketch.add(...wordsOf(one)), NO_SLOT)
    assert.equal(sketch.remove(...wordsOf(two)), NO_SLOT)
    assert.deepEqual(symbolsOf(sketch.cells(64)), before)
    assert.deepEqual(sketch.digest.toBytes(), digest)
  })

  it('takes at most 40 bytes for each of 100,000 items beside 16 for a symbol', () => {
    const sketch = new Sketch()
    for (const item of seededItems(12, 100_000)) sketch.add(...wordsOf(item))
    sketch.cells(1_408)
    assert.ok(sketch.bytes <= 40 * 100_000 + 2 * 16 * 1_408, `${sketch.bytes} bytes`)
  })
})

describe('symbol stream', () => {
  it('gives the symbols of all its sketches together', () => {
    const sketches = [new Sketch(), new Sketch(), new Sketch()]
    for (const [i, item] of POOL.entries()) sketches[i % 2]?.add(...wordsOf(item))
    const stream = new SymbolStream(sketches)
    assert.equal(stream.size, POOL.length)
    const seen = [...symbolsOf(stream.next(64) ?? new Int32Array(0)), ...symbolsOf(stream.next(128) ?? new Int32Array(0))]
    assert.deepEqual(seen, naiveSymbols(POOL, 192))
    assert.equal(stream.position, 192)
  })

  it('goes on about the set as it was, whatever comes and goes between its batches', () => {
    fc.assert(
      fc.property(toggles, toggles, toggles, (before, between, later) => {
        const sketches = [new Sketch(), new Sketch(), new Sketch()]
        const present = new Set<bigint>()
        const change = (i: number): void => toggle(sketches[i % 3] ?? new Sketch(), present, POOL[i] ?? 0n)
        before.forEach(change)
        const stream = new SymbolStream(sketches)
        const frozen = new Set(present)
        const seen = symbolsOf(stream.next(64) ?? new Int32Array(0))
        between.forEach(change)
        seen.push(...symbolsOf(stream.next(64) ?? new Int32Array(0)))
        later.forEach(change)
        stream.prepare(300)
        seen.push(...symbolsOf(stream.next(64) ?? new Int32Array(0)))
        assert.deepEqual(seen, naiveSymbols(frozen, 192))
        for (const item of POOL) assert.equal(stream.has(...wordsOf(item)), frozen.has(item))
        stream.close()
      }),
      { numRuns: 60 },
    )
  })

  it('is not disturbed by what is added or removed without effect', () => {
    const sketch = new Sketch()
    const [one = 0n, two = 0n] = POOL
    sketch.add(...wordsOf(one))
    const stream = new SymbolStream([sketch])
    sketch.add(...wordsOf(one))
    sketch.remove(...wordsOf(two))
    assert.deepEqual(symbolsOf(stream.next(64) ?? new Int32Array(0)), naiveSymbols([one], 64))
    assert.deepEqual([stream.has(...wordsOf(one)), stream.has(...wordsOf(two))], [true, false])
  })

  it('says so when too much has changed to remember', () => {
    const sketch = new Sketch()
    const stream = new SymbolStream([sketch])
    const items = seededItems(13, 4_097)
    for (const item of items.slice(0, 4_096)) sketch.add(...wordsOf(item))
    assert.deepEqual(symbolsOf(stream.next(64) ?? new Int32Array(0)), naiveSymbols([], 64))
    sketch.add(...wordsOf(items[4_096] ?? 0n))
    assert.ok(stream.isStale)
    assert.equal(stream.next(64), undefined)
  })

  it('lets a sketch give back the memory of a long run of symbols, which come out the same next time', () => {
    const sketch = new Sketch()
    for (const item of POOL) sketch.add(...wordsOf(item))
    const long = new SymbolStream([sketch])
    const other = new SymbolStream([sketch])
    long.prepare(20_000)
    const { bytes } = sketch
    long.close()
    assert.equal(sketch.bytes, bytes, 'the other stream still reads')
    other.close()
    assert.ok(sketch.bytes < 10_000, String(sketch.bytes))
    toggle(sketch, new Set(POOL), POOL[0] ?? 0n)
    assert.deepEqual(symbolsOf(sketch.cells(64)), naiveSymbols(POOL.slice(1), 64))
  })
})

function toggle(sketch: Sketch, present: Set<bigint>, item: bigint): void {
  if (present.delete(item)) assert.notEqual(sketch.remove(...wordsOf(item)), NO_SLOT)
  else {
    present.add(item)
    assert.notEqual(sketch.add(...wordsOf(item)), NO_SLOT)
  }
}
