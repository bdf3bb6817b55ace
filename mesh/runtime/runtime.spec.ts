import assert from 'node:assert/strict'
import { fakeClock } from '#mesh/testing'
import { type Runnable, spawn, startAll } from './index.ts'

describe('spawn', () => {
  it('hands a failure to its owner and ends', async () => {
    const seen: unknown[] = []
    const failure = new Error('broken')
    const task = spawn(
      async () => {
        throw failure
      },
      (error) => seen.push(error),
    )
    await task.done
    assert.deepEqual(seen, [failure])
  })

  it('stops by its signal and keeps silent about what stopping caused', async () => {
    const clock = fakeClock()
    const seen: unknown[] = []
    const task = spawn(
      async (signal) => {
        await clock.sleep(60_000, signal)
        throw new Error('interrupted')
      },
      (error) => seen.push(error),
    )
    await task.stop()
    assert.deepEqual(seen, [])
    assert.equal(clock.sleepers, 0)
  })
})

describe('startAll', () => {
  it('starts in order and stops in reverse, even when one part fails to stop', async () => {
    const trace: string[] = []
    const parts = [part('a', trace), part('b', trace, { stopFails: true }), part('c', trace)]
    const running = await startAll(parts)
    await assert.rejects(running.stop(), AggregateError)
    assert.deepEqual(trace, ['+a', '+b', '+c', '-c', '-b', '-a'])
  })

  it('stops what it started when a later part fails to start', async () => {
    const trace: string[] = []
    await assert.rejects(startAll([part('a', trace), part('b', trace, { startFails: true })]), /b does not start/)
    assert.deepEqual(trace, ['+a', '-a'])
  })
})

function part(name: string, trace: string[], faults: { startFails?: boolean; stopFails?: boolean } = {}): Runnable {
  return {
    async start() {
      if (faults.startFails === true) throw new Error(`${name} does not start`)
      trace.push(`+${name}`)
    },
    async stop() {
      trace.push(`-${name}`)
      if (faults.stopFails === true) throw new Error(`${name} does not stop`)
    },
  }
}
