import assert from 'node:assert/strict'
import { multiaddr } from '@multiformats/multiaddr'
import { Key } from 'interface-datastore'
import { addressOfKey } from '#mesh/envelope'
import { isMeshError } from '#mesh/errors'
import { deviceIdOf } from '#mesh/ids'
import { fakeClock } from '#mesh/testing'
import { nodeCrypto } from '#node/crypto'
import { issueAnnouncement, readAnnouncement } from './announcement.ts'
import { BoundedDatastore } from './bounded-datastore.ts'
import { limitDht } from './stream-limit.ts'

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
  })
})

describe('requests to the DHT', () => {
  it('are limited for each peer', () => {
    const clock = fakeClock()
    type Middleware = Parameters<Parameters<typeof limitDht>[0]['use']>[1]
    const middlewares: Middleware[] = []
    limitDht({ use: (_, one) => void middlewares.push(one) }, clock)
    const [middleware] = middlewares
    let served = 0
    let aborted = 0
    const ask = (peer: string): void => {
      const stream = { direction: 'inbound', abort: () => aborted++ }
      // Only what the middleware looks at; a whole stream would need a connection.
      if (typeof middleware === 'function') void middleware(stream as never, { remotePeer: peer } as never, () => served++)
    }
    for (let i = 0; i < 150; i++) ask('one')
    assert.deepEqual([served, aborted], [100, 50])
    ask('two')
    assert.equal(served, 101)
  })
})
