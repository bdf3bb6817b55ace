import assert from 'node:assert/strict'
import { type DeviceId, deviceIdOf } from '#mesh/ids'
import { MAX_PEERS, MAX_PEERS_PER_SOURCE, MAX_PROBES, PeerBook, PROBE_AFTER_MS, PROBE_EVERY_MS, type Sighting, TELL_AGAIN_MS } from './peer-book.ts'

function device(n: number): DeviceId {
  const key = new Uint8Array(32)
  new DataView(key.buffer).setUint32(0, n)
  return deviceIdOf(key)
}

function aSighting(n: number, over: { interfaceName?: string; multiaddrs?: string[]; source?: string } = {}): Sighting {
  return {
    peer: device(n),
    interfaceName: over.interfaceName ?? 'eth0',
    multiaddrs: over.multiaddrs ?? [`/ip4/10.0.0.${n % 250}/tcp/1`],
    voice: { family: 4, address: over.source ?? `10.0.${n >> 8}.${n & 255}`, port: 40_000 },
  }
}

describe('the book of peers', () => {
  it('tells a new peer, a changed one, and one that is still heard after a while; nothing between', () => {
    const book = new PeerBook()
    assert.deepEqual(book.heard(aSighting(1), 0), ['/ip4/10.0.0.1/tcp/1'])
    assert.equal(book.heard(aSighting(1), 500), undefined)
    assert.deepEqual(book.heard(aSighting(1, { multiaddrs: ['/ip4/10.0.0.9/tcp/1'] }), 600), ['/ip4/10.0.0.9/tcp/1'])
    assert.ok(book.heard(aSighting(1, { multiaddrs: ['/ip4/10.0.0.9/tcp/1'] }), 600 + TELL_AGAIN_MS))
  })

  it('joins what was heard on two interfaces, the last first', () => {
    const book = new PeerBook()
    book.heard(aSighting(1, { multiaddrs: ['/a', '/b'] }), 0)
    assert.deepEqual(book.heard(aSighting(1, { interfaceName: 'wlan0', multiaddrs: ['/b', '/c'] }), 1), ['/b', '/a', '/c'])
    assert.equal(book.placeOf(device(1))?.interfaceName, 'wlan0')
    book.leave('wlan0')
    assert.equal(book.placeOf(device(1))?.interfaceName, 'eth0')
    book.leave('eth0')
    assert.equal(book.size, 0)
  })

  it('lets nobody who speaks in the name of a peer erase its addresses', () => {
    const book = new PeerBook()
    book.heard(aSighting(1, { multiaddrs: ['/true'] }), 0)
    const lies = Array.from({ length: 16 }, (_, i) => `/lie/${i}`)
    assert.ok(book.heard(aSighting(1, { multiaddrs: lies, source: '10.6.6.6' }), 1)?.includes('/true'))
  })

  it('asks a silent peer by unicast before it forgets it, and keeps one that answers', () => {
    const book = new PeerBook()
    book.heard(aSighting(1), 0)
    book.heard(aSighting(2), 0)
    assert.deepEqual(book.takeProbes(PROBE_AFTER_MS - 1), { probes: [], lost: [] })
    let now = PROBE_AFTER_MS
    assert.equal(book.takeProbes(now).probes.length, 2)
    book.heard(aSighting(2), now + 10)
    for (let i = 1; i < MAX_PROBES; i++) {
      now += PROBE_EVERY_MS
      assert.deepEqual(
        book.takeProbes(now).probes.map(({ peer }) => peer),
        [device(1)],
      )
      assert.equal(book.dueMs(), now + PROBE_EVERY_MS)
    }
    assert.deepEqual(book.takeProbes(now + PROBE_EVERY_MS), { probes: [], lost: [device(1)] })
    assert.ok(book.has(device(2)) && !book.has(device(1)))
  })

  it('forgets the one not heard for longest when it is full', () => {
    const book = new PeerBook()
    for (let n = 0; n < MAX_PEERS; n++) book.heard(aSighting(n), n)
    book.heard(aSighting(0), 1_000)
    book.heard(aSighting(9_999), 1_001)
    assert.equal(book.size, MAX_PEERS)
    assert.ok(book.has(device(0)) && !book.has(device(1)))
  })

  it('gives one source a few places only, so that invented peers push nobody else out', () => {
    const book = new PeerBook()
    for (let n = 0; n < 100; n++) book.heard(aSighting(n), n)
    for (let n = 1_000; n < 3_000; n++) book.heard(aSighting(n, { source: '10.6.6.6' }), n)
    assert.equal(book.size, 100 + MAX_PEERS_PER_SOURCE)
    assert.ok(book.has(device(0)))
  })

  it('keeps what each side found when it dialled, for ten minutes', () => {
    const book = new PeerBook()
    assert.equal(book.setOurView(device(1), 'closed'), false)
    book.heard(aSighting(1), 0)
    assert.equal(book.setOurView(device(1), 'closed'), true)
    assert.equal(book.setOurView(device(1), 'closed'), false)
    book.setItsView(device(1), 'open', 5)
    assert.deepEqual(book.viewsOfUs(10), [{ peer: device(1), view: 'open' }])
    assert.deepEqual(book.viewsOfUs(600_006), [])
    assert.equal(book.list()[0]?.ourView, 'closed')
  })
})
