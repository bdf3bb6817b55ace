import assert from 'node:assert/strict'
import type { PeerId } from '@libp2p/interface'
import { peerIdFromString } from '@libp2p/peer-id'
import { multiaddr } from '@multiformats/multiaddr'
import { base64urlnopad } from '@scure/base'
import { addressOfKey } from '#mesh/envelope'
import { type DeviceId, deviceIdOf, idBytes } from '#mesh/ids'
import { silentLog } from '#mesh/ports'
import { seededRandom } from '#mesh/testing'
import { nodeCrypto, systemClock } from '#node/crypto'
import type { Host } from '#node/host'
import { startTestHost } from '../host/test-host.ts'
import { issueAnnouncement } from './announcement.ts'
import { type Asker, asking } from './asking.ts'
import { BoundedDatastore } from './bounded-datastore.ts'
import { DHT_PROTOCOL, LanDht } from './lan-dht.ts'
import { PeopleFinder } from './people-finder.ts'

const crypto = nodeCrypto()
const HOUR = 3_600_000
const INBOX = new Uint8Array(32).fill(1)
const now = systemClock.now()
const device = deviceIdOf(crypto.ed25519PublicKey(new Uint8Array(32).fill(2)))
const good = { device, issuedMs: now, expiresMs: now + HOUR, addresses: [multiaddr('/ip4/10.0.0.1/tcp/7717').bytes] }

describe('the DHT among strangers', () => {
  const nodes: TestNode[] = []

  before(async () => {
    nodes.push(await startNode(20), await startNode(21))
    const [a, b] = nodes
    await a?.host.dial(b?.host.addresses.slice(0, 1) ?? [], AbortSignal.timeout(30_000))
  })

  after(() => Promise.all(nodes.map(({ host }) => host.stop())))

  /** Sends requests on one stream as a peer would who keeps to nothing; says whether there was an answer. */
  async function ask(...requests: Uint8Array[]): Promise<boolean> {
    const [a, b] = nodes
    assert.ok(a && b)
    const [connection] = a.host.libp2p.getConnections(peerIdFromString(b.host.device))
    const stream = await connection?.newStream(DHT_PROTOCOL)
    if (stream?.writeStatus !== 'writable') return false
    const answered = new Promise<boolean>((resolve) => {
      stream.addEventListener('message', () => resolve(true), { once: true })
      stream.addEventListener('close', () => resolve(false), { once: true })
    })
    stream.send(Uint8Array.from(requests.flatMap((request) => [(request.length & 0x7f) | 0x80, request.length >> 7, ...request])))
    const isAnswered = await answered
    stream.abort(new Error('asked'))
    return isAnswered
  }

  const rows = (): number => nodes[1]?.store.dhtRows ?? -1

  it('refuses what is forged, expired, or stands under the key of somebody else', async () => {
    const forged = issueAnnouncement(crypto, INBOX, good)
    forged[80] = (forged[80] ?? 0) ^ 1
    const expired = issueAnnouncement(crypto, INBOX, { ...good, issuedMs: now - 2 * HOUR, expiresMs: now - HOUR })
    const foreign = issueAnnouncement(crypto, new Uint8Array(32).fill(9), good)
    for (const value of [forged, expired, foreign]) assert.equal(await ask(putRequest(keyOf(INBOX), value)), false)
    assert.equal(rows(), 0)
  })

  it('refuses every other namespace, also those that any object has', async () => {
    const value = issueAnnouncement(crypto, INBOX, good)
    for (const name of ['pk', 'ipns', '', ...Object.getOwnPropertyNames(Object.prototype)]) {
      assert.equal(await ask(putRequest(`/${name}/x`, value)), false, name)
    }
    assert.equal(await ask(putRequest('qpq', value)), false)
    assert.equal(rows(), 0)
  })

  it('takes no word about who has which content', async () => {
    const [a] = nodes
    assert.ok(a)
    const cid = Uint8Array.of(1, 0x55, 0x12, 32, ...new Uint8Array(32))
    const peer = field(1, peerIdFromString(a.host.device).toMultihash().bytes)
    const provider = Uint8Array.of(...peer, ...field(2, multiaddr('/ip4/10.0.0.1/tcp/1').bytes))
    assert.equal(await ask(Uint8Array.of(0x08, 2, ...field(2, cid), ...field(9, provider))), false)
    assert.equal(rows(), 0)
  })

  it('takes one request from a stream and not two', async () => {
    const findNode = Uint8Array.of(0x08, 4, ...field(2, new Uint8Array(34)))
    assert.equal(await ask(findNode), true)
    assert.equal(await ask(findNode, findNode), false)
  })

  it('keeps what the owner of an inbox signed, and counts who took it', async () => {
    assert.equal(await ask(putRequest(keyOf(INBOX), issueAnnouncement(crypto, INBOX, good))), true)
    assert.equal(rows(), 1)
    const other = issueAnnouncement(crypto, new Uint8Array(32).fill(112), good)
    assert.equal(await nodes[0]?.dht.put(other, AbortSignal.timeout(30_000)), 1)
    assert.equal(rows(), 2)
  })

  it('puts no older announcement in the place of a newer one', async () => {
    const seed = new Uint8Array(32).fill(7)
    const issued = (issuedMs: number): Uint8Array => putRequest(keyOf(seed), issueAnnouncement(crypto, seed, { ...good, issuedMs }))
    assert.equal(await ask(issued(now - 60_000)), true)
    assert.equal(await ask(issued(now)), true)
    assert.equal(await ask(issued(now - 30_000)), false)
  })

  it('tells the datastore who puts what, and whether it is the own announcement of the one who puts it', async () => {
    const [a, b] = nodes
    assert.ok(a && b)
    const seed = new Uint8Array(32).fill(8)
    const own = issueAnnouncement(crypto, seed, { ...good, device: a.host.device, issuedMs: now - 1 })
    assert.equal(await ask(putRequest(keyOf(seed), own)), true)
    assert.deepEqual(b.store.askers.at(-1), { peer: a.host.device, issuedMs: now - 1, isOwn: true })
    assert.equal(await ask(putRequest(keyOf(seed), issueAnnouncement(crypto, seed, good))), true)
    assert.deepEqual(b.store.askers.at(-1), { peer: a.host.device, issuedMs: now, isOwn: false })
  })

  it('stops answering a peer that floods it', async () => {
    const ping = Uint8Array.of(0x08, 5)
    let answers = 0
    for (let i = 0; i < 120 && (await ask(ping)); i++) answers++
    assert.ok(answers > 20 && answers < 115, String(answers))
  })
})

describe('the DHT and what a stranger answers', () => {
  let node: TestNode
  let stranger: Host
  /** Peers that the stranger names in each of its answers. */
  let named = 0

  before(async () => {
    node = await startNode(40)
    stranger = await startTestHost(41)
    await stranger.libp2p.handle(DHT_PROTOCOL, (stream) => {
      stream.addEventListener('message', () => void stream.send(withLength(answerNaming(named))), { once: true })
    })
    await stranger.dial(node.host.addresses.slice(0, 1), AbortSignal.timeout(30_000))
  })

  after(() => Promise.all([node.host.stop(), stranger.stop()]))

  async function namedPeersAfter(count: number): Promise<number> {
    named = count
    const nobody = addressOfKey(crypto.ed25519PublicKey(new Uint8Array(32).fill(99)))
    assert.equal(await node.dht.get(nobody, AbortSignal.timeout(30_000)), undefined)
    const known = await node.host.libp2p.peerStore.all()
    return known.filter(({ addresses }) => addresses.some(({ multiaddr: address }) => /\/tcp\/1(\/|$)/.test(address.toString()))).length
  }

  it('learns nobody from an answer that names a thousand', async () => {
    assert.equal(await namedPeersAfter(1_000), 0)
    assert.equal(await namedPeersAfter(3), 3)
  })

  it('keeps none of the pools in which ids of peers arrive', () => {
    const table: unknown = Reflect.get(node.host.libp2p.services['dht'] ?? {}, 'routingTable')
    const entries = [...(table as { kb: { toIterable(): Iterable<{ peerId: PeerId }> } }).kb.toIterable()]
    assert.deepEqual(
      entries.map(({ peerId }) => [peerId.toString(), peerId.toMultihash().digest.buffer.byteLength]),
      [[stranger.device, 38]],
    )
  })
})

describe('people behind another node', () => {
  it('are found through it, and dialled', async () => {
    const nodes = await Promise.all([10, 11, 12].map((number) => startNode(number)))
    const [a, c, b] = nodes
    assert.ok(a && b && c)
    const finders: PeopleFinder[] = []
    try {
      for (const { host } of [a, b]) await host.dial(c.host.addresses.slice(0, 1), AbortSignal.timeout(30_000))
      const own = b.host.addresses.map((address) => multiaddr(address).decapsulateCode(421).bytes)
      const found = Promise.withResolvers<{ who: DeviceId; where: string[] }>()
      const finder = (node: TestNode, isSeeking: boolean, addresses: Uint8Array[]): PeopleFinder =>
        new PeopleFinder({
          dht: node.dht,
          crypto,
          clock: { ...systemClock, sleep: (ms, signal) => systemClock.sleep(ms / 40, signal) },
          random: seededRandom('finder'),
          log: silentLog,
          device: node.host.device,
          inboxSeed: node.inboxSeed,
          addresses: () => addresses,
          hasPeers: () => node.host.peers().length > 0,
          wanted: () => (isSeeking ? [addressOfKey(crypto.ed25519PublicKey(b.inboxSeed))] : []),
          found: (who, where) => found.resolve({ who, where }),
        })
      finders.push(finder(b, false, own), finder(a, true, []))
      for (const one of finders) await one.start()
      const { who, where } = await found.promise
      assert.equal(who, b.host.device)
      assert.equal(await a.host.dial(where, AbortSignal.timeout(30_000)), b.host.device)
    } finally {
      await Promise.all(finders.map((one) => one.stop()))
      await Promise.all(nodes.map(({ host }) => host.stop()))
    }
  })
})

/** Notes for whom each record was put. */
class NotingDatastore extends BoundedDatastore {
  readonly askers: (Asker | undefined)[] = []

  override put(...[key, value]: Parameters<BoundedDatastore['put']>): ReturnType<BoundedDatastore['put']> {
    if (key.toString().startsWith('/dht/record/')) this.askers.push(asking.getStore())
    return super.put(key, value)
  }
}

interface TestNode {
  readonly host: Host
  readonly dht: LanDht
  readonly store: NotingDatastore
  readonly inboxSeed: Uint8Array
}

async function startNode(number: number): Promise<TestNode> {
  const dht = new LanDht({ crypto, clock: systemClock })
  const store = new NotingDatastore()
  const host = await startTestHost(number, { services: { dht: dht.service }, datastore: store })
  return { host, dht, store, inboxSeed: new Uint8Array(32).fill(number + 100) }
}

/** An answer of kad-dht that names peers, each at an address where nobody is. */
function answerNaming(count: number): Uint8Array {
  const address = field(2, multiaddr('/ip4/127.0.0.1/tcp/1').bytes)
  const peers = Array.from({ length: count }, (_, i) => {
    const seed = new Uint8Array(32).fill(i)
    seed[0] = i >> 8
    const id = peerIdFromString(deviceIdOf(crypto.ed25519PublicKey(seed))).toMultihash().bytes
    return field(8, Uint8Array.of(...field(1, id), ...address))
  })
  return Uint8Array.from([0x08, 4, ...peers.flatMap((peer) => [...peer])])
}

/** A message behind its length, as a varint of three bytes. */
function withLength(message: Uint8Array): Uint8Array {
  const { length } = message
  return Uint8Array.from([(length & 0x7f) | 0x80, ((length >> 7) & 0x7f) | 0x80, length >> 14, ...message])
}

/** The key under which the announcement of an inbox stands. */
function keyOf(seed: Uint8Array): string {
  return `/qpq/${base64urlnopad.encode(idBytes(addressOfKey(crypto.ed25519PublicKey(seed))))}`
}

/** PUT_VALUE of kad-dht: type 0, the key, and a record of key, value and time. */
function putRequest(key: string, value: Uint8Array): Uint8Array {
  const keyBytes = Buffer.from(key)
  const record = Uint8Array.of(...field(1, keyBytes), ...field(2, value), ...field(5, Buffer.from(new Date().toISOString())))
  return Uint8Array.of(0x08, 0, ...field(2, keyBytes), ...field(3, record))
}

/** A protobuf field that holds bytes. */
function field(number: number, bytes: Uint8Array): Uint8Array {
  return Uint8Array.of((number << 3) | 2, (bytes.length & 0x7f) | 0x80, bytes.length >> 7, ...bytes)
}
