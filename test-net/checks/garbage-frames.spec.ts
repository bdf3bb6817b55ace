import assert from 'node:assert/strict'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { type DeviceId, deviceIdOf } from '#mesh/ids'
import { linkPair } from '#mesh/testing'
import { join, meshNode, until } from '../../mesh/testing/mesh-node.ts'
import { dice, garbageFrames, giantPrefixes, plainHello } from './garbage-frames.ts'

const FRAMES = 20_000
/** What a session may leave behind for a moment, and the noise of a collector: far below one byte a frame times a thousand. In bytes. */
const MAX_GROWTH_BYTES = 16_000_000

describe('garbage frames', () => {
  it('are the same for the same seed, at most 64 KiB, and of many kinds', () => {
    const [one, two] = [[...garbageFrames(7, 300)], [...garbageFrames(7, 300)]]
    assert.deepEqual(one, two)
    assert.notDeepEqual(one, [...garbageFrames(8, 300)])
    assert.ok(one.every((bytes) => bytes.length <= 65_536))
    assert.ok(new Set(one.map((bytes) => bytes[0])).size > 20)
    assert.ok(giantPrefixes().every((bytes) => bytes.length <= 64))
  })

  it('neither crash a node nor make it grow: the offender is cut off, an honest neighbour is served', async () => {
    const node = await meshNode('node')
    const bob = await meshNode('bob')
    const roll = dice(1)
    const frames = garbageFrames(2026, FRAMES)
    const before = usedHeap()
    let sessions = 0
    for (let sent = 0; sent < FRAMES; sessions++) {
      const offender: DeviceId = deviceIdOf(new Uint8Array(32).fill(sessions & 0xff))
      const [atNode, link] = linkPair(node.device, offender, 64)
      let isOver = false
      const ended = node.exchange.attach(atNode).then(() => {
        isOver = true
      })
      if (roll(8) !== 0) await link.send(plainHello(node.clock.now()))
      while (!isOver && sent < FRAMES) {
        sent++
        await link.send(frames.next().value ?? new Uint8Array(0)).catch(() => undefined)
        if (roll(4) === 0) await new Promise<void>((resolve) => setImmediate(resolve))
      }
      link.abort(new Error('enough'))
      await ended
      if (sessions === 500) {
        const id = await node.write(bob)
        const met = join(node, bob)
        await until(() => bob.received.includes(id), 'the honest neighbour')
        await met.close()
      }
    }
    assert.ok(sessions > 500, `${sessions} sessions`)
    assert.ok(node.exchange.counters.offences > sessions / 2)
    assert.deepEqual(node.exchange.sessions(), [])
    node.offences.length = 0
    const grown = usedHeap() - before
    assert.ok(grown < MAX_GROWTH_BYTES, `${grown} bytes`)
    await node.stop()
    await bob.stop()
  }).timeout(60_000)
})

function usedHeap(): number {
  setFlagsFromString('--expose-gc')
  const collect: unknown = runInNewContext('gc')
  if (typeof collect === 'function') collect()
  return process.memoryUsage().heapUsed
}
