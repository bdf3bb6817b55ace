import assert from 'node:assert/strict'
import { addressOfKey, type Envelope, signEnvelope } from '#mesh/envelope'
import { type FakeClock, fakeClock } from '#mesh/testing'
import { fakeCrypto } from '../testing/fake-crypto.ts'
import { befriend, carried, type MeshPerson, meshPerson, rest } from '../testing/mesh-people.ts'

const crypto = fakeCrypto()
const FLOOD = 300

describe('reading under a flood', () => {
  let clock: FakeClock
  let a: MeshPerson
  let b: MeshPerson

  beforeEach(async () => {
    clock = fakeClock()
    a = await meshPerson('alice', { clock, crypto })
    b = await meshPerson('bob', { clock, crypto })
    await befriend(clock, a, b)
  })

  afterEach(async () => {
    await a.stop()
    await b.stop()
  })

  function fromNobody(i: number): Envelope {
    const payload = new Uint8Array(256)
    new DataView(payload.buffer).setUint32(0, i)
    const stamp = { ms: clock.now(), counter: 0 }
    const address = addressOfKey(b.keys.inboxKey)
    return signEnvelope(crypto, new Uint8Array(32).fill(9), { priority: 'critical', kind: 'inbox', address, stamp, lifetimeS: 3_600, payload })
  }

  /** Envelopes to b of people whom b does not know. */
  const unread = (): number => [...b.store.ids()].filter((id) => b.store.meta(id)?.stranger === false && b.store.meta(id)?.pinned === false).length

  it('reads the rest of what somebody wrote first once one of his messages says who he is', async () => {
    await a.send(b, 'first')
    const more = await meshPerson('carol', { clock, crypto })
    try {
      await more.conversations.addContact(b.uri, undefined)
      await b.conversations.addContact(more.uri, undefined)
      const texts = Array.from({ length: 3 }, (_, i) => `late ${i}`)
      for (const text of texts) await more.send(b, text)
      const passage = { hops: 1, copies: 1, ageS: 0 }
      const mine = (await carried(more)).filter(({ address, kind }) => address === b.conversations.ownInbox && kind === 'inbox')
      const flood = Array.from({ length: FLOOD }, (_, i) => ({ bytes: fromNobody(i).bytes, passage }))
      let left: number | undefined
      b.conversations.subscribe((event) => {
        if (event.kind === 'message' && event.message.text === texts.at(-1)) left = unread()
      })
      const [first, ...rests] = mine.map(({ bytes }) => ({ bytes, passage }))
      assert.ok(first)
      await b.intake.receiveAll([first, ...flood, ...rests], a.device)
      await rest(clock)
      assert.deepEqual(b.shown().slice(-3), texts)
      assert.ok(left !== undefined && left > FLOOD / 2, `${left} of ${FLOOD} were still unread`)
    } finally {
      await more.stop()
    }
  })

  it('shows what a friend writes before most of what strangers sent earlier is looked at, and gets through all of it', async () => {
    await a.send(b, 'heard')
    const message = (await carried(a)).findLast(({ address, kind }) => address === b.conversations.ownInbox && kind === 'inbox')
    assert.ok(message)
    let left: number | undefined
    b.conversations.subscribe((event) => {
      if (event.kind === 'message') left = unread()
    })
    const passage = { hops: 1, copies: 1, ageS: 0 }
    const flood = Array.from({ length: FLOOD }, (_, i) => ({ bytes: fromNobody(i).bytes, passage }))
    const verdicts = await b.intake.receiveAll([...flood, { bytes: message.bytes, passage }], a.device)
    assert.deepEqual([...new Set(verdicts.map((verdict) => (verdict.kind === 'ignore' ? verdict.reason : verdict.kind)))], ['accept'])
    await rest(clock)
    assert.deepEqual(b.shown(), ['heard'])
    assert.ok(left !== undefined && left > FLOOD / 2, `${left} of ${FLOOD} were still unread`)
    assert.equal([...b.store.ids()].filter((id) => b.store.meta(id)?.pinned === false).length, 0)
  })
})
