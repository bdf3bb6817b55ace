import assert from 'node:assert/strict'
import type { MessageInfo } from '#node/control'
import { type MeshPerson, meetPeople } from '../../mesh/testing/mesh-people.ts'
import { refused, Stage } from '../../mesh/testing/stage.ts'
import { RunningMessageApi } from './message-api.ts'

describe('what a node answers about what is said', () => {
  let stage: Stage
  let alice: MeshPerson
  let bob: MeshPerson
  let a: RunningMessageApi
  let b: RunningMessageApi

  beforeEach(async () => {
    stage = new Stage()
    ;[alice, bob] = await stage.friends()
    a = new RunningMessageApi(alice, alice.keys.person)
    b = new RunningMessageApi(bob, bob.keys.person)
  })

  afterEach(() => stage.stop())

  const meet = (): Promise<void> => meetPeople(stage.clock, alice, bob)
  const last = async (api: RunningMessageApi, to: string): Promise<MessageInfo> => {
    const message = (await api.log({ to })).at(-1)
    assert.ok(message !== undefined)
    return message
  }

  it('finds a message by its id, the end of it, or as the last one, and tells what became of it', async () => {
    const { id } = await a.send({ to: 'bob', text: 'soup?' })
    await meet()
    await b.react({ message: id.slice(-6), emoji: '👍' })
    await b.reply({ message: 'last', in: 'alice', text: 'please @alice' })
    await a.edit({ message: `…${id.slice(-5)}`, in: 'bob', text: 'pea soup?' })
    await meet()
    const [question, answer] = await b.log({ to: 'alice' })
    assert.deepEqual([question?.text, question?.edited, question?.reactions], ['pea soup?', true, [{ by: bob.keys.person, emoji: '👍' }]])
    assert.deepEqual([answer?.inReplyTo, answer?.mentions], [id, [{ person: alice.keys.person, petname: 'alice' }]])
    assert.deepEqual((await a.log({ to: 'bob' }))[1]?.mentions, [{ person: alice.keys.person, you: true }])
    await b.delete({ message: 'last', in: 'alice' })
    assert.deepEqual((({ text, deleted }) => [text, deleted])(await last(b, 'alice')), ['', true])
  })

  it('takes no end that is too short, nothing that is not there, and no last one of nobody', async () => {
    const { id } = await a.send({ to: 'bob', text: 'one' })
    for (const message of [id.slice(-3), 'zzzzzzzz', 'A'.repeat(43), 'not an id']) {
      await assert.rejects(a.react({ message, emoji: '👍' }), refused('MESH_MESSAGE_UNKNOWN'))
    }
    await assert.rejects(a.react({ message: 'last', emoji: '👍' }), refused('NODE_PARAMS_INVALID'))
    await assert.rejects(a.reply({ message: 'last', in: 'bob', text: 'x' }), refused('MESH_MESSAGE_UNKNOWN'))
  })

  it('counts as read what a log gives, and says so to who may know', async () => {
    assert.equal((await b.conversationSet({ who: 'alice', readReceipts: true })).readReceipts, true)
    await a.send({ to: 'bob', text: 'one' })
    await meet()
    assert.equal((await last(a, 'bob')).state, 'delivered')
    await b.log({ to: 'alice' })
    await meet()
    assert.equal((await last(a, 'bob')).state, 'read')
    assert.match((await last(b, 'alice')).readAt ?? '', /^2026-/)
  })

  it('tells how long messages last, and that one can be seen once', async () => {
    await a.conversationSet({ who: 'bob', ttlS: 60 })
    await a.send({ to: 'bob', text: 'burn', once: true })
    await meet()
    assert.deepEqual(await b.conversationGet({ who: 'alice' }), {
      conversation: alice.keys.person,
      petname: 'alice',
      readReceipts: false,
      typing: false,
      ttlS: 60,
      ttlBy: alice.keys.person,
    })
    const message = await last(b, 'alice')
    assert.deepEqual([message.text, message.once, message.ttlS, message.endsAt], ['', true, 60, undefined])
    assert.equal((await b.read({ message: 'last', in: 'alice' })).text, 'burn')
    assert.match((await last(b, 'alice')).endsAt ?? '', /^2026-/)
    await stage.clock.advance(61_000)
    assert.deepEqual([await a.log({ to: 'bob' }), await b.log({ to: 'alice' })], [[], []])
  })

  it('shows threads', async () => {
    const { id } = await a.send({ to: 'bob', text: 'soup?' })
    await a.send({ to: 'bob', text: 'pea', thread: id })
    const [thread, more] = await a.threads({ to: 'bob' })
    assert.deepEqual([thread?.thread, thread?.text, thread?.messages, more], [id, 'soup?', 2, undefined])
    assert.deepEqual(
      (await a.thread({ message: id })).map(({ text }) => text),
      ['soup?', 'pea'],
    )
  })
})
