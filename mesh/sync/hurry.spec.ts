import assert from 'node:assert/strict'
import { settle } from '#mesh/testing'
import { type MeshNode, meshNode, puppet } from '../testing/mesh-node.ts'
import { RETRY_MIN_MS } from './limits.ts'

describe('what a peer had no room for', () => {
  const running: MeshNode[] = []

  afterEach(async () => {
    for (const node of running.splice(0)) await node.stop()
  })

  /** A node whose neighbour was offered one envelope and refused it for now. */
  async function refusedOnce() {
    const [node, carol, bob] = await Promise.all([meshNode('alice'), meshNode('carol'), meshNode('bob')])
    running.push(node, carol, bob)
    const id = await node.write(bob)
    const peer = puppet(node, carol.device)
    await peer.say({ type: 'hello', nowMs: node.clock.now(), knownDevices: 3, grants: [] })
    const refuse = async () => {
      await peer.hears('offer')
      await peer.say({ type: 'want', ids: [id] })
      await peer.hears('envelopes')
      await peer.say({ type: 'refused', refusals: [{ id, reason: 'full' }] })
      await settle()
    }
    await refuse()
    return { node, id, peer, refuse }
  }

  it('is offered again when its pause is over, and says when that is', async () => {
    const { node, id, peer } = await refusedOnce()
    const inMs = node.exchange.nextOfferInMs(id)
    assert.ok(inMs !== undefined && inMs > 0 && inMs <= 1.5 * RETRY_MIN_MS, String(inMs))
    await node.clock.advance(inMs + 1_000)
    const { offers } = await peer.hears('offer')
    assert.deepEqual(
      offers.map((offer) => offer.id),
      [id],
    )
    assert.equal(node.exchange.nextOfferInMs(id), undefined)
  })

  it('is offered at once in a hurry, and with the short pause after that', async () => {
    const { node, id, refuse } = await refusedOnce()
    for (let i = 0; i < 5; i++) {
      await node.clock.advance((node.exchange.nextOfferInMs(id) ?? 0) + 1_000)
      await refuse()
    }
    assert.ok((node.exchange.nextOfferInMs(id) ?? 0) > 6 * RETRY_MIN_MS)
    node.exchange.hurry()
    await refuse()
    assert.ok((node.exchange.nextOfferInMs(id) ?? Number.NaN) <= 1.5 * RETRY_MIN_MS)
  })

  it('is not known to be refused when nobody refused it', async () => {
    const { node } = await refusedOnce()
    const other = await node.write(node)
    assert.equal(node.exchange.nextOfferInMs(other), undefined)
  })

  it('is offered anew with all that nobody confirmed, when somebody asks for all', async () => {
    const [node, carol, bob] = await Promise.all([meshNode('alice'), meshNode('carol'), meshNode('bob')])
    running.push(node, carol, bob)
    const id = await node.write(bob)
    const peer = puppet(node, carol.device)
    await peer.say({ type: 'hello', nowMs: node.clock.now(), knownDevices: 3, grants: [] })
    await peer.hears('offer')
    await peer.say({ type: 'want', ids: [] })
    await settle()
    node.exchange.hurry()
    await settle()
    assert.equal(peer.heard.filter(({ type }) => type === 'offer').length, 1)
    node.exchange.hurry({ all: true })
    const { offers } = await peer.hears('offer')
    assert.deepEqual(
      offers.map((offer) => offer.id),
      [id],
    )
  })
})
