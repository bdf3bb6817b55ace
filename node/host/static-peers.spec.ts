import assert from 'node:assert/strict'
import { type DeviceId, deviceIdOf } from '#mesh/ids'
import { silentLog } from '#mesh/ports'
import { type FakeClock, fakeClock, seededRandom, settle } from '#mesh/testing'
import { nodeCrypto } from '#node/crypto'
import { StaticPeers, type StaticPeersDeps } from './static-peers.ts'

const ADDRESS = '/ip4/10.0.0.1/tcp/7717'
const device = deviceIdOf(nodeCrypto().ed25519PublicKey(new Uint8Array(32).fill(1)))

/** A host whose only peer can be switched on and off. */
class FakeHost {
  isUp = true
  isReachable = true
  /** Packets vanish: a dial ends only when it is given up. */
  isSilent = false
  readonly dials: number[] = []
  readonly #clock: FakeClock

  constructor(clock: FakeClock) {
    this.#clock = clock
  }

  async dial(_addresses: readonly string[], signal: AbortSignal): Promise<DeviceId> {
    this.dials.push(this.#clock.monotonic())
    if (this.isSilent) await this.#clock.sleep(Number.POSITIVE_INFINITY, signal)
    if (signal.aborted) throw new Error('given up')
    if (!this.isReachable) throw new Error('nobody there')
    return device
  }

  isConnected(): boolean {
    return this.isUp
  }

  subscribe(): () => void {
    return () => {}
  }
}

describe('static peers', () => {
  let clock: FakeClock
  let host: FakeHost
  let peers: StaticPeers

  beforeEach(() => {
    clock = fakeClock()
    host = new FakeHost(clock)
    const deps: StaticPeersDeps = { host, clock, random: seededRandom('static'), log: silentLog }
    peers = new StaticPeers(deps, [ADDRESS])
  })

  afterEach(async () => {
    await peers.stop()
    assert.equal(clock.sleepers, 0)
  })

  it('are dialled at once, and again soon after a connection that lasted is lost', async () => {
    await peers.start()
    await clock.advance(60_000)
    assert.deepEqual(host.dials, [0])
    host.isUp = false
    await clock.advance(4_000)
    assert.equal(host.dials.length, 2)
  })

  it('are dialled more and more seldom while they are away', async () => {
    host.isReachable = false
    await peers.start()
    await clock.advance(60_000)
    const inFirstMinute = host.dials.length
    assert.ok(inFirstMinute >= 5 && inFirstMinute <= 9, String(inFirstMinute))
    await clock.advance(600_000)
    assert.ok(host.dials.length - inFirstMinute <= 20)
  })

  it('are not dialled each second when they end every connection at once', async () => {
    host.isUp = false
    await peers.start()
    await clock.advance(60_000)
    assert.ok(host.dials.length <= 9, String(host.dials.length))
  })

  it('are dialled at once when the network changed', async () => {
    host.isReachable = false
    await peers.start()
    await clock.advance(200_000)
    const before = host.dials.length
    peers.hurry()
    await settle()
    assert.equal(host.dials.length, before + 1)
  })

  it('tell when the next of them is dialled, as long as one waits for that', async () => {
    host.isReachable = false
    assert.equal(peers.nextDialInMs(), undefined)
    await peers.start()
    await clock.advance(20_000)
    const inMs = peers.nextDialInMs()
    assert.ok(inMs !== undefined && inMs > 0)
    const before = host.dials.length
    await clock.advance(inMs - 1)
    assert.deepEqual([host.dials.length, peers.nextDialInMs()], [before, 1])
    host.isReachable = true
    await clock.advance(1)
    assert.deepEqual([host.dials.length, peers.nextDialInMs()], [before + 1, undefined])
  })

  it('are dialled anew when the network changed during a dial, instead of waiting for what was sent on the old one', async () => {
    host.isSilent = true
    await peers.start()
    await clock.advance(1_000)
    assert.deepEqual(host.dials, [0])
    host.isSilent = false
    peers.hurry()
    await settle()
    assert.deepEqual(host.dials, [0, 1_000])
  })

  it('are dialled by request, and whoever asked is told how that went', async () => {
    const { signal } = new AbortController()
    host.isReachable = false
    await peers.start()
    await clock.advance(200_000)
    const before = host.dials.length
    assert.deepEqual(await peers.dialNow(signal), { dialled: 1, reached: 0 })
    assert.equal(host.dials.length, before + 1)
    assert.ok((peers.nextDialInMs() ?? Number.NaN) <= 1_500, 'the pause is short again')
    host.isReachable = true
    assert.deepEqual(await peers.dialNow(signal), { dialled: 1, reached: 1 })
    assert.deepEqual(await peers.dialNow(signal), { dialled: 0, reached: 0 })
  })

  it('are not waited for longer than whoever asked wants to', async () => {
    host.isSilent = true
    await peers.start()
    await settle()
    const asking = peers.dialNow(new AbortController().signal)
    host.isSilent = false // the dial that has begun is given up and does not count; the next one does
    assert.deepEqual(await asking, { dialled: 1, reached: 1 })
    host.isUp = false
    host.isSilent = true
    const patience = new AbortController()
    const dialling = peers.dialNow(patience.signal)
    await settle()
    patience.abort()
    assert.deepEqual(await dialling, { dialled: 1, reached: 0 })
    assert.deepEqual(await peers.dialNow(patience.signal), { dialled: 1, reached: 0 })
  })

  it('are not dialled sooner than others after a loss because the network changed while they were connected', async () => {
    await peers.start()
    await clock.advance(40_000)
    peers.hurry()
    host.isUp = false
    await clock.advance(2_000)
    assert.deepEqual(host.dials, [0])
    await clock.advance(2_000)
    assert.equal(host.dials.length, 2)
  })
})
