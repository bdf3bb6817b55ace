import assert from 'node:assert/strict'
import { HOP_LIMIT } from '#mesh/envelope'
import { deviceIdOf, type EnvelopeId, envelopeIdOf } from '#mesh/ids'
import { silentLog } from '#mesh/ports'
import { Database } from '#mesh/store'
import { anEnvelope, aSeed } from '../testing/builders.ts'
import { fakeCrypto } from '../testing/fake-crypto.ts'
import { memoryLevel } from '../testing/memory-store.ts'
import { CustodyLedger } from './custody-ledger.ts'
import { type CustodyReceipt, custodyKey, custodyMessage, decodeCustodyReceipt, encodeCustodyReceipt, isCustodySigned } from './custody-receipt.ts'
import { planFor, type RoutingFacts, SMALL_MESH_DEVICES } from './plan.ts'

const crypto = fakeCrypto()
const DAY_MS = 86_400_000
const [A, B, C] = [1, 2, 3].map((n) => deviceIdOf(crypto.ed25519PublicKey(aSeed(n)))) as [
  ReturnType<typeof deviceIdOf>,
  ReturnType<typeof deviceIdOf>,
  ReturnType<typeof deviceIdOf>,
]

describe('a plan', () => {
  const plan = (change: Partial<Omit<RoutingFacts, 'meta'>> & { meta?: Partial<RoutingFacts['meta']> } = {}): ReturnType<typeof planFor> => {
    const meta = { kind: 'inbox', hops: 1, copies: 8, mayCross: true, own: false, mesh: '', ...change.meta } as const
    return planFor({ peer: B, peerOwns: false, arrivedFrom: A, neighbours: 100, peerHasCustody: false, utility: 0, mesh: '', ...change, meta })
  }

  it('sends to the owner, whatever the hops', () => assert.deepEqual(plan({ peerOwns: true, meta: { hops: 200, copies: 1 } }), { kind: 'send' }))
  it('never goes back where it came from', () => assert.deepEqual(plan({ arrivedFrom: B, peerOwns: true }), { kind: 'keep', why: 'came-from-there' }))
  it('gives half of the copies away, and asks who gets them how well he serves the owner', () =>
    assert.deepEqual(plan(), { kind: 'offer', copies: 4, least: 0 }))
  it('gives the last copy to somebody only who serves the owner better, in a large mesh', () => {
    assert.deepEqual(plan({ meta: { copies: 1 } }), { kind: 'offer', copies: 1, least: 1 })
    assert.deepEqual(plan({ meta: { copies: 1 }, utility: 40 }), { kind: 'offer', copies: 1, least: 41 })
  })
  it('stops spraying sooner when somebody is known to meet the owner', () => {
    assert.deepEqual(plan({ meta: { copies: 4 }, utility: 40 }), { kind: 'offer', copies: 2, least: 41 })
    assert.deepEqual(plan({ meta: { copies: 5 }, utility: 40 }), { kind: 'offer', copies: 2, least: 0 })
    assert.deepEqual(plan({ meta: { copies: 4 } }), { kind: 'offer', copies: 2, least: 0 })
  })
  it('gives no further copies while the owner is linked', () =>
    assert.deepEqual(plan({ meta: { copies: 1 }, utility: 255 }), { kind: 'keep', why: 'owner-here' }))
  it('gives every neighbour a copy in a small mesh', () =>
    assert.deepEqual(plan({ meta: { copies: 1 }, neighbours: SMALL_MESH_DEVICES - 1 }), { kind: 'offer', copies: 1 }))
  it('gives what must not cross a bridge to nobody in another mesh, not even to its owner, but its author gives it to all', () => {
    const meta = { mayCross: false, mesh: 'home' }
    for (const peerOwns of [false, true]) {
      assert.deepEqual(plan({ meta, mesh: 'street', peerOwns }), { kind: 'keep', why: 'other-mesh' })
      assert.deepEqual(plan({ meta, mesh: '', peerOwns }), { kind: 'keep', why: 'other-mesh' })
    }
    assert.deepEqual(plan({ meta, mesh: 'home', peerOwns: true }), { kind: 'send' })
    assert.equal(plan({ meta, mesh: 'home' }).kind, 'offer')
    assert.deepEqual(plan({ meta: { mayCross: false, own: true }, mesh: 'street', peerOwns: true }), { kind: 'send' })
    assert.deepEqual(plan({ meta: { mesh: 'home' }, mesh: 'street', peerOwns: true }), { kind: 'send' })
  })
  it('stops at the hop limit', () => assert.deepEqual(plan({ meta: { hops: HOP_LIMIT } }), { kind: 'keep', why: 'hop-limit' }))
  it('does not offer what the peer has signed for', () => assert.deepEqual(plan({ peerHasCustody: true }), { kind: 'keep', why: 'carried-there' }))
  it('offers receipts and announcements to everybody', () => {
    for (const kind of ['receipt', 'announcement'] as const) assert.deepEqual(plan({ meta: { kind, copies: 1 } }), { kind: 'offer', copies: 1 })
  })
})

describe('the ledger', () => {
  const receiptFor = (ids: CustodyReceipt['ids'], custodian = 2, untilMs = 1_800_000_000_000): CustodyReceipt => {
    return {
      custodian: deviceIdOf(crypto.ed25519PublicKey(aSeed(custodian))),
      untilMs,
      ids,
      signature: crypto.ed25519Sign(aSeed(custodian), custodyMessage(A, untilMs, ids)),
    }
  }

  it('tells a custody receipt from one by another, for another, or for other ids', () => {
    const [one, two] = [anEnvelope().id, anEnvelope().id]
    const receipt = receiptFor([one])
    assert.ok(isCustodySigned(crypto, A, receipt))
    assert.ok(!isCustodySigned(crypto, C, receipt))
    assert.ok(!isCustodySigned(crypto, A, { ...receipt, custodian: C }))
    assert.ok(!isCustodySigned(crypto, A, { ...receipt, ids: [two] }))
    assert.ok(!isCustodySigned(crypto, A, { ...receipt, untilMs: receipt.untilMs + 1 }))
  })

  it('is carried by receipts alone, keeps them over a restart, and forgets them with the last envelope', async () => {
    const level = memoryLevel()
    const db = await Database.open(level, { log: silentLog })
    const ledger = await CustodyLedger.open(db)
    const [one, two] = [anEnvelope(), anEnvelope()]
    await db.transaction((tx) => {
      ledger.enqueue(tx, one)
      ledger.enqueue(tx, two)
    })
    assert.deepEqual(ledger.counts(), { queued: 2, carried: 0 })
    await db.transaction((tx) => ledger.recordCustody(tx, receiptFor([one.id, two.id, anEnvelope().id])))
    assert.deepEqual(ledger.counts(), { queued: 0, carried: 2 })
    assert.ok(ledger.hasCustody(one.id, B))

    const again = await CustodyLedger.open(db)
    assert.deepEqual(
      new Map(again.list().map((entry) => [entry.id, entry])),
      new Map(ledger.list().map((entry) => [entry.id, { ...entry, isFromBefore: true }])),
    )
    assert.deepEqual(await db.transaction((tx) => again.settle(tx, [one.id])), [one.id])
    assert.equal(await count(db, 'c'), 1)
    assert.deepEqual(await db.transaction((tx) => again.settle(tx, [two.id, one.id])), [two.id])
    assert.equal(await count(db, 'c'), 0)
    assert.deepEqual(again.list(), [])
  })

  it('takes a promise that was passed on only where who handed over is in the chain, and keeps that', async () => {
    const db = await Database.open(memoryLevel(), { log: silentLog })
    const ledger = await CustodyLedger.open(db)
    const [one, two] = [anEnvelope(), anEnvelope()]
    await db.transaction((tx) => {
      ledger.enqueue(tx, one)
      ledger.enqueue(tx, two)
    })
    const first = receiptFor([one.id])
    const next = { ...receiptFor([one.id, two.id], 77), from: first.custodian }
    await db.transaction((tx) => ledger.recordCustody(tx, next))
    assert.deepEqual(ledger.counts(), { queued: 2, carried: 0 })
    await db.transaction((tx) => ledger.recordCustody(tx, first))
    await db.transaction((tx) => ledger.recordCustody(tx, next))
    assert.deepEqual(ledger.counts(), { queued: 1, carried: 1 })
    for (const opened of [ledger, await CustodyLedger.open(db)]) {
      const custody = opened.get(one.id)?.custody.map(({ device, from, hops }) => [device, from, hops]) ?? []
      assert.deepEqual(
        new Map(custody.map((row) => [row[0], row])),
        new Map([
          [first.custodian, [first.custodian, undefined, 1]],
          [next.custodian, [next.custodian, first.custodian, 2]],
        ]),
      )
    }
  })

  it('holds nobody to a promise that has run out', async () => {
    const db = await Database.open(memoryLevel(), { log: silentLog })
    const envelope = anEnvelope()
    const receipt = receiptFor([envelope.id])
    let nowMs = receipt.untilMs - 1
    const ledger = await CustodyLedger.open(db, { now: () => nowMs })
    await db.transaction((tx) => ledger.enqueue(tx, envelope))
    await db.transaction((tx) => ledger.recordCustody(tx, receipt))
    assert.deepEqual([ledger.get(envelope.id)?.state, ledger.counts().carried, ledger.hasCustody(envelope.id, B)], ['carried', 1, true])
    nowMs += 1
    assert.deepEqual([ledger.get(envelope.id)?.state, ledger.counts().carried, ledger.hasCustody(envelope.id, B)], ['queued', 0, false])
  })

  it('knows what was withdrawn until nobody can bring it any more, and does not wait for it', async () => {
    const db = await Database.open(memoryLevel(), { log: silentLog })
    const ledger = await CustodyLedger.open(db)
    const [one, two] = [anEnvelope(), anEnvelope()]
    await db.transaction((tx) => {
      ledger.enqueue(tx, one)
      ledger.enqueue(tx, two)
    })
    assert.deepEqual(await db.transaction((tx) => ledger.withdraw(tx, [one.id, anEnvelope().id], 5_000)), [one.id])
    for (const opened of [ledger, await CustodyLedger.open(db)]) {
      assert.deepEqual([opened.has(one.id), opened.has(two.id), opened.list().length], [false, true, 1])
      assert.equal(opened.addressOf(one.id), one.address)
      assert.deepEqual([opened.withdrawnBefore(4_999), opened.withdrawnBefore(5_000)], [[], [one.id]])
    }
    const again = await CustodyLedger.open(db)
    assert.deepEqual(await db.transaction((tx) => again.settle(tx, [one.id])), [one.id])
    assert.equal((await CustodyLedger.open(db)).addressOf(one.id), undefined)
  })

  it('writes nothing for ids that nobody waits for', async () => {
    const db = await Database.open(memoryLevel(), { log: silentLog })
    const ledger = await CustodyLedger.open(db)
    await db.transaction((tx) => ledger.recordCustody(tx, receiptFor([anEnvelope().id])))
    assert.equal(await count(db, 'c'), 0)
  })

  it('keeps the promises of sixty-four devices for one envelope, however many identities promise', async () => {
    const db = await Database.open(memoryLevel(), { log: silentLog })
    const ledger = await CustodyLedger.open(db)
    const envelope = anEnvelope()
    await db.transaction((tx) => ledger.enqueue(tx, envelope))
    for (let n = 1; n <= 100; n++) await db.transaction((tx) => ledger.recordCustody(tx, receiptFor([envelope.id], n)))
    for (let n = 1; n <= 10; n++) await db.transaction((tx) => ledger.recordCustody(tx, receiptFor([envelope.id], 50 + n)))
    assert.equal(ledger.get(envelope.id)?.custody.length, 64)
    assert.equal(await count(db, 'c'), 64)
  })

  it('keeps one receipt of a device for an envelope, and a later one only when it promises a day more', async () => {
    const { db, ledger, ids } = await waitingFor(2)
    const [one = anEnvelope().id, two = one] = ids
    const tell = (receipt: CustodyReceipt) => db.transaction((tx) => ledger.recordCustody(tx, receipt))
    assert.deepEqual(await tell(receiptFor([one, two, one], 2, 10 * DAY_MS)), [one, two], 'each once')
    for (let n = 1; n <= 50; n++) assert.deepEqual(await tell(receiptFor([one], 2, 10 * DAY_MS + n)), [])
    assert.deepEqual([await count(db, 'c'), ledger.get(one)?.custody[0]?.untilMs], [1, 10 * DAY_MS])
    assert.deepEqual(await tell(receiptFor([one], 2, 11 * DAY_MS)), [], 'it is not the first')
    assert.deepEqual([await count(db, 'c'), ledger.get(one)?.custody[0]?.untilMs], [2, 11 * DAY_MS], 'the old one still counts for the other')
    await tell(receiptFor([two], 2, 11 * DAY_MS))
    assert.equal(await count(db, 'c'), 2, 'and goes with it')
    const again = await CustodyLedger.open(db, { now: () => 1 })
    assert.deepEqual(new Set(again.list().map(({ custody }) => custody[0]?.untilMs)), new Set([11 * DAY_MS]))
  })

  it('keeps one receipt of a device when many come in one group of transactions', async () => {
    const { db, ledger, ids } = await waitingFor(1)
    await Promise.all(Array.from({ length: 50 }, (_, n) => db.transaction((tx) => ledger.recordCustody(tx, receiptFor(ids, 2, (n % 25) * DAY_MS + DAY_MS)))))
    assert.deepEqual([await count(db, 'c'), ledger.list()[0]?.custody[0]?.untilMs], [1, 25 * DAY_MS])
    await Promise.all(Array.from({ length: 100 }, (_, n) => db.transaction((tx) => ledger.recordCustody(tx, receiptFor(ids, n + 1)))))
    assert.deepEqual([await count(db, 'c'), ledger.list()[0]?.custody.length], [64, 64])
  })

  it('has a promise that was written down for nothing counted for nothing', async () => {
    const { db, ledger, ids } = await waitingFor(1)
    const receipt = receiptFor(ids)
    const failed = db.transaction((tx) => {
      ledger.recordCustody(tx, receipt)
      throw new Error('the disk is full')
    })
    await assert.rejects(failed, /the disk is full/)
    assert.deepEqual([await count(db, 'c'), ledger.list()[0]?.custody], [0, []])
    assert.deepEqual(await db.transaction((tx) => ledger.recordCustody(tx, receipt)), ids)
  })

  it('keeps a receipt for all that wait, also when it counts for some of them only later', async () => {
    const { db, ledger, ids } = await waitingFor(2)
    const [one = anEnvelope().id, two = one] = ids
    const first = receiptFor([one])
    const next = { ...receiptFor([one, two], 77), from: first.custodian }
    await db.transaction((tx) => ledger.recordCustody(tx, first))
    await db.transaction((tx) => ledger.recordCustody(tx, next))
    await db.transaction((tx) => ledger.recordCustody(tx, receiptFor([two])))
    await db.transaction((tx) => ledger.recordCustody(tx, next))
    await db.transaction((tx) => ledger.settle(tx, [two]))
    assert.equal((await CustodyLedger.open(db)).get(one)?.custody.length, 2)
  })

  it('takes no promise that has run out, and believes none for longer than an envelope lives', async () => {
    const { db, ledger, ids } = await waitingFor(1, 40 * DAY_MS)
    for (let n = 1; n <= 40; n++) await db.transaction((tx) => ledger.recordCustody(tx, receiptFor(ids, 2, n * DAY_MS)))
    assert.deepEqual([await count(db, 'c'), ledger.list()[0]?.custody], [0, []])
    await db.transaction((tx) => ledger.recordCustody(tx, receiptFor(ids, 2, 2 ** 48 - 1)))
    assert.equal(ledger.list()[0]?.custody[0]?.untilMs, 70 * DAY_MS)
  })

  it('does not let who was given it by others take the place of who was given it here', async () => {
    const { db, ledger, ids } = await waitingFor(1)
    const [direct, other] = [receiptFor(ids, 2, DAY_MS), receiptFor(ids, 3, DAY_MS)]
    for (const receipt of [direct, { ...other, from: B }, { ...receiptFor(ids, 2, 9 * DAY_MS), from: C }]) {
      await db.transaction((tx) => ledger.recordCustody(tx, receipt))
    }
    for (const opened of [ledger, await CustodyLedger.open(db)]) {
      const chain = opened.list()[0]?.custody.map(({ device, from }) => [device, from]) ?? []
      assert.deepEqual(new Map(chain.map((row) => [row[0], row[1]])), new Map([[B, undefined] as const, [C, B] as const]))
    }
  })

  it('keeps no more than 128 KiB of receipts for one envelope, half of it for what was passed on', async () => {
    const { db, ledger, ids } = await waitingFor(1)
    const junk = Array.from({ length: 1_023 }, (_, n) => envelopeIdOf(crypto.ed25519PublicKey(aSeed(1_000 + n))))
    await db.transaction((tx) => ledger.recordCustody(tx, receiptFor(ids)))
    for (let n = 10; n < 20; n++) await db.transaction((tx) => ledger.recordCustody(tx, { ...receiptFor([...ids, ...junk], n), from: B }))
    assert.equal(await count(db, 'c'), 2)
    for (let n = 20; n < 30; n++) await db.transaction((tx) => ledger.recordCustody(tx, receiptFor([...ids, ...junk], n)))
    assert.equal(await count(db, 'c'), 4)
  })

  it('clears away at the start what older programs kept too much of', async () => {
    const { db, ids } = await waitingFor(1)
    await db.transaction((tx) => {
      for (let n = 1; n <= 50; n++) {
        const receipt = receiptFor(ids, 2, 5 * DAY_MS + n)
        tx.put('c', custodyKey(receipt), encodeCustodyReceipt(receipt))
      }
    })
    const ledger = await CustodyLedger.open(db)
    assert.deepEqual([await count(db, 'c'), ledger.list()[0]?.custody.length], [1, 1])
  })

  it('reads a receipt out of a Buffer without keeping hold of it', () => {
    const row = Buffer.from(encodeCustodyReceipt(receiptFor([anEnvelope().id])))
    const receipt = decodeCustodyReceipt(row)
    row.fill(0)
    assert.ok(isCustodySigned(crypto, A, receipt))
  })

  it('leaves no receipt behind when two transactions settle its envelopes at once', async () => {
    const db = await Database.open(memoryLevel(), { log: silentLog })
    const ledger = await CustodyLedger.open(db)
    const [one, two] = [anEnvelope(), anEnvelope()]
    await db.transaction((tx) => {
      ledger.enqueue(tx, one)
      ledger.enqueue(tx, two)
    })
    await db.transaction((tx) => ledger.recordCustody(tx, receiptFor([one.id, two.id])))
    await Promise.all([one, two].map(({ id }) => db.transaction((tx) => ledger.settle(tx, [id]))))
    await CustodyLedger.open(db)
    assert.equal(await count(db, 'c'), 0)
  })
})

/** A ledger that waits for so many envelopes. */
async function waitingFor(many: number, nowMs = 1): Promise<{ db: Database; ledger: CustodyLedger; ids: EnvelopeId[] }> {
  const db = await Database.open(memoryLevel(), { log: silentLog })
  const ledger = await CustodyLedger.open(db, { now: () => nowMs })
  const envelopes = Array.from({ length: many }, () => anEnvelope())
  await db.transaction((tx) => {
    for (const envelope of envelopes) ledger.enqueue(tx, envelope)
  })
  return { db, ledger, ids: envelopes.map(({ id }) => id) }
}

async function count(db: Database, table: 'c'): Promise<number> {
  let rows = 0
  for await (const _ of db.iterate(table)) rows += 1
  return rows
}
