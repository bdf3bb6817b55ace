import assert from 'node:assert/strict'
import { isMeshError } from '#mesh/errors'
import { deviceIdOf } from '#mesh/ids'
import type { Link } from '#mesh/ports'
import { Scheduler } from './scheduler.ts'
import { makeWire, type Wire } from './wire.ts'

const [A, B] = [deviceIdOf(new Uint8Array(32).fill(1)), deviceIdOf(new Uint8Array(32).fill(2))]

function aWire(onFrame: () => 'break' | number = () => 0): { scheduler: Scheduler; wire: Wire; heard: string[]; ends: readonly [Link, Link] } {
  const scheduler = new Scheduler()
  const wire = makeWire({ scheduler, onFrame, onArrival: () => {} }, [A, B], { delayMs: 50, bytesPerMs: 1 })
  const heard: string[] = []
  const listen = async (name: string, link: Link): Promise<void> => {
    try {
      for await (const frame of link.frames()) heard.push(`${name} ${frame.length} at ${scheduler.nowMs}`)
      heard.push(`${name} ends at ${scheduler.nowMs}`)
    } catch (error) {
      heard.push(`${name} ${isMeshError(error) ? error.code : String(error)} at ${scheduler.nowMs}`)
    }
  }
  void listen('a', wire.ends[0])
  void listen('b', wire.ends[1])
  return { scheduler, wire, heard, ends: wire.ends }
}

describe('a simulated link', () => {
  it('brings frames in order, after the line is free and a delay', async () => {
    const { scheduler, heard, ends } = aWire()
    await ends[0].send(new Uint8Array(100))
    await ends[0].send(new Uint8Array(10))
    await ends[1].send(new Uint8Array(5))
    await scheduler.runUntil(1_000)
    assert.deepEqual(heard, ['a 5 at 55', 'b 100 at 150', 'b 10 at 160'])
  })

  it('keeps the order when a frame stands still', async () => {
    const stalls = [500, 0]
    const { scheduler, heard, ends } = aWire(() => stalls.shift() ?? 0)
    await ends[0].send(new Uint8Array(1))
    await ends[0].send(new Uint8Array(2))
    await scheduler.runUntil(1_000)
    assert.deepEqual(heard, ['b 1 at 551', 'b 2 at 551'])
  })

  it('makes a sender wait while as much is under way as buffers hold', async () => {
    const { scheduler, ends } = aWire()
    let sent = 0
    const sending = (async () => {
      for (; sent < 10; sent++) await ends[0].send(new Uint8Array(60_000))
    })()
    await scheduler.runUntil(1)
    assert.equal(sent, 4)
    await scheduler.runUntil(700_000)
    await sending
  })

  it('closes after what was sent has arrived', async () => {
    const { scheduler, heard, ends } = aWire()
    await ends[0].send(new Uint8Array(100))
    void ends[0].close()
    await scheduler.runUntil(1_000)
    assert.deepEqual(heard, ['a ends at 0', 'b 100 at 150', 'b ends at 150'])
    await assert.rejects(ends[0].send(new Uint8Array(1)), (error) => isMeshError(error, 'MESH_LINK_CLOSED'))
  })

  it('is cut without a word: what is under way is gone, and both notice later', async () => {
    const { scheduler, wire, heard, ends } = aWire()
    await ends[0].send(new Uint8Array(100))
    wire.cut(3_000)
    await ends[0].send(new Uint8Array(1))
    await scheduler.runUntil(10_000)
    assert.deepEqual(heard, ['b MESH_LINK_CLOSED at 3000', 'a MESH_LINK_CLOSED at 3000'])
    await assert.rejects(ends[1].send(new Uint8Array(1)), (error) => isMeshError(error, 'MESH_LINK_CLOSED'))
  })

  it('breaks on a frame for both sides at once', async () => {
    const { scheduler, heard, ends } = aWire(() => 'break')
    await assert.rejects(ends[0].send(new Uint8Array(1)), (error) => isMeshError(error, 'MESH_LINK_CLOSED'))
    await scheduler.runUntil(100)
    assert.deepEqual(heard.length, 2)
  })

  it('says nothing to a machine without power', async () => {
    const { scheduler, wire, heard, ends } = aWire()
    await ends[1].send(new Uint8Array(7))
    wire.silence(0)
    wire.cut(1_000)
    await scheduler.runUntil(10_000)
    assert.deepEqual(heard, ['b MESH_LINK_CLOSED at 1000'])
  })
})
