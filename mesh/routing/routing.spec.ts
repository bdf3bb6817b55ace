import assert from 'node:assert/strict'
import { deviceIdOf } from '#mesh/ids'
import { silentLog } from '#mesh/ports'
import { Database } from '#mesh/store'
import { anEnvelope, aSeed } from '../testing/builders.ts'
import { fakeCrypto } from '../testing/fake-crypto.ts'
import { memoryLevel } from '../testing/memory-store.ts'
import { CustodyLedger } from './custody-ledger.ts'
import { type CustodyReceipt, custodyMessage, decodeCustodyReceipt, encodeCustodyReceipt, isCustodySigned } from './custody-receipt.ts'
import { HOP_LIMIT, planFor, type RoutingFacts, SMALL_MESH_DEVICES } from './plan.ts'

const crypto = fakeCrypto()
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
  const receiptFor = (ids: CustodyReceipt['ids'], custodian = 2): CustodyReceipt => {
    const untilMs = 1_800_000_000_000
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
    assert.deepEqual(new Map(again.list().map((entry) => [entry.id, entry])), new Map(ledger.list().map((entry) => [entry.id, entry])))
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

async function count(db: Database, table: 'c'): Promise<number> {
  let rows = 0
  for await (const _ of db.iterate(table)) rows += 1
  return rows
}
