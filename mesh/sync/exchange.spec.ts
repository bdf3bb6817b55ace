import assert from 'node:assert/strict'
import { isMeshError, MeshError } from '#mesh/errors'
import type { Link } from '#mesh/ports'
import { fakeClock, settle } from '../testing/fake-clock.ts'
import { linkPair } from '../testing/link-pair.ts'
import { type Joined, join, type MeshNode, type MeshNodeOptions, meshNode, until } from '../testing/mesh-node.ts'

describe('Exchange', () => {
  const running: MeshNode[] = []
  const node = async (name: string, options: MeshNodeOptions = {}): Promise<MeshNode> => {
    const made = await meshNode(name, options)
    running.push(made)
    return made
  }
  afterEach(async () => {
    for (const made of running.splice(0)) await made.stop()
  })

  it('hands an envelope straight to the neighbour who owns its address, and takes its receipt', async () => {
    const [alice, bob] = [await node('alice'), await node('bob')]
    const id = await alice.write(bob)
    join(alice, bob)
    await until(() => alice.ledger.get(id) === undefined, 'the receipt')
    assert.deepEqual(bob.received, [id])
    assert.ok(!alice.store.has(id) && alice.store.isRetracted(id, bob.address))
  })

  it('pushes what is written while the link is up, without any time going by', async () => {
    const [alice, bob] = [await node('alice'), await node('bob')]
    join(alice, bob)
    await until(() => alice.exchange.sessions()[0]?.isSynced === true && bob.exchange.sessions()[0]?.isSynced === true)
    const before = alice.clock.monotonic() + bob.clock.monotonic()
    const id = await alice.write(bob)
    await until(() => bob.received.includes(id))
    assert.equal(alice.clock.monotonic() + bob.clock.monotonic(), before)
  })

  it('carries over a third node in two meetings, and the receipt empties the carrier', async () => {
    const [alice, carol, bob] = [await node('alice'), await node('carol'), await node('bob')]
    const ids = await alice.writeMany(bob, 200)
    const first = join(alice, carol)
    await until(() => ids.every((id) => carol.store.has(id)) && alice.ledger.counts().carried === 200, 'custody')
    await first.close()
    const second = join(carol, bob)
    await until(() => bob.received.length === 200 && ids.every((id) => !carol.store.has(id)), 'the way to bob')
    await second.close()
    assert.deepEqual(bob.received, ids)
    assert.ok(ids.every((id) => carol.store.isRetracted(id, bob.address)))
    join(carol, alice)
    await until(() => alice.ledger.counts().carried === 0)
    assert.equal(alice.ledger.counts().queued, 0)
  })

  it('passes the largest envelope, alone in its frame, among small ones', async () => {
    const [alice, carol, bob] = [await node('alice'), await node('carol'), await node('bob')]
    const ids = [await alice.write(bob), await alice.write(bob, { bytes: 65_407 }), await alice.write(bob), await alice.write(bob, { bytes: 65_407 })]
    const first = join(alice, carol)
    await until(() => ids.every((id) => carol.store.has(id)))
    await first.close()
    join(carol, bob)
    await until(() => bob.received.length === 4)
    assert.deepEqual(bob.received, ids)
  })

  it('sends what is critical before what is older', async () => {
    const [alice, bob] = [await node('alice'), await node('bob')]
    const bulk = await alice.write(bob, { priority: 'bulk' })
    const normal = await alice.write(bob, { bytes: 60_000 })
    const critical = await alice.write(bob, { priority: 'critical', bytes: 60_000 })
    join(alice, bob)
    await until(() => bob.received.length === 3)
    assert.deepEqual(bob.received, [critical, normal, bulk])
  })

  for (const [from, way] of [
    ['the writer to a carrier', 'carrier'],
    ['the carrier to the owner', 'owner'],
  ] as const) {
    it(`resumes after a cut at any frame on the way from ${from}, without loss or repetition`, async () => {
      for (let frames = 0; frames < 16; frames++) {
        const [alice, bob] = [await meshNode('alice', { knownDevices: 100 }), await meshNode(`bob${frames}`)]
        const carol = way === 'carrier' ? await meshNode('carol') : bob
        const ids = await alice.writeMany(bob, 300)
        const cut = join(alice, carol, cutAfter(frames))
        await settle()
        await settle()
        cut.cut()
        await cut.ended
        const next = join(alice, carol)
        if (way === 'carrier') {
          await until(() => ids.every((id) => carol.store.has(id)) && alice.ledger.counts().carried === 300, 'custody')
          await next.close()
          join(carol, bob)
        }
        await until(() => bob.received.length >= 300, 'the rest')
        await settle()
        assert.equal(bob.received.length, 300, `cut after ${frames} frames`)
        assert.equal(new Set(bob.received).size, 300)
        assert.deepEqual([...alice.offences, ...carol.offences, ...bob.offences], [])
        for (const made of new Set([alice, carol, bob])) await made.stop()
      }
    }).timeout(60_000)
  }

  it('fetches an envelope once when several neighbours offer it', async () => {
    const nodes = [await node('alice'), await node('carol'), await node('dave'), await node('erin')]
    const absent = await node('bob')
    for (const [i, a] of nodes.entries()) for (const b of nodes.slice(i + 1)) join(a, b)
    await until(() => nodes.every(({ exchange }) => exchange.sessions().length === 3 && exchange.sessions().every((session) => session.isSynced)))
    const [alice] = nodes
    assert.ok(alice !== undefined)
    const ids = await alice.writeMany(absent, 300)
    await until(() => nodes.every(({ store }) => ids.every((id) => store.has(id))))
    const twice = nodes.reduce((sum, { intake }) => sum + (intake.counters['ignore.duplicate'] ?? 0), 0)
    assert.equal(twice, 0)
  })

  it('halves the copies at each hand-over and keeps the last one for the owner', async () => {
    const alice = await node('alice', { knownDevices: 100 })
    const bob = await node('bob')
    const id = await alice.write(bob)
    const copies: Array<number | undefined> = []
    for (const name of ['c1', 'c2', 'c3', 'c4']) {
      const carrier = await node(name)
      const met = join(alice, carrier)
      await settle()
      await settle()
      copies.push(carrier.store.meta(id)?.copies)
      await met.close()
    }
    assert.deepEqual(copies, [4, 2, 1, undefined])
    assert.equal(alice.store.meta(id)?.copies, 1)
    assert.equal(alice.ledger.get(id)?.custody.length, 3)
  })

  it('carries over eight hops and no further', async () => {
    const bob = await node('bob')
    const chain: MeshNode[] = []
    for (let hop = 0; hop < 11; hop++) chain.push(await node(`hop${hop}x`))
    const [first] = chain
    assert.ok(first !== undefined)
    const id = await first.write(bob)
    for (const [i, from] of chain.entries()) {
      const to = chain[i + 1]
      if (to === undefined) break
      const met = join(from, to)
      await settle()
      await settle()
      await met.close()
    }
    assert.deepEqual(
      chain.map(({ store }) => store.meta(id)?.hops),
      [0, 1, 2, 3, 4, 5, 6, 7, 8, undefined, undefined],
    )
  })

  it('tries again later what a peer took too fast, and loses nothing', async () => {
    const clock = fakeClock()
    const slow = { perSecond: 50, burst: 100 }
    const [alice, bob] = [await node('alice', { clock }), await node('bob', { clock, intake: { rates: { link: slow, author: slow, scope: slow } } })]
    const ids = await alice.writeMany(bob, 300)
    join(alice, bob)
    for (let round = 0; round < 60 && bob.received.length < 300; round++) await clock.advance(1_000)
    assert.deepEqual(new Set(bob.received), new Set(ids))
    assert.equal(bob.received.length, 300)
  })

  it('tells the clock of the other side, what it owns, and who is there', async () => {
    const [alice, bob] = [await node('alice', { clock: fakeClock(1_790_000_000_000) }), await node('bob', { clock: fakeClock(1_790_003_600_000) })]
    const met: Joined = join(alice, bob)
    await until(() => alice.exchange.sessions()[0]?.isSynced === true)
    const [session] = alice.exchange.sessions()
    assert.equal(session?.clockOffsetMs, 3_600_000)
    assert.equal(session?.peer, bob.device)
    assert.deepEqual(session?.addresses, [bob.address])
    await met.close()
    assert.deepEqual(alice.exchange.sessions(), [])
  })

  it('stops when its sessions have, with what they had in hand, and begins no other one', async () => {
    const [alice, bob] = [await node('alice'), await node('bob')]
    const release = Promise.withResolvers<void>()
    const began = Promise.withResolvers<void>()
    const receiveAll = bob.intake.receiveAll.bind(bob.intake)
    bob.intake.receiveAll = async (...args) => {
      began.resolve()
      await release.promise
      return receiveAll(...args)
    }
    const id = await alice.write(bob)
    join(alice, bob)
    await began.promise
    let isStopped = false
    const stopped = bob.exchange.stop().then(() => {
      isStopped = true
    })
    for (let i = 0; i < 5; i++) await bob.clock.advance(1_000)
    assert.equal(isStopped, false)
    release.resolve()
    await stopped
    assert.ok(bob.store.has(id) || bob.store.isRetracted(id, bob.address))
    const [, other] = linkPair(alice.device, bob.device)
    await bob.exchange.attach(other)
    assert.deepEqual(bob.exchange.sessions(), [])
    await assert.rejects(other.send(new Uint8Array(1)), (error) => isMeshError(error, 'MESH_LINK_CLOSED'))
  })

  it('lets two nodes in 1970 deliver to each other', async () => {
    const [alice, bob] = [await node('alice', { clock: fakeClock(5_000) }), await node('bob', { clock: fakeClock(90_000) })]
    const id = await alice.write(bob)
    join(alice, bob)
    await until(() => alice.ledger.get(id) === undefined)
    assert.deepEqual(bob.received, [id])
  })

  it('refuses more sessions than it can serve and ends the elder of two links to one device', async () => {
    const clock = fakeClock()
    const [alice, bob, carol] = [await node('alice', { clock, exchange: { maxSessions: 2 } }), await node('bob', { clock }), await node('carol', { clock })]
    const elder = join(alice, bob)
    await settle()
    await clock.advance(11_000)
    join(alice, bob)
    await elder.ended
    join(alice, carol)
    await settle()
    const third = join(alice, carol)
    await third.ended
    assert.deepEqual(
      alice.exchange.sessions().map(({ peer }) => peer),
      [bob.device, carol.device],
    )
  })
})

/** A link that breaks after so many frames, in both directions together. */
function cutAfter(frames: number): (link: Link) => Link {
  let left = frames
  return (link) => ({
    ...link,
    send(frame) {
      if (left-- > 0) return link.send(frame)
      link.abort(new Error('the cable was pulled'))
      return Promise.reject(new MeshError('MESH_LINK_CLOSED', 'the cable was pulled'))
    },
  })
}
