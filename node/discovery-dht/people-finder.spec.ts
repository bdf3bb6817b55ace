import assert from 'node:assert/strict'
import { multiaddr } from '@multiformats/multiaddr'
import { addressOfKey } from '#mesh/envelope'
import { type Address, type DeviceId, deviceIdOf } from '#mesh/ids'
import { silentLog } from '#mesh/ports'
import { type FakeClock, fakeClock, seededRandom } from '#mesh/testing'
import { nodeCrypto } from '#node/crypto'
import { type Announcement, readAnnouncement } from './announcement.ts'
import { PeopleFinder, type PeopleFinderDeps } from './people-finder.ts'

const crypto = nodeCrypto()
const MINUTE = 60_000
const device = deviceIdOf(crypto.ed25519PublicKey(new Uint8Array(32).fill(2)))
const someone = deviceIdOf(crypto.ed25519PublicKey(new Uint8Array(32).fill(3)))
const inboxes = Array.from({ length: 30 }, (_, i) => addressOfKey(new Uint8Array(32).fill(i)))
const bytesOf = (address: string): Uint8Array => multiaddr(address).bytes

describe('the finder of people', () => {
  let clock: FakeClock
  let finder: PeopleFinder
  let world: {
    hasPeers: boolean
    takers: number
    addresses: Uint8Array[]
    wanted: Address[]
    put: Announcement[]
    asked: Address[]
    answer: (inbox: Address, signal: AbortSignal) => Promise<Announcement | undefined>
    found: [DeviceId, string[]][]
  }

  beforeEach(() => {
    clock = fakeClock()
    const addresses = [bytesOf('/ip4/10.0.0.1/tcp/7717')]
    world = { hasPeers: true, takers: 1, addresses, wanted: [], put: [], asked: [], answer: async () => undefined, found: [] }
    const dht: PeopleFinderDeps['dht'] = {
      async put(bytes) {
        world.put.push(readAnnouncement(crypto, bytes, clock.now()))
        return world.takers
      },
      async get(inbox, signal) {
        world.asked.push(inbox)
        return world.answer(inbox, signal)
      },
    }
    finder = new PeopleFinder({
      dht,
      crypto,
      clock,
      random: seededRandom('people'),
      log: silentLog,
      device,
      inboxSeed: new Uint8Array(32).fill(1),
      addresses: () => world.addresses,
      hasPeers: () => world.hasPeers,
      wanted: () => world.wanted,
      found: (who, where) => world.found.push([who, where]),
    })
  })

  afterEach(async () => {
    await finder.stop()
    assert.equal(clock.sleepers, 0)
  })

  it('announces soon after the first peer came, again every half hour, and when addresses change', async () => {
    world.hasPeers = false
    await finder.start()
    await clock.advance(10 * MINUTE)
    assert.equal(world.put.length, 0)
    world.hasPeers = true
    await clock.advance(10_000)
    assert.equal(world.put.length, 1)
    await clock.advance(25 * MINUTE)
    assert.equal(world.put.length, 1)
    await clock.advance(8 * MINUTE)
    assert.equal(world.put.length, 2)
    world.addresses = [bytesOf('/ip4/10.0.0.2/tcp/7717')]
    await clock.advance(2 * MINUTE)
    assert.deepEqual(world.put[2]?.addresses, world.addresses)
  })

  it('announces again when nobody took it', async () => {
    world.takers = 0
    await finder.start()
    await clock.advance(5 * MINUTE)
    assert.ok(world.put.length >= 3)
  })

  it('looks for three people at a time and twenty in a round, others in the next', async () => {
    world.wanted = inboxes
    let running = 0
    let most = 0
    world.answer = async () => {
      most = Math.max(most, ++running)
      await clock.sleep(100)
      running--
      return undefined
    }
    await finder.start()
    await clock.advance(20_000)
    assert.deepEqual([most, world.asked.length], [3, 20])
    await clock.advance(2 * MINUTE)
    assert.equal(new Set(world.asked).size, 30)
  })

  it('looks soon for somebody who was lost since the last round, and again until the pause is that of a round', async () => {
    const [first, second] = inboxes
    assert.ok(first !== undefined && second !== undefined)
    const asked = (inbox: Address): number => world.asked.filter((one) => one === inbox).length
    world.wanted = [first]
    await finder.start()
    await clock.advance(5 * MINUTE)
    const before = asked(first)
    world.wanted = [first, second]
    await clock.advance(8_000)
    assert.ok(asked(second) >= 1)
    await clock.advance(22_000)
    assert.ok(asked(second) >= 3 && asked(second) <= 4, String(asked(second)))
    assert.ok(asked(first) - before <= 1)
    await clock.advance(10 * MINUTE)
    assert.ok(asked(second) < 30, String(asked(second)))
  })

  it('looks up no more than twenty from one round to the next, however often people come and go', async () => {
    await finder.start()
    await clock.advance(8_000)
    for (let i = 0; i < 100; i++) {
      world.wanted = i % 2 === 0 ? inboxes : []
      await clock.advance(6_000)
    }
    assert.ok(world.asked.length <= 20 * 21, String(world.asked.length))
  })

  it('announces a new address within seconds, and one that nobody took no sooner than in the next round', async () => {
    await finder.start()
    await clock.advance(8_000)
    world.takers = 0
    world.addresses = [bytesOf('/ip4/10.0.0.3/tcp/7717')]
    await clock.advance(8_000)
    assert.deepEqual(world.put.at(-1)?.addresses, world.addresses)
    await clock.advance(12_000)
    assert.equal(world.put.length, 2)
    await clock.advance(90_000)
    assert.ok(world.put.length >= 3)
  })

  it('goes round at once when peers are back', async () => {
    world.wanted = inboxes.slice(0, 3)
    await finder.start()
    await clock.advance(8_000)
    world.hasPeers = false
    await clock.advance(8_000)
    world.hasPeers = true
    await clock.advance(8_000)
    assert.equal(world.asked.length, 6)
  })

  it('goes on after a lookup that fails', async () => {
    world.wanted = inboxes.slice(0, 6)
    world.answer = async () => Promise.reject(new Error('lookup failed'))
    await finder.start()
    await clock.advance(3 * MINUTE)
    assert.ok(world.asked.length >= 12)
  })

  it('names the device with each address, and passes on only plain ones', async () => {
    const [inbox] = inboxes
    assert.ok(inbox !== undefined)
    world.wanted = [inbox]
    const texts = ['/ip4/10.0.0.9/tcp/7717', '/ip6/fd00::9/udp/7717/quic-v1', '/dns4/example.org/tcp/80', `/ip4/10.0.0.8/tcp/1/p2p/${device}/p2p-circuit`]
    const addresses = [...texts.map(bytesOf), Uint8Array.of(255, 255, 255), new Uint8Array(0)]
    world.answer = async () => ({ inbox, device: someone, issuedMs: 0, expiresMs: 1, addresses })
    await finder.start()
    await clock.advance(10_000)
    assert.deepEqual(world.found, [[someone, texts.slice(0, 2).map((text) => `${text}/p2p/${someone}`)]])
  })

  it('ends lookups when it stops', async () => {
    world.wanted = inboxes
    world.answer = (_, signal) => new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(new Error('aborted')), { once: true }))
    await finder.start()
    await clock.advance(10_000)
    await finder.stop()
    assert.deepEqual([world.asked.length, world.found.length], [3, 0])
  })
})
