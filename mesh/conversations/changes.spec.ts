import assert from 'node:assert/strict'
import { equalBytes } from '#mesh/codec'
import { type EnvelopeId, idBytes, type MessageId, messageIdOf } from '#mesh/ids'
import { type Level, TABLES } from '#mesh/store'
import { forge, replacing } from '../testing/forger.ts'
import { memoryLevel } from '../testing/memory-store.ts'
import { befriend, bring, carried, copyOf, type MeshPerson, meetPeople, rest } from '../testing/mesh-people.ts'
import { isTo, refused, Stage, textsOf } from '../testing/stage.ts'
import { MAX_WAITING_CHANGES } from './changes.ts'
import type { MessageView } from './index.ts'

describe('messages that change others', () => {
  let stage: Stage
  let a: MeshPerson
  let b: MeshPerson

  beforeEach(async () => {
    stage = new Stage()
    const friends = await stage.friends()
    a = friends[0]
    b = friends[1]
  })

  afterEach(() => stage.stop())

  const meet = (): Promise<void> => meetPeople(stage.clock, a, b)
  const only = async (of: MeshPerson, whom: MeshPerson): Promise<MessageView> => {
    const [message] = await of.log(whom)
    assert.ok(message !== undefined)
    return message
  }
  const changes = (of: MeshPerson): string[] => of.events.flatMap((event) => (event.kind === 'change' ? [`${event.change}: ${event.message.text}`] : []))
  /** The name of a message behind its envelope's id. */
  const nameOf = async (of: MeshPerson, id: EnvelopeId): Promise<MessageId> => {
    for await (const [key, value] of of.db.iterate(TABLES.content)) if (key[0] === 0 && equalBytes(value, idBytes(id))) return messageIdOf(key.subarray(1))
    throw new Error('no name')
  }
  const rowsIn = async (of: MeshPerson): Promise<number> => {
    let rows = 0
    for await (const [key] of of.db.iterate(TABLES.content)) if (key[0] === 1) rows += 1
    return rows
  }

  it('edit: both see the new text in the place of the old one, and that it is another', async () => {
    const id = await a.send(b, 'the soup is hot')
    await meet()
    const heads = (await b.log(a)).length
    await a.conversations.amender.edit(id, 'the soup is cold')
    await meet()
    for (const [of, whom] of [
      [a, b],
      [b, a],
    ] as const) {
      const message = await only(of, whom)
      assert.deepEqual([message.text, message.isEdited, message.id], ['the soup is cold', true, id])
    }
    assert.equal((await b.log(a)).length, heads)
    assert.deepEqual(changes(b), ['edited: the soup is cold'])
    assert.deepEqual(b.shown(), ['the soup is hot'])
  })

  it('delete: the text is gone from both histories, and nothing brings it back', async () => {
    const id = await a.send(b, 'what I should not have said')
    await meet()
    await b.conversations.amender.react(id, '😮')
    await meet()
    await a.conversations.amender.delete(id)
    await meet()
    for (const [of, whom] of [
      [a, b],
      [b, a],
    ] as const) {
      const message = await only(of, whom)
      assert.deepEqual([message.text, message.isDeleted, message.reactions], ['', true, []])
    }
    await assert.rejects(a.conversations.amender.edit(id, 'again'), refused('MESH_MESSAGE_UNKNOWN'))
    assert.deepEqual(changes(b), ['reacted: what I should not have said', 'deleted: '])
    const again = await stage.restart(b)
    assert.equal((await only(again, a)).isDeleted, true)
  })

  it('react: who did and how is seen by both, and can be taken back by who did', async () => {
    const id = await a.send(b, 'soup?')
    await meet()
    await b.conversations.amender.react(id, '👍')
    await a.conversations.amender.react(id, '🦆')
    await meet()
    const reactions = async (of: MeshPerson, whom: MeshPerson): Promise<string[]> => (await only(of, whom)).reactions.map(({ emoji }) => emoji).sort()
    assert.deepEqual([await reactions(a, b), await reactions(b, a)], [['👍', '🦆'].sort(), ['👍', '🦆'].sort()])
    await assert.rejects(b.conversations.amender.react(id, '👍'), refused('MESH_MESSAGE_FOREIGN'))
    await assert.rejects(b.conversations.amender.react(id, '🦆', { undo: true }), refused('MESH_MESSAGE_UNKNOWN'))
    await b.conversations.amender.react(id, '👍', { undo: true })
    await meet()
    assert.deepEqual([await reactions(a, b), await reactions(b, a)], [['🦆'], ['🦆']])
    for (const text of ['two words', '', '👍👍']) assert.throws(() => void b.conversations.amender.react(id, text), refused('MESH_TEXT_INVALID'))
  })

  it('belong to who wrote: nobody edits or deletes what another said, whatever his node sends', async () => {
    const id = await a.send(b, 'mine')
    await meet()
    await assert.rejects(b.conversations.amender.edit(id, 'yours'), refused('MESH_MESSAGE_FOREIGN'))
    await assert.rejects(b.conversations.amender.delete(id), refused('MESH_MESSAGE_FOREIGN'))
    // A node that does not ask itself sends it all the same.
    const target = await nameOf(b, id)
    await forge(b, a, replacing(target, 'yours'))
    await forge(b, a, replacing(target))
    await meet()
    const message = await only(a, b)
    assert.deepEqual([message.text, message.isEdited, message.isDeleted], ['mine', false, false])
    await forge(a, b, replacing(target, 'mine again'))
    await rest(stage.clock)
    assert.equal((await only(b, a)).text, 'mine again')
  })

  it('wait for what they change, in whatever order all of it comes, and are written over nothing else', async () => {
    const texts = ['one', 'two']
    const ids: EnvelopeId[] = []
    for (const text of texts) ids.push(await a.send(b, text))
    const [first, second] = ids as [EnvelopeId, EnvelopeId]
    await a.conversations.amender.edit(first, 'ONE')
    await a.conversations.amender.edit(first, 'Uno')
    await a.conversations.amender.react(first, '🦆')
    await a.conversations.amender.react(first, '🦆', { undo: true })
    await a.conversations.amender.react(first, '👍')
    await a.conversations.amender.delete(second)
    const envelopes = await carried(a, isTo(b))
    assert.equal(envelopes.length, 8)
    for (const { bytes } of envelopes.toReversed()) {
      await b.take(bytes, a)
      await rest(stage.clock)
    }
    const log = await b.log(a)
    assert.deepEqual(textsOf(log), ['Uno', ''])
    assert.deepEqual(
      log.map(({ reactions }) => reactions.map(({ emoji }) => emoji)),
      [['👍'], []],
    )
    assert.deepEqual(b.shown(), ['Uno', ''])
    assert.equal(await rowsIn(b), 0)
  })

  it('wait through a restart', async () => {
    const id = await a.send(b, 'one')
    await a.conversations.amender.edit(id, 'two')
    const [message, edit] = await carried(a, isTo(b))
    assert.ok(message !== undefined && edit !== undefined)
    await b.take(edit.bytes, a)
    await rest(stage.clock)
    b = await stage.restart(b)
    await b.take(message.bytes, a)
    await rest(stage.clock)
    assert.deepEqual([b.shown(), await rowsIn(b)], [['two'], 0])
  })

  it('are followed by nothing: one that is lost holds up no message after it', async () => {
    const id = await a.send(b, 'one')
    await meet()
    await a.conversations.amender.edit(id, 'never arrives')
    const [lost] = await carried(a, isTo(b))
    await a.send(b, 'two')
    for (const { bytes, id: carriedId } of await carried(a, isTo(b))) if (carriedId !== lost?.id) await b.take(bytes, a)
    await rest(stage.clock)
    assert.deepEqual(b.shown(), ['one', 'two'])
    assert.deepEqual(
      (await b.log(a)).map(({ missing }) => missing),
      [0, 0],
    )
  })

  it('that wait are bounded, and the oldest go first', async () => {
    const id = await a.send(b, 'never arrives')
    const [lost] = await carried(a, isTo(b))
    for (let i = 0; i < MAX_WAITING_CHANGES + 10; i++) await a.conversations.amender.edit(id, `edit ${i}`)
    for (const { bytes, id: carriedId } of await carried(a, isTo(b))) if (carriedId !== lost?.id) await b.take(bytes, a)
    await rest(stage.clock)
    assert.equal(await rowsIn(b), MAX_WAITING_CHANGES)
    assert.ok(lost !== undefined)
    await b.take(lost.bytes, a)
    await rest(stage.clock)
    assert.deepEqual(b.shown(), [`edit ${MAX_WAITING_CHANGES + 9}`])
    assert.equal(await rowsIn(b), 0)
  })

  it('answer: the message that is meant is named, and its name is the same on both sides', async () => {
    const question = await a.send(b, 'soup?')
    await meet()
    await b.conversations.send(b.contacts.find(a.keys.person), 'please', { replyTo: question })
    await meet()
    for (const [of, whom] of [
      [a, b],
      [b, a],
    ] as const) {
      const [, answer] = await of.log(whom)
      assert.deepEqual([answer?.text, answer?.inReplyTo], ['please', question])
    }
    const [foreign] = await carried(b, isTo(b, 'receipt'))
    assert.ok(foreign !== undefined)
    await assert.rejects(b.conversations.send(b.contacts.find(a.keys.person), 'x', { replyTo: foreign.id }), refused('MESH_MESSAGE_UNKNOWN'))
  })

  it('find texts of programs from before there was content, which go by their envelopes', async () => {
    const id = await forge(a, b, 'an old text')
    await rest(stage.clock)
    assert.equal((await only(b, a)).text, 'an old text')
    await b.conversations.amender.react(id, '👍')
    await forge(a, b, replacing(messageIdOf(idBytes(id)), 'a new text'))
    await rest(stage.clock)
    const again = await stage.restart(b)
    const message = await only(again, a)
    assert.deepEqual([message.text, message.isEdited, message.reactions.map(({ emoji }) => emoji)], ['a new text', true, ['👍']])
  })

  it('survive a power cut after any write: nothing is half done, and nothing comes twice', async () => {
    const level = memoryLevel()
    const c = await stage.start('carol', { level })
    await befriend(stage.clock, a, c)
    const cuts: Promise<Level>[] = []
    const batch = level.batch.bind(level)
    level.batch = async (...parameters: Parameters<typeof batch>) => {
      await batch(...parameters)
      cuts.push(copyOf(level))
    }
    const id = await a.send(c, 'one')
    await a.conversations.amender.edit(id, 'two')
    await a.conversations.amender.react(id, '👍')
    const envelopes = await carried(a, isTo(c))
    for (const { bytes } of [2, 0, 1].flatMap((i) => envelopes[i] ?? [])) {
      await c.take(bytes, a)
      await rest(stage.clock)
    }
    assert.ok(cuts.length >= 4)
    for (const cut of cuts) {
      const again = await stage.start('carol', { level: await cut })
      for (const { bytes } of envelopes) await again.take(bytes, a)
      await rest(stage.clock)
      const log = await again.log(a)
      assert.deepEqual(
        log.map(({ text, reactions }) => [text, reactions.map(({ emoji }) => emoji)]),
        [['two', ['👍']]],
      )
    }
  })

  it('are read at their receiver as often as they arrive: a repeated one changes nothing', async () => {
    const id = await a.send(b, 'one')
    await a.conversations.amender.react(id, '👍')
    const envelopes = await carried(a, isTo(b))
    for (let i = 0; i < 2; i++) for (const { bytes } of envelopes) await b.take(bytes, a)
    await bring(stage.clock, a, b)
    assert.equal((await only(b, a)).reactions.length, 1)
  })
})
