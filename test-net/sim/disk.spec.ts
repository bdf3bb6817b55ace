import assert from 'node:assert/strict'
import { Disk } from './disk.ts'
import { Scheduler } from './scheduler.ts'
import { Seeded } from './seeded.ts'

const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text))
const put = (key: string, value: string): { type: 'put'; key: Uint8Array; value: Uint8Array } => ({ type: 'put', key: bytes(key), value: bytes(value) })
const SYNC = { sync: true, keyEncoding: 'view', valueEncoding: 'view' } as const
const LAZY = { ...SYNC, sync: false } as const
const VIEW = { highWaterMarkBytes: 1, keyEncoding: 'view', valueEncoding: 'view' } as const

function aDisk(seed = 1): { scheduler: Scheduler; disk: Disk; held: () => string[] } {
  const scheduler = new Scheduler()
  const disk = new Disk({ scheduler, random: new Seeded(String(seed)), onWrite: () => {} }, { syncMs: [10, 20] })
  return { scheduler, disk, held: () => [...disk.rows()].map(([key]) => key).sort() }
}

describe('the simulated disk', () => {
  it('answers a synced batch after an fsync, and keeps it through a power cut', async () => {
    const { scheduler, disk, held } = aDisk()
    let isDone = false
    const level = disk.level()
    void level.batch([put('a1', 'x')], SYNC).then(() => (isDone = true))
    await scheduler.runUntil(9)
    assert.equal(isDone, false)
    await scheduler.runUntil(20)
    assert.equal(isDone, true)
    disk.cut()
    assert.deepEqual(held(), ['a1'])
  })

  it('keeps all or nothing of the batch that was being written when the power went, and answers no more', async () => {
    const outcomes = new Set<string>()
    for (let seed = 0; seed < 40; seed++) {
      const { scheduler, disk, held } = aDisk(seed)
      const level = disk.level()
      let answers = 0
      void level.batch([put('a1', 'x'), put('a2', 'y')], SYNC).then(() => answers++)
      await scheduler.runUntil(8)
      disk.cut()
      void level.get(bytes('a1')).then(() => answers++)
      await scheduler.runUntil(100)
      assert.equal(answers, 0)
      outcomes.add(held().join())
    }
    assert.deepEqual([...outcomes].sort(), ['', 'a1,a2'])
  })

  it('may lose what was not synced, the last first, and keeps the order', async () => {
    const outcomes = new Set<string>()
    for (let seed = 0; seed < 60; seed++) {
      const { disk, held } = aDisk(seed)
      const level = disk.level()
      await level.batch([put('a1', 'x')], LAZY)
      await level.batch([{ type: 'del', key: bytes('a1') }, put('a2', 'y')], LAZY)
      assert.deepEqual(held(), ['a2'])
      disk.cut()
      outcomes.add(held().join())
    }
    assert.deepEqual([...outcomes].sort(), ['', 'a1', 'a2'])
  })

  it('keeps nothing of a batch while it fails, and says which error it is', async () => {
    for (const code of ['EIO', 'ENOSPC'] as const) {
      const { scheduler, disk, held } = aDisk()
      disk.setFailure(code)
      const failing = assert.rejects(disk.level().batch([put('a1', 'x')], SYNC), { code })
      await scheduler.runUntil(100)
      await failing
      assert.deepEqual(held(), [])
      assert.equal(disk.hasRoom, code !== 'ENOSPC')
      disk.setFailure(undefined)
      const works = disk.level().batch([put('a1', 'x')], SYNC)
      await scheduler.runUntil(200)
      await works
      assert.deepEqual(held(), ['a1'])
    }
  })

  it('reads ranges in the order of unsigned bytes, forwards and backwards', async () => {
    const { disk } = aDisk()
    const level = disk.level()
    const keys = [Uint8Array.of(97, 0xff), Uint8Array.of(97, 1), Uint8Array.of(97), Uint8Array.of(98, 0), Uint8Array.of(97, 0x80)]
    await level.batch(
      keys.map((key) => ({ type: 'put' as const, key, value: Uint8Array.of(key.length) })),
      LAZY,
    )
    const read = async (range: Parameters<typeof level.iterator>[0]): Promise<string[]> => {
      const iterator = level.iterator(range)
      const found: string[] = []
      for (let rows = await iterator.nextv(2); rows.length > 0; rows = await iterator.nextv(2)) found.push(...rows.map(([key]) => String(key)))
      await iterator.close()
      return found
    }
    const lt = Uint8Array.of(98)
    assert.deepEqual(await read({ ...VIEW, gte: Uint8Array.of(97), lt }), ['97', '97,1', '97,128', '97,255'])
    assert.deepEqual(await read({ ...VIEW, gt: Uint8Array.of(97), lt, reverse: true, limit: 2 }), ['97,255', '97,128'])
    assert.deepEqual(await read({ ...VIEW, lt: Uint8Array.of(255) }), ['97', '97,1', '97,128', '97,255', '98,0'])
  })
})
