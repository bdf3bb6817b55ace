import assert from 'node:assert/strict'
import { readRetraction } from '#mesh/envelope'
import type { Level } from '#mesh/store'
import { failingLevel } from '../testing/failing-level.ts'
import { memoryLevel } from '../testing/memory-store.ts'
import { befriend, bring, carried, copyOf, meetPeople, rest, rowsOf } from '../testing/mesh-people.ts'
import { isTo, receiptsBy, refused, Stage, statesOf, textsOf } from '../testing/stage.ts'

describe('a disk that fails', () => {
  let stage: Stage

  beforeEach(() => {
    stage = new Stage()
  })

  afterEach(() => stage.stop())

  it('loses nothing that was acknowledged, and acknowledges nothing that it lost', async () => {
    const disk = failingLevel(memoryLevel())
    const [a, b] = [await stage.start('alice', { level: disk.level }), await stage.start('bob')]
    await befriend(stage.clock, a, b)
    await a.send(b, 'before')
    disk.fail('ENOSPC')
    await assert.rejects(a.send(b, 'during'), refused('MESH_STORE_FULL'))
    disk.heal()
    await a.send(b, 'after')
    assert.deepEqual(textsOf(await a.log(b)), ['before', 'after'])
    await bring(stage.clock, a, b)
    assert.deepEqual(b.shown(), ['before', 'after'])
  })

  it('may lose its power after any write: nothing acknowledged is lost, nothing is shown twice', async () => {
    const cuts: { shown: number; sent: number; level: Promise<Level> }[] = []
    const level = memoryLevel()
    const [a, b] = [await stage.start('alice'), await stage.start('bob', { level })]
    await befriend(stage.clock, a, b)
    const batch = level.batch.bind(level)
    let sent = 0
    level.batch = async (...parameters: Parameters<typeof batch>) => {
      await batch(...parameters)
      cuts.push({ shown: b.shown().length, sent, level: copyOf(level) })
    }
    const texts = ['one', 'two', 'three']
    for (const text of texts) {
      await a.send(b, text)
      await bring(stage.clock, a, b)
      await b.send(a, `after ${text}`)
      sent += 1
    }
    assert.ok(cuts.length >= 9)
    for (const cut of cuts) {
      const again = await stage.start('bob', { level: await cut.level })
      const [toB, back] = [await carried(a, isTo(b)), again]
      for (const { bytes } of toB) await back.take(bytes, a)
      await rest(stage.clock)
      const log = await back.log(a)
      assert.deepEqual(textsOf(log.filter(({ direction }) => direction === 'in')), texts)
      const own = textsOf(log.filter(({ direction }) => direction === 'out'))
      assert.ok(own.length >= cut.sent && back.ledger.list().length >= own.length)
      const shown = [...b.shown().slice(0, cut.shown), ...back.shown()]
      assert.equal(new Set(shown).size, shown.length, 'nothing twice')
      assert.ok(texts.length - shown.length <= 1, 'at most what was being shown when the power went')
      const acknowledged = new Set((await receiptsBy(back)).flatMap(readRetraction))
      assert.ok(
        toB.every(({ id }) => acknowledged.has(id)),
        'what is read is acknowledged',
      )
    }
  })

  it('shows and acknowledges what arrived as soon as it can write again, once', async () => {
    const disk = failingLevel(memoryLevel())
    const [a, b] = [await stage.start('alice'), await stage.start('bob', { level: disk.level })]
    await befriend(stage.clock, a, b)
    await a.send(b, 'hello')
    const [envelope] = await carried(a, isTo(b))
    assert.ok(envelope !== undefined)
    assert.equal((await b.take(envelope.bytes, a)).kind, 'accept')
    disk.fail('EIO')
    await rest(stage.clock)
    assert.deepEqual(b.shown(), [])
    disk.heal()
    await stage.clock.advance(12_000)
    await rest(stage.clock)
    assert.deepEqual(b.shown(), ['hello'])
    await meetPeople(stage.clock, b, a)
    assert.deepEqual(statesOf(await a.log(b)), ['delivered'])
  })
})

describe('a disk that is found', () => {
  let stage: Stage

  beforeEach(() => {
    stage = new Stage()
  })

  afterEach(() => stage.stop())

  it('tells no text and no name, sent or received', async () => {
    const [a, b] = [await stage.start('alice'), await stage.start('bob')]
    await a.conversations.addContact(b.uri, 'bartholomew')
    await b.conversations.addContact(a.uri, 'the-neighbour')
    await a.send(b, 'the treasure is under the oak')
    await meetPeople(stage.clock, a, b)
    assert.deepEqual(b.shown(), ['the treasure is under the oak'])
    for (const { level } of [a, b]) {
      const dump = Buffer.concat((await rowsOf(level)).flat())
      assert.ok(dump.length > 1_000)
      for (const word of ['treasure', 'oak', 'bartholomew', 'the-neighbour', 'alice', 'bob', 'qpq1']) assert.ok(!dump.includes(word), word)
      for (const { keys } of [a, b]) assert.ok(!dump.includes(Buffer.from(keys.personKey)))
    }
  })
})
