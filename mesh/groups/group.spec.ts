import assert from 'node:assert/strict'
import { encodeUtf8 } from '#mesh/codec'
import { isMeshError } from '#mesh/errors'
import { seededRandom } from '#mesh/testing'
import { GroupLab, type LabNode } from '../testing/group-lab.ts'
import { epochOf } from './seal.ts'
import { Writing } from './writing.ts'

/** A group of all `names`, the first of whom made it. */
async function groupOf(...names: string[]): Promise<{ lab: GroupLab; nodes: LabNode[] }> {
  const lab = new GroupLab(names.join(' '), { times: { hereMs: 60_000 } })
  const nodes = names.map((name) => lab.node(name))
  const [first, ...others] = nodes
  assert.ok(first)
  const group = await lab.create(first)
  for (const node of others) await group.order({ op: 'add', keyPackage: await lab.keyPackage(node) })
  lab.collect(first)
  await lab.settle()
  return { lab, nodes }
}

function at(nodes: readonly LabNode[], place: number): LabNode {
  const node = nodes[place]
  assert.ok(node)
  return node
}

function assertOne(lab: GroupLab, nodes: readonly LabNode[]): void {
  const heads = new Set(nodes.map((node) => lab.groupOf(node).state.head))
  assert.equal(heads.size, 1, 'one head')
  for (const node of nodes) {
    const { state, health, roster } = lab.groupOf(node)
    assert.equal(health, 'active', node.name)
    assert.deepEqual([...roster.members.keys()].sort(), nodes.map(({ device }) => device).sort(), `${node.name} knows who belongs to it`)
    assert.deepEqual([...(state.leavesOf(state.head)?.keys() ?? [])].sort(), nodes.map(({ device }) => device).sort(), `the tree of ${node.name} is the roster`)
  }
}

async function remove(lab: GroupLab, by: LabNode, who: LabNode): Promise<void> {
  await lab.groupOf(by).order({ op: 'remove', device: who.device })
  lab.collect(by)
}

describe('a group', () => {
  it('is made, grows, and everybody reads what everybody says', async () => {
    const { lab, nodes } = await groupOf('alice', 'bob', 'carol')
    assertOne(lab, nodes)
    const ids = [await lab.say(at(nodes, 0), 'one'), await lab.say(at(nodes, 1), 'two'), await lab.say(at(nodes, 2), 'three')]
    await lab.settle()
    for (const node of nodes)
      assert.deepEqual(
        ids.map((id) => node.shown.get(id)),
        ['one', 'two', 'three'],
        node.name,
      )
  })

  it('is one group again after both halves have added, removed and talked for a week', async () => {
    const { lab, nodes } = await groupOf('a', 'b', 'c', 'd', 'e', 'f')
    const [a, b, c, d, e, f] = [0, 1, 2, 3, 4, 5].map((place) => at(nodes, place)) as [LabNode, LabNode, LabNode, LabNode, LabNode, LabNode]
    await lab.groupOf(a).order({ op: 'role', person: personOf(lab, d), role: 'admin' })
    lab.collect(a)
    await lab.settle()
    const [left, right] = [lab.node('left'), lab.node('right')]
    await lab.groupOf(a).order({ op: 'add', keyPackage: await lab.keyPackage(left) })
    await remove(lab, a, c)
    await lab.groupOf(d).order({ op: 'add', keyPackage: await lab.keyPackage(right) })
    await remove(lab, d, f)
    lab.collect(d)
    const said = [await lab.say(a, 'from the left'), await lab.say(d, 'from the right')]
    await lab.clock.advance(7 * 86_400_000)
    await lab.settle({ among: [a, b, left], rounds: 8 })
    await lab.settle({ among: [d, e, right], rounds: 8 })
    said.push(await lab.say(left, 'I am new here'), await lab.say(right, 'I as well'))
    await lab.settle()
    const members = [a, b, d, e, left, right]
    assertOne(lab, members)
    for (const node of [a, b, d, e]) for (const id of said) assert.ok(node.shown.has(id), `${node.name} has read everything`)
    const later = await lab.say(b, 'together')
    await lab.settle()
    for (const node of members) assert.equal(node.shown.get(later), 'together')
    for (const node of [c, f]) assert.equal(node.shown.has(later), false, `${node.name} is out`)
  })

  it('lets nobody read on who was removed', async () => {
    const { lab, nodes } = await groupOf('alice', 'bob', 'carol')
    const [alice, bob, carol] = [at(nodes, 0), at(nodes, 1), at(nodes, 2)]
    await remove(lab, alice, carol)
    const id = await lab.say(alice, 'without carol')
    await lab.settle()
    assert.equal(bob.shown.get(id), 'without carol')
    assert.equal(carol.shown.has(id), false)
    assert.equal(lab.groupOf(carol).health, 'removed')
    await assert.rejects(lab.say(carol, 'hello?'), (error) => isMeshError(error, 'MESH_GROUP_BEHIND'))
  })

  it('encrypts to nobody whose removal is known, even if another one has to carry it out', async () => {
    const { lab, nodes } = await groupOf('alice', 'bob', 'carol')
    const [alice, bob, carol] = [at(nodes, 0), at(nodes, 1), at(nodes, 2)]
    const { deps } = alice
    // Alice orders, and falls silent before she commits.
    const outputs: Parameters<GroupLab['post']>[1][] = []
    await new Writing(deps, lab.groupOf(alice).state, outputs).order({ op: 'remove', device: carol.device })
    for (const output of outputs) lab.post(alice, output)
    lab.collect(alice)
    await lab.sync(alice, bob)
    assert.equal(lab.groupOf(bob).health, 'quarantined')
    const id = await lab.say(bob, 'she is gone')
    await lab.settle()
    assert.equal(alice.shown.get(id), 'she is gone')
    assert.equal(carol.shown.has(id), false)
  })

  it('takes a member in again that has lost its state', async () => {
    const { lab, nodes } = await groupOf('alice', 'bob', 'carol')
    const bob = at(nodes, 1)
    const { state } = lab.groupOf(bob)
    for (const epoch of [...state.epochs.keys()]) state.dropEpoch(epoch)
    assert.equal(lab.groupOf(bob).health, 'stranded')
    await lab.settle()
    assertOne(lab, nodes)
    const id = await lab.say(bob, 'back')
    await lab.settle()
    assert.equal(at(nodes, 2).shown.get(id), 'back')
  })

  it('throws out whoever writes two logs, at every member alike', async () => {
    const { lab, nodes } = await groupOf('alice', 'bob', 'carol', 'mallory')
    const [alice, bob, carol, mallory] = [0, 1, 2, 3].map((place) => at(nodes, place)) as [LabNode, LabNode, LabNode, LabNode]
    const twin = lab.twin(mallory)
    await lab.say(mallory, 'to alice')
    await lab.say(twin, 'to bob')
    await lab.sync(mallory, alice)
    await lab.sync(twin, bob)
    lab.nodes.splice(lab.nodes.indexOf(twin), 1)
    await lab.settle({ among: [alice, bob, carol] })
    assertOne(lab, [alice, bob, carol])
  })

  it('follows no commit that nobody has ordered', async () => {
    const { lab, nodes } = await groupOf('alice', 'bob', 'mallory')
    const [alice, bob, mallory] = [at(nodes, 0), at(nodes, 1), at(nodes, 2)]
    const { state } = lab.groupOf(mallory)
    const leaf = state.leavesOf(state.head)?.get(bob.device)?.leaf
    const held = state.epochs.get(state.head)
    assert.ok(held !== undefined && leaf !== undefined)
    const made = await mallory.deps.engine.commit(held.state, [{ kind: 'remove', leaf }])
    const outputs: Parameters<GroupLab['post']>[1][] = []
    const child = await epochOf(mallory.deps.engine, made.state)
    new Writing(mallory.deps, state, outputs).append({ type: 'commit', child, class: 0, message: made.commit }, state.head)
    for (const output of outputs) lab.post(mallory, output)
    await lab.settle({ among: [alice, bob] })
    for (const from of [mallory]) for (const to of [alice, bob]) await lab.sync(from, to)
    assert.equal(lab.groupOf(alice).state.tree.get(child)?.isBad, true)
    const id = await lab.say(bob, 'still here')
    await lab.sync(bob, alice)
    assert.equal(alice.shown.get(id), 'still here')
  })

  it('gives people what their role allows', async () => {
    const { lab, nodes } = await groupOf('alice', 'bob', 'carol')
    const [alice, bob, carol] = [at(nodes, 0), at(nodes, 1), at(nodes, 2)]
    const refused = (error: unknown): boolean => isMeshError(error, 'MESH_GROUP_FORBIDDEN')
    await assert.rejects(lab.groupOf(bob).order({ op: 'remove', device: carol.device }), refused)
    await assert.rejects(lab.groupOf(bob).order({ op: 'name', name: 'ours' }), refused)
    await lab.groupOf(alice).order({ op: 'role', person: personOf(lab, bob), role: 'moderator' })
    lab.collect(alice)
    await lab.settle()
    await assert.rejects(lab.groupOf(bob).order({ op: 'remove', device: alice.device }), refused)
    await lab.groupOf(bob).order({ op: 'name', name: 'ours' })
    await lab.groupOf(bob).order({ op: 'mute', person: personOf(lab, carol), isOn: true })
    lab.collect(bob)
    await lab.settle()
    for (const node of nodes) assert.equal(lab.groupOf(node).roster.name, 'ours')
    const id = await lab.say(carol, 'can you hear me?')
    await lab.settle()
    assert.equal(alice.shown.has(id), false, 'who is muted is shown to nobody')
  })

  it('forgets the epochs that everybody has left', async () => {
    const { lab, nodes } = await groupOf('alice', 'bob', 'carol')
    for (let round = 0; round < 4; round++) {
      for (const node of nodes) await lab.say(node, `round ${round}`)
      await lab.clock.advance(120_000)
      await lab.settle()
    }
    for (const node of nodes) assert.ok(lab.groupOf(node).state.epochs.size <= 2, `${node.name} keeps ${lab.groupOf(node).state.epochs.size} epochs`)
  })

  it('passes over what is no entry, and stays as it was', async () => {
    const { lab, nodes } = await groupOf('alice', 'bob')
    const [alice, bob] = [at(nodes, 0), at(nodes, 1)]
    await lab.say(alice, 'one')
    const parcel = lab.parcels.at(-1)
    assert.ok(parcel?.kind === 'entry')
    const random = seededRandom('garbage')
    for (let i = 0; i < 200; i++) {
      const bytes: Uint8Array = parcel.payload.slice()
      const place = (random.bytes(1)[0] ?? 0) % bytes.length
      bytes[place] = (bytes[place] ?? 0) ^ (1 + ((random.bytes(1)[0] ?? 0) % 255))
      try {
        assert.equal(await lab.groupOf(bob).take(bytes.subarray(0, i % 3 === 0 ? place : bytes.length)), 'unreadable')
      } catch (error) {
        assert.ok(isMeshError(error), String(error))
      }
    }
    assert.ok(lab.groupOf(bob).state.unknownTags.size <= 32)
    await lab.settle()
    assertOne(lab, nodes)
  })

  it('refuses texts that no envelope can hold', async () => {
    const { lab, nodes } = await groupOf('alice', 'bob')
    await assert.rejects(lab.groupOf(at(nodes, 0)).say(encodeUtf8('x'.repeat(70_000))), (error) => isMeshError(error, 'MESH_MLS_STATE'))
    const id = await lab.say(at(nodes, 0), 'short')
    await lab.settle()
    assert.equal(at(nodes, 1).shown.get(id), 'short')
  })
})

function personOf(lab: GroupLab, node: LabNode): Parameters<ReturnType<GroupLab['groupOf']>['roster']['roleOf']>[0] {
  const member = lab.groupOf(node).roster.members.get(node.device)
  assert.ok(member)
  return member.person
}
