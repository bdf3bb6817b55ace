import assert from 'node:assert/strict'
import fc from 'fast-check'
import { ItemSet, NO_SLOT } from './item-set.ts'
import { itemsOf, seededItems, wordsOf } from './naive-twin.ts'

/** Few different low words, so that items meet in the table; all that tells them apart is the high one. */
const crowded = fc.record({ low: fc.constantFrom(0, 1, 31, -1, 32), high: fc.integer({ min: 0, max: 5 }) })

describe('item set', () => {
  it('is a set under any order of additions and removals, also when all items meet in one place of the table', () => {
    fc.assert(
      fc.property(fc.array(fc.record({ item: crowded, isAdded: fc.boolean() }), { maxLength: 200 }), (steps) => {
        const set = new ItemSet()
        const slots = new Map<string, number>()
        for (const { item, isAdded } of steps) {
          const name = `${item.low},${item.high}`
          const known = slots.get(name)
          assert.equal(set.find(item.low, item.high), known ?? NO_SLOT)
          if (isAdded) {
            const slot = set.add(item.low, item.high)
            assert.equal(slot === NO_SLOT, known !== undefined)
            if (known !== undefined) continue
            assert.ok(![...slots.values()].includes(slot), 'two items have one slot')
            slots.set(name, slot)
          } else {
            assert.equal(set.delete(item.low, item.high), known ?? NO_SLOT)
            slots.delete(name)
          }
          assert.equal(set.size, slots.size)
        }
        const seen: string[] = []
        set.forEach((low, high, slot) => {
          seen.push(`${low},${high}`)
          assert.equal(slots.get(`${low},${high}`), slot)
        })
        assert.equal(seen.length, slots.size)
      }),
    )
  })

  it('gives every item back, and takes at most 40 bytes for one', () => {
    for (const count of [0, 1, 24, 25, 1_000, 12_289, 100_000]) {
      const items = seededItems(count, count)
      const set = new ItemSet()
      for (const item of items) assert.notEqual(set.add(...wordsOf(item)), NO_SLOT)
      if (count <= 1_000)
        assert.deepEqual(
          itemsOf(set.toPairs()),
          [...items].sort((a, b) => (a < b ? -1 : 1)),
        )
      for (const item of items.slice(0, 100)) assert.ok(set.has(...wordsOf(item)))
      if (count >= 1_000) assert.ok(set.bytes / count <= 40, `${set.bytes / count} bytes`)
    }
  })

  it('uses the slots of removed items again instead of growing', () => {
    const set = new ItemSet()
    const items = seededItems(3, 5_000)
    for (const item of items.slice(0, 1_000)) set.add(...wordsOf(item))
    const { bytes } = set
    for (let i = 0; i < 4_000; i++) {
      set.delete(...wordsOf(items[i] ?? 0n))
      assert.ok(set.add(...wordsOf(items[i + 1_000] ?? 0n)) < 1_000)
    }
    assert.equal(set.bytes, bytes)
  })

  it('needs no growth when it was told how many will come', () => {
    const set = new ItemSet(3_000)
    const { bytes } = set
    for (const item of seededItems(4, 3_000)) set.add(...wordsOf(item))
    assert.equal(set.bytes, bytes)
  })
})
