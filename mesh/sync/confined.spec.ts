import assert from 'node:assert/strict'
import type { signEnvelope } from '#mesh/envelope'
import { deviceIdOf } from '#mesh/ids'
import { anArrival, anEnvelope, aSeed } from '../testing/builders.ts'
import { tap } from '../testing/carried-pool.ts'
import { settle } from '../testing/fake-clock.ts'
import { memoryLevel, memoryStore } from '../testing/memory-store.ts'
import { inMesh, join, type MeshNode, meshNode, until } from '../testing/mesh-node.ts'
import { toyCrypto } from '../testing/toy-crypto.ts'
import { FRAME_TYPE } from './frames.ts'

describe('what must not cross a bridge', () => {
  const running: MeshNode[] = []
  const node = async (name: string): Promise<MeshNode> => {
    const made = await meshNode(name)
    running.push(made)
    return made
  }
  const synced = (...nodes: readonly MeshNode[]): boolean => nodes.every(({ exchange }) => exchange.sessions().every(({ isSynced }) => isSynced))
  afterEach(async () => {
    for (const made of running.splice(0)) await made.stop()
  })

  it('reaches all in its mesh and nobody in another one, not even its owner, while the rest crosses', async () => {
    const [alice, erin, bridge, bob, dave] = [await node('alice'), await node('erin'), await node('bridge'), await node('bob'), await node('dave')]
    join(alice, bridge, inMesh('home'))
    join(bridge, erin, inMesh('home'))
    join(bridge, bob, inMesh('street'))
    join(bridge, dave, inMesh('street'))
    const confined = await alice.write(bob, { mayCross: false })
    const free = await alice.write(bob)
    await until(() => bob.received.includes(free) && erin.store.has(confined))
    for (let i = 0; i < 5; i++) await Promise.all(running.map(({ clock }) => clock.advance(1_000)))
    await settle()
    assert.deepEqual(bob.received, [free])
    assert.deepEqual([bridge.store.has(confined), bob.store.has(confined), dave.store.has(confined)], [true, false, false])
    assert.deepEqual([...bridge.store.confined()], [confined])
    assert.equal(bridge.store.meta(confined)?.mesh, 'home')
    const carriers = alice.ledger.get(confined)?.custody.map(({ device }) => device)
    assert.deepEqual(new Set(carriers), new Set([bridge.device, erin.device]))
  })

  it('is not handed over when its owner comes later in another mesh, but is in its own', async () => {
    const [alice, bridge, bob] = [await node('alice'), await node('bridge'), await node('bob')]
    const first = join(alice, bridge, inMesh('home'))
    const confined = await alice.write(bob, { mayCross: false })
    await until(() => bridge.store.has(confined))
    await first.close()
    const street = join(bridge, bob, inMesh('street'))
    await until(() => bridge.exchange.sessions().length === 1 && synced(bridge, bob))
    assert.deepEqual(bob.received, [])
    await street.close()
    join(bridge, bob, inMesh('home'))
    await until(() => bob.received.includes(confined) && !bridge.store.has(confined), 'the receipt')
  })

  it('is given by its author to neighbours in every mesh', async () => {
    const [alice, bob, carol] = [await node('alice'), await node('bob'), await node('carol')]
    join(alice, carol, inMesh('home'))
    join(alice, bob, inMesh('street'))
    const confined = await alice.write(bob, { mayCross: false })
    await until(() => bob.received.includes(confined))
  })

  it('makes no difference in what two reconcile: equal sets are equal, whatever each has of it', async () => {
    for (const mesh of ['home', 'street']) {
      const [alice, carol, bob, dave] = [await node('alice'), await node('carol'), await node('bob'), await node('dave')]
      const shared = signed(alice, bob, 5, true)
      const confined = signed(alice, bob, 7, false)
      await bringAll(carol, alice, [...shared, ...confined], 'home')
      await bringAll(dave, alice, shared, mesh)
      for (let meeting = 0; meeting < 2; meeting++) {
        const { frames, bytes, wrap } = tap()
        const link = join(carol, dave, (inner) => wrap({ ...inner, mesh }))
        await until(() => synced(carol, dave) && (mesh === 'street' || confined.every(({ id }) => dave.store.has(id))))
        assert.equal(frames[FRAME_TYPE.reconcile], 2)
        assert.ok((bytes[FRAME_TYPE.reconcile] ?? 0) <= 64)
        assert.equal(dave.store.usage().envelopes, mesh === 'home' ? 12 : 5)
        await link.close()
        await until(() => [carol, dave].every(({ exchange }) => exchange.sessions().length === 0))
      }
    }
  })

  /** Envelopes of `from`, as a neighbour would bring them. */
  const signed = (from: MeshNode, to: MeshNode, count: number, mayCross: boolean) =>
    Array.from({ length: count }, (_, i) =>
      anEnvelope({ author: 2, address: to.address, mayCross, crypto: toyCrypto(), stamp: { ms: from.clock.now(), counter: i }, bytes: 100 + i }),
    )

  const bringAll = async (node_: MeshNode, from: MeshNode, envelopes: ReadonlyArray<ReturnType<typeof signEnvelope>>, mesh: string): Promise<void> => {
    await node_.db.transaction((tx) => {
      for (const envelope of envelopes) node_.store.put(tx, envelope, anArrival({ from: from.device, mesh }))
    })
  }

  it('is known as such, with its mesh, after the store was opened anew', async () => {
    const level = memoryLevel()
    const { db, store } = await memoryStore({ level })
    const from = deviceIdOf(aSeed(3))
    const envelopes = [true, false, false].map((mayCross) => anEnvelope({ mayCross }))
    await db.transaction((tx) => {
      for (const [i, envelope] of envelopes.entries()) store.put(tx, envelope, anArrival({ from, mesh: i === 2 ? '' : 'home' }))
    })
    await db.close()
    const again = await memoryStore({ level })
    const metas = envelopes.map(({ id }) => again.store.meta(id))
    assert.deepEqual(
      metas.map((meta) => [meta?.mayCross, meta?.mesh, meta?.from]),
      [
        [true, '', from],
        [false, 'home', from],
        [false, '', from],
      ],
    )
    assert.deepEqual(new Set(again.store.confined()), new Set([envelopes[1]?.id, envelopes[2]?.id]))
    await again.db.close()
  })
})
