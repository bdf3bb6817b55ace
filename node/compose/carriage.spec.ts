/** Carriage and content of two and three people, put together as in a node, with links and disks in memory. */
import assert from 'node:assert/strict'
import type { ConversationEvent, MessageView } from '#mesh/conversations'
import { MAX_LIFETIME_S, type Stamp, signEnvelope } from '#mesh/envelope'
import { isMeshError } from '#mesh/errors'
import { CERTIFICATE_VALIDITY_MS, cardUri, derivePerson, issueCertificate, readCertificate } from '#mesh/identity'
import { deviceIdOf, type EnvelopeId } from '#mesh/ids'
import { silentLog } from '#mesh/ports'
import type { Level } from '#mesh/store'
import { type FakeClock, fakeClock, linkPair, seededRandom, settle } from '#mesh/testing'
import { nodeCrypto } from '#node/crypto'
import { memoryLevel } from '../../mesh/testing/memory-store.ts'
import { type Carriage, openCarriage } from './carriage.ts'

const crypto = nodeCrypto()

interface Someone {
  readonly carriage: Carriage
  readonly device: ReturnType<typeof deviceIdOf>
  readonly uri: string
  readonly events: ConversationEvent[]
  readonly level: Level
  stop(): Promise<void>
}

describe('people with carriage and content', () => {
  let clock: FakeClock
  let present: Someone[]

  beforeEach(() => {
    clock = fakeClock()
    present = []
  })

  afterEach(async () => {
    for (const someone of present) await someone.stop()
  })

  async function start(name: string, options: { level?: Level; certifiedMs?: number } = {}): Promise<Someone> {
    const number = name.charCodeAt(0)
    const entropy = new Uint8Array(32).fill(number)
    const deviceSeed = new Uint8Array(32).fill(number + 100)
    const person = derivePerson(crypto, entropy)
    const device = deviceIdOf(crypto.ed25519PublicKey(deviceSeed))
    const createdMs = options.certifiedMs ?? clock.now()
    const certificate = readCertificate(
      crypto,
      issueCertificate(crypto, person.personSeed, { device, createdMs, expiresMs: createdMs + CERTIFICATE_VALIDITY_MS, name }),
    )
    const level = options.level ?? memoryLevel()
    const carriage = await openCarriage({
      level,
      hasRoom: async () => true,
      secrets: { entropy, deviceSeed, device, certificate, name, person },
      crypto,
      random: seededRandom(`${name}${clock.monotonic()}`),
      clock,
      log: silentLog,
      profile: 'pi',
      hints: () => [],
      knownDevices: () => 3,
      onOffence: () => {},
    })
    const events: ConversationEvent[] = []
    const unsubscribe = carriage.conversations.subscribe((event) => events.push(event))
    await carriage.conversations.start()
    await carriage.exchange.start()
    const someone: Someone = {
      carriage,
      device,
      uri: cardUri(carriage.card()),
      events,
      level,
      async stop() {
        present = present.filter((other) => other !== someone)
        unsubscribe()
        const stopping = Promise.all([carriage.exchange.stop(), carriage.conversations.stop()])
        await clock.advance(10_000)
        await stopping
        await carriage.db.close()
      },
    }
    present.push(someone)
    return someone
  }

  async function know(a: Someone, b: Someone): Promise<void> {
    await a.carriage.conversations.addContact(b.uri, undefined)
    await b.carriage.conversations.addContact(a.uri, undefined)
  }

  /** Two meet for a while, then part. */
  async function meet(a: Someone, b: Someone): Promise<void> {
    const [toB, toA] = linkPair(a.device, b.device, 64)
    const sessions = Promise.all([a.carriage.exchange.attach(toB), b.carriage.exchange.attach(toA)])
    for (let i = 0; i < 12; i++) {
      await clock.advance(100)
      await settle()
    }
    await Promise.all([toB.close(), toA.close()])
    await clock.advance(3_000)
    await sessions
  }

  const say = (from: Someone, to: string, text: string): Promise<{ id: EnvelopeId }> => from.carriage.conversations.send(from.carriage.contacts.find(to), text)
  const log = (of: Someone, whom: string): Promise<MessageView[]> => of.carriage.conversations.log(of.carriage.contacts.find(whom).person)
  const shown = (by: Someone): string[] =>
    by.events.flatMap((event) => (event.kind === 'message' && event.message.direction === 'in' ? [event.message.text] : []))

  it('talk, and the writer learns by signature that it arrived', async () => {
    const [a, b] = [await start('a'), await start('b')]
    await know(a, b)
    await say(a, 'b', 'hello 🌍 \u202e\u0000 ok')
    assert.deepEqual(
      (await log(a, 'b')).map(({ state }) => state),
      ['queued'],
    )
    await meet(a, b)
    assert.deepEqual(shown(b), ['hello 🌍 \u202e\u0000 ok'])
    assert.deepEqual(
      (await log(a, 'b')).map(({ state }) => state),
      ['delivered'],
    )
    assert.deepEqual(a.carriage.ledger.list(), [])
  })

  it('are served by a third who carries, and whose copies go when they arrived', async () => {
    const [a, b, c] = [await start('a'), await start('b'), await start('c')]
    await know(a, b)
    const texts = Array.from({ length: 30 }, (_, i) => `message ${i}`)
    for (const text of texts) await say(a, 'b', text)
    await meet(a, c)
    assert.ok((await log(a, 'b')).every(({ state }) => state === 'carried'))
    await meet(c, b)
    assert.deepEqual(shown(b), texts)
    assert.ok(
      [...c.carriage.store.ids()].every(
        (id) => c.carriage.store.meta(id)?.kind !== 'inbox' || c.carriage.store.meta(id)?.own === true || c.carriage.store.meta(id)?.author !== undefined,
      ),
    )
    const left = [...c.carriage.store.ids()].filter(
      (id) => c.carriage.store.meta(id)?.address === b.carriage.conversations.ownInbox && c.carriage.store.meta(id)?.kind === 'inbox',
    )
    assert.deepEqual(left, [])
    await meet(c, a)
    assert.ok((await log(a, 'b')).every(({ state }) => state === 'delivered'))
    await meet(a, c)
    await meet(c, b)
    assert.deepEqual(shown(b), texts, 'nothing is shown again')
  })

  it('do not show what was meant for now to somebody who comes later', async () => {
    const [a, b] = [await start('a'), await start('b')]
    await know(a, b)
    await meet(a, b)
    await a.carriage.conversations.send(a.carriage.contacts.find('b'), 'now or never', { priority: 'ephemeral' })
    await say(a, 'b', 'some time')
    await clock.advance(20_000)
    await meet(a, b)
    assert.deepEqual(shown(b), ['some time'])
    assert.deepEqual(
      (await log(a, 'b')).map(({ state }) => state),
      ['expired', 'delivered'],
    )
  })

  it('are strangers until accepted: a request waits, then its messages are shown', async () => {
    const [a, b] = [await start('a'), await start('b')]
    await a.carriage.conversations.addContact(b.uri, 'bob')
    await say(a, 'bob', 'may I?')
    await meet(a, b)
    assert.deepEqual(
      b.events.map(({ kind }) => kind),
      ['request'],
    )
    assert.deepEqual(shown(b), [])
    const [request] = b.carriage.contacts.list()
    assert.equal(request?.state, 'request')
    await b.carriage.conversations.addContact(request?.person ?? '', 'alice')
    await clock.advance(2_000)
    assert.deepEqual(shown(b), ['may I?'])
    await say(b, 'alice', 'you may')
    await meet(a, b)
    assert.deepEqual(shown(a), ['you may'])
  })

  it('hear nothing of somebody blocked, who learns nothing either', async () => {
    const [a, b] = [await start('a'), await start('b')]
    await know(a, b)
    await b.carriage.db.transaction((tx) => b.carriage.contacts.update(tx, b.carriage.contacts.find('a').person, { state: 'blocked' }))
    await say(a, 'b', 'psst')
    await meet(a, b)
    assert.deepEqual(shown(b), [])
    assert.notEqual((await log(a, 'b'))[0]?.state, 'delivered')
    await assert.rejects(say(b, 'a', 'no'), (error) => isMeshError(error, 'MESH_CONTACT_BLOCKED'))
  })

  it('lose nothing and see nothing twice when everybody restarts between any two steps', async () => {
    let [a, b, c] = [await start('a'), await start('b'), await start('c')]
    await know(a, b)
    const texts: string[] = []
    const seen: string[] = []
    const restart = async (one: Someone, name: string): Promise<Someone> => {
      if (name === 'b') seen.push(...shown(one))
      await one.stop()
      return start(name, { level: one.level })
    }
    for (let round = 0; round < 4; round++) {
      texts.push(`round ${round}`)
      await say(a, 'b', `round ${round}`)
      a = await restart(a, 'a')
      await meet(a, c)
      c = await restart(c, 'c')
      await meet(c, b)
      b = await restart(b, 'b')
      await meet(b, c)
    }
    assert.deepEqual([...seen, ...shown(b)], texts)
    assert.deepEqual(
      (await log(b, 'a')).map(({ text }) => text),
      texts,
    )
    await meet(c, a)
    assert.ok((await log(a, 'b')).every(({ state }) => state === 'delivered'))
  })

  it('are told when a message expires undelivered', async () => {
    const [a, b] = [await start('a'), await start('b')]
    await know(a, b)
    await say(a, 'b', 'too late')
    await a.stop()
    await b.stop()
    await clock.advance((MAX_LIFETIME_S + 60) * 1_000)
    const later = await start('a', { level: a.level })
    await later.carriage.store.removeExpired(100)
    await clock.advance(1_000)
    assert.deepEqual(
      (await log(later, 'b')).map(({ state }) => state),
      ['expired'],
    )
    assert.ok(later.events.some((event) => event.kind === 'state' && event.state === 'expired'))
  })

  it('do not believe a receipt by anybody but the owner of the inbox', async () => {
    const [a, b] = [await start('a'), await start('b')]
    await know(a, b)
    const { id } = await say(a, 'b', 'really?')
    const forger = derivePerson(crypto, new Uint8Array(32).fill(1))
    const { encodeRetraction, addressOfKey } = await import('#mesh/envelope')
    const stamp: Stamp = { ms: clock.now(), counter: 0 }
    const base = { priority: 'critical', kind: 'receipt', stamp, lifetimeS: 3_600, payload: encodeRetraction([id]) } as const
    const own = signEnvelope(crypto, forger.inboxSeed, { ...base, address: addressOfKey(forger.inboxKey) })
    const foreign = signEnvelope(crypto, forger.inboxSeed, { ...base, address: b.carriage.conversations.ownInbox })
    const origin = { link: b.device, passage: { hops: 1, copies: 1, ageS: 0 } }
    assert.equal((await a.carriage.intake.receive(own.bytes, origin)).kind, 'accept')
    assert.deepEqual(await a.carriage.intake.receive(foreign.bytes, origin), { kind: 'reject', code: 'MESH_ENVELOPE_INVALID' })
    assert.deepEqual(
      (await log(a, 'b')).map(({ state }) => state),
      ['queued'],
    )
    assert.ok(a.carriage.store.has(id))
  })

  it('drop what a revoked device wrote, once the revocation has come, and a revoked device refuses to write', async () => {
    const [a, b] = [await start('a'), await start('b')]
    await know(a, b)
    await say(a, 'b', 'before')
    await meet(a, b)
    await a.carriage.conversations.revokeDevice(a.device)
    await meet(a, b)
    assert.ok(b.carriage.contacts.isRevoked(b.carriage.contacts.find('a').person, a.device))
    await assert.rejects(say(a, 'b', 'after'), (error) => isMeshError(error, 'MESH_DEVICE_REVOKED') && error.hint !== undefined)
    assert.deepEqual(shown(b), ['before'])
  })

  it('are told of all that is durable before they stop, however much of it waits', async () => {
    const [a, b] = [await start('a'), await start('b')]
    await know(a, b)
    const texts = Array.from({ length: 30 }, (_, i) => `message ${i}`)
    await Promise.all(texts.map((text) => say(a, 'b', text)))
    await a.carriage.conversations.stop()
    const told = a.events.flatMap((event) => (event.kind === 'message' ? [event.message.text] : []))
    assert.deepEqual(told, texts)
  })

  it('refuse empty, endless and broken text, and keep what was acknowledged', async () => {
    const [a, b] = [await start('a'), await start('b')]
    await know(a, b)
    for (const text of ['', ' \n', 'x'.repeat(32_769), '\ud800']) await assert.rejects(say(a, 'b', text), (error) => isMeshError(error, 'MESH_TEXT_INVALID'))
    await say(a, 'b', 'ä'.repeat(16_384))
    await meet(a, b)
    assert.deepEqual(shown(b), ['ä'.repeat(16_384)])
  })

  it('leave no text and no name on the disk', async () => {
    const [a, b] = [await start('a'), await start('b')]
    await a.carriage.conversations.addContact(b.uri, 'bartholomew-the-neighbour')
    await say(a, 'bartholomew-the-neighbour', 'the treasure is under the oak')
    await meet(a, b)
    for (const { level } of [a, b]) {
      const rows = level.iterator({
        lt: new Uint8Array(64).fill(0xff),
        reverse: false,
        limit: -1,
        highWaterMarkBytes: 1 << 20,
        keyEncoding: 'view',
        valueEncoding: 'view',
      })
      const all = Buffer.concat((await rows.nextv(100_000)).flat().map((bytes) => Buffer.from(bytes)))
      await rows.close()
      assert.ok(all.length > 1_000)
      for (const word of ['treasure', 'under the oak', 'bartholomew']) assert.ok(!all.includes(word), word)
    }
  })
})
