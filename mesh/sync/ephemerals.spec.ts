import assert from 'node:assert/strict'
import { fakeClock, settle } from '#mesh/testing'
import { join, type MeshNode, meshNode, until } from '../testing/mesh-node.ts'

describe('ephemerals between nodes', () => {
  const present: MeshNode[] = []

  afterEach(async () => {
    for (const node of present.splice(0)) await node.stop()
  })

  async function start(...names: string[]): Promise<MeshNode[]> {
    const clock = fakeClock()
    const nodes = await Promise.all(names.map((name) => meshNode(name, { clock })))
    present.push(...nodes)
    return nodes
  }

  it('go to a neighbour, who gives them to their owner and to nobody else', async () => {
    const [alice, carol, dave, bob] = await start('alice', 'carol', 'dave', 'bob')
    assert.ok(alice !== undefined && carol !== undefined && dave !== undefined && bob !== undefined)
    const id = await alice.write(bob, { priority: 'ephemeral' })
    const lasting = await alice.write(bob)
    join(alice, carol)
    await until(() => carol.store.has(id) && carol.store.has(lasting))
    join(carol, dave)
    await until(() => dave.store.has(lasting))
    await settle()
    assert.equal(dave.store.has(id), false)
    join(carol, bob)
    await until(() => bob.received.includes(id))
  })

  it('are offered to nobody once their time is over, whether they were swept or not', async () => {
    const [alice, carol, bob] = await start('alice', 'carol', 'bob')
    assert.ok(alice !== undefined && carol !== undefined && bob !== undefined)
    const id = await alice.write(bob, { priority: 'ephemeral' })
    alice.clock.setWall(alice.clock.now() + 86_400_000)
    const lasting = await alice.write(bob)
    join(alice, carol)
    await until(() => carol.store.has(lasting))
    assert.equal(carol.store.has(id), false)
    assert.equal(carol.intake.counters['ignore.expired'], undefined)
    assert.ok(alice.store.has(id))
  })
})
