/**
 * A scripted life of a carrier on a disk that fails at its k-th write, for every k: nothing that was
 * answered is lost, nothing is half there, what is there can be read, custody is refused with the right
 * word, and when the disk is well again the life ends as it does without any failure.
 */
import assert from 'node:assert/strict'
import { addressOfKey, type Envelope } from '#mesh/envelope'
import { isMeshError } from '#mesh/errors'
import { type Address, deviceIdOf, type EnvelopeId } from '#mesh/ids'
import { silentLog } from '#mesh/ports'
import { CustodyLedger } from '#mesh/routing'
import { Database, EnvelopeStore, type Level, TABLES } from '#mesh/store'
import { anAddress, anEnvelope, aReceipt, aSeed } from '../testing/builders.ts'
import { type FailingLevel, failingLevel } from '../testing/failing-level.ts'
import { type FakeClock, fakeClock } from '../testing/fake-clock.ts'
import { fakeCrypto } from '../testing/fake-crypto.ts'
import { assertIndexIsOnDisk } from '../testing/index-on-disk.ts'
import { memoryLevel, someLimits } from '../testing/memory-store.ts'
import { Intake } from './index.ts'

const LINK = deviceIdOf(aSeed(100))
const CUSTODIAN = deviceIdOf(aSeed(101))
const PASSAGE = { hops: 1, copies: 4, ageS: 0 }
const OWNER = 50
const OWNED = ownedBy(OWNER)
const FRIEND = 51
const LIMITS = someLimits({ maxEnvelopes: 12, maxTombstones: 40 })

interface Life {
  readonly disk: FailingLevel
  readonly clock: FakeClock
  /** What is here, by the events. */
  readonly told: Set<EnvelopeId>
  db: Database
  store: EnvelopeStore
  ledger: CustodyLedger
  intake: Intake
}

/** What was made once, so that all lives are about the same. */
const sent = Array.from({ length: 3 }, () => anEnvelope({ author: OWNER, address: ownedBy(FRIEND) }))
const carried = Array.from({ length: 6 }, (_, i) => anEnvelope({ author: i % 3, address: anAddress(i % 2), priority: 'bulk', lifetimeS: 600 + i }))
const forUs = Array.from({ length: 2 }, () => anEnvelope({ author: FRIEND, address: OWNED }))
const pressing = Array.from({ length: 5 }, (_, i) => anEnvelope({ author: 7, address: anAddress(5), priority: 'critical', lifetimeS: 90_000 + i }))
const receipt = aReceipt(
  FRIEND,
  ownedBy(FRIEND),
  sent.slice(0, 2).map(({ id }) => id),
)
const late = anEnvelope({ author: 8, address: anAddress(6) })

const MANY = 'many'
/** Small changes, so many that segments of the index are put together. */
const CHANGES = 70

/** Steps of one transaction each, but for those `MANY` that are several. */
const SCRIPT: readonly (readonly [name: string, run: (life: Life) => Promise<void>])[] = [
  ['open', (life) => open(life)],
  ['send', (life) => send(life, sent)],
  ['receive', (life) => receive(life, carried.slice(0, 4))],
  [MANY, (life) => all([receive(life, carried.slice(4)), receive(life, forUs), send(life, [late])])],
  ['custody', ({ db, ledger }) => db.transaction((tx) => void ledger.recordCustody(tx, custody(sent.map(({ id }) => id))))],
  [MANY, (life) => change(life)],
  ['receipt', (life) => receive(life, [receipt])],
  ['evict', (life) => receive(life, pressing)],
  ['consume', ({ db, store, clock }) => db.transaction((tx) => consume(tx, store, forUs, clock.now() + 1_000_000))],
  [MANY, (life) => sweep(life)],
  ['stop', ({ db }) => db.close()],
]

describe('a disk that fails at any write', () => {
  let writes = 0
  let whole: string
  before(async () => {
    const life = newLife()
    for (const [, run] of SCRIPT.slice(0, -1)) await run(life)
    assert.ok(life.store.usage().envelopes < 12 && life.store.usage().envelopes > 5)
    await assertIndexIsOnDisk(life.store, life.disk.level)
    await life.db.close()
    writes = life.disk.batches
    whole = await meaningOf(life.disk.level)
    assert.ok(writes >= 10, `${writes} writes`)
  })

  for (const code of ['ENOSPC', 'EIO'] as const) {
    for (const lands of [false, true]) {
      it(`loses nothing and goes on after ${code}${lands ? ' of a write that is in the log all the same' : ''}`, async () => {
        for (let nth = 0; nth < writes; nth++) {
          const life = newLife()
          life.disk.failAt(nth, code, lands)
          let failures = 0
          for (const [name, run] of SCRIPT) failures += (await survive(life, name, run, code)) ? 1 : 0
          assert.equal(failures, 1, `write ${nth}`)
          assert.equal(await meaningOf(life.disk.level), whole, `write ${nth}: another end`)
        }
      })

      it(`has everything that was answered after a crash on ${code}${lands ? ' of a write that is in the log all the same' : ''}`, async () => {
        for (let nth = 1; nth < writes; nth++) {
          const life = newLife()
          life.disk.failAt(nth, code, lands)
          const told = await liveAsLongAs(life)
          life.disk.heal()
          await life.disk.level.close()
          const again = { ...newLife(), disk: life.disk }
          await open(again)
          await assertIndexIsOnDisk(again.store, again.disk.level)
          if (!lands) assert.deepEqual([...again.store.ids()].sort(), told, `write ${nth}`)
          await again.db.close()
        }
      })
    }
  }

  it('refuses everything but reading for as long as the disk is full', async () => {
    const life = newLife()
    await open(life)
    await send(life, sent)
    life.disk.failAt(0, 'ENOSPC', false)
    for (let i = 0; i < 3; i++) {
      assert.deepEqual(
        (
          await life.intake.receiveAll(
            carried.map(({ bytes }) => ({ bytes, passage: PASSAGE })),
            LINK,
          )
        ).map((verdict) => ('reason' in verdict ? verdict.reason : verdict.kind)),
        carried.map(() => 'full'),
      )
      await assert.rejects(send(life, [late]), (error) => isMeshError(error, 'MESH_STORE_FULL'))
      for (const { id, bytes } of sent) assert.deepEqual(await life.store.bytes(id), bytes)
      assert.equal(life.db.lastFailure?.code, 'MESH_STORE_FULL')
    }
    life.disk.heal()
    await receive(life, carried)
    assert.equal(life.db.lastFailure, undefined)
    await life.db.close()
  })
})

/** Runs a step; when it fails, looks at what it left, repairs the disk and runs it again. Says whether it failed. */
async function survive(life: Life, name: string, run: (life: Life) => Promise<void>, code: string): Promise<boolean> {
  const wasOpen = name !== 'open'
  const before = wasOpen ? await rowsOf(life.disk.level) : undefined
  try {
    await run(life)
    return false
  } catch (error) {
    assert.ok(isMeshError(error, code === 'ENOSPC' ? 'MESH_STORE_FULL' : 'MESH_STORE_FAILED'), `${name}: ${String(error)}`)
  }
  if (before !== undefined) {
    if (name !== MANY) assert.deepEqual(await rowsOf(life.disk.level), before, `${name} is half there`)
    await assertIndexIsOnDisk(life.store, life.disk.level)
    for (const id of life.store.ids()) assert.notEqual(await life.store.bytes(id), undefined)
  } else await life.disk.level.close()
  life.disk.heal()
  await run(life)
  if (name !== 'stop') await assertIndexIsOnDisk(life.store, life.disk.level)
  return true
}

/** Lives until the disk fails; says what was told to be there by then. */
async function liveAsLongAs(life: Life): Promise<EnvelopeId[]> {
  try {
    for (const [, run] of SCRIPT) await run(life)
  } catch (error) {
    assert.ok(isMeshError(error), String(error))
  }
  return [...life.told].sort()
}

function newLife(): Life {
  return { disk: failingLevel(memoryLevel()), clock: fakeClock(), told: new Set<EnvelopeId>() } as Life
}

async function open(life: Life): Promise<void> {
  const { disk, clock } = life
  life.db = await Database.open(disk.level, { log: silentLog })
  life.store = await EnvelopeStore.open(life.db, { clock, log: silentLog }, LIMITS)
  life.ledger = await CustodyLedger.open(life.db)
  const { db, store, ledger } = life
  db.subscribe((event) => {
    if (event.kind === 'envelope-stored') life.told.add(event.id)
    if (event.kind === 'envelope-removed') life.told.delete(event.id)
  })
  life.intake = new Intake({
    db,
    store,
    clock,
    crypto: fakeCrypto(),
    isOwned: (address) => address === OWNED,
    isFriend: () => false,
    isFriendsKey: () => false,
    onRetracted: (tx, { ids }) => void ledger.settle(tx, ids),
  })
}

async function send({ db, intake, ledger, store }: Life, envelopes: readonly Envelope[]): Promise<void> {
  await db.transaction(async (tx) => {
    for (const envelope of envelopes) {
      if (store.has(envelope.id, tx)) continue
      await intake.storeOwn(tx, envelope)
      ledger.enqueue(tx, envelope)
    }
  })
}

/** Brings envelopes to the door; refused ones are thrown, as a test has it easier with one way of failing. */
async function receive({ intake, db }: Life, envelopes: readonly Envelope[]): Promise<void> {
  const verdicts = await intake.receiveAll(
    envelopes.map(({ bytes }) => ({ bytes, passage: PASSAGE })),
    LINK,
  )
  for (const verdict of verdicts) {
    if (verdict.kind === 'accept' || (verdict.kind === 'ignore' && verdict.reason === 'duplicate')) continue
    assert.ok(verdict.kind === 'ignore' && verdict.reason === 'full', JSON.stringify(verdict))
    throw db.lastFailure ?? new Error('refused although the disk is well')
  }
}

async function change({ db, store }: Life): Promise<void> {
  for (let i = 1; i <= CHANGES; i++) await db.transaction((tx) => store.setCopies(tx, carried[i % 4]?.id as EnvelopeId, i))
}

async function sweep({ clock, store }: Life): Promise<void> {
  const late = (carried[0]?.stamp.ms ?? 0) + 700_000
  if (clock.now() < late) await clock.advance(late - clock.now())
  while ((await store.removeExpired(2)) > 0);
}

async function all(works: readonly Promise<void>[]): Promise<void> {
  for (const result of await Promise.allSettled(works)) if (result.status === 'rejected') throw result.reason
}

function consume(tx: Parameters<Parameters<Database['transaction']>[0]>[0], store: EnvelopeStore, envelopes: readonly Envelope[], untilMs: number): void {
  for (const { id, address } of envelopes) {
    store.remove(tx, id, 'consumed')
    store.bury(tx, id, address, untilMs)
  }
}

function custody(ids: readonly EnvelopeId[]): Parameters<CustodyLedger['recordCustody']>[1] {
  return { custodian: CUSTODIAN, fromMs: 1_790_000_000_000, untilMs: 1_790_000_900_000, ids, signature: new Uint8Array(64) } as Parameters<
    CustodyLedger['recordCustody']
  >[1]
}

function ownedBy(owner: number): Address {
  return addressOfKey(fakeCrypto().ed25519PublicKey(aSeed(owner)))
}

/** Every row, as text. */
async function rowsOf(level: Level): Promise<string[]> {
  const iterator = level.iterator({ lt: Uint8Array.of(255), gte: new Uint8Array(0), highWaterMarkBytes: 1e6, keyEncoding: 'view', valueEncoding: 'view' })
  const rows = await iterator.nextv(100_000)
  await iterator.close()
  return rows.map(([key, value]) => `${Buffer.from(key).toString('hex')} ${Buffer.from(value).toString('hex')}`)
}

/** All that a store says, but not in which segments the index happens to be. */
async function meaningOf(level: Level): Promise<string> {
  await level.open()
  const db = await Database.open(level, { log: silentLog })
  const store = await EnvelopeStore.open(db, { clock: fakeClock(), log: silentLog }, LIMITS)
  const metas = [...store.ids()].sort().map((id) => store.meta(id))
  const index = TABLES.envelopeIndex.charCodeAt(0).toString(16)
  const rows = (await rowsOf(level)).filter((row) => !row.startsWith(index))
  await db.close()
  return JSON.stringify({ metas, rows }, undefined, 1)
}
