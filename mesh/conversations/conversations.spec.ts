import assert from 'node:assert/strict'
import { type Envelope, encodeRetraction, MAX_LIFETIME_S, readRetraction, signEnvelope } from '#mesh/envelope'
import { type ErrorCode, isMeshError } from '#mesh/errors'
import type { EnvelopeId } from '#mesh/ids'
import type { Level } from '#mesh/store'
import { type FakeClock, fakeClock } from '#mesh/testing'
import { failingLevel } from '../testing/failing-level.ts'
import { fakeCrypto } from '../testing/fake-crypto.ts'
import { memoryLevel } from '../testing/memory-store.ts'
import { befriend, bring, carried, copyOf, type MeshPerson, type MeshPersonOptions, meetPeople, meshPerson, rest, rowsOf } from '../testing/mesh-people.ts'
import { HOLD_MS } from './held.ts'
import type { MessageView } from './index.ts'

const crypto = fakeCrypto()

describe('conversations', () => {
  let clock: FakeClock
  let present: MeshPerson[]

  beforeEach(() => {
    clock = fakeClock()
    present = []
  })

  afterEach(async () => {
    for (const person of present) await person.stop()
  })

  async function start(name: string, options: Partial<MeshPersonOptions> = {}): Promise<MeshPerson> {
    const person = await meshPerson(name, { clock, crypto, ...options })
    present.push(person)
    return person
  }

  async function friends(): Promise<[MeshPerson, MeshPerson]> {
    const [a, b] = [await start('alice'), await start('bob')]
    await befriend(clock, a, b)
    return [a, b]
  }

  async function restart(person: MeshPerson, options: Partial<MeshPersonOptions> = {}): Promise<MeshPerson> {
    present = present.filter((other) => other !== person)
    await person.stop()
    return start(person.name, { level: person.level, ...options })
  }

  const isTo =
    (person: MeshPerson, kind = 'inbox') =>
    (envelope: Envelope): boolean =>
      envelope.kind === kind && envelope.address === person.conversations.ownInbox
  const refused =
    (code: ErrorCode) =>
    (error: unknown): boolean =>
      isMeshError(error, code)
  const textsOf = (views: readonly MessageView[]): string[] => views.map(({ text }) => text)
  const statesOf = (views: readonly MessageView[]): string[] => views.map(({ state }) => state)
  const block = (by: MeshPerson, whom: MeshPerson): Promise<unknown> =>
    by.db.transaction((tx) => by.contacts.update(tx, whom.keys.person, { state: 'blocked' }))
  const receipts = (by: MeshPerson): Promise<Envelope[]> => carried(by, isTo(by, 'receipt'))

  describe('first contact', () => {
    it('in both directions makes two contacts who know that the other has their card', async () => {
      const [a, b] = await friends()
      for (const [one, other] of [[a, b] as const, [b, a] as const]) {
        const contact = one.contacts.get(other.keys.person)
        assert.deepEqual([contact?.state, contact?.mutual, contact?.petname], ['contact', true, other.name])
        assert.deepEqual(one.ledger.list(), [])
        assert.ok(!one.events.some(({ kind }) => kind === 'request'))
      }
    })

    it('in one direction waits as a request, and is shown in order when it is accepted', async () => {
      const [a, b] = [await start('alice'), await start('bob')]
      await a.conversations.addContact(b.uri, undefined)
      for (const text of ['one', 'two', 'three']) await a.send(b, text)
      await bring(clock, a, b)
      assert.deepEqual(
        b.events.map(({ kind }) => kind),
        ['request'],
      )
      await assert.rejects(b.send(a, 'hi'), refused('MESH_CONTACT_UNKNOWN'))
      const again = await restart(b)
      await clock.advance(2 * HOLD_MS)
      assert.deepEqual(again.shown(), [], 'neither time nor a restart accepts a stranger')
      await again.conversations.addContact(a.keys.person, 'al')
      await rest(clock)
      assert.deepEqual(again.shown(), ['one', 'two', 'three'])
      await again.send(a, 'welcome')
      await meetPeople(clock, again, a)
      assert.deepEqual(a.shown(), ['welcome'])
    })

    it('keeps twenty messages of a stranger, and shows the rest as well once he is accepted', async () => {
      const [a, b] = [await start('alice'), await start('bob')]
      await a.conversations.addContact(b.uri, undefined)
      const texts = Array.from({ length: 25 }, (_, i) => `text ${i}`)
      for (const text of texts) await a.send(b, text)
      await bring(clock, a, b)
      assert.equal((await b.log(a)).length, 19, 'the request itself counts')
      await b.conversations.addContact(a.keys.person, undefined)
      await rest(clock)
      assert.deepEqual(b.shown(), texts)
    })

    it('leaves waiting what comes without a card from somebody unknown, until there is one', async () => {
      const [a, b] = await friends()
      const restored = await restart(b, { level: memoryLevel() })
      await a.send(restored, 'are you there?')
      await bring(clock, a, restored)
      assert.deepEqual(restored.contacts.list(), [])
      await restored.conversations.addContact(a.uri, undefined)
      await rest(clock)
      assert.deepEqual(restored.shown(), ['are you there?'])
    })
  })

  describe('blocking', () => {
    it('drops without a word to the sender, and refuses to write', async () => {
      const [a, b] = await friends()
      await block(b, a)
      const before = (await receipts(b)).length
      await a.send(b, 'psst')
      await meetPeople(clock, a, b)
      assert.deepEqual(b.shown(), [])
      assert.deepEqual(statesOf(await a.log(b)), ['queued'])
      assert.equal((await receipts(b)).length, before)
      assert.equal(b.conversations.counters['blocked'], 1)
      await assert.rejects(b.send(a, 'no'), refused('MESH_CONTACT_BLOCKED'))
    })

    it('holds against a contact that was looked up before', async () => {
      const [a, b] = await friends()
      const known = a.contacts.find(b.keys.person)
      await block(a, b)
      await assert.rejects(a.conversations.send(known, 'late'), refused('MESH_CONTACT_BLOCKED'))
    })
  })

  describe('arriving', () => {
    it('shows each message once, however often it comes', async () => {
      const [a, b] = await friends()
      await a.send(b, 'hello')
      const [envelope] = await carried(a, isTo(b))
      assert.ok(envelope !== undefined)
      const verdicts = await Promise.all([b.take(envelope.bytes, a), b.take(envelope.bytes, a)])
      await rest(clock)
      verdicts.push(await b.take(envelope.bytes, a))
      assert.deepEqual(
        verdicts.map(({ kind }) => kind),
        ['accept', 'ignore', 'ignore'],
      )
      const again = await restart(b)
      await again.take(envelope.bytes)
      await rest(clock)
      assert.deepEqual([...b.shown(), ...again.shown()], ['hello'])
      assert.deepEqual(textsOf(await again.log(a)), ['hello'])
    })

    it('holds back what came too early, and shows all in causal order', async () => {
      const [a, b] = await friends()
      const texts = ['first', 'second', 'third', 'fourth']
      for (const text of texts) await a.send(b, text)
      for (const { bytes } of (await carried(a, isTo(b))).reverse()) {
        assert.deepEqual(b.shown(), [])
        await b.take(bytes, a)
        await rest(clock)
      }
      await rest(clock)
      assert.deepEqual(b.shown(), texts)
      assert.deepEqual(textsOf(await b.log(a)), texts)
    })

    it('shows after a while what waits in vain, with the number that is missing, once and across restarts', async () => {
      const [a, b] = await friends()
      for (const text of ['lost', 'kept', 'after']) await a.send(b, text)
      const [, kept, after] = await carried(a, isTo(b))
      assert.ok(kept !== undefined && after !== undefined)
      for (const { bytes } of [after, kept]) await b.take(bytes, a)
      await rest(clock)
      await clock.advance(HOLD_MS / 2)
      assert.deepEqual(b.shown(), [])
      const again = await restart(b)
      await clock.advance(HOLD_MS + 2_000)
      assert.deepEqual(again.shown(), ['kept', 'after'])
      assert.deepEqual(
        again.events.flatMap((event) => (event.kind === 'message' ? [event.message.missing] : [])),
        [1, 0],
      )
      const third = await restart(again)
      await clock.advance(2 * HOLD_MS)
      assert.deepEqual(third.shown(), [])
    })

    it('keeps every text exactly', async () => {
      const [a, b] = await friends()
      const texts = ['ä'.repeat(16_384), '\ufeffmark', 'a\u0000b\u202ec', '\u{1f469}\u200d\u{1f692} e\u0301 \u0ba8\u0bbf', ' \n x \r\n', '\uffff\u{10ffff}']
      for (const text of texts) await a.send(b, text)
      await bring(clock, a, b)
      assert.deepEqual(b.shown(), texts)
      assert.deepEqual(textsOf(await a.log(b)), texts)
      for (const text of ['', '  ', 'x'.repeat(32_769), '\ud800x']) await assert.rejects(a.send(b, text), refused('MESH_TEXT_INVALID'))
      assert.equal((await a.log(b)).length, texts.length)
    })

    it('gives the log after a message, as much as was asked for', async () => {
      const [a, b] = await friends()
      const ids: EnvelopeId[] = []
      for (const text of ['one', 'two', 'three', 'four']) ids.push(await a.send(b, text))
      const log = (options: { since?: EnvelopeId; limit?: number }): Promise<MessageView[]> => a.conversations.log(b.keys.person, options)
      const [, second] = ids
      assert.ok(second !== undefined)
      assert.deepEqual(textsOf(await log({ since: second })), ['three', 'four'])
      assert.deepEqual(textsOf(await log({ since: second, limit: 1 })), ['three'])
      assert.deepEqual(textsOf(await log({ limit: 2 })), ['three', 'four'])
      const [foreign] = await receipts(a)
      assert.ok(foreign !== undefined)
      await assert.rejects(log({ since: foreign.id }), refused('NODE_PARAMS_INVALID'))
    })

    it('is not held up by a row that cannot be read', async () => {
      const [a, b] = await friends()
      for (const text of ['broken', 'whole']) await a.send(b, text)
      const [broken, whole] = await carried(a, isTo(b))
      assert.ok(broken !== undefined && whole !== undefined)
      const open = b.store.open.bind(b.store)
      b.store.open = async (id) => {
        if (id === broken.id) throw new Error('a bad sector')
        return open(id)
      }
      for (const { bytes } of [broken, whole]) await b.take(bytes, a)
      await rest(clock)
      assert.deepEqual(textsOf(await b.log(a)), ['whole'])
      b.store.open = open
      await clock.advance(6_000)
      await clock.advance(1_000)
      assert.deepEqual(textsOf(await b.log(a)), ['broken', 'whole'])
    })
  })

  describe('states', () => {
    it('go from queued to delivered by one receipt for many, and are told once', async () => {
      const [a, b] = await friends()
      const before = (await receipts(b)).length
      for (let i = 0; i < 20; i++) await a.send(b, `text ${i}`)
      assert.ok(statesOf(await a.log(b)).every((state) => state === 'queued'))
      for (const { bytes } of await carried(a, isTo(b))) await b.take(bytes, a)
      await rest(clock)
      assert.equal((await receipts(b)).length, before + 1)
      await meetPeople(clock, b, a)
      const [receipt] = (await receipts(b)).slice(-1)
      assert.ok((await a.log(b)).every(({ state, by }) => state === 'delivered' && by === receipt?.id))
      assert.equal(a.events.filter((event) => event.kind === 'state' && event.state === 'delivered').length, 20)
      assert.deepEqual(a.ledger.list(), [])
      assert.deepEqual(await carried(a, isTo(b)), [])
    })

    it('change by nobody but the owner of the inbox', async () => {
      const [a, b] = await friends()
      const id = await a.send(b, 'really?')
      const forger = await start('mallory')
      const receiptBy = (seed: Uint8Array, address: Envelope['address']): Envelope =>
        signEnvelope(crypto, seed, {
          priority: 'critical',
          kind: 'receipt',
          address,
          stamp: { ms: clock.now(), counter: 0 },
          lifetimeS: 3_600,
          payload: encodeRetraction([id]),
        })
      const { inboxSeed } = forger.keys
      const elsewhere = receiptBy(inboxSeed, forger.conversations.ownInbox)
      assert.equal((await a.take(elsewhere.bytes)).kind, 'accept')
      assert.deepEqual(await a.take(receiptBy(inboxSeed, b.conversations.ownInbox).bytes), { kind: 'reject', code: 'MESH_ENVELOPE_INVALID' })
      assert.deepEqual(statesOf(await a.log(b)), ['queued'])
      assert.ok(a.store.has(id) && a.ledger.has(id))
      const second = receiptBy(b.keys.inboxSeed, b.conversations.ownInbox)
      const third = signEnvelope(crypto, b.keys.inboxSeed, { ...second, stamp: { ms: clock.now(), counter: 1 } })
      await Promise.all([a.take(second.bytes), a.take(third.bytes)])
      await rest(clock)
      assert.equal(a.events.filter((event) => event.kind === 'state' && event.state === 'delivered').length, 1)
    })

    it('are carried only by custody, which is told once however many carry', async () => {
      const [a, b] = await friends()
      const [carrier, other] = [await start('carol'), await start('dave')]
      const id = await a.send(b, 'by foot')
      await bring(clock, a, carrier)
      assert.deepEqual(statesOf(await a.log(b)), ['queued'], 'having a copy is no promise')
      const untilMs = clock.now() + 86_400_000
      await Promise.all(
        [carrier, other].map(({ device }) =>
          a.db.transaction((tx) => a.ledger.recordCustody(tx, { custodian: device, untilMs, ids: [id], signature: new Uint8Array(64) })),
        ),
      )
      await rest(clock)
      assert.deepEqual(statesOf(await a.log(b)), ['carried'])
      assert.deepEqual(
        a.events.flatMap((event) => (event.kind === 'state' && event.state === 'carried' ? [event.by] : [])),
        [carrier.device],
      )
      assert.deepEqual(statesOf(await (await restart(a)).log(b)), ['carried'])
    })

    it('end as expired when the lifetime is over, here or while the node was off', async () => {
      const [a, b] = await friends()
      await a.send(b, 'too late')
      await clock.advance((MAX_LIFETIME_S + 1) * 1_000)
      await a.store.removeExpired(100)
      await rest(clock)
      assert.deepEqual(statesOf(await a.log(b)), ['expired'])
      assert.equal(a.events.filter((event) => event.kind === 'state' && event.state === 'expired').length, 1)
      assert.deepEqual(a.ledger.list(), [])
    })

    it('survive floods of what nobody wants to hear', async () => {
      const [a, b] = await friends()
      const seen = b.events.length
      await a.send(b, 'hello')
      const [envelope] = await carried(a, isTo(b))
      assert.ok(envelope !== undefined)
      await Promise.all([
        b.take(envelope.bytes, a),
        b.db.transaction((tx) => {
          for (let i = 0; i < 20_000; i++) tx.emit({ kind: 'envelope-stored', id: envelope.id, address: envelope.address, from: undefined })
        }),
      ])
      await rest(clock)
      assert.deepEqual(
        b.events.slice(seen).map(({ kind }) => kind),
        ['message'],
      )
    })

    it('reach every listener, also when one throws', async () => {
      const [a, b] = await friends()
      const heard: string[] = []
      b.conversations.subscribe(() => {
        throw new Error('a window that is gone')
      })
      b.conversations.subscribe(({ kind }) => heard.push(kind))
      await a.send(b, 'hello')
      await bring(clock, a, b)
      assert.deepEqual(heard, ['message'])
    })
  })

  describe('a disk that fails', () => {
    it('loses nothing that was acknowledged, and acknowledges nothing that it lost', async () => {
      const disk = failingLevel(memoryLevel())
      const [a, b] = [await start('alice', { level: disk.level }), await start('bob')]
      await befriend(clock, a, b)
      await a.send(b, 'before')
      disk.fail('ENOSPC')
      await assert.rejects(a.send(b, 'during'), refused('MESH_STORE_FULL'))
      disk.heal()
      await a.send(b, 'after')
      assert.deepEqual(textsOf(await a.log(b)), ['before', 'after'])
      await bring(clock, a, b)
      assert.deepEqual(b.shown(), ['before', 'after'])
    })

    it('may lose its power after any write: nothing acknowledged is lost, nothing is shown twice', async () => {
      const cuts: { shown: number; sent: number; level: Promise<Level> }[] = []
      const level = memoryLevel()
      const [a, b] = [await start('alice'), await start('bob', { level })]
      await befriend(clock, a, b)
      const batch = level.batch.bind(level)
      let sent = 0
      level.batch = async (...parameters: Parameters<typeof batch>) => {
        await batch(...parameters)
        cuts.push({ shown: b.shown().length, sent, level: copyOf(level) })
      }
      const texts = ['one', 'two', 'three']
      for (const text of texts) {
        await a.send(b, text)
        await bring(clock, a, b)
        await b.send(a, `after ${text}`)
        sent += 1
      }
      assert.ok(cuts.length >= 9)
      for (const cut of cuts) {
        const again = await start('bob', { level: await cut.level })
        const [toB, back] = [await carried(a, isTo(b)), again]
        for (const { bytes } of toB) await back.take(bytes, a)
        await rest(clock)
        const log = await back.log(a)
        assert.deepEqual(textsOf(log.filter(({ direction }) => direction === 'in')), texts)
        const own = textsOf(log.filter(({ direction }) => direction === 'out'))
        assert.ok(own.length >= cut.sent && back.ledger.list().length >= own.length)
        const shown = [...b.shown().slice(0, cut.shown), ...back.shown()]
        assert.equal(new Set(shown).size, shown.length, 'nothing twice')
        assert.ok(texts.length - shown.length <= 1, 'at most what was being shown when the power went')
        const acknowledged = new Set((await receipts(back)).flatMap(readRetraction))
        assert.ok(
          toB.every(({ id }) => acknowledged.has(id)),
          'what is read is acknowledged',
        )
      }
    })

    it('shows and acknowledges what arrived as soon as it can write again, once', async () => {
      const disk = failingLevel(memoryLevel())
      const [a, b] = [await start('alice'), await start('bob', { level: disk.level })]
      await befriend(clock, a, b)
      await a.send(b, 'hello')
      const [envelope] = await carried(a, isTo(b))
      assert.ok(envelope !== undefined)
      assert.equal((await b.take(envelope.bytes, a)).kind, 'accept')
      disk.fail('EIO')
      await rest(clock)
      assert.deepEqual(b.shown(), [])
      disk.heal()
      await clock.advance(12_000)
      await rest(clock)
      assert.deepEqual(b.shown(), ['hello'])
      await meetPeople(clock, b, a)
      assert.deepEqual(statesOf(await a.log(b)), ['delivered'])
    })
  })

  it('leave no text and no name on the disk, sent or received', async () => {
    const [a, b] = [await start('alice'), await start('bob')]
    await a.conversations.addContact(b.uri, 'bartholomew')
    await b.conversations.addContact(a.uri, 'the-neighbour')
    await a.send(b, 'the treasure is under the oak')
    await meetPeople(clock, a, b)
    assert.deepEqual(b.shown(), ['the treasure is under the oak'])
    for (const { level } of [a, b]) {
      const dump = Buffer.concat((await rowsOf(level)).flat())
      assert.ok(dump.length > 1_000)
      for (const word of ['treasure', 'oak', 'bartholomew', 'the-neighbour', 'alice', 'bob', 'qpq1']) assert.ok(!dump.includes(word), word)
      for (const { keys } of [a, b]) assert.ok(!dump.includes(Buffer.from(keys.personKey)))
    }
  })
})
