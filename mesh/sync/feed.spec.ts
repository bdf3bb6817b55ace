import assert from 'node:assert/strict'
import { type EnvelopeId, envelopeIdOf } from '#mesh/ids'
import { Arrivals } from './arrivals.ts'
import { Feed } from './feed.ts'

const idOf = (n: number): EnvelopeId => envelopeIdOf(new Uint8Array(32).fill(n))
const ids = (...numbers: number[]): EnvelopeId[] => numbers.map(idOf)

function drain(feed: Feed): EnvelopeId[] {
  const seen: EnvelopeId[] = []
  while (!feed.isIdle) {
    const id = feed.next()
    if (id !== undefined) seen.push(id)
  }
  return seen
}

describe('Arrivals', () => {
  it('keeps as many as its capacity and says where it begins', () => {
    const arrivals = new Arrivals(3)
    for (const id of ids(1, 2, 3, 4)) arrivals.add(id)
    assert.deepEqual([arrivals.start, arrivals.end], [1, 4])
    assert.deepEqual([arrivals.at(0), arrivals.at(1), arrivals.at(3), arrivals.at(4)], [undefined, idOf(2), idOf(4), undefined])
    assert.deepEqual([arrivals.positionOf(idOf(1)), arrivals.positionOf(idOf(4))], [undefined, 3])
  })

  it('knows the younger position of an id that came twice', () => {
    const arrivals = new Arrivals(2)
    for (const id of ids(1, 1, 2)) arrivals.add(id)
    assert.equal(arrivals.positionOf(idOf(1)), 1)
  })
})

describe('Feed', () => {
  it('hands out live arrivals before the rest of a walk, and nothing twice', () => {
    const arrivals = new Arrivals()
    const stored = new Set(ids(1, 2, 3))
    const feed = new Feed(arrivals, () => stored.values())
    assert.equal(feed.next(), idOf(1))
    stored.add(idOf(4))
    arrivals.add(idOf(4))
    assert.deepEqual(drain(feed), ids(4, 2, 3))
  })

  it('walks once more when the arrivals ran ahead of it', () => {
    const arrivals = new Arrivals(2)
    const stored = new Set<EnvelopeId>()
    const feed = new Feed(arrivals, () => stored.values())
    assert.deepEqual(drain(feed), [])
    for (const id of ids(1, 2, 3, 4)) {
      stored.add(id)
      arrivals.add(id)
    }
    assert.deepEqual(new Set(drain(feed)), new Set(ids(1, 2, 3, 4)))
  })

  it('repeats what was put off, and the whole walk when that was too much', () => {
    const stored = new Set(ids(1, 2))
    const feed = new Feed(new Arrivals(), () => stored.values())
    drain(feed)
    feed.again(idOf(2))
    feed.again(idOf(2))
    assert.deepEqual(drain(feed), ids(2))
    for (let n = 0; n < 2_000; n++) feed.again(envelopeIdOf(new Uint8Array(32).map((_, i) => (n >> ((i % 3) * 8)) & 0xff)))
    const again = drain(feed)
    assert.ok(again.length <= 1_024 + 2)
    assert.ok(ids(1, 2).every((id) => again.includes(id)))
  })

  it('lets others have a turn on a long walk without anything for this peer', () => {
    let rows = 0
    function* passedOver(): Generator<EnvelopeId | undefined, void> {
      for (; rows < 1_000; rows++) yield undefined
    }
    const feed = new Feed(new Arrivals(), passedOver)
    assert.equal(feed.next(100), undefined)
    assert.equal(feed.isIdle, false)
    assert.ok(rows <= 100)
  })
})
