import assert from 'node:assert/strict'
import { seededRandom } from '#mesh/testing'
import {
  ANSWER_EVERY_MS,
  ASK_AFTER_MS,
  afterAnswer,
  afterAsk,
  afterSameQuestion,
  Bucket,
  dueMs,
  isSettled,
  type Pacing,
  restart,
  wantAnswer,
} from './pacing.ts'

const random = seededRandom('pacing')

function asked(times: number): { pacing: Pacing; at: number[] } {
  let pacing = restart(0)
  const at: number[] = []
  for (let i = 0; i < times; i++) {
    const now = pacing.askDueMs
    at.push(now)
    pacing = afterAsk({ ...pacing, answerDueMs: undefined }, now, random)
  }
  return { pacing, at }
}

describe('pacing of questions', () => {
  it('asks at once and backs off to once a minute, give or take a fifth', () => {
    const { at } = asked(9)
    assert.equal(at[0], 0)
    for (let i = 1; i < at.length; i++) {
      const gap = (at[i] ?? 0) - (at[i - 1] ?? 0)
      const base = ASK_AFTER_MS[Math.min(i, ASK_AFTER_MS.length - 1)] ?? 0
      assert.ok(gap >= base * 0.79 && gap <= base * 1.21, `${i}: ${gap}`)
    }
  })

  it('announces with the first question and once more a second later', () => {
    let pacing = afterAsk(restart(0), 0, random)
    assert.equal(pacing.answerDueMs, 0)
    pacing = afterAnswer(pacing, 0)
    pacing = afterAsk(pacing, 250, random)
    assert.equal(pacing.answerDueMs, undefined)
    assert.equal(afterAsk(pacing, 1_250, random).answerDueMs, 1_250)
  })

  it('lets another one ask for it, but only once it is settled', () => {
    const young = restart(0)
    assert.equal(afterSameQuestion(young, 10, random), young)
    const { pacing } = asked(6)
    assert.ok(isSettled(pacing))
    const later = afterSameQuestion(pacing, pacing.askDueMs - 1, random)
    assert.ok(later.askDueMs > pacing.askDueMs + 40_000)
  })
})

describe('pacing of answers', () => {
  it('waits 20 to 120 ms, and gives one answer to many questions', () => {
    const pacing = wantAnswer(restart(0), 5_000, random)
    const due = pacing.answerDueMs ?? 0
    assert.ok(due >= 5_020 && due <= 5_120)
    assert.equal(wantAnswer(pacing, 5_050, random), pacing)
  })

  it('never answers twice within a second, and never drops a question', () => {
    const pacing = wantAnswer(afterAnswer(restart(0), 5_000), 5_010, random)
    assert.equal(pacing.answerDueMs, 5_000 + ANSWER_EVERY_MS)
    assert.equal(dueMs({ ...pacing, askDueMs: 9_000 }), 6_000)
  })
})

describe('a bucket', () => {
  it('allows a burst, then its rate', () => {
    const bucket = new Bucket(10, 3)
    assert.deepEqual(
      [0, 0, 0, 0].map((at) => bucket.take(at)),
      [true, true, true, false],
    )
    assert.equal(bucket.take(99), false)
    assert.equal(bucket.take(101), true)
    assert.deepEqual(
      [90_000, 90_000, 90_000, 90_000].map((at) => bucket.take(at)),
      [true, true, true, false],
    )
  })
})
