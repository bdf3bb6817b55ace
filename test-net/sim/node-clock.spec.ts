import assert from 'node:assert/strict'
import { NodeClock, START_MS } from './node-clock.ts'
import { Scheduler } from './scheduler.ts'

const RIGHT = { offsetMs: 0, driftPpm: 0 }

/** A clock with a part that ticks every second, as the exchange does, and the times of its ticks in s. */
async function ticking(): Promise<{ scheduler: Scheduler; clock: NodeClock; ticks: number[]; over: AbortController }> {
  const scheduler = new Scheduler()
  const clock = new NodeClock(scheduler, RIGHT)
  const ticks: number[] = []
  const over = new AbortController()
  const tick = async (): Promise<void> => {
    while (!over.signal.aborted) {
      await clock.sleep(1_000, over.signal)
      ticks.push(scheduler.nowMs / 1_000)
    }
  }
  await clock.startTicker(async () => void tick())
  return { scheduler, clock, ticks, over }
}

describe('the clock of a node', () => {
  it('shows a wall clock that is wrong, drifts and jumps, and a monotonic one that does not', async () => {
    const scheduler = new Scheduler()
    await scheduler.runUntil(500)
    const clock = new NodeClock(scheduler, { offsetMs: -60_000, driftPpm: 100 })
    assert.equal(clock.monotonic(), 0)
    await scheduler.runUntil(1_000_500)
    assert.equal(clock.now(), START_MS - 60_000 + 1_000_600)
    clock.jump(60_000)
    assert.equal(clock.now(), START_MS + 1_000_600)
    assert.equal(clock.monotonic(), 1_000_000)
  })

  it('wakes who sleeps when the time has come or the signal aborts, and nobody once the machine is off', async () => {
    const scheduler = new Scheduler()
    const clock = new NodeClock(scheduler, RIGHT)
    const woken: string[] = []
    const over = new AbortController()
    const sleep = async (name: string, ms: number, signal?: AbortSignal): Promise<void> => {
      await clock.sleep(ms, signal)
      woken.push(`${name}${scheduler.nowMs}`)
    }
    const all = [sleep('a', 100), sleep('b', 200, over.signal), sleep('c', 9_000), sleep('d', 0)]
    scheduler.at(150, () => over.abort())
    await scheduler.runUntil(1_000)
    clock.stop()
    await scheduler.runUntil(20_000)
    assert.deepEqual(woken, ['d0', 'a100', 'b150'])
    assert.equal(all.length, 4)
  })

  it('does not tick for a node without links', async () => {
    const { scheduler, ticks } = await ticking()
    await scheduler.runUntil(86_400_000)
    assert.deepEqual(ticks, [])
    assert.equal(scheduler.fired, 0)
  })

  it('ticks every second after something happened, then ever more seldom, at least once a minute', async () => {
    const { scheduler, clock, ticks } = await ticking()
    scheduler.at(2_500, () => clock.setLinks(1))
    await scheduler.runUntil(3_600_000)
    assert.deepEqual(ticks.slice(0, 3), [3, 4, 5])
    const pauses = ticks.slice(1).map((at, i) => at - (ticks[i] ?? 0))
    assert.ok(
      pauses.every((pause, i) => pause >= (pauses[i - 1] ?? 0) && pause <= 60),
      String(pauses),
    )
    assert.ok(ticks.length < 80)
    const before = ticks.length
    scheduler.in(200, () => clock.stir())
    await scheduler.runUntil(3_603_300)
    assert.deepEqual(ticks.slice(before), [3_601, 3_602, 3_603])
  })

  it('ends a ticker that is told to stop', async () => {
    const { scheduler, ticks, over } = await ticking()
    scheduler.at(700, () => over.abort())
    await scheduler.runUntil(10_000)
    assert.deepEqual(ticks, [0.7])
  })
})
