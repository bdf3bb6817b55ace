import assert from 'node:assert/strict'
import fc from 'fast-check'
import { encodeUtf8 } from '#mesh/codec'
import { decodeEnvelope } from '#mesh/envelope'
import { isMeshError } from '#mesh/errors'
import type { EnvelopeId } from '#mesh/ids'
import { silentLog } from '#mesh/ports'
import { anAddress, anArrival, anEnvelope, type EnvelopeOptions } from '../testing/builders.ts'
import { fakeClock, settle } from '../testing/fake-clock.ts'
import { fakeCrypto } from '../testing/fake-crypto.ts'
import { assertShares } from '../testing/index-on-disk.ts'
import { memoryDatabase, memoryLevel, memoryStore } from '../testing/memory-store.ts'
import { seededRandom } from '../testing/seeded-random.ts'
import { type Arrival, EnvelopeStore, type RowCodec, SealedTable, STORE_PROFILES, STORED_OVERHEAD_BYTES, Sweeper, TABLES } from './index.ts'

const DAY_MS = 86_400_000

describe('eviction', () => {
  it('takes the lowest priority, then the nearest expiry, then the fewest copies left here', async () => {
    const { db, store } = await memoryStore({ limits: { maxEnvelopes: 5 } })
    const put = putter(db, store)
    const critical = await put({ priority: 'critical', lifetimeS: 60 })
    const few = await put({ lifetimeS: 900 }, { copies: 1 })
    const many = await put({ lifetimeS: 900 }, { copies: 8 })
    const bulk = await put({ priority: 'bulk', lifetimeS: 90_000 })
    const soon = await put({ lifetimeS: 60 })
    const gone: EnvelopeId[] = []
    db.subscribe((event) => event.kind === 'envelope-removed' && gone.push(event.id))
    for (let i = 0; i < 4; i++) await put({ priority: 'critical', lifetimeS: 90_000 })
    assert.deepEqual(gone, [bulk, soon, few, many])
    assert.ok(store.has(critical))
  })

  it('never takes own or pinned mail, nor anything more urgent, and then takes nothing at all', async () => {
    const { db, store } = await memoryStore({ limits: { maxEnvelopes: 3 } })
    const put = putter(db, store)
    await put({}, { own: true })
    await put({}, { pinned: true })
    await put({ priority: 'normal' })
    assert.equal(await db.transaction((tx) => store.makeRoom(tx, 100, 'bulk', true)), false)
    assert.equal(store.usage().envelopes, 3)
    assert.equal(await db.transaction((tx) => store.makeRoom(tx, 100, 'normal', true)), true)
    assert.equal(store.usage().envelopes, 2)
    assert.equal(await db.transaction((tx) => store.makeRoom(tx, 100, 'critical', true)), true)
  })

  it('leaves a tenth to what is written here', async () => {
    const { db, store } = await memoryStore({ limits: { maxEnvelopes: 10 } })
    const put = putter(db, store)
    for (let i = 0; i < 9; i++) await put({}, { pinned: true })
    assert.equal(await db.transaction((tx) => store.makeRoom(tx, 100, 'critical', false)), false)
    assert.equal(await db.transaction((tx) => store.makeRoom(tx, 100, 'bulk', true)), true)
    await put({}, { own: true })
    assert.equal(await db.transaction((tx) => store.makeRoom(tx, 100, 'critical', true)), false)
  })

  it('counts bytes with the rows beside them', async () => {
    const { db, store } = await memoryStore({ limits: { maxBytes: 3 * (228 + STORED_OVERHEAD_BYTES) } })
    const put = putter(db, store)
    for (let i = 0; i < 5; i++) await put({ bytes: 100 })
    assert.deepEqual(store.usage(), { envelopes: 3, tombstones: 0, bytes: 3 * (228 + STORED_OVERHEAD_BYTES) })
  })
})

describe('storing', () => {
  it('keeps the bytes as they were, whatever becomes of the Buffer that the network brought', async () => {
    const { db, store } = await memoryStore()
    const { bytes } = anEnvelope()
    const buffer = Buffer.from(bytes)
    const envelope = decodeEnvelope(buffer)
    await db.transaction((tx) => {
      store.put(tx, envelope, anArrival())
      buffer.fill(0)
    })
    assert.deepEqual(await store.bytes(envelope.id), bytes)
  })
})

describe('tombstones', () => {
  it('stand for one address until their time, and go with the sweep', async () => {
    const { db, store, clock } = await memoryStore()
    const { id } = anEnvelope()
    await db.transaction((tx) => store.bury(tx, id, anAddress(1), clock.now() + 1_000))
    assert.deepEqual([store.isRetracted(id, anAddress(1)), store.isRetracted(id, anAddress(2))], [true, false])
    await db.transaction((tx) => store.bury(tx, id, anAddress(1), clock.now() + 500))
    await clock.advance(900)
    assert.equal(store.isRetracted(id, anAddress(1)), true)
    await clock.advance(101)
    assert.equal(store.isRetracted(id, anAddress(1)), false)
    assert.equal(await store.removeExpired(10), 1)
    assert.equal(store.usage().tombstones, 0)
  })

  it('stand for as long as others may keep what they keep away, however short this store keeps things', async () => {
    const { db, store, clock } = await memoryStore({ limits: { retentionMs: DAY_MS } })
    const { id } = anEnvelope()
    await db.transaction((tx) => store.bury(tx, id, anAddress(1), clock.now() + 40 * DAY_MS))
    await clock.advance(29 * DAY_MS)
    while ((await store.removeExpired(10)) > 0);
    assert.equal(store.isRetracted(id, anAddress(1)), true)
    await clock.advance(DAY_MS)
    assert.equal(store.isRetracted(id, anAddress(1)), false)
  })

  it('are bounded in all and per owner, and a flood forgets its own', async () => {
    const { db, store, clock } = await memoryStore({ limits: { maxTombstones: 40 } })
    const bury = (address: number) => db.transaction((tx) => store.bury(tx, anEnvelope().id, anAddress(address), clock.now() + DAY_MS))
    const { id } = anEnvelope()
    await db.transaction((tx) => store.bury(tx, id, anAddress(1), clock.now() + DAY_MS))
    for (let i = 0; i < 30; i++) await bury(2)
    assert.equal(store.usage().tombstones, 11)
    for (let i = 0; i < 300; i++) await bury(3 + (i % 20))
    assert.ok(store.usage().tombstones <= 40)
    assert.equal(store.isRetracted(id, anAddress(1)), true)
  })
})

describe('a receipt of many ids', () => {
  it('takes no more tombstones than its owner may have, however many it names at once', async () => {
    const { db, store, clock } = await memoryStore({ limits: { maxTombstones: 400 } })
    const buryMany = (count: number, works: number): Promise<unknown> =>
      Promise.all(
        Array.from({ length: works }, () =>
          db.transaction((tx) => {
            for (let i = 0; i < count; i++) store.bury(tx, anEnvelope().id, anAddress(1), clock.now() + DAY_MS)
          }),
        ),
      )
    await buryMany(90, 1)
    await buryMany(80, 3)
    assert.ok(store.usage().tombstones <= 100, `${store.usage().tombstones} tombstones`)
    await assert.rejects(
      db.transaction((tx) => {
        for (let i = 0; i < 50; i++) store.bury(tx, anEnvelope().id, anAddress(1), clock.now() + DAY_MS)
        throw new OurOwnError()
      }),
    )
    await buryMany(40, 1)
    assert.ok(store.usage().tombstones <= 100 && store.usage().tombstones > 50, `${store.usage().tombstones} tombstones`)
  })
})

describe('shares', () => {
  it('never drift from the sum of what is there, whatever is put, removed, refused and rolled back', async () => {
    const step = fc.record({ kind: fc.constantFrom('put', 'put', 'put', 'remove', 'fail', 'copies'), n: fc.nat(20), author: fc.nat(3), flag: fc.nat(3) })
    await fc.assert(
      fc.asyncProperty(fc.array(fc.array(step, { maxLength: 10 }), { maxLength: 10 }), async (groups) => {
        const { db, store } = await memoryStore({ limits: { maxEnvelopes: 12 } })
        const made: EnvelopeId[] = []
        for (const works of groups) {
          const done = works.map(({ kind, n, author, flag }) =>
            db.transaction((tx) => {
              const envelope = anEnvelope({ author, address: anAddress(n % 3), bytes: 10 + n })
              if (kind === 'put' || kind === 'fail') {
                if (!store.makeRoom(tx, envelope.bytes.length, envelope.priority, true)) return
                store.put(tx, envelope, anArrival({ own: flag === 1, pinned: flag === 1, stranger: flag === 2 }))
                made.push(envelope.id)
              }
              const other = made[n % Math.max(made.length, 1)] ?? envelope.id
              if (kind === 'remove' || kind === 'fail') store.remove(tx, other, 'expired')
              if (kind === 'copies') store.setCopies(tx, other, n)
              if (kind === 'fail') throw new OurOwnError()
            }),
          )
          for (const result of await Promise.allSettled(done)) if (result.status === 'rejected') assert.ok(result.reason instanceof OurOwnError)
          assertShares(store)
          assert.ok(store.usage().envelopes <= store.limits.maxEnvelopes)
        }
        await db.close()
      }),
      { numRuns: 60 },
    )
  })
})

describe('expiry', () => {
  it('removes what is over, a bounded number at a time', async () => {
    const { db, store, clock } = await memoryStore()
    const put = putter(db, store)
    for (let i = 0; i < 5; i++) await put({ lifetimeS: 60 })
    const kept = await put({ lifetimeS: 600 })
    await clock.advance(60_000)
    assert.deepEqual([await store.removeExpired(3), await store.removeExpired(3), await store.removeExpired(3)], [3, 2, 0])
    assert.deepEqual([...store.ids()], [kept])
  })

  it('is never later than the retention of the store', async () => {
    const { db, store, clock } = await memoryStore({ limits: { retentionMs: DAY_MS } })
    const id = await putter(db, store)({ lifetimeS: 30 * 86_400 })
    assert.equal(store.meta(id)?.expiryMs, clock.now() + DAY_MS)
  })

  it('counts from now for what a clock in the future or in 1970 had dated before a restart', async () => {
    for (const wrong of [10_000, Date.UTC(2100, 0, 1)]) {
      const level = memoryLevel()
      const before = await memoryStore({ level, clock: fakeClock(wrong) })
      const id = await putter(before.db, before.store)({ lifetimeS: 3_600 })
      await before.db.transaction((tx) => before.store.bury(tx, anEnvelope().id, anAddress(4), wrong + 1_000))
      await before.db.close()
      const { store, clock } = await memoryStore({ level })
      while ((await store.removeExpired(10)) > 0);
      assert.deepEqual([store.meta(id)?.firstSeenMs, store.meta(id)?.expiryMs], [clock.now(), clock.now() + 3_600_000])
      assert.equal(store.usage().tombstones, 1)
      await clock.advance(30 * DAY_MS)
      while ((await store.removeExpired(10)) > 0);
      assert.deepEqual(store.usage(), { envelopes: 0, tombstones: 0, bytes: 0 })
    }
  })

  it('dates anew by a jump that is no whole number of milliseconds', async () => {
    const clock = fakeClock()
    const today = clock.now()
    clock.setWall(1_000)
    const real = { ...clock, now: () => Math.floor(clock.now()), monotonic: () => clock.monotonic() + (clock.now() < today ? 0 : 0.25) }
    const db = await memoryDatabase()
    const store = await EnvelopeStore.open(db, { clock: real, log: silentLog }, STORE_PROFILES.pi)
    const id = await putter(db, store)({ lifetimeS: 3_600 }, {})
    await clock.advance(1_001)
    clock.setWall(today)
    assert.equal(await store.removeExpired(10), 1)
    assert.ok(store.has(id))
  })

  it('waits a day after the clock jumped ahead, in case it was wrong', async () => {
    const { db, store, clock } = await memoryStore()
    const id = await putter(db, store)({ lifetimeS: 86_400 }, {})
    clock.setWall(clock.now() + 400 * DAY_MS)
    assert.equal(await store.removeExpired(10), 0)
    clock.setWall(clock.now() - 400 * DAY_MS)
    await store.removeExpired(10)
    assert.ok(store.has(id))

    clock.setWall(clock.now() + 400 * DAY_MS)
    await store.removeExpired(10)
    await clock.advance(DAY_MS - 1)
    assert.equal(await store.removeExpired(10), 0)
    await clock.advance(1)
    assert.equal(await store.removeExpired(10), 1, 'nobody set it right')
  })

  for (const [name, offDays, hours] of [
    ['runs on', 400, [24]],
    ['runs for an hour at a time', 400, Array.from({ length: 24 }, () => 1)],
    ['was off for two months', 60, [24]],
  ] as const) {
    it(`waits a day as well when it starts far ahead of its last stop, and ${name}`, async () => {
      const level = memoryLevel()
      const clock = fakeClock()
      const { db, store } = await memoryStore({ level, clock })
      const id = await putter(db, store)({ lifetimeS: 86_400 }, {})
      await store.removeExpired(10)
      await db.close()
      clock.setWall(clock.now() + offDays * DAY_MS)
      for (const [run, hoursOn] of hours.entries()) {
        const { db: again, store: restarted } = await memoryStore({ level, clock })
        assert.equal(await restarted.removeExpired(10), 0)
        assert.equal(restarted.isStartInDoubt, true)
        for (let minute = 0; minute < hoursOn * 60; minute++) {
          assert.equal(await restarted.removeExpired(10), 0)
          await clock.advance(60_000)
        }
        assert.equal(await restarted.removeExpired(10), run === hours.length - 1 ? 1 : 0)
        await again.close()
      }
      const { store: last } = await memoryStore({ level, clock })
      assert.deepEqual([last.isStartInDoubt, last.has(id)], [false, false])
    })
  }

  it('believes a clock that starts where it stopped, some weeks later, or that was set right after a start far ahead', async () => {
    const level = memoryLevel()
    const clock = fakeClock()
    const start = async (): ReturnType<typeof memoryStore> => {
      const opened = await memoryStore({ level, clock })
      await opened.store.removeExpired(10)
      return opened
    }
    const right = clock.now()
    const first = await start()
    const id = await putter(first.db, first.store)({ lifetimeS: 20 * 86_400 }, {})
    await first.db.close()
    clock.setWall(right + 3_650 * DAY_MS)
    const second = await start()
    assert.deepEqual([second.store.isStartInDoubt, second.store.surelyMs()], [true, right])
    await clock.advance(60_000)
    clock.setWall(right + 5 * DAY_MS)
    await second.store.removeExpired(10)
    assert.deepEqual([second.store.isStartInDoubt, second.store.surelyMs(), second.store.has(id)], [false, clock.now(), true])
    await second.db.close()
    clock.setWall(right + 25 * DAY_MS)
    const third = await start()
    assert.deepEqual([third.store.isStartInDoubt, third.store.has(id)], [false, false])
    await third.db.close()
    clock.setWall(5_000)
    const fourth = await start()
    assert.deepEqual([fourth.store.isStartInDoubt, fourth.store.surelyMs()], [false, 5_000])
  })

  it('is swept again and again, also after a failure', async () => {
    const clock = fakeClock()
    const answers = [() => 2, () => 1, () => Promise.reject(new Error('disk')), () => 0]
    let calls = 0
    const warnings: string[] = []
    const log = { debug() {}, info() {}, error() {}, warn: (message: string) => void warnings.push(message) }
    const sweeper = new Sweeper({ clock, log, removeExpired: async () => answers[calls++]?.() ?? 0 }, { everyMs: 10, limit: 2 })
    await sweeper.start()
    await settle()
    assert.equal(calls, 2)
    await clock.advance(10)
    await clock.advance(10)
    assert.deepEqual([calls, warnings.length], [4, 1])
    await sweeper.stop()
    assert.equal(clock.sleepers, 0)
  })
})

describe('a sealed table', () => {
  const text: RowCodec<string> = { encode: encodeUtf8, decode: (bytes) => new TextDecoder().decode(bytes) }
  const deps = { crypto: fakeCrypto(), random: seededRandom('sealed') }
  const key = (n: number): Uint8Array => Uint8Array.of(n)

  it('gives back what was put, in order, and writes nothing that can be read', async () => {
    const db = await memoryDatabase()
    const table = new SealedTable(deps, TABLES.contacts, new Uint8Array(32).fill(1), text)
    await db.transaction((tx) => {
      table.put(tx, key(2), 'two')
      table.put(tx, key(1), 'one')
      table.put(tx, key(3), 'three')
      table.del(tx, key(3))
    })
    assert.equal(await table.get(db, key(2)), 'two')
    assert.equal(await table.get(db, key(3)), undefined)
    const all: [number | undefined, string][] = []
    for await (const [k, value] of table.entries(db)) all.push([k[0], value])
    assert.deepEqual(all, [
      [1, 'one'],
      [2, 'two'],
    ])
    assert.ok(!Buffer.from((await db.get(TABLES.contacts, key(1))) ?? []).includes('one'))
  })

  it('opens no row that was changed, moved, cut, or sealed with another key', async () => {
    const db = await memoryDatabase()
    const table = new SealedTable(deps, TABLES.contacts, new Uint8Array(32).fill(1), text)
    const other = new SealedTable(deps, TABLES.contacts, new Uint8Array(32).fill(2), text)
    await db.transaction((tx) => table.put(tx, key(1), 'one'))
    const row = (await db.get(TABLES.contacts, key(1))) ?? new Uint8Array(0)
    await db.transaction((tx) => {
      tx.put(TABLES.contacts, key(2), row)
      tx.put(TABLES.contacts, key(3), row.subarray(0, 5))
    })
    for (const at of [2, 3]) await assert.rejects(table.get(db, key(at)), (error) => isMeshError(error, 'MESH_STORE_FAILED'))
    await assert.rejects(other.get(db, key(1)), (error) => isMeshError(error, 'MESH_STORE_FAILED'))
  })
})

describe('the limits', () => {
  it('let one carrier of any size but a router take ten thousand messages of one stranger', () => {
    for (const profile of [STORE_PROFILES.pi, STORE_PROFILES.relay]) {
      const count = profile.maxEnvelopes * profile.strangerShare * 0.8
      assert.ok(count >= 10_000 && profile.author.count >= 10_000 && profile.scope.count >= 10_000)
    }
  })
})

class OurOwnError extends Error {}

function putter(db: Awaited<ReturnType<typeof memoryDatabase>>, store: EnvelopeStore) {
  return (options: EnvelopeOptions = {}, arrival: Partial<Arrival> = {}): Promise<EnvelopeId> =>
    db.transaction((tx) => {
      const envelope = anEnvelope(options)
      assert.ok(store.makeRoom(tx, envelope.bytes.length, envelope.priority, true))
      return store.put(tx, envelope, anArrival(arrival)).id
    })
}
