import assert from 'node:assert/strict'
import { Scheduler } from './scheduler.ts'

describe('the scheduler', () => {
  it('fires in the order of time, and at one instant in the order of asking', async () => {
    const scheduler = new Scheduler()
    const fired: string[] = []
    for (const [ms, name] of [
      [30, 'c'],
      [10, 'a'],
      [10, 'b'],
      [40, 'd'],
      [90, 'later'],
    ] as const)
      scheduler.at(ms, () => fired.push(`${name}${scheduler.nowMs}`))
    await scheduler.runUntil(50)
    assert.deepEqual(fired, ['a10', 'b10', 'c30', 'd40'])
    assert.equal(scheduler.nowMs, 50)
    await scheduler.runUntil(100)
    assert.equal(fired.at(-1), 'later90')
  })

  it('lets every promise run to its end before time goes on', async () => {
    const scheduler = new Scheduler()
    const seen: number[] = []
    const chain = async (): Promise<void> => {
      for (let i = 0; i < 1_000; i++) await Promise.resolve()
      seen.push(scheduler.nowMs)
    }
    scheduler.at(1, () => void chain())
    scheduler.at(2, () => seen.push(scheduler.nowMs))
    await scheduler.runUntil(3)
    assert.deepEqual(seen, [1, 2])
  })

  it('does not fire what was cancelled', async () => {
    const scheduler = new Scheduler()
    const timer = scheduler.in(5, () => assert.fail('it fired'))
    scheduler.in(1, () => scheduler.cancel(timer))
    await scheduler.runUntil(10)
    assert.equal(scheduler.fired, 1)
  })

  it('keeps its order with thousands of timers in any order', async () => {
    const scheduler = new Scheduler()
    const fired: number[] = []
    for (let i = 0; i < 3_000; i++) scheduler.at((i * 7_919) % 1_009, () => fired.push(scheduler.nowMs))
    await scheduler.runUntil(2_000)
    assert.equal(fired.length, 3_000)
    assert.deepEqual(
      fired,
      [...fired].sort((a, b) => a - b),
    )
  })

  it('hands on what a timer throws', async () => {
    const scheduler = new Scheduler()
    scheduler.in(1, () => {
      throw new Error('this simulator is wrong')
    })
    await assert.rejects(scheduler.runUntil(2), /this simulator is wrong/)
  })
})
