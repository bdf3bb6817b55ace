import assert from 'node:assert/strict'
import { envelopeIdOf } from '#mesh/ids'
import { seededRandom } from '#mesh/testing'
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

  it('tries again at once in a hurry, and starts with the short pause then', () => {
    const putOff = new PutOff()
    let nowMs = 100_000
    for (let i = 0; i < 6; i++) {
      putOff.add(idOf(1), nowMs)
      nowMs = putOff.dueMsOf(idOf(1)) ?? 0
      if (i < 5) putOff.due(nowMs)
    }
    putOff.hurry(nowMs - 20_000)
    assert.equal(putOff.dueMsOf(idOf(2)), undefined)
    assert.deepEqual(putOff.due(nowMs - 20_000)?.ids, [idOf(1)])
    putOff.add(idOf(1), nowMs - 20_000)
    assert.equal(putOff.dueMsOf(idOf(1)), nowMs - 20_000 + RETRY_MIN_MS)
  })

  it('asks at different moments after the same refusal', () => {
    const pauses = Array.from({ length: 50 }, (_, n) => {
      const putOff = new PutOff(seededRandom(`jitter ${n}`))
      putOff.add(idOf(1), 100_000)
      return (putOff.dueMsOf(idOf(1)) ?? 0) - 100_000
    })
    assert.ok(new Set(pauses).size > 25)
    assert.ok(pauses.every((ms) => ms >= RETRY_MIN_MS / 2 && ms <= 1.5 * RETRY_MIN_MS))
  })

  it('remembers a bounded number and then says that everything has to be looked at', () => {
    const putOff = new PutOff()
    for (let n = 0; n < 3_000; n++) putOff.add(idOf(n), 0)
    const due = putOff.due(RETRY_MIN_MS * 2)
    assert.equal(due?.all, true)
    assert.equal(due?.ids.length, 1_024)
  })
})
