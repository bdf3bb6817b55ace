import assert from 'node:assert/strict'
import fc from 'fast-check'
import { isMeshError } from '#mesh/errors'
import { type EnvelopeId, idBytes } from '#mesh/ids'
import { silentLog } from '#mesh/ports'
import { Database, EnvelopeStore, type Level, type MeshEvent, STORED_OVERHEAD_BYTES, TABLES } from '#mesh/store'
import { anAddress, anArrival, anEnvelope } from './builders.ts'
import { failingLevel } from './failing-level.ts'
import { fakeClock, settle } from './fake-clock.ts'
import { someLimits } from './memory-store.ts'

const T = TABLES.own
const key = (n: number): Uint8Array => Uint8Array.of(n)

/** What every level has to do under a `Database` and an `EnvelopeStore`. `openLevel` gives an empty one. */
export function storeContract(name: string, openLevel: () => Promise<Level>): void {
  describe(`a database over ${name}`, () => {
    databaseContract(openLevel)
    failureContract(openLevel)
  })
  describe(`an envelope store over ${name}`, () => envelopeContract(openLevel))
}

function databaseContract(openLevel: () => Promise<Level>): void {
  it('keeps what was committed over a restart, and nothing of a work that threw', async () => {
    const level = await openLevel()
    const db = await Database.open(level, { log: silentLog })
    await db.transaction((tx) => tx.put(T, key(1), key(7)))
    const failed = db.transaction((tx) => {
      tx.put(T, key(2), key(8))
      throw new Error('changed my mind')
    })
    await assert.rejects(failed, /changed my mind/)
    await db.close()
    const again = await Database.open(level, { log: silentLog })
    assert.deepEqual(await again.get(T, key(1)), key(7))
    assert.equal(await again.get(T, key(2)), undefined)
    await again.close()
  })

  it('shares one write among the works that wait, each seeing those before it', async () => {
    const { level, ...disk } = counted(await openLevel())
    const db = await Database.open(level, { log: silentLog })
    const before = disk.batches()
    const works = Array.from({ length: 50 }, () =>
      db.transaction(async (tx) => {
        const count = ((await tx.get(T, key(9))) ?? key(0))[0] ?? 0
        tx.put(T, key(9), key(count + 1))
        return count
      }),
    )
    assert.deepEqual(
      await Promise.all(works),
      Array.from({ length: 50 }, (_, i) => i),
    )
    assert.equal(disk.batches() - before, 1)
    assert.deepEqual(await db.get(T, key(9)), key(50))
    await db.close()
  })

  it('behaves as a map does, whatever is put, removed, read and rolled back', async () => {
    const step = fc.record({ kind: fc.constantFrom('put', 'put', 'del', 'fail'), key: fc.nat(15), value: fc.nat(255), limit: fc.nat(5), reverse: fc.boolean() })
    await fc.assert(
      fc.asyncProperty(fc.array(fc.array(step, { maxLength: 8 }), { maxLength: 8 }), async (groups) => {
        const db = await Database.open(await openLevel(), { log: silentLog })
        const model = new Map<number, number>()
        for (const works of groups) await Promise.all(works.map((work) => db.transaction((tx) => runStep(tx, model, work)).catch(ignoreOurOwn)))
        const rows: number[][] = []
        for await (const [k, v] of db.iterate(TABLES.history)) rows.push([k[0] ?? -1, v[0] ?? -1])
        assert.deepEqual(rows, sorted(model))
        await db.close()
      }),
      { numRuns: 40 },
    )
  })

  it('lets events out after the commit only, in the order of commits, whatever a listener does', async () => {
    const level = await openLevel()
    const disk = failingLevel(level)
    const db = await Database.open(disk.level, { log: silentLog })
    const seen: string[] = []
    db.subscribe(() => {
      throw new Error('a bad listener')
    })
    db.subscribe((event) => seen.push(idOf(event)))
    const emit = (id: string): Promise<void> =>
      db.transaction((tx) => {
        tx.put(T, key(1), key(1))
        tx.onCommit(() => seen.push(`index ${id}`))
        tx.emit(event(id))
      })
    await Promise.all([emit('a'), emit('b')])
    disk.fail('EIO')
    await assert.rejects(emit('lost'))
    disk.heal()
    await emit('c')
    assert.deepEqual(seen, ['index a', 'index b', 'a', 'b', 'index c', 'c'])
    await db.close()
  })

  it('refuses everything once it is closed', async () => {
    const db = await Database.open(await openLevel(), { log: silentLog })
    await db.close()
    await assert.rejects(
      db.transaction(() => 1),
      codeIs('MESH_STORE_CLOSED'),
    )
    await assert.rejects(db.get(T, key(1)), codeIs('MESH_STORE_CLOSED'))
  })

  it('answers the reads that had begun when it is closed, and ends an iteration with a code that says so', async () => {
    const { level, hold } = slowlyRead(await openLevel())
    const db = await Database.open(level, { log: silentLog })
    for (let chunk = 0; chunk < 3; chunk++) {
      await db.transaction((tx) => {
        for (let n = 0; n < 1_000; n++) tx.put(T, Uint8Array.of(1, chunk, n >> 8, n), key(7))
      })
    }
    const rows = db.iterate(T, { gte: key(1) })[Symbol.asyncIterator]()
    await rows.next()
    const release = hold()
    const value = db.get(T, Uint8Array.of(1, 0, 0, 0))
    const ranges = db.chunks(T, { gte: key(1) })[Symbol.asyncIterator]()
    const chunk = ranges.next()
    await settle()
    let isClosed = false
    const closed = db.close().then(() => {
      isClosed = true
    })
    const again = db.close()
    await settle()
    assert.equal(isClosed, false)
    release()
    assert.deepEqual(await value, key(7))
    assert.equal((await chunk).value?.length, 1_000)
    await Promise.all([closed, again])
    await assert.rejects(async () => {
      for (;;) if ((await rows.next()).done === true) return
    }, codeIs('MESH_STORE_CLOSED'))
    await assert.rejects(ranges.next(), codeIs('MESH_STORE_CLOSED'))
  })

  it('lets works that had begun read to their end when it is closed', async () => {
    const db = await Database.open(await openLevel(), { log: silentLog })
    await db.transaction((tx) => tx.put(T, key(1), key(7)))
    const works = [1, 2].map((n) =>
      db.transaction(async (tx) => {
        const found = await tx.get(T, key(1))
        for await (const [, value] of tx.iterate(T, { gte: key(1), lt: key(2) })) tx.put(T, key(2 + n), value)
        return found
      }),
    )
    await Promise.all([...works, db.close()])
    assert.deepEqual(await Promise.all(works), [key(7), key(7)])
  })

  it('refuses a store that a newer program wrote', async () => {
    const level = await openLevel()
    const db = await Database.open(level, { log: silentLog })
    await db.transaction((tx) => tx.put(TABLES.own, new TextEncoder().encode('schema'), Uint8Array.of(0, 0, 0, 99)))
    await db.close()
    await assert.rejects(Database.open(level, { log: silentLog }), codeIs('MESH_STORE_VERSION'))
    await level.close()
  })
}

function failureContract(openLevel: () => Promise<Level>): void {
  for (const [fault, code] of [
    ['ENOSPC', 'MESH_STORE_FULL'],
    ['EIO', 'MESH_STORE_FAILED'],
  ] as const) {
    it(`changes nothing on ${fault}, stays readable, and goes on when the disk is well again`, async () => {
      const disk = failingLevel(await openLevel())
      let hasRoom = true
      const db = await Database.open(disk.level, { log: silentLog, hasRoom: async () => hasRoom })
      await db.transaction((tx) => tx.put(T, key(1), key(1)))
      disk.fail(fault)
      hasRoom = false
      const undone: string[] = []
      const work = (n: number): Promise<void> =>
        db.transaction((tx) => {
          tx.put(T, key(1), key(n))
          tx.onRollback(() => undone.push(`${n}`))
        })
      const results = await Promise.allSettled([work(2), work(3)])
      for (const result of results) assert.ok(result.status === 'rejected' && isMeshError(result.reason, code))
      assert.deepEqual(undone, ['3', '2'])
      assert.deepEqual(await db.get(T, key(1)), key(1))
      assert.equal(db.lastFailure?.code, code)
      await assert.rejects(work(4), codeIs(code))
      disk.heal()
      disk.failOpening(fault)
      hasRoom = true
      await assert.rejects(work(5), codeIs(code))
      disk.heal()
      await work(6)
      assert.deepEqual(await db.get(T, key(1)), key(6))
      assert.equal(db.lastFailure, undefined)
      await db.close()
    })
  }
}

function envelopeContract(openLevel: () => Promise<Level>): void {
  const open = async (level: Level) => {
    const db = await Database.open(level, { log: silentLog })
    return { db, store: await EnvelopeStore.open(db, { clock: fakeClock(), log: silentLog }, someLimits()) }
  }

  it('has the same index after a restart', async () => {
    const level = await openLevel()
    const { db, store } = await open(level)
    const envelopes = Array.from({ length: 30 }, (_, i) => anEnvelope({ author: i % 3, address: anAddress(i % 4), bytes: 100 + i }))
    await db.transaction((tx) => {
      for (const [i, envelope] of envelopes.entries()) store.put(tx, envelope, anArrival({ copies: i, own: i % 2 === 0, pinned: i % 5 === 0 }))
      store.bury(tx, anEnvelope().id, anAddress(9), 1_790_000_999_000)
    })
    await db.transaction((tx) => {
      for (const { id } of envelopes.slice(0, 10)) store.remove(tx, id, 'expired')
    })
    const metas = [...store.ids()].map((id) => store.meta(id)).sort(byId)
    const usage = store.usage()
    await db.close()
    const again = await open(level)
    assert.deepEqual([...again.store.ids()].map((id) => again.store.meta(id)).sort(byId), metas)
    assert.deepEqual(again.store.usage(), usage)
    assert.deepEqual(usage.envelopes, 20)
    for (const envelope of envelopes.slice(10)) assert.deepEqual(await again.store.bytes(envelope.id), envelope.bytes)
    assert.equal(await again.store.open(envelopes[0]?.id as EnvelopeId), undefined)
    await again.db.close()
  })

  it('shows nothing that is not durable, and forgets what was staged when the disk fails', async () => {
    const disk = failingLevel(await openLevel())
    const { db, store } = await open(disk.level)
    const [kept, lost] = [anEnvelope(), anEnvelope()]
    await db.transaction((tx) => void store.put(tx, kept, anArrival()))
    disk.fail('ENOSPC')
    const failed = db.transaction((tx) => {
      store.put(tx, lost, anArrival())
      store.remove(tx, kept.id, 'evicted')
      store.bury(tx, kept.id, kept.address, 1_790_000_999_000)
      assert.deepEqual([store.has(lost.id), store.has(lost.id, tx), store.has(kept.id), store.has(kept.id, tx)], [false, true, true, false])
    })
    await assert.rejects(failed, codeIs('MESH_STORE_FULL'))
    const size = kept.bytes.length + STORED_OVERHEAD_BYTES
    assert.deepEqual(store.usage(), { envelopes: 1, tombstones: 0, bytes: size })
    assert.deepEqual({ ...store.usageOf('total') }, { bytes: size, count: 1 })
    assert.equal(store.isRetracted(kept.id, kept.address), false)
    assert.deepEqual(await store.bytes(kept.id), kept.bytes)
    disk.heal()
    await db.transaction((tx) => void store.put(tx, lost, anArrival()))
    assert.equal(store.usage().envelopes, 2)
    await db.close()
  })

  it('removes the queue row together with its envelope', async () => {
    const { db, store } = await open(await openLevel())
    const envelope = anEnvelope()
    await db.transaction((tx) => {
      store.put(tx, envelope, anArrival())
      tx.put(TABLES.inboxQueue, idBytes(envelope.id), new Uint8Array(0))
    })
    await db.transaction((tx) => void store.remove(tx, envelope.id, 'consumed'))
    assert.equal(await db.get(TABLES.inboxQueue, idBytes(envelope.id)), undefined)
    await db.close()
  })
}

/** A level whose reads wait while they are held. */
function slowlyRead(level: Level): { level: Level; hold: () => () => void } {
  const [get, iterator] = [level.get.bind(level), level.iterator.bind(level)]
  let held = Promise.resolve()
  Object.assign(level, {
    get: async (name: Uint8Array) => {
      await held
      return get(name)
    },
    iterator: (options: Parameters<Level['iterator']>[0]) => {
      const rows = iterator(options)
      return {
        close: () => rows.close(),
        nextv: async (size: number) => {
          await held
          return rows.nextv(size)
        },
      }
    },
  })
  return {
    level,
    hold() {
      const { promise, resolve } = Promise.withResolvers<void>()
      held = promise
      return resolve
    },
  }
}

interface Step {
  kind: string
  key: number
  value: number
  limit: number
  reverse: boolean
}

async function runStep(tx: Parameters<Parameters<Database['transaction']>[0]>[0], model: Map<number, number>, step: Step): Promise<void> {
  const found = (await tx.get(TABLES.history, key(step.key)))?.[0]
  assert.equal(found, model.get(step.key))
  if (step.kind === 'del') tx.del(TABLES.history, key(step.key))
  else tx.put(TABLES.history, key(step.key), key(step.value))
  if (step.kind === 'fail') throw new OurOwnError()
  if (step.kind === 'del') model.delete(step.key)
  else model.set(step.key, step.value)
  const rows: number[][] = []
  for await (const [k, v] of tx.iterate(TABLES.history, { gt: key(2), lt: key(12), limit: step.limit, reverse: step.reverse }))
    rows.push([k[0] ?? -1, v[0] ?? -1])
  const inside = sorted(model).filter(([k = 0]) => k > 2 && k < 12)
  assert.deepEqual(rows, (step.reverse ? inside.reverse() : inside).slice(0, step.limit))
}

class OurOwnError extends Error {}

function ignoreOurOwn(error: unknown): void {
  if (!(error instanceof OurOwnError)) throw error
}

function sorted(model: ReadonlyMap<number, number>): number[][] {
  return [...model].sort(([a], [b]) => a - b)
}

function counted(level: Level): { level: Level; batches: () => number } {
  const disk = failingLevel(level)
  return { level: disk.level, batches: () => disk.batches }
}

function event(id: string): MeshEvent {
  return { kind: 'envelope-queued', id: id as EnvelopeId }
}

function idOf(past: MeshEvent): string {
  return 'id' in past ? past.id : past.kind
}

function byId(a: { id: string } | undefined, b: { id: string } | undefined): number {
  return (a?.id ?? '') < (b?.id ?? '') ? -1 : 1
}

function codeIs(code: string): (error: unknown) => boolean {
  return (error) => isMeshError(error) && error.code === code
}
