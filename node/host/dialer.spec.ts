import assert from 'node:assert/strict'
import { type DeviceId, deviceIdOf } from '#mesh/ids'
import { silentLog } from '#mesh/ports'
import { fakeClock } from '#mesh/testing'
import { nodeCrypto } from '#node/crypto'
import { Dialer } from './dialer.ts'

const deviceOf = (n: number): DeviceId => deviceIdOf(nodeCrypto().ed25519PublicKey(new Uint8Array(32).fill(n)))
const [self, here, away, gone, banned] = [1, 2, 3, 4, 5].map(deviceOf)

describe('dialling by request', () => {
  it('dials those who are away, each at once, and counts who was reached', async () => {
    assert.ok(self !== undefined && here !== undefined && away !== undefined && gone !== undefined && banned !== undefined)
    const dialled: string[] = []
    const host = {
      device: self,
      isConnected: (device: DeviceId) => device === here,
      dial: async ([address = '']: readonly string[]) => {
        dialled.push(address)
        if (address === 'gone') throw new Error('nobody there')
        return away
      },
    }
    const dialer = new Dialer({ host, clock: fakeClock(), log: silentLog, isBlocked: (device) => device === banned })
    const targets = [
      { device: here, addresses: ['here'] },
      { device: self, addresses: ['self'] },
      { device: banned, addresses: ['banned'] },
      { device: away, addresses: ['away'] },
      { device: gone, addresses: ['gone'] },
      { addresses: ['card'] },
      { addresses: [] },
    ]
    assert.deepEqual(await dialer.dialNow(targets, new AbortController().signal), { dialled: 3, reached: 2 })
    assert.deepEqual(dialled, ['away', 'gone', 'card'])
    await dialer.stop()
    assert.deepEqual(await dialer.dialNow(targets, new AbortController().signal), { dialled: 0, reached: 0 })
  })
})

describe('dialling what was found', () => {
  it('begins anew when the network changes, and not once more when that worked', async () => {
    assert.ok(self !== undefined && away !== undefined)
    const signals: AbortSignal[] = []
    let isConnected = false
    const host = {
      device: self,
      isConnected: () => isConnected,
      dial: (_: readonly string[], signal: AbortSignal) => {
        signals.push(signal)
        return new Promise<DeviceId>((_resolve, reject) => signal.addEventListener('abort', () => reject(new Error('given up')), { once: true }))
      },
    }
    const clock = fakeClock()
    const dialer = new Dialer({ host, clock, log: silentLog, isBlocked: () => false })
    dialer.found(away, ['away'])
    await clock.advance(300)
    dialer.found(away, ['away'])
    assert.equal(signals.length, 1)
    dialer.hurry()
    await clock.advance(300)
    assert.deepEqual(
      signals.map(({ aborted }) => aborted),
      [true, false],
    )
    isConnected = true
    dialer.hurry()
    await clock.advance(300)
    assert.equal(signals.length, 2)
    await dialer.stop()
    assert.equal(clock.sleepers, 0)
  })
})
