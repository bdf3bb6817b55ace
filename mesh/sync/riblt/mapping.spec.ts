import assert from 'node:assert/strict'
import fc from 'fast-check'
import { checkOf, forEachIndex } from './mapping.ts'
import { naiveCheck, naiveIndexes, seededItems, wordsOf } from './naive-twin.ts'

const item = fc.bigInt(0n, 0xffff_ffff_ffff_ffffn)

describe('the mapping of items to symbols', () => {
  it('is that of the naive twin for every item', () => {
    fc.assert(fc.property(item, (any) => assert.deepEqual(indexesOf(any, 5_000), naiveIndexes(any, 5_000))))
    for (const edge of [0n, 1n, 0xffff_ffffn, 0x8000_0000n, 0xffff_ffff_0000_0000n, 0xffff_ffff_ffff_ffffn])
      assert.deepEqual(indexesOf(edge, 100_000), naiveIndexes(edge, 100_000))
  })

  it('starts at 0, rises, and comes to an end however far one asks', () => {
    for (const any of seededItems(5, 200)) {
      const indexes = indexesOf(any, 0x7fff_fffe)
      assert.equal(indexes[0], 0)
      indexes.reduce((last, index) => {
        assert.ok(index > last)
        return index
      }, -1)
      assert.ok(indexes.length < 120, String(indexes.length))
    }
  })

  it('takes an item into symbol i with probability 1 / (1 + i / 2)', () => {
    const count = 40_000
    const hits = new Array<number>(200).fill(0)
    for (const any of seededItems(6, count)) for (const index of indexesOf(any, hits.length)) hits[index] = (hits[index] ?? 0) + 1
    hits.forEach((seen, index) => {
      const p = 1 / (1 + index / 2)
      const deviations = Math.abs(seen - count * p) / Math.sqrt(count * p * (1 - p) + 1)
      // The skips approximate the distribution (paper, §4.2): a few percent too rare at the first indexes, exact from then on.
      assert.ok(index < 8 ? Math.abs(seen / count / p - 1) < 0.07 : deviations < 6, `symbol ${index}: ${seen / count} instead of ${p}`)
    })
  })
})

describe('the check of a symbol', () => {
  it('is that of the naive twin', () => {
    fc.assert(fc.property(item, (any) => assert.equal(BigInt(checkOf(...wordsOf(any)) >>> 0), naiveCheck(any))))
  })

  it('does not fit mixtures of three items', () => {
    const items = seededItems(7, 30_000)
    let passed = 0
    for (let i = 0; i + 2 < items.length; i += 3) {
      const three = items.slice(i, i + 3)
      const sum = three.reduce((all, one) => all ^ one, 0n)
      const check = three.reduce((all, one) => all ^ checkOf(...wordsOf(one)), 0)
      if (checkOf(...wordsOf(sum)) === check) passed++
    }
    assert.equal(passed, 0)
  })
})

function indexesOf(any: bigint, end: number): number[] {
  const indexes: number[] = []
  forEachIndex(...wordsOf(any), end, (index) => indexes.push(index))
  return indexes
}
