import assert from 'node:assert/strict'
import { fakeClock, settle } from '#mesh/testing'
import { Bell } from './index.ts'

describe('a bell', () => {
  it('is heard once, even when it rang before anybody listened, and however often', async () => {
    const bell = new Bell()
    bell.ring()
    bell.ring()
    await bell.heard()
    let isHeard = false
    const next = bell.heard().then(() => {
      isHeard = true
    })
    await settle()
    assert.equal(isHeard, false)
    bell.ring()
    await next
  })

  it('stops waiting when the signal aborts, and keeps nothing on the signal', async () => {
    const controller = new AbortController()
    const bell = new Bell()
    const waiting = bell.heard(controller.signal)
    controller.abort()
    await waiting
    await bell.heard(controller.signal)
  })

  it('wakes by a ring or by time, whichever is first', async () => {
    const clock = fakeClock()
    const bell = new Bell()
    const { signal } = new AbortController()
    const byTime = bell.heardWithin(clock, 1_000, signal)
    await clock.advance(1_000)
    await byTime
    const byRing = bell.heardWithin(clock, 1_000, signal)
    bell.ring()
    await byRing
    assert.equal(clock.sleepers, 0, 'no timer is left behind')
    const aborted = new AbortController()
    const stopped = bell.heardWithin(clock, 1_000, aborted.signal)
    aborted.abort()
    await stopped
    assert.equal(clock.sleepers, 0)
  })
})
