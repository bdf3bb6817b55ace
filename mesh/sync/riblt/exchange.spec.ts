import assert from 'node:assert/strict'
import fc from 'fast-check'
import { Initiator } from './initiator.ts'
import { encodeMessage } from './messages.ts'
import { type Crossing, converse, itemsOf, naiveDifferences, seededBytes } from './naive-twin.ts'
import { type Differences, Responder } from './responder.ts'
import { ALL_DAYS, dayOf, ScopeIndex } from './scope-index.ts'

const KEY = seededBytes(41, 16)
const DAYS = ALL_DAYS.slice(0, 30)

/** Which of many ids a side has, and the day of each: rows of 32 bytes. */
interface Side {
  readonly ids: Uint8Array
  readonly rows: readonly number[]
}

describe('reconciliation', () => {
  it('finds what the exchange of full lists finds, for all kinds of sets', () => {
    const sides = fc.record({
      total: fc.integer({ min: 0, max: 1_500 }),
      ours: fc.double({ min: 0, max: 1 }),
      both: fc.double({ min: 0, max: 1 }),
      seed: fc.nat(),
    })
    fc.assert(
      fc.property(sides, ({ total, ours, both, seed }) => {
        const ids = seededBytes(seed, 32 * total)
        const draw = seededBytes(seed + 1, 2 * total)
        const rows = Array.from({ length: total }, (_, row) => row)
        const isShared = (row: number): boolean => (draw[2 * row] ?? 0) < 256 * both
        const isOurs = (row: number): boolean => (draw[2 * row + 1] ?? 0) < 256 * ours
        assertReconciled({ ids, rows: rows.filter((row) => isShared(row) || isOurs(row)) }, { ids, rows: rows.filter((row) => isShared(row) || !isOurs(row)) })
      }),
      { numRuns: 100 },
    )
  })

  for (const [count, differing, most] of [
    [0, 0, 64],
    [1, 1, 150],
    [100_000, 0, 64],
    [100_000, 1, 2_500],
    [100_000, 500, 20_500],
    [100_000, 5_000, 190_000],
    [100_000, 30_000, 810_000],
    [100_000, 100_000, 810_000],
  ] as const) {
    it(`takes at most ${most} bytes for ${count} ids on each side, ${differing} of them on that side alone`, () => {
      const ids = seededBytes(42, 32 * (count + differing))
      const crossings = assertReconciled(
        { ids, rows: Array.from({ length: count }, (_, i) => i) },
        { ids, rows: Array.from({ length: count }, (_, i) => (i < differing ? count + i : i)) },
      )
      const bytes = crossings.reduce((sum, crossing) => sum + crossing.bytes.length, 0)
      assert.ok(bytes <= most, `${bytes} bytes`)
      assert.ok(crossings.filter(({ direction }) => direction === '<').length <= 8, 'it goes to and fro too often')
    }).timeout(30_000)
  }

  it('sends symbols of the days that differ and of no others', () => {
    const ids = seededBytes(43, 32 * 6_000)
    const all = Array.from({ length: 6_000 }, (_, i) => i)
    const isNew = (row: number): boolean => row % 30 === 7 && row < 300
    const crossings = assertReconciled({ ids, rows: all }, { ids, rows: all.filter((row) => !isNew(row)) })
    const plan = crossings.find(({ bytes }) => bytes[0] === 4)?.bytes ?? new Uint8Array(0)
    assert.equal(Buffer.from(plan.subarray(1, 10)).toString('hex'), '010000000000000080')
    assert.equal(plan[10], 200 | 0x80, 'the count of that day alone')
  })

  it('leaves out the days that one side does not keep, in both directions', () => {
    const ids = seededBytes(44, 32 * 300)
    const a = indexOf({ ids, rows: Array.from({ length: 300 }, (_, i) => i) })
    for (const [ours, theirs] of [
      [DAYS, DAYS.slice(10)],
      [DAYS.slice(10), DAYS],
    ] as const) {
      const b = indexOf({ ids, rows: [0, 1, 2, 3, 4, 5] })
      const responder = new Responder({ indexFor: () => b, days: theirs })
      converse(new Initiator(a, ours), responder)
      const { remoteOnly, localOnly } = responder.differences ?? assert.fail('there are differences')
      assert.equal(remoteOnly.length / 2, 200)
      assert.equal(localOnly.length, 0)
    }
  })

  it('says that nothing differs when only days differ that one side does not keep', () => {
    const ids = seededBytes(45, 32 * 60)
    const a = indexOf({ ids, rows: Array.from({ length: 60 }, (_, i) => i) })
    const b = indexOf({ ids, rows: Array.from({ length: 60 }, (_, i) => i).filter((i) => i % 30 !== 3) })
    const initiator = new Initiator(a, DAYS)
    const responder = new Responder({ indexFor: () => b, days: DAYS.filter((day) => day !== 3) })
    const crossings = converse(initiator, responder)
    assert.deepEqual([initiator.outcome, responder.outcome], ['same', 'same'])
    assert.deepEqual(
      crossings.map(({ bytes }) => bytes[0]),
      [1, 3, 2],
    )
  })

  it('goes on about the sets as they were while envelopes come and go', () => {
    const ids = seededBytes(46, 32 * 4_000)
    const rows = Array.from({ length: 3_000 }, (_, i) => i)
    const a = indexOf({ ids, rows })
    const b = indexOf({ ids, rows: rows.slice(300) })
    const initiator = new Initiator(a, DAYS)
    const responder = new Responder({ indexFor: () => b, days: DAYS })
    let row = 3_000
    for (let bytes = initiator.next(); bytes !== undefined; bytes = initiator.next()) {
      const answer = responder.receive(bytes)
      if (bytes[0] === 5) {
        for (const index of [a, b]) index.add(row % 30, ids, 32 * row, 32 * row + 32)
        a.remove(row % 30, ids, 32 * (row - 3_000), 32 * (row - 3_000) + 32)
        row++
      }
      if (answer !== undefined) initiator.receive(answer)
    }
    const { remoteOnly, localOnly } = responder.differences ?? assert.fail('there are differences')
    assert.ok(row > 3_005)
    assert.deepEqual([remoteOnly.length / 2, localOnly.length / 2], [300, 0])
  })

  it('lets the other side ask for what came between the first word and the plan', () => {
    const ids = seededBytes(48, 32 * 900)
    const a = indexOf({ ids, rows: [0, 1, 2] })
    const initiator = new Initiator(a, DAYS)
    const responder = new Responder({ indexFor: () => indexOf({ ids, rows: [] }), days: DAYS })
    const open = initiator.next() ?? assert.fail('it begins')
    for (let row = 3; row < 900; row++) a.add(row % 30, ids, 32 * row, 32 * row + 32)
    initiator.receive(responder.receive(open) ?? assert.fail('it answers'))
    converse(initiator, responder)
    const asked: number[] = []
    for (let bytes = responder.next(); bytes !== undefined; bytes = responder.next()) asked.push((initiator.receive(bytes)?.length ?? 0) / 2)
    assert.deepEqual(asked, [900])
    assert.equal(initiator.isAsking, false)
  })

  it('takes the list when the set of the side that began has changed too much', () => {
    const ids = seededBytes(47, 32 * 8_000)
    const rows = Array.from({ length: 3_000 }, (_, i) => i)
    const a = indexOf({ ids, rows })
    const b = indexOf({ ids, rows: rows.slice(300) })
    const initiator = new Initiator(a, DAYS)
    const responder = new Responder({ indexFor: () => b, days: DAYS })
    const kinds: number[] = []
    for (let bytes = initiator.next(); bytes !== undefined; bytes = initiator.next()) {
      kinds.push(bytes[0] ?? 0)
      const answer = responder.receive(bytes)
      if (answer !== undefined) initiator.receive(answer)
      if (bytes[0] === 5) for (let row = 3_000; row < 8_000; row++) a.add(row % 30, ids, 32 * row, 32 * row + 32)
    }
    assert.deepEqual(kinds, [1, 4, 5, 4, 6])
    assert.equal((responder.differences?.remoteOnly.length ?? 0) / 2, 5_300)
  })
})

describe('the days of envelopes', () => {
  it('go by the signed stamp, 63 of them and one for stamps that no sane clock made', () => {
    const first = Date.UTC(2026, 0, 1)
    const seen = new Set(Array.from({ length: 100 }, (_, day) => dayOf(first + day * 86_400_000)))
    assert.deepEqual(
      [...seen].sort((a, b) => a - b),
      ALL_DAYS.slice(0, 63),
    )
    assert.equal(dayOf(first), dayOf(first + 86_399_999))
    assert.equal((dayOf(first) + 1) % 63, dayOf(first + 86_400_000))
    for (const stampMs of [0, 1_000, first - 1]) assert.equal(dayOf(stampMs), 63)
    assert.ok(dayOf(2 ** 48 - 1) < 63)
  })
})

function indexOf({ ids, rows }: Side): ScopeIndex {
  const index = new ScopeIndex(KEY, Math.ceil(rows.length / 29))
  for (const row of rows) index.add(row % 30, ids, 32 * row, 32 * row + 32)
  return index
}

/** Lets two sides reconcile, and compares what they find with what the lists of their ids say. */
function assertReconciled(a: Side, b: Side): Crossing[] {
  const ours = indexOf(b)
  const initiator = new Initiator(indexOf(a), DAYS)
  const responder = new Responder({
    indexFor: (key) => {
      assert.deepEqual(key, KEY)
      return ours
    },
    days: DAYS,
  })
  const crossings = converse(initiator, responder)
  const none: Differences = { localOnly: new Int32Array(0), remoteOnly: new Int32Array(0) }
  const expected = naiveDifferences(itemsOfSide(b), itemsOfSide(a))
  const isSame = expected.localOnly.length + expected.remoteOnly.length === 0
  assert.deepEqual([initiator.outcome, responder.outcome], isSame ? ['same', 'same'] : ['done', 'done'])
  const { localOnly, remoteOnly } = responder.differences ?? none
  assert.deepEqual(itemsOf(localOnly), expected.localOnly)
  assert.deepEqual(itemsOf(remoteOnly), expected.remoteOnly)
  for (let at = 0; at < Math.min(localOnly.length, 200); at += 2) assert.ok(ours.find(localOnly[at] ?? 0, localOnly[at + 1] ?? 0) !== undefined)
  assert.equal(initiator.next(), undefined)
  initiator.receive(encodeMessage({ kind: 'done' }))
  return crossings
}

function itemsOfSide(side: Side): bigint[] {
  return itemsOf(indexOf(side).toPairs(DAYS))
}
