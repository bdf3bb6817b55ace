import assert from 'node:assert/strict'
import type { EnvelopeId } from '#mesh/ids'
import { failingLevel } from '../testing/failing-level.ts'
import { memoryLevel } from '../testing/memory-store.ts'
import { befriend, bring, carried, rest } from '../testing/mesh-people.ts'
import { isTo, receiptsBy, refused, Stage, textsOf } from '../testing/stage.ts'
import { HOLD_MS } from './held.ts'
import type { MessageView } from './index.ts'

describe('the log of a conversation', () => {
  let stage: Stage

  beforeEach(() => {
    stage = new Stage()
  })

  afterEach(() => stage.stop())

  it('begins after a message, and gives as much as was asked for', async () => {
    const [a, b] = await stage.friends()
    const ids: EnvelopeId[] = []
    for (const text of ['one', 'two', 'three', 'four']) ids.push(await a.send(b, text))
    const log = (options: { since?: EnvelopeId; limit?: number }): Promise<MessageView[]> => a.conversations.log(b.keys.person, options)
    const [, second] = ids
    assert.ok(second !== undefined)
    assert.deepEqual(textsOf(await log({ since: second })), ['three', 'four'])
    assert.deepEqual(textsOf(await log({ since: second, limit: 1 })), ['three'])
    assert.deepEqual(textsOf(await log({ limit: 2 })), ['three', 'four'])
    const [foreign] = await receiptsBy(a)
    assert.ok(foreign !== undefined)
    await assert.rejects(log({ since: foreign.id }), refused('NODE_PARAMS_INVALID'))
  })

  it('tells what listeners were told: what came too early stands at its place once its parents are there, and is not lost for who asks since', async () => {
    const [a, b] = await stage.friends()
    for (const text of ['first', 'second', 'third']) await a.send(b, text)
    const [first, second, third] = await carried(a, isTo(b))
    assert.ok(first !== undefined && second !== undefined && third !== undefined)
    await b.take(first.bytes, a)
    await rest(stage.clock)
    await b.take(third.bytes, a)
    await rest(stage.clock)
    assert.deepEqual(textsOf(await b.log(a)), ['first'])
    assert.deepEqual(await b.conversations.log(a.keys.person, { since: first.id }), [])
    await b.take(second.bytes, a)
    await rest(stage.clock)
    assert.deepEqual(textsOf(await b.log(a)), ['first', 'second', 'third'])
    assert.deepEqual(textsOf(await b.conversations.log(a.keys.person, { since: first.id })), ['second', 'third'])
    assert.deepEqual(b.shown(), ['first', 'second', 'third'])
  })

  it('shows what waits in vain after a while, with the number that is missing', async () => {
    const [a, b] = await stage.friends()
    for (const text of ['lost', 'kept']) await a.send(b, text)
    const [, kept] = await carried(a, isTo(b))
    assert.ok(kept !== undefined)
    await b.take(kept.bytes, a)
    await rest(stage.clock)
    assert.deepEqual(await b.log(a), [])
    await stage.clock.advance(HOLD_MS)
    const [shown] = await b.log(a)
    assert.deepEqual([shown?.text, shown?.missing], ['kept', 1])
  })

  it('gives as many as were asked for, however many are held after them', async () => {
    const [a, b] = await stage.friends()
    for (let i = 0; i < 12; i++) await a.send(b, `text ${i}`)
    for (const [i, { bytes }] of (await carried(a, isTo(b))).entries()) if (i !== 4) await b.take(bytes, a)
    await rest(stage.clock)
    assert.deepEqual(textsOf(await b.conversations.log(a.keys.person, { limit: 3 })), ['text 1', 'text 2', 'text 3'])
  })

  it('hides nothing for longer because the disk takes no writes', async () => {
    const disk = failingLevel(memoryLevel())
    const [a, b] = [await stage.start('alice'), await stage.start('bob', { level: disk.level })]
    await befriend(stage.clock, a, b)
    for (const text of ['lost', 'kept']) await a.send(b, text)
    const [, kept] = await carried(a, isTo(b))
    assert.ok(kept !== undefined)
    await b.take(kept.bytes, a)
    await rest(stage.clock)
    disk.fail('ENOSPC')
    await stage.clock.advance(HOLD_MS)
    assert.deepEqual(b.shown(), [])
    assert.deepEqual(textsOf(await b.log(a)), ['kept'])
    disk.heal()
    await stage.clock.advance(HOLD_MS)
    assert.deepEqual(b.shown(), ['kept'])
  })

  it('of somebody who was not accepted yet gives what waits, and is no part of any other', async () => {
    const [a, b] = await stage.friends()
    const carol = await stage.start('carol')
    await carol.conversations.addContact(b.uri, undefined)
    for (const text of ['I am carol', 'from the well']) await carol.send(b, text)
    await bring(stage.clock, carol, b)
    assert.equal(b.contacts.get(carol.keys.person)?.state, 'request')
    assert.deepEqual(textsOf(await b.log(carol)), ['I am carol', 'from the well'])
    assert.deepEqual(await b.log(a), [])
    assert.deepEqual(b.shown(), [])
    await b.conversations.addContact(carol.keys.person, undefined)
    await rest(stage.clock)
    assert.deepEqual(
      [b.shown(), textsOf(await b.log(carol))],
      [
        ['I am carol', 'from the well'],
        ['I am carol', 'from the well'],
      ],
    )
  })
})
