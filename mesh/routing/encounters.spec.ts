import assert from 'node:assert/strict'
import { addressOf } from '#mesh/ids'
import { silentLog } from '#mesh/ports'
import { Database } from '#mesh/store'
import { failingLevel } from '../testing/failing-level.ts'
import { type FakeClock, fakeClock } from '../testing/fake-clock.ts'
import { fakeCrypto } from '../testing/fake-crypto.ts'
import { memoryLevel } from '../testing/memory-store.ts'
import { seededRandom } from '../testing/seeded-random.ts'
import { BestSeen } from './best-seen.ts'
import { EncounterBook } from './encounter-book.ts'
import { Encounters } from './encounters.ts'

const DAY_MS = 86_400_000
const addressNo = (n: number): ReturnType<typeof addressOf> => addressOf(Uint8Array.from({ length: 16 }, (_, i) => (n >> (8 * i)) & 0xff))
const [alice, bob, carol] = [addressNo(1), addressNo(2), addressNo(3)]

describe('encounters', () => {
  let clock: FakeClock
  let encounters: Encounters

  beforeEach(() => {
    clock = fakeClock()
    encounters = new Encounters(clock)
  })

  const meet = async (address: typeof alice, lastsMs = 300_000): Promise<void> => {
    encounters.met([address])
    await clock.advance(lastsMs)
    encounters.parted([address])
    await clock.advance(300_000)
  }

  it('make who is met more often the better carrier, and who is never met none', async () => {
    for (let i = 0; i < 5; i++) await meet(alice)
    await meet(bob)
    assert.ok(encounters.utilityFor(alice) > encounters.utilityFor(bob))
    assert.ok(encounters.utilityFor(bob) > 0)
    assert.equal(encounters.utilityFor(carol), 0)
  })

  it('count nothing while a radio flickers', async () => {
    await meet(alice)
    await meet(bob)
    for (let i = 0; i < 50; i++) {
      encounters.met([bob])
      encounters.parted([bob])
    }
    assert.ok(encounters.utilityFor(bob) - encounters.utilityFor(alice) <= 16, 'one encounter more at the most')
  })

  it('count who stays, each hour', async () => {
    await meet(alice)
    encounters.met([bob])
    assert.equal(encounters.utilityFor(bob), 255, 'linked now')
    for (let hour = 0; hour < 10; hour++) {
      await clock.advance(3_600_000)
      encounters.tick()
    }
    encounters.parted([bob])
    assert.ok(encounters.utilityFor(bob) > encounters.utilityFor(alice) + 16)
  })

  it('fade by half in a week, and not at all when the clock is set back', async () => {
    for (let i = 0; i < 9; i++) await meet(alice)
    const fresh = encounters.utilityFor(alice)
    clock.setWall(clock.now() - 400 * DAY_MS)
    assert.ok(encounters.utilityFor(alice) >= fresh)
    clock.setWall(clock.now() + 407 * DAY_MS)
    assert.ok(Math.abs(encounters.utilityFor(alice) - (fresh - 14)) <= 2, 'log2((1+9/2)/(1+9)) is 0.86 doublings of 16 steps')
    assert.equal(encounters.recent(), 0)
  })

  it('are linked until the last of several links to the same person has ended', () => {
    encounters.met([alice])
    encounters.met([alice])
    encounters.parted([alice])
    assert.equal(encounters.utilityFor(alice), 255)
    encounters.parted([alice])
    assert.ok(encounters.utilityFor(alice) < 255)
    encounters.parted([alice, bob])
    assert.equal(encounters.utilityFor(bob), 0)
  })

  it('stay bounded among a crowd, and keep who is met often', async () => {
    for (let i = 0; i < 5; i++) await meet(alice)
    for (let n = 10; n < 10_010; n++) {
      encounters.met([addressNo(n)])
      encounters.parted([addressNo(n)])
    }
    assert.ok(encounters.encode().length <= 1 + 26 * 4_096)
    assert.ok(encounters.utilityFor(alice) > 16)
  })

  it('outlive the process, sealed, and not a damaged row', async () => {
    const level = memoryLevel()
    const open = async (): Promise<[EncounterBook, Database]> => {
      const db = await Database.open(level, { log: silentLog })
      const deps = { db, crypto: fakeCrypto(), random: seededRandom('book'), clock, log: silentLog, key: new Uint8Array(32).fill(7) }
      return [await EncounterBook.open(deps), db]
    }
    const [book, db] = await open()
    await book.start()
    book.encounters.met([alice])
    book.encounters.parted([alice])
    await clock.advance(600_000)
    const [again] = await open()
    assert.equal(again.encounters.utilityFor(alice), book.encounters.utilityFor(alice))
    book.encounters.met([bob])
    book.encounters.parted([bob])
    await book.stop()
    assert.ok((await open())[0].encounters.utilityFor(bob) > 0)
    for await (const [key, row] of db.iterate('n')) await db.transaction((tx) => tx.put('n', key, row.slice(1)))
    assert.equal((await open())[0].encounters.utilityFor(bob), 0)
  })

  it('are written again when the disk had no room', async () => {
    const level = memoryLevel()
    const disk = failingLevel(level)
    const db = await Database.open(disk.level, { log: silentLog })
    const deps = { db, crypto: fakeCrypto(), random: seededRandom('full'), clock, log: silentLog, key: new Uint8Array(32) }
    const book = await EncounterBook.open(deps)
    await book.start()
    book.encounters.met([alice])
    disk.fail('ENOSPC')
    await clock.advance(600_000)
    disk.heal()
    await book.stop()
    assert.ok((await EncounterBook.open(deps)).encounters.utilityFor(alice) > 0)
  })
})

describe('the best carriers seen', () => {
  const { id } = { id: 'x' as Parameters<BestSeen['note']>[0] }

  it('raise the demand, by no more than two doublings at a time, and no longer than a day', () => {
    const best = new BestSeen()
    best.note(id, 20, 16, 0)
    assert.equal(best.of(id, 0), 20)
    best.note(id, 18, 16, 0)
    assert.equal(best.of(id, 0), 20)
    best.note(id, 255, 16, 0)
    assert.equal(best.of(id, 0), 52)
    assert.equal(best.of(id, DAY_MS), 0)
  })

  it('are forgotten, the oldest first, when there are many', () => {
    const best = new BestSeen()
    for (let n = 0; n < 20_000; n++) best.note(`${n}` as typeof id, 10, 0, 0)
    assert.equal(best.of('0' as typeof id, 0), 0)
    assert.equal(best.of('19999' as typeof id, 0), 10)
  })
})
