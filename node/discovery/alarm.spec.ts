import assert from 'node:assert/strict'
import { fakeClock, settle } from '#mesh/testing'
import { Alarm } from './alarm.ts'

describe('an alarm', () => {
  const never = new AbortController().signal

  it('ends a wait when its time has come, when it rings, and when the signal aborts', async () => {
    const clock = fakeClock()
    const alarm = new Alarm(clock)
    const stop = new AbortController()
    const ended: string[] = []
    const waits = async (): Promise<void> => {
      await alarm.wait(100, never)
      ended.push('time')
      await alarm.wait(1_000, never)
      ended.push('ring')
      await alarm.wait(1_000, stop.signal)
      ended.push('abort')
    }
    const done = waits()
    await clock.advance(100)
    assert.deepEqual(ended, ['time'])
    alarm.ring()
    await settle()
    assert.deepEqual(ended, ['time', 'ring'])
    stop.abort()
    await done
    assert.equal(clock.sleepers, 0)
  })

  it('keeps a ring that came while nobody waited', async () => {
    const alarm = new Alarm(fakeClock())
    alarm.ring()
    await alarm.wait(1_000_000, never)
  })
})
