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
