import assert from 'node:assert/strict'
import fc from 'fast-check'
import { MAX_SYMBOLS, nextCredit, symbolLimit } from './plan.ts'

describe('the plan of an exchange', () => {
  it('takes symbols for up to 0.6 of the set, in whole batches, and never more than 32,768', () => {
    assert.equal(symbolLimit(1_000, 1_000), 576)
    assert.equal(symbolLimit(107, 107), 64)
    assert.equal(symbolLimit(1_000_000, 1_000_000), MAX_SYMBOLS)
    fc.assert(
      fc.property(fc.nat(1_000_000), fc.nat(1_000_000), (writer, reader) => {
        const limit = symbolLimit(writer, reader)
        assert.ok(limit % 64 === 0 && limit <= 0.6 * writer && limit <= MAX_SYMBOLS)
      }),
    )
  })

  it('takes the list when a batch of symbols is longer, or the sizes say that too much differs', () => {
    for (const [writer, reader] of [
      [0, 0],
      [106, 106],
      [0, 1_000],
      [1_000, 0],
      [1_000, 1_500],
      [1_000_000, 900_000],
    ] as const)
      assert.equal(symbolLimit(writer, reader), 0, `${writer} ${reader}`)
  })

  it('allows what the differences need, then a twelfth more, in whole batches up to the limit', () => {
    assert.equal(nextCredit(128, 1_000, 57_600), 1_408)
    assert.equal(nextCredit(1_408, 1_000, 57_600), 1_536)
    assert.equal(nextCredit(128, 10, 57_600), 192)
    fc.assert(
      fc.property(fc.nat(511), fc.integer({ min: 1, max: 512 }), fc.nat(40_000), (received, limit, differences) => {
        fc.pre(received < limit)
        const credit = nextCredit(64 * received, differences, 64 * limit)
        assert.ok(credit > 64 * received && credit <= 64 * limit && credit % 64 === 0)
      }),
    )
  })
})
