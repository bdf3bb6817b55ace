import assert from 'node:assert/strict'
import fc from 'fast-check'
import { Shelf } from './shelf.ts'

const QUOTA = { prefix: '/', rows: 20, rowBytes: 100, bytes: 1_000 }

describe('a shelf', () => {
  /** Puts rows of 10 bytes; returns what had to go for them. */
  function put(shelf: Shelf, owner: string, names: readonly string[], bytes = 10): string[] {
    return names.flatMap((name) => shelf.add(name, { bytes, owner }))
  }
  const names = (owner: string, count: number): string[] => Array.from({ length: count }, (_, i) => `${owner}${i}`)

  it('is shared evenly by those who want all of it', () => {
    const shelf = new Shelf(QUOTA)
    put(shelf, 'a', names('a', 50))
    const gone = put(shelf, 'b', names('b', 50))
    assert.deepEqual(gone.filter((name) => name.startsWith('a')).length, 10)
    assert.equal(shelf.size, 20)
  })

  it('counts bytes as well as rows, and takes from whoever has more of either', () => {
    const shelf = new Shelf(QUOTA)
    put(shelf, 'large', names('large', 9), 100)
    assert.deepEqual(put(shelf, 'small', names('small', 12)), ['large0'])
    assert.deepEqual(put(shelf, 'other', names('other', 2)), ['large1', 'large2'])
    assert.deepEqual(put(shelf, 'small', ['small12']), ['small0'])
  })

  it('takes what was used longest ago when all have the same', () => {
    const shelf = new Shelf(QUOTA)
    for (const owner of names('', 20)) put(shelf, owner, [owner])
    shelf.touch('0')
    assert.deepEqual(put(shelf, '20', ['20']), ['1'])
  })

  it('counts a row for its owner, whoever passes it on', () => {
    const shelf = new Shelf(QUOTA)
    const full = names('hostile', 30)
    put(shelf, 'honest', ['one'])
    shelf.add('two', { bytes: 10, owner: 'hostile' })
    shelf.add('one', { bytes: 10, owner: 'hostile' })
    shelf.add('two', { bytes: 10, owner: 'owner of two', isOwn: true })
    shelf.add('two', { bytes: 10, owner: 'hostile' })
    const gone = put(shelf, 'hostile', full)
    assert.equal(gone.length, 12)
    assert.deepEqual(gone, full.slice(0, 12))
  })

  it('puts nothing older in the place of what is newer', () => {
    const shelf = new Shelf(QUOTA)
    shelf.add('one', { bytes: 10, owner: 'a', issuedMs: 5 })
    assert.throws(() => shelf.add('one', { bytes: 10, owner: 'b', issuedMs: 4 }), RangeError)
    shelf.add('one', { bytes: 10, owner: 'b', issuedMs: 5 })
    shelf.add('one', { bytes: 10, owner: 'b' })
    assert.throws(() => shelf.add('one', { bytes: 10, owner: 'b', issuedMs: 4 }), RangeError)
    assert.equal(shelf.size, 1)
  })

  it('never takes from whoever has less than an even share, and is never too full', () => {
    const step = fc.record({ owner: fc.constantFrom('a', 'b', 'c', 'd'), name: fc.nat(60), bytes: fc.integer({ min: 1, max: 100 }), isTouch: fc.boolean() })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const shelf = new Shelf(QUOTA)
        const kept = new Map<string, { owner: string; bytes: number }>()
        for (const { owner, name, bytes, isTouch } of steps) {
          const key = `${owner}${name}`
          if (isTouch) {
            shelf.touch(key)
            continue
          }
          const gone = shelf.add(key, { bytes, owner })
          kept.set(key, { owner, bytes })
          for (const old of gone) {
            const rows = [...kept.values()].filter((row) => row.owner === kept.get(old)?.owner)
            const share = Math.max(rows.length / QUOTA.rows, rows.reduce((sum, row) => sum + row.bytes, 0) / QUOTA.bytes)
            assert.ok(share > 1 / 4, `${old} had to go, whose owner had only ${share}`)
            kept.delete(old)
          }
          const sum = [...kept.values()].reduce((all, row) => all + row.bytes, 0)
          assert.ok(shelf.size === kept.size && shelf.size <= QUOTA.rows && sum <= QUOTA.bytes)
        }
      }),
    )
  })
})
