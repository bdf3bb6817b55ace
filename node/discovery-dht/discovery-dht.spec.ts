import assert from 'node:assert/strict'
import { multiaddr } from '@multiformats/multiaddr'
import fc from 'fast-check'
import { Key } from 'interface-datastore'
import { addressOfKey } from '#mesh/envelope'
import { isMeshError } from '#mesh/errors'
import { deviceIdOf } from '#mesh/ids'
import { nodeCrypto } from '#node/crypto'
import { issueAnnouncement, readAnnouncement } from './announcement.ts'
import { asking } from './asking.ts'
import { BoundedDatastore } from './bounded-datastore.ts'

const crypto = nodeCrypto()
const INBOX = new Uint8Array(32).fill(1)
const NOW = 1_790_000_000_000
const HOUR = 3_600_000
const device = deviceIdOf(crypto.ed25519PublicKey(new Uint8Array(32).fill(2)))
const about = { device, issuedMs: NOW, expiresMs: NOW + HOUR, addresses: [multiaddr('/ip4/10.0.0.1/tcp/7717').bytes] }

describe('an announcement', () => {
  const bytes = issueAnnouncement(crypto, INBOX, about)

  it('says where the owner of an inbox may be', () => {
    assert.deepEqual(readAnnouncement(crypto, bytes, NOW), { ...about, inbox: addressOfKey(crypto.ed25519PublicKey(INBOX)) })
  })

  it('survives no flipped byte, no cut and no repetition', () => {
    for (let at = 0; at < bytes.length; at++) {
      const changed = bytes.slice()
      changed[at] = (changed[at] ?? 0) ^ 1
      assert.throws(() => readAnnouncement(crypto, changed, NOW), isMeshError)
      assert.throws(() => readAnnouncement(crypto, bytes.subarray(0, at), NOW), isMeshError)
    }
    assert.throws(() => readAnnouncement(crypto, Uint8Array.of(...bytes, ...bytes), NOW), isMeshError)
  })

  it('is read from a Buffer as from any bytes, for every key, and left as it was', () => {
    for (let fill = 1; fill < 20; fill++) {
      const given = Buffer.from(issueAnnouncement(crypto, new Uint8Array(32).fill(fill), about))
      const before = given.toString('hex')
      assert.equal(readAnnouncement(crypto, given, NOW).device, device)
      assert.equal(given.toString('hex'), before)
    }
  })

  it('reads or refuses whatever bytes come, and never anything else', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 1_100 }), (noise) => {
        assert.throws(() => readAnnouncement(crypto, noise, NOW), isMeshError)
      }),
    )
  })

  it('fits into 1 KiB with eight long addresses, and is not issued after it expires', () => {
    const long = issueAnnouncement(crypto, INBOX, { ...about, addresses: Array.from({ length: 12 }, () => new Uint8Array(99)) })
    assert.ok(long.length <= 1_024)
    assert.equal(readAnnouncement(crypto, long, NOW).addresses.length, 8)
    assert.throws(() => readAnnouncement(crypto, issueAnnouncement(crypto, INBOX, { ...about, issuedMs: NOW + 2 * HOUR }), NOW), isMeshError)
  })

  it('counts neither after its time, nor from the future, nor for longer than two days', () => {
    assert.throws(() => readAnnouncement(crypto, bytes, NOW + HOUR + 1), isMeshError)
    assert.throws(() => readAnnouncement(crypto, bytes, NOW - 25 * HOUR), isMeshError)
    assert.throws(() => readAnnouncement(crypto, issueAnnouncement(crypto, INBOX, { ...about, expiresMs: NOW + 49 * HOUR }), NOW), isMeshError)
  })
})

describe('the datastore of the DHT', () => {
  it('keeps a bounded number of what strangers put, and all that is ours', () => {
    const store = new BoundedDatastore()
    void store.put(new Key('/peers/one'), new Uint8Array(1))
    for (let i = 0; i < 1_500; i++) void store.put(new Key(`/dht/record/${i}`), new Uint8Array(10))
    assert.equal(store.dhtRows, 1_000)
    assert.ok(store.has(new Key('/peers/one')))
    assert.ok(!store.has(new Key('/dht/record/1')))
    assert.throws(() => store.put(new Key('/dht/record/large'), new Uint8Array(3_000)), RangeError)
    assert.throws(() => store.put(new Key('/dht/provider/x/y'), new Uint8Array(8)), RangeError)
  })

  it('is bounded in bytes as well, and forgets what was used longest ago', () => {
    const store = new BoundedDatastore()
    for (let i = 0; i < 600; i++) {
      void store.put(new Key(`/dht/record/${i}`), new Uint8Array(2_048))
      void store.get(new Key('/dht/record/0'))
    }
    assert.equal(store.dhtRows, 512)
    assert.ok(store.has(new Key('/dht/record/0')) && !store.has(new Key('/dht/record/1')))
  })

  it('keeps the bytes of a row and not the pool they were cut from', async () => {
    const store = new BoundedDatastore()
    const pool = Buffer.alloc(65_536, 7)
    const key = new Key('/peers/one')
    void store.put(key, pool.subarray(1_000, 1_200))
    pool.fill(0)
    const kept = await store.get(key)
    assert.deepEqual(kept, new Uint8Array(200).fill(7))
    assert.equal(kept.buffer.byteLength, 200)
  })

  it('lets a peer that puts ten thousand records displace its own and those of nobody else', () => {
    const store = new BoundedDatastore()
    const put = (peer: string, name: string, bytes: number): void =>
      void asking.run({ peer }, () => store.put(new Key(`/dht/record/${name}`), new Uint8Array(bytes)))
    const honest = Array.from({ length: 200 }, (_, i) => `honest-${i}`)
    for (const peer of honest.slice(0, 100)) put(peer, peer, 1_000)
    for (let i = 0; i < 10_000; i++) put('hostile', `hostile-${i}`, i % 2_048)
    for (const peer of honest.slice(100)) put(peer, peer, 1_000)
    const lost = honest.filter((peer) => !store.has(new Key(`/dht/record/${peer}`)))
    assert.deepEqual(lost, [])
    assert.ok(store.has(new Key('/dht/record/hostile-9999')) && !store.has(new Key('/dht/record/hostile-0')))
    assert.ok(store.dhtRows > 500 && store.dhtRows <= 1_000, String(store.dhtRows))
  })

  it('bounds the peers that strangers talk of', () => {
    const store = new BoundedDatastore()
    for (let i = 0; i < 3_000; i++) void store.put(new Key(`/peers/${i}`), new Uint8Array(100))
    assert.deepEqual([store.has(new Key('/peers/1999')), store.has(new Key('/peers/2000'))], [false, true])
    assert.throws(() => store.put(new Key('/peers/large'), new Uint8Array(10_000)), RangeError)
  })
})
