import assert from 'node:assert/strict'
import { type Envelope, encodeRetraction, MAX_LIFETIME_S, signEnvelope } from '#mesh/envelope'
import { TABLES } from '#mesh/store'
import { fakeCrypto } from '../testing/fake-crypto.ts'
import { bring, carried, meetPeople, rest } from '../testing/mesh-people.ts'
import { isTo, receiptsBy, Stage, statesOf } from '../testing/stage.ts'

const crypto = fakeCrypto()

describe('states of messages', () => {
  let stage: Stage

  beforeEach(() => {
    stage = new Stage()
  })

  afterEach(() => stage.stop())

  it('go from queued to delivered by one receipt for many, and are told once', async () => {
    const [a, b] = await stage.friends()
    const before = (await receiptsBy(b)).length
    for (let i = 0; i < 20; i++) await a.send(b, `text ${i}`)
    assert.ok(statesOf(await a.log(b)).every((state) => state === 'queued'))
    for (const { bytes } of await carried(a, isTo(b))) await b.take(bytes, a)
    await rest(stage.clock)
    assert.equal((await receiptsBy(b)).length, before + 1)
    await meetPeople(stage.clock, b, a)
    const [receipt] = (await receiptsBy(b)).slice(-1)
    assert.ok((await a.log(b)).every(({ state, by }) => state === 'delivered' && by === receipt?.id))
    assert.equal(a.events.filter((event) => event.kind === 'state' && event.state === 'delivered').length, 20)
    assert.deepEqual(a.ledger.list(), [])
    assert.deepEqual(await carried(a, isTo(b)), [])
  })

  it('stay queued when the disk spoils the index, and the message still arrives', async () => {
    const [a, b] = await stage.friends()
    const id = await a.send(b, 'are you alive?')
    const keys: Uint8Array[] = []
    for await (const [key] of a.db.iterate(TABLES.envelopeIndex)) keys.push(key)
    await a.db.transaction((tx) => {
      for (const key of keys) tx.put(TABLES.envelopeIndex, key, Uint8Array.of(1, 2, 3))
    })
    const back = await stage.restart(a)
    assert.deepEqual(statesOf(await back.log(b)), ['queued'])
    assert.ok(back.ledger.has(id) && back.store.meta(id)?.own)
    await meetPeople(stage.clock, back, b)
    assert.deepEqual(b.shown(), ['are you alive?'])
    assert.deepEqual(statesOf(await back.log(b)), ['delivered'])
  })

  it('change by nobody but the owner of the inbox', async () => {
    const [a, b] = await stage.friends()
    const id = await a.send(b, 'really?')
    const forger = await stage.start('mallory')
    const receiptBy = (seed: Uint8Array, address: Envelope['address']): Envelope =>
      signEnvelope(crypto, seed, {
        priority: 'critical',
        kind: 'receipt',
        address,
        stamp: { ms: stage.clock.now(), counter: 0 },
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
    const third = signEnvelope(crypto, b.keys.inboxSeed, { ...second, stamp: { ms: stage.clock.now(), counter: 1 } })
    await Promise.all([a.take(second.bytes), a.take(third.bytes)])
    await rest(stage.clock)
    assert.equal(a.events.filter((event) => event.kind === 'state' && event.state === 'delivered').length, 1)
  })

  it('are carried only by custody, which is told once however many carry', async () => {
    const [a, b] = await stage.friends()
    const [carrier, other] = [await stage.start('carol'), await stage.start('dave')]
    const id = await a.send(b, 'by foot')
    await bring(stage.clock, a, carrier)
    assert.deepEqual(statesOf(await a.log(b)), ['queued'], 'having a copy is no promise')
    const untilMs = stage.clock.now() + 86_400_000
    await Promise.all(
      [carrier, other].map(({ device }) =>
        a.db.transaction((tx) => a.ledger.recordCustody(tx, { custodian: device, untilMs, ids: [id], signature: new Uint8Array(64) })),
      ),
    )
    await rest(stage.clock)
    assert.deepEqual(statesOf(await a.log(b)), ['carried'])
    assert.deepEqual(
      a.events.flatMap((event) => (event.kind === 'state' && event.state === 'carried' ? [event.by] : [])),
      [carrier.device],
    )
    assert.deepEqual(statesOf(await (await stage.restart(a)).log(b)), ['carried'])
  })

  it('end as expired when the lifetime is over, here or while the node was off', async () => {
    const [a, b] = await stage.friends()
    await a.send(b, 'too late')
    await stage.clock.advance((MAX_LIFETIME_S + 1) * 1_000)
    await a.store.removeExpired(100)
    await rest(stage.clock)
    assert.deepEqual(statesOf(await a.log(b)), ['expired'])
    assert.equal(a.events.filter((event) => event.kind === 'state' && event.state === 'expired').length, 1)
    assert.deepEqual(a.ledger.list(), [])
  })

  it('survive floods of what nobody wants to hear', async () => {
    const [a, b] = await stage.friends()
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
    await rest(stage.clock)
    assert.deepEqual(
      b.events.slice(seen).map(({ kind }) => kind),
      ['message'],
    )
  })

  it('reach every listener, also when one throws', async () => {
    const [a, b] = await stage.friends()
    const heard: string[] = []
    b.conversations.subscribe(() => {
      throw new Error('a window that is gone')
    })
    b.conversations.subscribe(({ kind }) => heard.push(kind))
    await a.send(b, 'hello')
    await bring(stage.clock, a, b)
    assert.deepEqual(heard, ['message'])
  })
})
