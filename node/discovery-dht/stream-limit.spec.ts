import assert from 'node:assert/strict'
import fc from 'fast-check'
import { fakeClock } from '#mesh/testing'
import { MessageMeter, RequestBudget } from './stream-limit.ts'

describe('the budget for requests to the DHT', () => {
  it('is limited for each peer, and comes back with time', async () => {
    const clock = fakeClock()
    const budget = new RequestBudget(clock)
    const served = (peer: string, asked: number): number => Array.from({ length: asked }, () => budget.take(peer)).filter(Boolean).length
    assert.deepEqual([served('one', 150), served('two', 1)], [100, 1])
    await clock.advance(5_000)
    assert.equal(served('one', 150), 10)
  })

  it('remembers a bounded number of peers', () => {
    const budget = new RequestBudget(fakeClock())
    for (let i = 0; i < 2_000; i++) budget.take(String(i))
    assert.equal(budget.size, 256)
  })
})

describe('the meter of one stream of the DHT', () => {
  const request = (length: number): Uint8Array => Uint8Array.of((length & 0x7f) | 0x80, length >> 7, ...new Uint8Array(length))

  it('passes one request, however it is cut', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 4_096 }), fc.integer({ min: 1, max: 5_000 }), (length, cut) => {
        const meter = new MessageMeter()
        const bytes = request(length)
        for (let at = 0; at < bytes.length; at += cut) assert.ok(meter.take(bytes.subarray(at, at + cut)))
        assert.ok(!meter.take(Uint8Array.of(0)))
      }),
      { numRuns: 50 },
    )
  })

  it('passes no second request, and none that is large or has no end to its length', () => {
    assert.ok(!new MessageMeter().take(Uint8Array.of(...request(10), 1)))
    assert.ok(!new MessageMeter().take(request(4_097)))
    assert.ok(!new MessageMeter().take(Uint8Array.of(0xff, 0xff, 0xff)))
  })
})
