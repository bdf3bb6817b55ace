import assert from 'node:assert/strict'
import { memoryLevel } from '../testing/memory-store.ts'
import { bring, meetPeople, rest } from '../testing/mesh-people.ts'
import { block, receiptsBy, refused, Stage, statesOf } from '../testing/stage.ts'
import { HOLD_MS } from './held.ts'

describe('first contact', () => {
  let stage: Stage

  beforeEach(() => {
    stage = new Stage()
  })

  afterEach(() => stage.stop())

  it('in both directions makes two contacts who know that the other has their card', async () => {
    const [a, b] = await stage.friends()
    for (const [one, other] of [[a, b] as const, [b, a] as const]) {
      const contact = one.contacts.get(other.keys.person)
      assert.deepEqual([contact?.state, contact?.mutual, contact?.petname], ['contact', true, other.name])
      assert.deepEqual(one.ledger.list(), [])
      assert.ok(!one.events.some(({ kind }) => kind === 'request'))
    }
  })

  it('in one direction waits as a request, and is shown in order when it is accepted', async () => {
    const [a, b] = [await stage.start('alice'), await stage.start('bob')]
    await a.conversations.addContact(b.uri, undefined)
    for (const text of ['one', 'two', 'three']) await a.send(b, text)
    await bring(stage.clock, a, b)
    assert.deepEqual(
      b.events.map(({ kind }) => kind),
      ['request'],
    )
    await assert.rejects(b.send(a, 'hi'), refused('MESH_CONTACT_UNKNOWN'))
    const again = await stage.restart(b)
    await stage.clock.advance(2 * HOLD_MS)
    assert.deepEqual(again.shown(), [], 'neither time nor a restart accepts a stranger')
    await again.conversations.addContact(a.keys.person, 'al')
    await rest(stage.clock)
    assert.deepEqual(again.shown(), ['one', 'two', 'three'])
    await again.send(a, 'welcome')
    await meetPeople(stage.clock, again, a)
    assert.deepEqual(a.shown(), ['welcome'])
  })

  it('keeps twenty messages of a stranger, and shows the rest as well once he is accepted', async () => {
    const [a, b] = [await stage.start('alice'), await stage.start('bob')]
    await a.conversations.addContact(b.uri, undefined)
    const texts = Array.from({ length: 25 }, (_, i) => `text ${i}`)
    for (const text of texts) await a.send(b, text)
    await bring(stage.clock, a, b)
    assert.equal((await b.log(a)).length, 19, 'the request itself counts')
    await b.conversations.addContact(a.keys.person, undefined)
    await rest(stage.clock)
    assert.deepEqual(b.shown(), texts)
  })

  it('leaves waiting what comes without a card from somebody unknown, until there is one', async () => {
    const [a, b] = await stage.friends()
    const restored = await stage.restart(b, { level: memoryLevel() })
    await a.send(restored, 'are you there?')
    await bring(stage.clock, a, restored)
    assert.deepEqual(restored.contacts.list(), [])
    await restored.conversations.addContact(a.uri, undefined)
    await rest(stage.clock)
    assert.deepEqual(restored.shown(), ['are you there?'])
  })
})

describe('blocking', () => {
  let stage: Stage

  beforeEach(() => {
    stage = new Stage()
  })

  afterEach(() => stage.stop())

  it('drops without a word to the sender, and refuses to write', async () => {
    const [a, b] = await stage.friends()
    await block(b, a)
    const before = (await receiptsBy(b)).length
    await a.send(b, 'psst')
    await meetPeople(stage.clock, a, b)
    assert.deepEqual(b.shown(), [])
    assert.deepEqual(statesOf(await a.log(b)), ['queued'])
    assert.equal((await receiptsBy(b)).length, before)
    assert.equal(b.conversations.counters['blocked'], 1)
    await assert.rejects(b.send(a, 'no'), refused('MESH_CONTACT_BLOCKED'))
  })

  it('holds against a contact that was looked up before', async () => {
    const [a, b] = await stage.friends()
    const known = a.contacts.find(b.keys.person)
    await block(a, b)
    await assert.rejects(a.conversations.send(known, 'late'), refused('MESH_CONTACT_BLOCKED'))
  })
})
