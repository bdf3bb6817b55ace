import assert from 'node:assert/strict'
import { signEnvelope } from '#mesh/envelope'
import { type DeviceId, deviceIdOf, type EnvelopeId, envelopeIdOf } from '#mesh/ids'
import { custodyMessage } from '#mesh/routing'
import { settle } from '../testing/fake-clock.ts'
import { type MeshNode, meshNode, type Puppet, puppet, until } from '../testing/mesh-node.ts'
import { toyCrypto } from '../testing/toy-crypto.ts'
import type { Frame } from './frames.ts'
import { MAX_STRAY_IDS, STALL_MS } from './limits.ts'

const crypto = toyCrypto()
const MALLORY_SEED = new Uint8Array(32).fill(66)
const mallory: DeviceId = deviceIdOf(crypto.ed25519PublicKey(MALLORY_SEED))
const HELLO: Frame = { type: 'hello', nowMs: 1_790_000_000_000, knownDevices: 3, grants: [] }
const inventedId = (n: number): EnvelopeId => envelopeIdOf(new Uint8Array(32).map((_, i) => (i < 4 ? (n >>> (8 * i)) & 0xff : 7)))
const offerOf = (id: EnvelopeId) => ({ id, classByte: 0x41, size: 428, tell: false })

describe('a hostile peer', () => {
  let node: MeshNode
  let bob: MeshNode
  beforeEach(async () => {
    node = await meshNode('node')
    bob = await meshNode('bob')
  })
  afterEach(async () => {
    await node.stop()
    await bob.stop()
  })

  /** The session ended, the peer was named for it, and an honest neighbour is still served. */
  const assertPunished = async (peer: Puppet, code: string): Promise<void> => {
    await peer.ended
    assert.deepEqual(node.offences, [code])
    assert.deepEqual(node.exchange.sessions(), [])
    const honest = puppet(node, bob.device)
    await honest.say(HELLO)
    await honest.hears('synced')
    honest.link.abort(new Error('enough'))
    await honest.ended
  }

  const anEnvelope = (to: MeshNode) =>
    signEnvelope(crypto, MALLORY_SEED, {
      priority: 'normal',
      kind: 'inbox',
      address: to.address,
      stamp: { ms: 1_790_000_000_000, counter: 0 },
      lifetimeS: 3_600,
      payload: new Uint8Array(256),
    })
  const passage = { hops: 1, copies: 1, ageS: 0 }

  it('that wants what was never offered to it gets nothing and is cut off', async () => {
    const secret = await node.write(bob)
    const peer = puppet(node, mallory)
    await peer.say(HELLO)
    await peer.hears('offer')
    await peer.say({ type: 'want', ids: [inventedId(1)] })
    await assertPunished(peer, 'MESH_PROTOCOL_VIOLATION')
    assert.ok(node.store.has(secret) && !peer.heard.some(({ type }) => type === 'envelopes'))
  })

  it('that sends an empty frame is cut off', async () => {
    const peer = puppet(node, mallory)
    await peer.say(HELLO)
    await peer.link.send(new Uint8Array(0))
    await assertPunished(peer, 'MESH_BYTES_TRUNCATED')
  })

  it('that floods offers fills two windows at most, then is cut off', async () => {
    const peer = puppet(node, mallory)
    await peer.say(HELLO)
    let n = 0
    for (let frame = 0; frame < 7; frame++) await peer.say({ type: 'offer', offers: Array.from({ length: 100 }, () => offerOf(inventedId(n++))) })
    await assertPunished(peer, 'MESH_PROTOCOL_VIOLATION')
  })

  it('that speaks an unknown frame type, a second HELLO, none at all, SYNCED twice, or a stray LARGE is cut off', async () => {
    const scripts: Frame[][] = [
      [HELLO, HELLO],
      [{ type: 'synced' }],
      [HELLO, { type: 'synced' }, { type: 'synced' }],
      [HELLO, { type: 'large', bytes: new Uint8Array(200) }],
      [HELLO, { type: 'envelopes', envelopes: [{ ...passage, bytes: new Uint8Array(0) }] }, { type: 'synced' }],
    ]
    for (const script of scripts) {
      const peer = puppet(node, mallory)
      await peer.say(...script)
      await assertPunished(peer, 'MESH_PROTOCOL_VIOLATION')
      node.offences.length = 0
    }
    const peer = puppet(node, mallory)
    await peer.say(HELLO)
    await peer.link.send(Uint8Array.of(77, 1, 2, 3))
    await assertPunished(peer, 'MESH_PROTOCOL_VIOLATION')
  })

  it('that sends what nobody asked for stores nothing and is cut off', async () => {
    const envelope = anEnvelope(bob)
    const peer = puppet(node, mallory)
    await peer.say(HELLO, { type: 'envelopes', envelopes: [{ ...passage, bytes: envelope.bytes }] })
    await assertPunished(peer, 'MESH_PROTOCOL_VIOLATION')
    assert.ok(!node.store.has(envelope.id))
  })

  it('that sends a wrong signature, or bytes without the shape of an envelope, is cut off', async () => {
    for (const [at, code] of [
      [-1, 'MESH_SIGNATURE_INVALID'],
      [0, 'MESH_VERSION_UNKNOWN'],
    ] as const) {
      const bytes = anEnvelope(node).bytes.slice()
      const position = at < 0 ? bytes.length + at : at
      bytes[position] = (bytes[position] ?? 0) ^ 0x40
      const peer = puppet(node, mallory)
      await peer.say(HELLO, { type: 'envelopes', envelopes: [{ ...passage, bytes }] })
      await assertPunished(peer, code)
      node.offences.length = 0
    }
  })

  it('that sends a frame over the limit is cut off', async () => {
    const peer = puppet(node, mallory)
    const [large, hello] = [new Uint8Array(65_537), HELLO]
    await peer.say(hello)
    await assert.rejects(peer.link.send(large))
    await peer.link.send(new Uint8Array(65_536).fill(3))
    await assertPunished(peer, 'MESH_BYTES_INVALID')
  })

  it('that forges a custody receipt is cut off, and the message stays queued', async () => {
    const id = await node.write(bob)
    const peer = puppet(node, mallory)
    await peer.say(HELLO)
    await peer.hears('offer')
    await peer.say({ type: 'want', ids: [id] })
    await peer.hears('envelopes')
    const untilMs = 1_790_000_900_000
    const signature = crypto.ed25519Sign(MALLORY_SEED, custodyMessage(bob.device, untilMs, [id]))
    await peer.say({ type: 'taken', untilMs, ids: [id], signature })
    await assertPunished(peer, 'MESH_SIGNATURE_INVALID')
    assert.equal(node.ledger.get(id)?.state, 'queued')
  })

  it('that confirms what it was not given is cut off before a signature is checked', async () => {
    const peer = puppet(node, mallory)
    await peer.say(HELLO, { type: 'taken', untilMs: 1, ids: [inventedId(1)], signature: new Uint8Array(64) })
    await assertPunished(peer, 'MESH_PROTOCOL_VIOLATION')
  })

  it('that refuses without end is cut off', async () => {
    const peer = puppet(node, mallory)
    await peer.say(HELLO)
    const refusals = Array.from({ length: 1_024 }, (_, n) => ({ id: inventedId(n), reason: 'full' as const }))
    for (let sent = 0; sent <= MAX_STRAY_IDS; sent += 1_024) await peer.say({ type: 'refused', refusals })
    await assertPunished(peer, 'MESH_PROTOCOL_VIOLATION')
  })

  it('that shows a grant of another device is given nothing', async () => {
    await node.write(bob)
    const peer = puppet(node, mallory)
    await peer.say({ ...HELLO, type: 'hello', nowMs: 1, knownDevices: 1, grants: bob.grants })
    await peer.hears('offer')
    assert.deepEqual(node.exchange.sessions()[0]?.addresses, [])
    assert.ok(!peer.heard.some(({ type }) => type === 'envelopes'))
  })

  it('that never reads makes the node wait, not grow, and is cut off after a minute', async () => {
    await node.writeMany(bob, 6_000)
    const peer = puppet(node, bob.device, { reads: false })
    await peer.say({ type: 'hello', nowMs: 1, knownDevices: 1, grants: bob.grants })
    await settle()
    const sent = node.exchange.counters.framesOut
    assert.ok(sent <= 17, `${sent} frames`)
    await settle()
    assert.equal(node.exchange.counters.framesOut, sent)
    await node.clock.advance(STALL_MS + 2_000)
    await peer.ended
    assert.deepEqual(node.offences, ['MESH_PEER_STALLED'])
  })

  it('that says nothing at all is cut off after a minute', async () => {
    const peer = puppet(node, mallory)
    await settle()
    await node.clock.advance(STALL_MS + 2_000)
    await peer.ended
    assert.deepEqual(node.offences, ['MESH_PEER_STALLED'])
  })

  it('that takes envelopes and confirms none gets a bounded number of them', async () => {
    const ids = await node.writeMany(bob, 3_000)
    const peer = puppet(node, mallory)
    await peer.say(HELLO)
    for (let answered = 0; answered < 30; answered++) {
      const before = peer.heard.filter(({ type }) => type === 'offer').length
      if (before <= answered) await settle()
      const offer = peer.heard.filter((frame) => frame.type === 'offer')[answered]
      if (offer === undefined) break
      await peer.say({ type: 'want', ids: offer.offers.map(({ id }) => id) })
      await settle()
    }
    const given = peer.heard.reduce((sum, frame) => sum + (frame.type === 'envelopes' ? frame.envelopes.length : 0), 0)
    assert.ok(given > 0 && given < 1_700, `${given} envelopes`)
    assert.equal(node.ledger.counts().queued, ids.length)
    await until(() => node.exchange.sessions().length === 1)
  })
})
