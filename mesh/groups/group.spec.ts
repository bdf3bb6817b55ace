import assert from 'node:assert/strict'
import { GroupLab } from '../testing/group-lab.ts'

describe('a group', () => {
  it('is made, grows, and everybody reads what everybody says', async () => {
    const lab = new GroupLab('grows')
    const [alice, bob, carol] = ['alice', 'bob', 'carol'].map((name) => lab.node(name))
    assert.ok(alice && bob && carol)
    const group = await lab.create(alice)
    for (const node of [bob, carol]) await group.order({ op: 'add', keyPackage: await lab.keyPackage(node) })
    lab.collect(alice)
    await lab.settle()
    for (const node of [alice, bob, carol]) {
      assert.equal(lab.groupOf(node).health, 'active', node.name)
      assert.equal(lab.groupOf(node).roster.members.size, 3)
    }
    const ids = [await lab.say(alice, 'one'), await lab.say(bob, 'two'), await lab.say(carol, 'three')]
    await lab.settle()
    for (const node of [alice, bob, carol])
      assert.deepEqual(
        ids.map((id) => node.shown.get(id)),
        ['one', 'two', 'three'],
        node.name,
      )
    for (const node of [alice, bob, carol]) assert.equal(node.unreadable.size, 0)
  })
})
