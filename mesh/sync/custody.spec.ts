import assert from 'node:assert/strict'
import { envelopeIdOf } from '#mesh/ids'
import { PutOff } from './answers.ts'
import { groupByEnd } from './custody.ts'
import { MAX_ANSWER_IDS, RETRY_MIN_MS } from './limits.ts'

const DAY = 86_400_000
const idOf = (n: number) => envelopeIdOf(new Uint8Array(32).map((_, i) => (i < 2 ? (n >> (8 * i)) & 0xff : 1)))

describe('custody receipts', () => {
  it('promise each group until its first envelope ends, and short lives do not shorten long ones', () => {
    const kept = [
      { id: idOf(1), untilMs: 10 * DAY + 9 },
      { id: idOf(2), untilMs: 10 * DAY + 5 },
      { id: idOf(3), untilMs: 1_000 },
    ]
    assert.deepEqual(groupByEnd(kept), [
      { untilMs: 10 * DAY + 5, ids: [idOf(1), idOf(2)] },
      { untilMs: 1_000, ids: [idOf(3)] },
    ])
  })

  it('never name more ids than a frame takes', () => {
    const kept = Array.from({ length: MAX_ANSWER_IDS + 1 }, (_, n) => ({ id: idOf(n), untilMs: 1 }))
    assert.deepEqual(
      groupByEnd(kept).map((group) => group.ids.length),
      [MAX_ANSWER_IDS, 1],
    )
  })
})

describe('PutOff', () => {
  it('waits longer while the peer keeps refusing, and starts anew after a quiet time', () => {
    const putOff = new PutOff()
    putOff.add(idOf(1), 100_000)
    assert.equal(putOff.due(100_000 + RETRY_MIN_MS - 1), undefined)
    assert.deepEqual(putOff.due(100_000 + RETRY_MIN_MS), { ids: [idOf(1)], all: false })
    putOff.add(idOf(1), 101_100)
    assert.equal(putOff.due(101_100 + RETRY_MIN_MS), undefined)
    assert.deepEqual(putOff.due(101_100 + 2 * RETRY_MIN_MS)?.ids, [idOf(1)])
    putOff.add(idOf(1), 900_000)
    assert.deepEqual(putOff.due(900_000 + RETRY_MIN_MS)?.ids, [idOf(1)])
  })

  it('remembers a bounded number and then says that everything has to be looked at', () => {
    const putOff = new PutOff()
    for (let n = 0; n < 3_000; n++) putOff.add(idOf(n), 0)
    const due = putOff.due(RETRY_MIN_MS * 2)
    assert.equal(due?.all, true)
    assert.equal(due?.ids.length, 1_024)
  })
})
