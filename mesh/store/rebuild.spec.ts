import assert from 'node:assert/strict'
import { ByteWriter } from '#mesh/codec'
import { isMeshError } from '#mesh/errors'
import { deviceIdOf, type EnvelopeId, idBytes } from '#mesh/ids'
import { type Log, silentLog } from '#mesh/ports'
import { anAddress, anArrival, anEnvelope, aSeed } from '../testing/builders.ts'
import { type FailingLevel, failingLevel } from '../testing/failing-level.ts'
import { fakeClock } from '../testing/fake-clock.ts'
import { assertIndexIsOnDisk } from '../testing/index-on-disk.ts'
import { memoryDatabase, memoryLevel, someLimits } from '../testing/memory-store.ts'
import { type Arrival, type Database, EnvelopeStore, type Level, type Reader, TABLES, type Table } from './index.ts'

const HOUR_MS = 3_600_000
const FOREIGN = anArrival({ from: deviceIdOf(aSeed(9)), hops: 3, copies: 4, stranger: true })
const OWN = anArrival({ own: true, pinned: true, copies: 8 })

type Envelope = ReturnType<typeof anEnvelope>

describe('an index of which a row is not readable', () => {
  let level: Level
  let disk: FailingLevel
  let clock: ReturnType<typeof fakeClock>
  let db: Database
  let store: EnvelopeStore
  let said: unknown[]

  beforeEach(async () => {
    disk = failingLevel(memoryLevel())
    level = disk.level
    clock = fakeClock()
    await open()
  })
  afterEach(() => db.close())

  async function open(): Promise<void> {
    said = []
    const log: Log = { ...silentLog, error: (message, fields) => said.push(message, fields) }
    db = await memoryDatabase(level)
    store = await EnvelopeStore.open(db, { clock, log }, someLimits())
  }

  /** One segment for each call. */
  async function put(envelopes: readonly Envelope[], arrival: Arrival): Promise<void> {
    await db.transaction((tx) => {
      for (const envelope of envelopes) store.put(tx, envelope, arrival)
    })
  }

  /** The node stops, the disk spoils a row of the index, the node starts an hour later. */
  async function spoil(...numbers: readonly number[]): Promise<void> {
    await db.transaction((tx) => {
      for (const number of numbers) tx.put(TABLES.envelopeIndex, segmentKey(number), Uint8Array.of(9))
    })
    await db.close()
    await clock.advance(HOUR_MS)
  }

  it('gets back from the envelopes what it said of them, and leaves the others as they are', async () => {
    const [lost, kept] = [anEnvelope(), anEnvelope()]
    await put([lost], FOREIGN)
    await put([kept], FOREIGN)
    const before = store.meta(lost.id)
    const other = store.meta(kept.id)
    await spoil(1)
    await open()
    assert.ok(before)
    const { expiryMs } = before
    assert.deepEqual(store.meta(lost.id), { ...before, firstSeenMs: clock.now(), expiryMs, hops: 1, copies: 1, from: undefined })
    assert.deepEqual(store.meta(kept.id), other)
    assert.deepEqual(await store.bytes(lost.id), lost.bytes)
    assert.equal(store.usage().envelopes, 2)
    await assertIndexIsOnDisk(store, level)
  })

  it('loses that row, so that the next start has nothing to do', async () => {
    await put([anEnvelope()], FOREIGN)
    await spoil(1)
    await open()
    assert.match(String(said[0]), /not readable/)
    assert.deepEqual(said[1], { rows: 1, rebuilt: 1, withoutBytes: 0, dropped: 0 })
    assert.equal(await db.get(TABLES.envelopeIndex, segmentKey(1)), undefined)
    await db.close()
    await open()
    assert.deepEqual(said, [])
    assert.equal(store.usage().envelopes, 1)
  })

  it('says of many envelopes what it said, all rows of it lost', async () => {
    const envelopes = Array.from({ length: 3_000 }, (_, i) => anEnvelope({ author: i % 7, address: anAddress(i % 3) }))
    await put(envelopes.slice(0, 1_500), FOREIGN)
    await put(envelopes.slice(1_500), FOREIGN)
    await spoil(1, 2)
    await open()
    assert.deepEqual([...store.ids()].sort(), envelopes.map(({ id }) => id).sort())
    await assertIndexIsOnDisk(store, level)
  })

  it('does not bring back what was removed in the lost row', async () => {
    const [removed, ...kept] = [anEnvelope(), anEnvelope(), anEnvelope()]
    assert.ok(removed)
    await put([removed, ...kept], FOREIGN)
    await db.transaction((tx) => void store.remove(tx, removed.id, 'evicted'))
    await spoil(2)
    await open()
    assert.equal(store.has(removed.id), false)
    assert.equal(store.usage().envelopes, 2)
    await assertIndexIsOnDisk(store, level)
    await db.close()
    await open()
    assert.equal(store.has(removed.id), false, 'also after the next start')
  })

  it('knows again what is own: what waits in the outbox, and what has the same author', async () => {
    const [waiting, sister, stranger] = [anEnvelope({ author: 2 }), anEnvelope({ author: 3 }), anEnvelope({ author: 4 })]
    await put([anEnvelope({ author: 3 })], OWN)
    await put([waiting, sister], OWN)
    await put([stranger], FOREIGN)
    await db.transaction((tx) => tx.put(TABLES.outbox, idBytes(waiting.id), Uint8Array.of(1)))
    await spoil(2, 3)
    await open()
    for (const { id } of [waiting, sister]) assert.deepEqual(flagsOf(id), { own: true, pinned: true, stranger: false, hops: 0 })
    assert.deepEqual(flagsOf(stranger.id), { own: false, pinned: false, stranger: true, hops: 1 })
  })

  it('knows again whom it had pinned and who was no stranger, where something else of them is left', async () => {
    const [friend, mail] = [anEnvelope({ author: 5 }), anEnvelope({ author: 6 })]
    await put([anEnvelope({ author: 5 })], { ...FOREIGN, pinned: true, stranger: false })
    await put([friend, mail], FOREIGN)
    await db.transaction((tx) => tx.put(TABLES.inboxQueue, idBytes(mail.id), new Uint8Array(0)))
    await spoil(2)
    await open()
    assert.deepEqual(flagsOf(friend.id), { own: false, pinned: true, stranger: false, hops: 1 })
    assert.deepEqual(flagsOf(mail.id), { own: false, pinned: false, stranger: false, hops: 1 }, 'it is for this node')
  })

  it('lets go of what must not leave a mesh that nobody remembers, unless it is own or waits to be read here', async () => {
    const [carried, own, mail] = [anEnvelope({ mayCross: false }), anEnvelope({ mayCross: false, author: 2 }), anEnvelope({ mayCross: false })]
    await put([carried, mail], { ...FOREIGN, mesh: 'home' })
    await put([own], OWN)
    await db.transaction((tx) => {
      tx.put(TABLES.outbox, idBytes(own.id), Uint8Array.of(1))
      tx.put(TABLES.inboxQueue, idBytes(mail.id), new Uint8Array(0))
    })
    await spoil(1, 2)
    await open()
    assert.deepEqual([...store.ids()].sort(), [own.id, mail.id].sort())
    assert.equal(await db.get(TABLES.envelopes, idBytes(carried.id)), undefined)
    await assertIndexIsOnDisk(store, level)
  })

  it('lets go of bytes that are no envelope, or another one than their key says', async () => {
    const [noise, other, kept] = [anEnvelope(), anEnvelope(), anEnvelope()]
    await put([noise, other, kept], FOREIGN)
    await db.transaction((tx) => {
      tx.put(TABLES.envelopes, idBytes(noise.id), Uint8Array.of(1, 2, 3))
      tx.put(TABLES.envelopes, idBytes(other.id), kept.bytes)
    })
    await spoil(1)
    await open()
    assert.deepEqual([...store.ids()], [kept.id])
    assert.equal(await rows(db, TABLES.envelopes), 1)
    assert.deepEqual(said[1], { rows: 1, rebuilt: 1, withoutBytes: 0, dropped: 2 })
  })

  it('loses rows of schema 1 as well, when they cannot be read', async () => {
    const [lost, gone] = [anEnvelope(), anEnvelope()]
    await put([lost], FOREIGN)
    await db.transaction((tx) => {
      for (const { id } of [lost, gone]) tx.put(TABLES.envelopeMeta, idBytes(id), Uint8Array.of(9))
    })
    await spoil(1)
    await open()
    assert.deepEqual([...store.ids()], [lost.id])
    assert.equal(await rows(db, TABLES.envelopeMeta), 0)
  })

  it('is not opened while the disk is too full to say it anew, and nothing is lost by that', async () => {
    const lost = anEnvelope()
    await put([lost], FOREIGN)
    await spoil(1)
    disk.fail('ENOSPC')
    await assert.rejects(open(), (error) => isMeshError(error, 'MESH_STORE_FULL'))
    disk.heal()
    await db.close()
    await open()
    assert.equal(store.has(lost.id), true)
    await assertIndexIsOnDisk(store, level)
  })

  function flagsOf(id: EnvelopeId): unknown {
    const { own, pinned, stranger, hops } = store.meta(id) ?? {}
    return { own, pinned, stranger, hops }
  }
})

function segmentKey(number: number): Uint8Array {
  return new ByteWriter(6).u48(number).finish()
}

async function rows(reader: Reader, table: Table): Promise<number> {
  let count = 0
  for await (const _ of reader.iterate(table)) count++
  return count
}
