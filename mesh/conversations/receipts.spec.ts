import assert from 'node:assert/strict'
import fc from 'fast-check'
import { type Envelope, expiryOf, MAX_RETRACTED_IDS, readRetraction } from '#mesh/envelope'
import { deriveHistoryKey } from '#mesh/identity'
import { type EnvelopeId, envelopeIdOf, type PersonId } from '#mesh/ids'
import { silentLog } from '#mesh/ports'
import { SearchIndex } from '#mesh/search'
import type { EnvelopeStore } from '#mesh/store'
import { type FakeClock, fakeClock, seededRandom } from '#mesh/testing'
import { anArrival, anEnvelope } from '../testing/builders.ts'
import { fakeCrypto } from '../testing/fake-crypto.ts'
import { type MeshPerson, type MeshPersonOptions, meshPerson, rest } from '../testing/mesh-people.ts'
import { Changes } from './changes.ts'
import { Composer } from './composer.ts'
import { History } from './history.ts'
import { receiptsToMerge } from './receipt-merging.ts'
import { Receipts } from './receipts.ts'
import { Vanishing } from './vanishing.ts'

const crypto = fakeCrypto()
const DAY_S = 86_400

describe('receipts to merge', () => {
  it('are few, fit into one, and carry each id again about once for each class of sizes', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 500 }), { minLength: 100, maxLength: 400, size: 'max' }), fc.nat(3), (batches, kind) => {
        let own: { id: EnvelopeId; ids: number }[] = []
        let [arrived, written] = [0, 0]
        for (const [i, batch] of batches.entries()) {
          const fresh = kind === 0 ? batch : Math.ceil(batch / 10 ** kind)
          const merged = receiptsToMerge(own, fresh)
          const ids = merged.reduce((sum, receipt) => sum + receipt.ids + 1, fresh)
          assert.ok(ids <= MAX_RETRACTED_IDS)
          own = [...own.filter((receipt) => !merged.includes(receipt)), { id: idOf(i), ids }]
          arrived += fresh
          written += ids
          assert.ok(own.length <= 32 + (2.5 * arrived) / (MAX_RETRACTED_IDS / 2), `${own.length} receipts for ${arrived} envelopes`)
        }
        assert.ok(written <= 12 * arrived, `${written} ids written for ${arrived} envelopes`)
      }),
      { numRuns: 200 },
    )
  })
})

describe('own receipts', () => {
  let clock: FakeClock
  let running: { stop(): Promise<void> }[]

  beforeEach(() => {
    clock = fakeClock()
    running = []
  })

  afterEach(async () => {
    for (const part of running.toReversed()) await part.stop()
  })

  async function start(name: string, options: Partial<MeshPersonOptions> = {}): Promise<MeshPerson> {
    const person = await meshPerson(name, { clock, crypto, ...options })
    running.push(person)
    return person
  }

  /** What acknowledges for `person`, fed by hand: reading thousands of messages is not what this is about. */
  async function receiptsOf(person: MeshPerson): Promise<Receipts> {
    const { keys, device, deviceSeed, certificate, contacts } = person
    const random = seededRandom('receipts')
    const historyKey = deriveHistoryKey(deviceSeed)
    const self = { keys, device, deviceSeed, certificate, card: () => certificate, historyKey }
    const deps = { ...person, crypto, random, clock, log: silentLog, self }
    const sealing = { crypto, random, historyKey, blind: (whom: PersonId) => contacts.blind(whom) }
    const history = new History({ ...sealing, search: new SearchIndex(historyKey) })
    const receipts = new Receipts(deps, new Composer(deps, history, new Changes({ ...sealing, self: keys.person }, history), new Vanishing(deps, history)))
    await receipts.start()
    running.push(receipts)
    return receipts
  }

  async function acknowledge(person: MeshPerson, receipts: Receipts, envelopes: readonly Pick<Envelope, 'id' | 'stamp' | 'lifetimeS'>[]): Promise<void> {
    await person.db.transaction((tx) => {
      for (const { id, stamp, lifetimeS } of envelopes) receipts.add(tx, { id, stamp, lifetimeS, firstSeenMs: clock.now(), ageS: 0 })
    })
    await rest(clock)
  }

  it('stay few, however many messages arrive: fewer than forty for twenty thousand', async () => {
    const bob = await start('bob')
    const receipts = await receiptsOf(bob)
    const random = seededRandom('batches')
    const stamp = { ms: clock.now(), counter: 0 }
    let most = 0
    for (let count = 0; count < 20_000; ) {
      const batch = 1 + ((random.bytes(1)[0] ?? 0) % 40)
      const ids = Array.from({ length: batch }, () => ({ id: idOf(count++), stamp, lifetimeS: 30 * DAY_S }))
      await acknowledge(bob, receipts, ids)
      most = Math.max(most, bob.store.usage().envelopes)
    }
    assert.ok(most < 40, `${most} receipts`)
    assert.ok(bob.store.usage().bytes < 3_000_000, `${bob.store.usage().bytes} bytes`)
    const named = new Set((await ownReceipts(bob)).flatMap(readRetraction))
    for (let n = 0; n < 20_000; n++) assert.ok(named.has(idOf(n)), `envelope ${n}`)
  }).timeout(60_000)

  it('make every carrier drop the same, whether it has the old ones, the merged one, or both', async () => {
    const bob = await start('bob')
    const receipts = await receiptsOf(bob)
    const address = bob.conversations.ownInbox
    const envelopes = Array.from({ length: 300 }, () => anEnvelope({ address, bytes: 20 }))
    const [always, late, early] = [await start('always'), await start('late'), await start('early')]
    for (const carrier of [always, late, early]) await carry(carrier, envelopes)
    for (const [i, envelope] of envelopes.entries()) {
      await acknowledge(bob, receipts, [envelope])
      for (const { bytes } of await ownReceipts(bob)) {
        await always.take(bytes, bob)
        if (i < 150) await early.take(bytes, bob)
      }
    }
    const final = await ownReceipts(bob)
    assert.ok(final.length < 30, `${final.length} receipts`)
    for (const { bytes } of final) await late.take(bytes, bob)
    for (const carrier of [always, late]) assert.deepEqual(inboxIds(carrier.store), [], `${carrier.name} still carries what arrived`)
    assert.deepEqual(
      inboxIds(early.store).sort(),
      envelopes
        .slice(150)
        .map(({ id }) => id)
        .sort(),
      'an old receipt goes on to count',
    )
    assert.deepEqual([...always.store.ids()].sort(), final.map(({ id }) => id).sort(), 'the merged ones take the old ones back')
    for (const { id } of envelopes) assert.ok(late.store.isRetracted(id, address) && always.store.isRetracted(id, address))
  }).timeout(60_000)

  it('end with the last envelope that they take back, whatever was merged', async () => {
    const bob = await start('bob')
    const receipts = await receiptsOf(bob)
    const stamp = { ms: clock.now(), counter: 0 }
    const lifetimes = [2, 9, 1, 3, 5, 4, 1, 1].map((days) => days * DAY_S)
    for (const [n, lifetimeS] of lifetimes.entries()) await acknowledge(bob, receipts, [{ id: idOf(n), stamp, lifetimeS }])
    const [merged, ...others] = await ownReceipts(bob)
    assert.ok(merged !== undefined && others.length === 0)
    const end = expiryOf(merged, clock.now(), 0)
    assert.ok(Math.abs(end - (stamp.ms + 9 * DAY_S * 1_000)) < 2_000, `${(end - stamp.ms) / 1_000 / DAY_S} days`)
  })

  it('live as long as others may keep the envelope, also where this store forgets sooner', async () => {
    const bob = await start('bob', { limits: { retentionMs: 7 * DAY_S * 1_000 } })
    const alice = await start('alice')
    await alice.conversations.addContact(bob.uri, undefined)
    for (const id of alice.store.ids()) await bob.take((await alice.store.bytes(id)) ?? new Uint8Array(), alice)
    await rest(clock)
    const [receipt] = await ownReceipts(bob)
    assert.ok(receipt !== undefined)
    assert.ok(receipt.lifetimeS > 29 * DAY_S, `${receipt.lifetimeS / DAY_S} days`)
  })

  it('go last among their priority when room is needed, and nothing else that is own goes', async () => {
    const bob = await start('bob', { limits: { maxEnvelopes: 4 } })
    const receipts = await receiptsOf(bob)
    const stamp = { ms: clock.now(), counter: 0 }
    await acknowledge(bob, receipts, [{ id: idOf(1), stamp, lifetimeS: DAY_S }])
    const [receipt] = await ownReceipts(bob)
    assert.ok(receipt !== undefined)
    const critical = anEnvelope({ priority: 'critical', lifetimeS: 20 * DAY_S })
    const own = anEnvelope({ priority: 'bulk' })
    await bob.db.transaction((tx) => {
      bob.store.put(tx, critical, anArrival())
      bob.store.put(tx, own, anArrival({ own: true }))
      bob.store.put(tx, anEnvelope({ priority: 'critical' }), anArrival({ pinned: true }))
    })
    const makeRoom = (priority: 'critical' | 'normal'): Promise<boolean> => bob.db.transaction((tx) => bob.store.makeRoom(tx, 100, priority, true))
    assert.equal(await makeRoom('normal'), false, 'a receipt is more urgent than a message')
    assert.equal(await makeRoom('critical'), true)
    assert.deepEqual([bob.store.has(critical.id), bob.store.has(receipt.id)], [false, true])
    await bob.db.transaction((tx) => bob.store.put(tx, anEnvelope({ priority: 'critical' }), anArrival({ pinned: true })))
    assert.equal(await makeRoom('critical'), true)
    assert.deepEqual([bob.store.has(receipt.id), bob.store.has(own.id)], [false, true])
    await bob.db.transaction((tx) => bob.store.put(tx, anEnvelope({ priority: 'critical' }), anArrival({ pinned: true })))
    assert.equal(await makeRoom('critical'), false)
  })

  it('of one device are taken back on the other devices of the person as well, and no unread message with them', async () => {
    const [phone, laptop] = [await start('bob'), await start('bob', { deviceNumber: 1 })]
    const receipts = await receiptsOf(phone)
    const stamp = { ms: clock.now(), counter: 0 }
    for (let n = 0; n < 8; n++) {
      await acknowledge(phone, receipts, [{ id: idOf(n), stamp, lifetimeS: DAY_S }])
      for (const { bytes } of await ownReceipts(phone)) await laptop.take(bytes, phone)
      await rest(clock)
    }
    assert.equal(laptop.store.usage().envelopes, 1)
  })

  it('are made for what arrived before the clock was set, and live long enough', async () => {
    clock.setWall(5_000)
    const bob = await start('bob')
    const receipts = await receiptsOf(bob)
    await bob.db.transaction((tx) => receipts.add(tx, { id: idOf(1), stamp: { ms: 1, counter: 0 }, lifetimeS: 20 * DAY_S, firstSeenMs: clock.now(), ageS: 0 }))
    clock.setWall(1_790_000_000_000)
    await rest(clock)
    const [receipt] = await ownReceipts(bob)
    assert.ok(receipt !== undefined && receipt.lifetimeS >= 20 * DAY_S)
  })
})

async function ownReceipts(person: MeshPerson): Promise<Envelope[]> {
  const envelopes = await Promise.all([...person.store.ids()].map((id) => person.store.open(id)))
  return envelopes.filter((envelope) => envelope?.kind === 'receipt').filter((envelope) => envelope !== undefined)
}

async function carry(person: MeshPerson, envelopes: readonly Envelope[]): Promise<void> {
  for (const { bytes } of envelopes) await person.take(bytes)
}

function inboxIds(store: EnvelopeStore): EnvelopeId[] {
  return [...store.ids()].filter((id) => store.meta(id)?.kind === 'inbox')
}

function idOf(n: number): EnvelopeId {
  const bytes = new Uint8Array(32)
  new DataView(bytes.buffer).setUint32(0, n + 1)
  return envelopeIdOf(bytes)
}
