import assert from 'node:assert/strict'
import { equalBytes } from '#mesh/codec'
import { emptyBody, extensionsFor, readReportBody, textBody } from '#mesh/content'
import { deriveHistoryKey } from '#mesh/identity'
import { type EnvelopeId, idBytes, type MessageId, messageIdOf } from '#mesh/ids'
import { SearchIndex } from '#mesh/search'
import { TABLES } from '#mesh/store'
import { fakeCrypto } from '../testing/fake-crypto.ts'
import { forge } from '../testing/forger.ts'
import { bring, carried, type MeshPerson, meetPeople, rest, rowsOf } from '../testing/mesh-people.ts'
import { seededRandom } from '../testing/seeded-random.ts'
import { isTo, refused, Stage, statesOf, textsOf } from '../testing/stage.ts'
import { History } from './history.ts'

/** What the history holds of a message, as who has the key reads it. */
async function keptText(of: MeshPerson, id: EnvelopeId): Promise<string | undefined> {
  const { contacts, db, deviceSeed } = of
  const history = new History({
    search: new SearchIndex(deriveHistoryKey(deviceSeed)),
    crypto: fakeCrypto(),
    random: seededRandom('x'),
    historyKey: deriveHistoryKey(deviceSeed),
    blind: (person) => contacts.blind(person),
  })
  return (await history.message(db, id))?.text
}

/** The name of a message behind its envelope's id. */
async function nameOf(of: MeshPerson, id: EnvelopeId): Promise<MessageId> {
  for await (const [key, value] of of.db.iterate(TABLES.content)) if (key[0] === 0 && equalBytes(value, idBytes(id))) return messageIdOf(key.subarray(1))
  throw new Error('no name')
}

describe('reading', () => {
  let stage: Stage
  let a: MeshPerson
  let b: MeshPerson

  beforeEach(async () => {
    stage = new Stage()
    ;[a, b] = await stage.friends()
  })

  afterEach(() => stage.stop())

  const meet = (): Promise<void> => meetPeople(stage.clock, a, b)
  const set = (of: MeshPerson, whom: MeshPerson, change: Parameters<MeshPerson['conversations']['reader']['set']>[1]) =>
    of.conversations.reader.set(of.contacts.find(whom.keys.person), change)
  const readAll = async (of: MeshPerson, whom: MeshPerson): Promise<void> => of.conversations.reader.markRead(await of.log(whom))
  const typings = (of: MeshPerson): boolean[] => of.events.flatMap((event) => (event.kind === 'typing' ? [event.isOn] : []))

  it('is told to nobody unless this person wants that', async () => {
    await a.send(b, 'hello')
    await meet()
    const before = (await carried(b)).length
    await readAll(b, a)
    await meet()
    assert.equal((await carried(b)).length, before)
    assert.deepEqual(statesOf(await a.log(b)), ['delivered'])
  })

  it('is told once when it is switched on, and makes messages read at their author', async () => {
    await set(b, a, { readReceipts: true })
    await a.send(b, 'one')
    await a.send(b, 'two')
    await meet()
    await readAll(b, a)
    await readAll(b, a)
    assert.equal((await carried(b, isTo(a))).length, 1)
    await meet()
    assert.deepEqual(statesOf(await a.log(b)), ['read', 'read'])
    const told = a.events.flatMap((event) => (event.kind === 'state' && event.state === 'read' ? [event.id] : []))
    assert.equal(told.length, 2)
    assert.equal((await b.log(a)).length, 2)
  })

  it('is noted of what listeners were told, and fails nobody when the node has stopped', async () => {
    await set(b, a, { readReceipts: true })
    const ids = [await a.send(b, 'one'), await a.send(b, 'two')]
    await meet()
    for (const id of ids) b.conversations.reader.noteShown(id)
    await rest(stage.clock)
    await meet()
    assert.deepEqual(statesOf(await a.log(b)), ['read', 'read'])
    const last = await a.send(b, 'three')
    await meet()
    b.conversations.reader.noteShown(last)
    const { reader } = b.conversations
    b = await stage.restart(b)
    assert.deepEqual(
      (await b.log(a)).map(({ readMs }) => readMs === undefined),
      [false, false, false],
    )
    reader.noteShown(last)
    await rest(stage.clock)
  })

  it('stays read whatever comes after, the receipt of arrival too', async () => {
    await set(b, a, { readReceipts: true })
    await a.send(b, 'one')
    await bring(stage.clock, a, b)
    await readAll(b, a)
    for (const { bytes } of await carried(b, isTo(a))) await a.take(bytes, b)
    await rest(stage.clock)
    assert.deepEqual(statesOf(await a.log(b)), ['read'])
    await meet()
    assert.deepEqual(statesOf(await a.log(b)), ['read'])
    assert.deepEqual(a.ledger.list(), [])
  })

  it('is believed of nobody but whom the message was for', async () => {
    const carol = await stage.start('carol')
    await carol.conversations.addContact(a.uri, undefined)
    await a.conversations.addContact(carol.uri, undefined)
    const id = await a.send(b, 'for bob')
    await forge(carol, a, { body: readReportBody([await nameOf(a, id)]) })
    await rest(stage.clock)
    assert.deepEqual(statesOf(await a.log(b)), ['queued'])
    await meet()
    await forge(a, b, { body: readReportBody([await nameOf(a, id)]) })
    await rest(stage.clock)
    assert.deepEqual(statesOf(await b.log(a)), ['delivered'])
  })

  it('typing is told now or never, to who wants it as well, and leaves no row anywhere', async () => {
    const contact = a.contacts.find(b.keys.person)
    assert.equal(await a.conversations.reader.tellTyping(contact, true), false)
    await set(a, b, { typing: true })
    const rows = async (of: MeshPerson): Promise<number> => {
      let count = 0
      for (const table of [TABLES.conversations, TABLES.history, TABLES.content]) for await (const _ of of.db.iterate(table)) count += 1
      return count
    }
    const before = [await rows(a), await rows(b)]
    assert.equal(await a.conversations.reader.tellTyping(contact, true), true)
    assert.equal(await a.conversations.reader.tellTyping(contact, true), false)
    await meet()
    assert.deepEqual([typings(b), await rows(a), await rows(b)], [[], before[0], before[1]])
    await set(b, a, { typing: true })
    await stage.clock.advance(6_000)
    await a.conversations.reader.tellTyping(contact, true)
    await a.conversations.reader.tellTyping(contact, false)
    const [first] = await carried(a, isTo(b))
    assert.equal(first?.priority, 'ephemeral')
    await meet()
    assert.deepEqual(typings(b), [true, false])
    await stage.clock.advance(130_000)
    await a.conversations.dropStale()
    assert.deepEqual(a.ledger.list(), [])
  })

  it('once is once: the text is in no log, is read a single time, and is nowhere afterwards', async () => {
    const { id } = await a.conversations.send(a.contacts.find(b.keys.person), 'burn this', { isOnce: true })
    await meet()
    for (const [of, whom] of [
      [a, b],
      [b, a],
    ] as const) {
      const [message] = await of.log(whom)
      assert.deepEqual([message?.text, message?.isOnce], ['', true])
    }
    await assert.rejects(a.conversations.reader.read(id), refused('MESH_MESSAGE_UNKNOWN'))
    const both = await Promise.allSettled([b.conversations.reader.read(id), b.conversations.reader.read(id)])
    assert.deepEqual(
      both.map((one) => (one.status === 'fulfilled' ? one.value.text : 'refused')),
      ['burn this', 'refused'],
    )
    assert.deepEqual([await keptText(a, id), await keptText(b, id)], ['', ''])
    await assert.rejects(a.conversations.amender.edit(id, 'again'), refused('MESH_MESSAGE_FOREIGN'))
    const again = await stage.restart(b)
    await assert.rejects(again.conversations.reader.read(id), refused('MESH_MESSAGE_UNKNOWN'))
  })
})

describe('disappearing messages', () => {
  let stage: Stage
  let a: MeshPerson
  let b: MeshPerson
  const MINUTE = 60_000

  beforeEach(async () => {
    stage = new Stage()
    ;[a, b] = await stage.friends()
  })

  afterEach(() => stage.stop())

  const meet = (): Promise<void> => meetPeople(stage.clock, a, b)
  const setTtl = (of: MeshPerson, whom: MeshPerson, lifetimeS: number) => of.conversations.reader.set(of.contacts.find(whom.keys.person), { lifetimeS })
  const ttlOf = async (of: MeshPerson, whom: MeshPerson): Promise<number> => (await of.conversations.reader.settings(whom.keys.person)).lifetimeS
  const readAll = async (of: MeshPerson, whom: MeshPerson): Promise<void> => of.conversations.reader.markRead(await of.log(whom))
  const lengths = async (): Promise<[number, number]> => [(await a.log(b)).length, (await b.log(a)).length]
  const rowsOfHistory = async (of: MeshPerson): Promise<number> =>
    (await rowsOf(of.level)).filter(([key]) => String.fromCharCode(key[0] ?? 0) === TABLES.history).length

  it('are agreed by both sides: the last word counts, and it is told', async () => {
    await setTtl(a, b, 600)
    await meet()
    assert.deepEqual([await ttlOf(a, b), await ttlOf(b, a)], [600, 600])
    assert.deepEqual(
      b.events.flatMap((event) => (event.kind === 'lifetime' ? [[event.seconds, event.by]] : [])),
      [[600, a.keys.person]],
    )
    await setTtl(a, b, 60)
    await stage.clock.advance(10)
    await setTtl(b, a, 0)
    await meet()
    assert.deepEqual([await ttlOf(a, b), await ttlOf(b, a)], [0, 0])
  })

  it('can be set again after somebody whose clock is years ahead has set them', async () => {
    const stamp = { ms: stage.clock.now() + 2 * 365 * 86_400_000, counter: 0 }
    await forge(a, b, { body: emptyBody(), extensions: extensionsFor({ lifetimeS: 5 }) }, stamp)
    await rest(stage.clock)
    assert.equal((await b.conversations.reader.settings(a.keys.person)).lifetimeS, 5)
    assert.equal((await b.conversations.reader.set(b.contacts.find(a.keys.person), { lifetimeS: 0 })).lifetimeS, 0)
    await forge(a, b, { body: emptyBody(), extensions: extensionsFor({ lifetimeS: 7 }) }, { ...stamp, counter: 1 })
    await rest(stage.clock)
    assert.equal((await b.conversations.reader.settings(a.keys.person)).lifetimeS, 7)
  })

  it('go so long after they were sent here, and there after they were read and not before', async () => {
    await setTtl(a, b, 600)
    await a.send(b, 'soon gone')
    await meet()
    await stage.clock.advance(9 * MINUTE)
    assert.deepEqual(await lengths(), [1, 1])
    await stage.clock.advance(2 * MINUTE)
    assert.deepEqual(await lengths(), [0, 1])
    await readAll(b, a)
    await stage.clock.advance(9 * MINUTE)
    await readAll(b, a)
    assert.deepEqual(await lengths(), [0, 1])
    await stage.clock.advance(2 * MINUTE)
    assert.deepEqual(await lengths(), [0, 0])
    assert.deepEqual([await rowsOfHistory(a), await rowsOfHistory(b)], [0, 0])
    assert.equal(b.events.filter(({ kind }) => kind === 'gone').length, 1)
  })

  it('do not come back: not by a late copy, not by an edit, and what follows them is not held up', async () => {
    await setTtl(a, b, 60)
    const id = await a.send(b, 'soon gone')
    const [copy] = await carried(a, isTo(b))
    await meet()
    await a.conversations.amender.edit(id, 'changed')
    const edit = (await carried(a, isTo(b))).at(-1)
    await readAll(b, a)
    await setTtl(b, a, 0)
    await bring(stage.clock, b, a)
    await stage.clock.advance(2 * MINUTE)
    await a.send(b, 'stays')
    assert.ok(copy !== undefined && edit !== undefined)
    for (const { bytes } of [copy, edit]) await b.take(bytes, a)
    await meet()
    assert.deepEqual(
      (await b.log(a)).map(({ text, missing }) => [text, missing]),
      [['stays', 0]],
    )
    for await (const [key] of b.db.iterate(TABLES.content)) assert.notEqual(key[0], 1, 'an edit waits for what has gone')
  })

  it('survive a restart, and go on time after it', async () => {
    await setTtl(a, b, 600)
    await a.send(b, 'soon gone')
    await meet()
    await readAll(b, a)
    b = await stage.restart(b)
    assert.equal((await b.log(a)).length, 1)
    await stage.clock.advance(11 * MINUTE)
    assert.equal((await b.log(a)).length, 0)
    b = await stage.restart(b)
    assert.equal((await b.log(a)).length, 0)
  })

  it('count time as it passes: a clock that jumps ahead takes none away early, one that jumps back leaves none for ever', async () => {
    await setTtl(a, b, 600)
    await a.send(b, 'soon gone')
    for (const jump of [400 * 86_400_000, -800 * 86_400_000]) {
      stage.clock.setWall(stage.clock.now() + jump)
      await stage.clock.advance(MINUTE)
      assert.equal((await a.log(b)).length, 1)
    }
    await stage.clock.advance(10 * MINUTE)
    assert.equal((await a.log(b)).length, 0)
  })

  it('outlast a start with a clock that is years ahead, though not for more than a day, and what is written then goes in its time', async () => {
    const right = stage.clock.now()
    await setTtl(a, b, 600)
    await a.send(b, 'soon gone')
    await a.store.removeExpired(10)
    for (const isSetRight of [true, false]) {
      stage.clock.setWall(right + 400 * 86_400_000)
      a = await stage.restart(a)
      await stage.clock.advance(MINUTE)
      assert.equal((await a.log(b)).length, 1)
      if (isSetRight) {
        stage.clock.setWall(right + 2 * MINUTE)
        await stage.clock.advance(MINUTE)
        assert.equal((await a.log(b)).length, 1)
      }
    }
    await a.send(b, 'gone before')
    await rest(stage.clock)
    await stage.clock.advance(12 * MINUTE)
    assert.deepEqual(textsOf(await a.log(b)), ['soon gone'])
    await stage.clock.advance(24 * 60 * MINUTE)
    assert.equal((await a.log(b)).length, 0)
  })

  it('dated by a clock that was never set, or was years ahead, go one lifetime after the clock is right at the latest', async () => {
    for (const wall of [5_000, stage.clock.now() + 400 * 86_400_000]) {
      const right = stage.clock.now()
      await setTtl(a, b, 600)
      stage.clock.setWall(wall)
      await a.send(b, 'soon gone')
      stage.clock.setWall(right)
      a = await stage.restart(a)
      await stage.clock.advance(MINUTE)
      assert.equal((await a.log(b)).length, 1)
      await stage.clock.advance(11 * MINUTE)
      assert.equal((await a.log(b)).length, 0)
    }
  })

  it('that are to go at a certain moment go then, read or not', async () => {
    const timeS = Math.floor(stage.clock.now() / 1_000) + 600
    await forge(a, b, { body: textBody('the shop closes'), expires: { isRelative: false, timeS } })
    await forge(a, b, { body: textBody('it has closed'), expires: { isRelative: false, timeS: 1_000 } })
    await rest(stage.clock)
    assert.equal((await b.log(a)).length, 2)
    await stage.clock.advance(MINUTE)
    assert.deepEqual(textsOf(await b.log(a)), ['the shop closes'])
    await stage.clock.advance(10 * MINUTE)
    assert.deepEqual(await b.log(a), [])
  })

  it('that are to go at a certain moment do not go at once because a clock started years ahead', async () => {
    const right = stage.clock.now()
    await b.store.removeExpired(10)
    stage.clock.setWall(right + 400 * 86_400_000)
    b = await stage.restart(b)
    const timeS = Math.floor(right / 1_000) + 600
    await forge(a, b, { body: textBody('the shop closes'), expires: { isRelative: false, timeS } }, { ms: right, counter: 9 })
    await rest(stage.clock)
    await stage.clock.advance(5 * MINUTE)
    assert.deepEqual(textsOf(await b.log(a)), ['the shop closes'])
    stage.clock.setWall(right + 5 * MINUTE)
    await stage.clock.advance(MINUTE)
    assert.deepEqual(textsOf(await b.log(a)), ['the shop closes'])
    await rest(stage.clock)
    await stage.clock.advance(5 * MINUTE)
    assert.deepEqual(await b.log(a), [])
  })

  it('are not for a stranger to begin', async () => {
    const carol = await stage.start('carol')
    await carol.conversations.addContact(b.uri, undefined)
    await carol.conversations.reader.set(carol.contacts.find(b.keys.person), { lifetimeS: 1 })
    await bring(stage.clock, carol, b)
    assert.equal((await b.conversations.reader.settings(carol.keys.person)).lifetimeS, 0)
    const wrong: number[] = [-1, 1.5, 40_000_000]
    for (const lifetimeS of wrong) await assert.rejects(setTtl(a, b, lifetimeS), refused('NODE_PARAMS_INVALID'))
    const ids: EnvelopeId[] = [await a.send(b, 'stays')]
    assert.equal(ids.length, 1)
  })
})
