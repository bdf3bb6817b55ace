import assert from 'node:assert/strict'
import fc from 'fast-check'
import { ByteWriter, concatBytes, encodeUtf8 } from '#mesh/codec'
import { deviceIdOf, type EnvelopeId, idBytes } from '#mesh/ids'
import { anAddress, anArrival, anEnvelope, aSeed } from '../testing/builders.ts'
import { assertIndexIsOnDisk } from '../testing/index-on-disk.ts'
import { memoryDatabase, memoryLevel, memoryStore } from '../testing/memory-store.ts'
import type { EnvelopeMeta } from './envelope-meta.ts'
import { type EnvelopeStore, type Level, type Reader, TABLES } from './index.ts'
import { KINDS, rankOf } from './priority.ts'
import { decodeSegment, encodeSegment } from './segment.ts'

const PRIORITIES = ['critical', 'normal', 'bulk', 'ephemeral'] as const

describe('the index on disk', () => {
  it('says what the one in memory says, after any sequence of groups, failures and restarts', async () => {
    const step = fc.record({
      kind: fc.constantFrom('put', 'put', 'put', 'again', 'remove', 'remove', 'copies', 'fail'),
      n: fc.nat(40),
      flag: fc.nat(7),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(fc.array(step, { maxLength: 12 }), { maxLength: 90 }), fc.nat(9), async (groups, restart) => {
        const level = memoryLevel()
        let { db, store } = await memoryStore({ level })
        const made: ReturnType<typeof anEnvelope>[] = []
        for (const [i, works] of groups.entries()) {
          const done = works.map(({ kind, n, flag }) =>
            db.transaction((tx) => {
              const envelope =
                kind === 'again'
                  ? (made[n % Math.max(made.length, 1)] ?? anEnvelope())
                  : anEnvelope({ author: n % 5, address: anAddress(n % 3), bytes: 10 + n, mayCross: n % 4 !== 0 })
              const other = made[n % Math.max(made.length, 1)]?.id ?? envelope.id
              if (kind === 'put' || kind === 'fail' || (kind === 'again' && !store.has(envelope.id, tx))) {
                store.put(
                  tx,
                  envelope,
                  anArrival({
                    own: flag === 1,
                    stranger: flag === 2,
                    ...(flag > 4 ? { from: deviceIdOf(aSeed(flag)), mesh: ['', 'home', 'street'][n % 3] ?? '' } : {}),
                  }),
                )
              }
              if (kind === 'put') made.push(envelope)
              if (kind === 'remove' || kind === 'fail') store.remove(tx, other, 'expired')
              if (kind === 'copies') store.setCopies(tx, other, n)
              if (kind === 'fail') throw new OurOwnError()
            }),
          )
          for (const result of await Promise.allSettled(done)) if (result.status === 'rejected') assert.ok(result.reason instanceof OurOwnError)
          if (i % 10 === restart) {
            await assertIndexIsOnDisk(store, level)
            await db.close()
            ;({ db, store } = await memoryStore({ level }))
          }
        }
        await assertIndexIsOnDisk(store, level)
        await db.close()
      }),
      { numRuns: 40 },
    )
  })

  it('stays small, however many single envelopes come and go', async () => {
    const level = memoryLevel()
    const { db, store } = await memoryStore({ level, limits: { maxEnvelopes: 200_000, maxBytes: 1e9 } })
    const ids: EnvelopeId[] = []
    for (let i = 0; i < 3_000; i++) {
      await db.transaction((tx) => {
        const envelope = anEnvelope({ author: i % 7 })
        store.put(tx, envelope, anArrival())
        ids.push(envelope.id)
        if (i % 10 !== 0) store.remove(tx, ids.splice(Math.floor(ids.length / 2), 1)[0] as EnvelopeId, 'consumed')
      })
    }
    assert.ok((await rows(db)) < 100, `${await rows(db)} segments`)
    await assertIndexIsOnDisk(store, level)
    for (let at = 0; at < ids.length; at += 10) {
      await db.transaction((tx) => {
        for (const id of ids.slice(at, at + 10)) store.remove(tx, id, 'consumed')
      })
    }
    for (let i = 0; i < 70; i++) await db.transaction((tx) => void store.put(tx, anEnvelope(), anArrival()))
    await assertIndexIsOnDisk(store, level)
    await db.close()
  })

  it('keeps saying what was removed from a segment that stays', async () => {
    const level = memoryLevel()
    const { db, store } = await memoryStore({ level, limits: { maxEnvelopes: 200_000, maxBytes: 1e9 } })
    const envelopes = Array.from({ length: 1_000 }, () => anEnvelope())
    await db.transaction((tx) => {
      for (const envelope of envelopes) store.put(tx, envelope, anArrival())
    })
    for (const { id } of envelopes.slice(0, 200)) await db.transaction((tx) => void store.remove(tx, id, 'consumed'))
    assert.ok((await rows(db)) < 100)
    await assertIndexIsOnDisk(store, level)
    const again = [...envelopes.slice(0, 200), ...Array.from({ length: 400 }, () => anEnvelope())]
    await db.transaction((tx) => {
      for (const envelope of again) store.put(tx, envelope, anArrival())
    })
    for (let i = 0; i < 100; i++) await db.transaction((tx) => void store.put(tx, anEnvelope(), anArrival()))
    await assertIndexIsOnDisk(store, level)
    await db.close()
  })

  it('forgets what is over when most of it is, without saying again what was removed', async () => {
    const level = memoryLevel()
    const { db, store } = await memoryStore({ level, limits: { maxEnvelopes: 200_000, maxBytes: 1e9 } })
    const putMany = async (count: number): Promise<EnvelopeId[]> => {
      const envelopes = Array.from({ length: count }, () => anEnvelope())
      await db.transaction((tx) => {
        for (const envelope of envelopes) store.put(tx, envelope, anArrival())
      })
      return envelopes.map(({ id }) => id)
    }
    for (let round = 0; round < 12; round++) {
      const ids = await putMany(1_000)
      await db.transaction((tx) => {
        for (const id of ids.slice(1)) store.remove(tx, id, 'expired')
      })
      await assertIndexIsOnDisk(store, level)
    }
    let bytes = 0
    for await (const [, row] of db.iterate(TABLES.envelopeIndex)) bytes += row.length
    assert.ok(bytes < 8_192 * 100, `${bytes} bytes for ${store.usage().envelopes} envelopes`)
    await db.close()
  })

  it('takes over the rows of schema 1, once, and lets no older program in', async () => {
    const level = memoryLevel()
    const metas = await oldStore(level, 5_000)
    const first = await memoryStore({ level, limits: { maxEnvelopes: 200_000, maxBytes: 1e9 } })
    assert.deepEqual(sorted(first.store), [...metas.values()].sort(byId))
    assert.equal(await rows(first.db, TABLES.envelopeMeta), 0)
    assert.equal((await first.db.get(TABLES.own, encodeUtf8('schema')))?.[3], 3)
    await assertIndexIsOnDisk(first.store, level)
    await first.db.close()
    const second = await memoryStore({ level, limits: { maxEnvelopes: 200_000, maxBytes: 1e9 } })
    assert.deepEqual(sorted(second.store), [...metas.values()].sort(byId))
    await second.db.close()
  })
})

describe('a segment', () => {
  it('gives back what it was made of', async () => {
    const { db, store } = await memoryStore()
    await db.transaction((tx) => {
      for (const [i, priority] of PRIORITIES.entries()) {
        store.put(
          tx,
          anEnvelope({ priority, kind: KINDS[i] ?? 'inbox', author: i, stamp: { ms: 2 ** 47 + i, counter: 65_535 } }),
          anArrival({ ageS: 2 ** 31 + i, hops: 255, copies: 255 }),
        )
      }
    })
    const segment = decodeSegment(encodeSegment(sorted(store), [anEnvelope().id]))
    assert.deepEqual(
      segment?.ids,
      sorted(store).map(({ id }) => id),
    )
    assert.equal(segment?.removed.length, 1)
    await db.close()
  })

  it('is not read when one bit of it is not as it was written', async () => {
    const { db, store } = await memoryStore()
    await db.transaction((tx) => void store.put(tx, anEnvelope(), anArrival({ from: deviceIdOf(aSeed(1)) })))
    const row = encodeSegment(sorted(store), [anEnvelope().id])
    for (let bit = 0; bit < 8 * row.length; bit++) {
      const flipped = row.slice()
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      assert.equal(decodeSegment(flipped), undefined, `bit ${bit}`)
    }
    await db.close()
  })

  it('is read as version 1 wrote it, without a checksum', async () => {
    const { db, store } = await memoryStore()
    await db.transaction((tx) => void store.put(tx, anEnvelope(), anArrival({ from: deviceIdOf(aSeed(1)) })))
    const row = encodeSegment(sorted(store), [anEnvelope().id])
    const old = concatBytes(Uint8Array.of(1), row.subarray(1, -4))
    const { records, ...lists } = decodeSegment(old) ?? assert.fail()
    const { records: _, ...same } = decodeSegment(row) ?? assert.fail()
    assert.deepEqual(lists, same)
    assert.equal(records.getUint16(32), sorted(store)[0]?.size)
    for (let length = 0; length < old.length; length++) assert.equal(decodeSegment(old.subarray(0, length)), undefined)
    await db.close()
  })

  it('is read whole or not at all', async () => {
    const { db, store } = await memoryStore()
    await db.transaction((tx) => void store.put(tx, anEnvelope(), anArrival({ from: deviceIdOf(aSeed(1)) })))
    const row = encodeSegment(sorted(store), [])
    assert.ok(decodeSegment(row))
    for (let length = 0; length < row.length; length++) assert.equal(decodeSegment(row.subarray(0, length)), undefined)
    assert.equal(decodeSegment(concatBytes(row, Uint8Array.of(0))), undefined)
    await db.close()
  })
})

class OurOwnError extends Error {}

function byId(a: { id: string }, b: { id: string }): number {
  return a.id < b.id ? -1 : 1
}

function sorted(store: EnvelopeStore): EnvelopeMeta[] {
  return [...store.ids()].flatMap((id) => store.meta(id) ?? []).sort(byId)
}

async function rows(db: Reader, table: (typeof TABLES)[keyof typeof TABLES] = TABLES.envelopeIndex): Promise<number> {
  let count = 0
  for await (const _ of db.iterate(table)) count++
  return count
}

/** A store as it was written until schema 2: a row for each envelope (see `meta-row.ts`). */
async function oldStore(level: Level, count: number): Promise<Map<EnvelopeId, EnvelopeMeta>> {
  const db = await memoryDatabase(level)
  const metas = new Map<EnvelopeId, EnvelopeMeta>()
  await db.transaction((tx) => {
    tx.put(TABLES.own, encodeUtf8('schema'), new ByteWriter(4).u32(1).finish())
    for (let i = 0; i < count; i++) {
      const { id, address, author, kind, priority, stamp, lifetimeS, bytes } = anEnvelope({ author: i % 64, priority: PRIORITIES[i % 4] ?? 'normal' })
      const from = i % 3 === 0 ? undefined : deviceIdOf(aSeed(i % 3))
      const [own, pinned, stranger] = [i % 2 === 0, i % 5 === 0, i % 7 === 0]
      const meta = {
        id,
        address,
        author,
        kind,
        priority,
        mayCross: true,
        mesh: '',
        size: bytes.length,
        stamp,
        lifetimeS,
        ageS: i,
        firstSeenMs: stamp.ms,
        expiryMs: stamp.ms + i,
        hops: 3,
        copies: 7,
        from,
        own,
        pinned,
        stranger,
      }
      metas.set(id, meta)
      tx.put(TABLES.envelopes, idBytes(id), bytes)
      tx.put(TABLES.envelopeMeta, idBytes(id), oldRow(meta))
    }
  })
  await db.close()
  return metas
}

function oldRow(meta: EnvelopeMeta): Uint8Array {
  const from = meta.from ?? ''
  const writer = new ByteWriter(200).u8(1).u8(rankOf(meta.priority)).u8(KINDS.indexOf(meta.kind)).u48(meta.stamp.ms).u16(meta.stamp.counter)
  writer.u32(meta.lifetimeS).u32(meta.ageS).u48(meta.firstSeenMs).u48(meta.expiryMs).u8(meta.hops).u8(meta.copies)
  writer.u8((meta.own ? 1 : 0) | (meta.pinned ? 2 : 0) | (meta.stranger ? 4 : 0)).u16(meta.size)
  return writer
    .u8(from.length)
    .bytes(encodeUtf8(meta.id + meta.address + meta.author + from))
    .finish()
}
