import assert from 'node:assert/strict'
import { type Horizon, isBeyond, sharedDays } from './horizon.ts'
import { ALL_DAYS, dayOf } from './riblt/index.ts'

const DAY_MS = 86_400_000
const NOW_MS = 1_790_000_000_000
const week: Horizon = { keptDays: 7, nowMs: NOW_MS, clockOffsetMs: 0 }
const isShared = (horizon: Horizon, daysAgo: number): boolean => sharedDays(horizon).includes(dayOf(NOW_MS - daysAgo * DAY_MS))
const stamp = (daysAgo: number): { ms: number; counter: number } => ({ ms: NOW_MS - daysAgo * DAY_MS, counter: 0 })

describe('the horizon of two nodes', () => {
  it('leaves out what is certainly older than the smaller store keeps, with two days of grace', () => {
    for (const daysAgo of [0, 1, 7, 8]) assert.ok(isShared(week, daysAgo) && !isBeyond(week, stamp(daysAgo)), `${daysAgo} days ago`)
    for (const daysAgo of [9, 20, 31]) assert.ok(!isShared(week, daysAgo) && isBeyond(week, stamp(daysAgo)), `${daysAgo} days ago`)
  })

  it('is all days for thirty of them', () => assert.deepEqual(sharedDays({ ...week, keptDays: 30 }), ALL_DAYS))

  it('keeps stamps that are ahead, far off, or without a time', () => {
    for (const daysAgo of [-20, -1, 40]) assert.ok(isShared(week, daysAgo) && !isBeyond(week, stamp(daysAgo)), `${daysAgo} days ago`)
    assert.ok(sharedDays(week).includes(dayOf(0)) && !isBeyond(week, { ms: 5_000, counter: 0 }))
  })

  it('is unknown when a clock is not set, clocks differ, or one does not say how long it keeps things', () => {
    for (const unknown of [
      { ...week, nowMs: 90_000 },
      { ...week, clockOffsetMs: DAY_MS + 1 },
      { ...week, clockOffsetMs: -DAY_MS - 1 },
      { ...week, keptDays: 0 },
    ]) {
      assert.deepEqual(sharedDays(unknown), ALL_DAYS)
      assert.equal(isBeyond(unknown, stamp(20)), false)
    }
  })
})
