import assert from 'node:assert/strict'
import type { DeviceId } from '#mesh/ids'
import { silentLog } from '#mesh/ports'
import { type FakeClock, fakeClock, seededRandom } from '#mesh/testing'
import type { NetworkInterface } from '#node/discovery'
import { StaticPeers } from '#node/host'
import { NetworkWatch } from './network-watch.ts'

describe('the watch on the network', () => {
  let clock: FakeClock
  let interfaces: NetworkInterface[]
  let changes: number[]
  let watch: NetworkWatch

  beforeEach(async () => {
    clock = fakeClock()
    interfaces = [anInterface({ name: 'lo', loopback: true }), anInterface()]
    changes = []
    watch = new NetworkWatch({ clock, log: silentLog, onChange: () => changes.push(clock.monotonic()) }, { list: () => interfaces })
    await watch.start()
  })

  afterEach(async () => {
    await watch.stop()
    assert.equal(clock.sleepers, 0)
  })

  const becomes = async (...list: NetworkInterface[]): Promise<number> => {
    const before = changes.length
    interfaces = list
    await clock.advance(1_000)
    return changes.length - before
  }

  it('says nothing while nothing changes, in whatever order the system lists it', async () => {
    await clock.advance(60_000)
    assert.equal(await becomes(...interfaces.toReversed()), 0)
    assert.deepEqual(changes, [])
  })

  it('says once within a second that a cable, a switch, an address or a device came or went', async () => {
    const address = { address: '10.0.0.7', family: 4, prefixLength: 24 } as const
    assert.equal(await becomes(anInterface({ carrier: false })), 1)
    assert.equal(await becomes(anInterface()), 1)
    assert.equal(await becomes(anInterface({ addresses: [address] })), 1)
    assert.equal(await becomes(anInterface({ addresses: [{ ...address, prefixLength: 16 }] })), 1)
    assert.equal(await becomes(anInterface(), anInterface({ name: 'wlan0' })), 1)
    assert.equal(await becomes(anInterface({ up: false }), anInterface({ name: 'wlan0' })), 1)
    assert.equal(await becomes(anInterface({ name: 'wlan0', index: 9 })), 1)
    assert.equal(await becomes(anInterface({ name: 'wlan0', index: 9 })), 0)
  })

  it('does not take what cannot be dialled through for a change', async () => {
    assert.equal(await becomes(...interfaces, anInterface({ name: 'eth1', carrier: false }), anInterface({ name: 'eth2', up: false })), 0)
    assert.equal(await becomes(anInterface()), 0)
  })
})

describe('static peers on a network that changes', () => {
  it('are dialled at once when an address comes, and soon again while it does not work yet', async () => {
    const clock = fakeClock()
    const dials: number[] = []
    let interfaces = [anInterface()]
    const host = {
      async dial(): Promise<DeviceId> {
        dials.push(clock.monotonic())
        throw new Error('nobody there')
      },
      isConnected: () => false,
      subscribe: () => () => {},
    }
    const peers = new StaticPeers({ host, clock, random: seededRandom('network'), log: silentLog }, ['/ip4/10.0.0.1/tcp/7717'])
    const watch = new NetworkWatch({ clock, log: silentLog, onChange: () => peers.hurry() }, { list: () => interfaces })
    await watch.start()
    await peers.start()
    await clock.advance(600_000)
    const before = dials.length
    interfaces = [anInterface({ addresses: [{ address: '10.0.0.7', family: 4, prefixLength: 24 }] })]
    await clock.advance(1_000)
    assert.equal(dials.length, before + 1)
    await clock.advance(5_000)
    assert.ok(dials.length >= before + 3, `${dials.length - before} dials in six seconds`)
    await Promise.all([watch.stop(), peers.stop()])
  })
})

function anInterface(over: Partial<NetworkInterface> = {}): NetworkInterface {
  return { name: 'eth0', index: 2, up: true, carrier: true, multicast: true, loopback: false, addresses: [], ...over }
}
