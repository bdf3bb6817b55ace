import assert from 'node:assert/strict'
import { type DeviceId, deviceIdOf } from '#mesh/ids'
import { silentLog } from '#mesh/ports'
import { type FakeClock, fakeClock, seededRandom } from '#mesh/testing'
import { nodeCrypto } from '#node/crypto'
import type { NetworkInterface } from '#node/discovery'
import { Dialer, StaticPeers } from '#node/host'
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

  it('says every 15 s that an interface comes and goes each second, the last change as well, and at once again when that is over', async () => {
    for (let second = 0; second < 60; second++) await becomes(anInterface({ up: second % 2 === 0 }), anInterface({ name: 'wlan0' }))
    const pauses = changes.slice(8).map((at, i) => at - (changes[7 + i] ?? 0))
    assert.ok(changes.length >= 11 && pauses.slice(1).every((ms) => ms >= 15_000), changes.join())
    const told = changes.length
    await clock.advance(15_000)
    assert.equal(changes.length, told + 1, 'what it was in the end')
    await clock.advance(120_000)
    assert.equal(changes.length, told + 1)
    for (const up of [true, false, true]) assert.equal(await becomes(anInterface({ up }), anInterface({ name: 'wlan0' })), 1)
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

describe('a slow dial on a network that flaps', () => {
  it('comes to its end', async () => {
    const clock = fakeClock()
    const [self, away] = [1, 2].map((n) => deviceIdOf(nodeCrypto().ed25519PublicKey(new Uint8Array(32).fill(n))))
    assert.ok(self !== undefined && away !== undefined)
    let interfaces = [anInterface()]
    let isConnected = false
    const host = {
      device: self,
      isConnected: () => isConnected,
      async dial(_: readonly string[], signal: AbortSignal) {
        await clock.sleep(9_000, signal)
        signal.throwIfAborted()
        isConnected = true
        return away
      },
    }
    const dialer = new Dialer({ host, clock, log: silentLog, isBlocked: () => false })
    const watch = new NetworkWatch({ clock, log: silentLog, onChange: () => dialer.hurry() }, { list: () => interfaces })
    await watch.start()
    dialer.found(away, ['away'])
    for (let second = 0; second < 60; second++) {
      interfaces = [anInterface({ up: second % 2 === 0 })]
      await clock.advance(1_000)
    }
    assert.equal(isConnected, true)
    await Promise.all([watch.stop(), dialer.stop()])
  })
})

function anInterface(over: Partial<NetworkInterface> = {}): NetworkInterface {
  return { name: 'eth0', index: 2, up: true, carrier: true, multicast: true, loopback: false, addresses: [], ...over }
}
