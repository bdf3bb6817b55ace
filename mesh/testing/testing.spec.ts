import assert from 'node:assert/strict'
import { MeshError } from '#mesh/errors'
import { deviceIdOf } from '#mesh/ids'
import { randomBelow } from '#mesh/ports'
import { fakeClock, linkPair, seededRandom, settle } from './index.ts'

const A = deviceIdOf(new Uint8Array(32).fill(1))
const B = deviceIdOf(new Uint8Array(32).fill(2))

describe('the fakes', () => {
  it('wake sleepers in the order of their time', async () => {
    const clock = fakeClock(0)
    const trace: number[] = []
    for (const ms of [30, 10, 20]) void clock.sleep(ms).then(() => trace.push(clock.now()))
    await clock.advance(25)
    assert.deepEqual(trace, [10, 20])
    await clock.advance(5)
    assert.deepEqual(trace, [10, 20, 30])
  })

  it('draw the same bytes from the same seed, however they are cut', () => {
    const whole = seededRandom(1).bytes(100)
    const cut = seededRandom(1)
    assert.deepEqual(Uint8Array.from([...cut.bytes(1), ...cut.bytes(60), ...cut.bytes(39)]), whole)
    assert.notDeepEqual(seededRandom(2).bytes(100), whole)
  })

  it('draw whole numbers below a bound', () => {
    const random = seededRandom('numbers')
    const seen = new Set<number>()
    for (let i = 0; i < 200; i++) seen.add(randomBelow(random, 6))
    assert.deepEqual(
      [...seen].sort((a, b) => a - b),
      [0, 1, 2, 3, 4, 5],
    )
  })

  it('hold a sender back until the reader takes a frame', async () => {
    const [a, b] = linkPair(A, B, 1)
    await a.send(Uint8Array.of(1))
    let sent = false
    const second = a.send(Uint8Array.of(2)).then(() => {
      sent = true
    })
    await settle()
    assert.equal(sent, false)
    const frames = b.frames()[Symbol.asyncIterator]()
    assert.deepEqual((await frames.next()).value, Uint8Array.of(1))
    await second
    assert.deepEqual((await frames.next()).value, Uint8Array.of(2))
    await a.close()
    assert.equal((await frames.next()).done, true)
    await assert.rejects(b.send(Uint8Array.of(3)), MeshError)
  })
})
