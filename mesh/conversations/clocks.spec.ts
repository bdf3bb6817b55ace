/** What wrong clocks do to messages: nothing that people would notice. */
import assert from 'node:assert/strict'
import type { ConversationEvent } from '#mesh/conversations'
import { type FakeClock, fakeClock } from '#mesh/testing'
import { bring, carried, type MeshPerson, rest } from '../testing/mesh-people.ts'
import { isTo, Stage, statesOf, textsOf } from '../testing/stage.ts'

const DAY_MS = 86_400_000
const NOW_MS = 1_790_000_000_000
const YEAR_MS = 365 * DAY_MS

describe('messages between clocks that disagree', () => {
  let stage: Stage
  let clocks: Map<MeshPerson, FakeClock>

  beforeEach(() => {
    stage = new Stage()
    clocks = new Map()
  })

  afterEach(() => stage.stop())

  const clockOf = (person: MeshPerson): FakeClock => clocks.get(person) ?? stage.clock

  async function friendsAt(aliceMs: number, bobMs: number): Promise<[MeshPerson, MeshPerson]> {
    const [aliceClock, bobClock] = [fakeClock(aliceMs), fakeClock(bobMs)]
    const certificateExpiresMs = NOW_MS + 5 * YEAR_MS // as the keystore makes it, also on a machine without a clock
    const a = await stage.start('alice', { clock: aliceClock, certificateExpiresMs })
    const b = await stage.start('bob', { clock: bobClock, certificateExpiresMs })
    clocks = new Map([
      [a, aliceClock],
      [b, bobClock],
    ])
    await a.conversations.addContact(b.uri, undefined)
    await b.conversations.addContact(a.uri, undefined)
    await meet(a, b)
    return [a, b]
  }

  async function meet(a: MeshPerson, b: MeshPerson): Promise<void> {
    await bring(clockOf(b), a, b)
    await bring(clockOf(a), b, a)
    await bring(clockOf(b), a, b)
  }

  /** From one to the other, through the door and the inbox, whatever the other thinks of what comes back. */
  async function say(from: MeshPerson, to: MeshPerson, text: string): Promise<void> {
    const id = await from.send(to, text)
    const bytes = await from.store.bytes(id)
    assert.ok(bytes !== undefined)
    assert.equal((await to.take(bytes, from)).kind, 'accept')
    await rest(clockOf(to))
  }

  const lastTexts = async (of: MeshPerson, with_: MeshPerson, limit: number): Promise<string[]> =>
    textsOf(await of.conversations.log(with_.keys.person, { limit }))

  for (const [name, aheadMs] of [
    ['two days', 2 * DAY_MS],
    ['two years', 2 * YEAR_MS],
  ] as const) {
    it(`arrive from a clock that is ${name} ahead, in their order, and do not take the receiver's clock along`, async () => {
      const [a, b] = await friendsAt(NOW_MS + aheadMs, NOW_MS)
      const texts: string[] = []
      for (let i = 0; i < 4; i++) {
        // What bob writes is too old for a clock that is years ahead: alice writes without having heard him.
        await say(a, b, `alice ${i}`)
        texts.push(`alice ${i}`)
        await b.send(a, `bob ${i}`)
        texts.push(`bob ${i}`)
      }
      assert.deepEqual(
        b.shown(),
        texts.filter((text) => text.startsWith('alice')),
      )
      assert.deepEqual(await lastTexts(b, a, 100), texts)
      assert.deepEqual(await lastTexts(b, a, 3), texts.slice(-3))
      assert.ok(b.hlc.last.ms <= NOW_MS + 31 * DAY_MS, `dragged ${(b.hlc.last.ms - NOW_MS) / DAY_MS} days ahead`)
      if (aheadMs > 30 * DAY_MS) assert.ok(b.hlc.last.ms < NOW_MS + DAY_MS)
    })
  }

  it('are delivered in both directions over two days of difference', async () => {
    const [a, b] = await friendsAt(NOW_MS + 2 * DAY_MS, NOW_MS)
    await a.send(b, 'to bob')
    await b.send(a, 'to alice')
    await meet(a, b)
    await meet(b, a)
    for (const [one, other] of [[a, b] as const, [b, a] as const]) {
      assert.equal(one.shown().length, 1)
      assert.deepEqual(statesOf(await one.log(other)), ['delivered', 'delivered'])
    }
  })

  it('do not hide what is said after them: those from the future stand where they arrived', async () => {
    const [a, b] = await friendsAt(NOW_MS + 2 * YEAR_MS, NOW_MS)
    for (let i = 0; i < 12; i++) await say(a, b, `alice ${i}`)
    await clockOf(b).advance(1_000)
    await b.send(a, 'is your clock right?')
    assert.deepEqual(await lastTexts(b, a, 5), ['alice 8', 'alice 9', 'alice 10', 'alice 11', 'is your clock right?'])
  })

  it('of a machine without a clock stand where they arrived, on both sides', async () => {
    const [a, b] = await friendsAt(5_000, NOW_MS)
    for (let i = 0; i < 12; i++) await say(b, a, `bob ${i}`)
    await say(a, b, 'from 1970')
    assert.deepEqual(await lastTexts(b, a, 3), ['bob 10', 'bob 11', 'from 1970'])
    assert.deepEqual(await lastTexts(a, b, 3), ['bob 10', 'bob 11', 'from 1970'])
    await say(b, a, 'and from today')
    assert.deepEqual(await lastTexts(a, b, 2), ['from 1970', 'and from today'])
    assert.deepEqual(await lastTexts(b, a, 2), ['from 1970', 'and from today'])
  })

  it('are all there after a clock was set from 1970 to now, with what waits and what was promised', async () => {
    const [a, b] = await friendsAt(NOW_MS, 5_000)
    const stranger = await stage.start('carol', { clock: fakeClock(NOW_MS) })
    await stranger.conversations.addContact(b.uri, undefined)
    await stranger.send(b, 'hello, I am carol')
    await bring(clockOf(b), stranger, b)
    for (const text of ['one', 'two']) await say(a, b, text)
    await b.send(a, 'written in 1970')
    const [third, fourth] = [await a.send(b, 'three'), await a.send(b, 'four')]
    const early = await a.store.bytes(fourth)
    assert.ok(early !== undefined)
    await b.take(early, a)
    await rest(clockOf(b))
    const buried = await carried(a, isTo(b))

    const clock = clockOf(b)
    clock.setWall(NOW_MS + 60_000)
    for (const { id, bytes } of buried) if (id !== third && id !== fourth) assert.equal((await b.take(bytes, a)).kind, 'ignore', 'nothing comes back to life')
    while ((await b.store.removeExpired(100)) > 0);
    await rest(clock)
    const missing = await a.store.bytes(third)
    assert.ok(missing !== undefined)
    await b.take(missing, a)
    await rest(clock)
    assert.deepEqual(b.shown(), ['one', 'two', 'three', 'four'])
    assert.deepEqual(await lastTexts(b, a, 100), ['one', 'two', 'written in 1970', 'three', 'four'])
    await b.conversations.addContact(stranger.keys.person, undefined)
    await rest(clock)
    assert.ok(b.shown().includes('hello, I am carol'))
    await meet(a, b)
    await meet(a, b)
    assert.deepEqual(a.shown(), ['written in 1970'])
    assert.deepEqual(statesOf(await a.log(b)), new Array(5).fill('delivered'))
    assert.deepEqual(statesOf((await b.log(a)).filter(({ direction }) => direction === 'out')), ['delivered'])
    assert.ok(!expiredIn([...a.events, ...b.events]))
  })

  it('arrive at a node that starts with a clock years ahead of its last stop, and none does again that was taken away before', async () => {
    let [a, b] = await friendsAt(NOW_MS, NOW_MS)
    const clock = clockOf(b)
    await say(a, b, 'before')
    await b.store.removeExpired(10)
    const old = await carried(a, isTo(b))
    clock.setWall(NOW_MS + 2 * YEAR_MS)
    const before = b
    b = await stage.restart(b, { clock })
    clocks.set(b, clock)
    await say(a, b, 'after')
    assert.deepEqual([...before.shown(), ...b.shown()], ['before', 'after'])
    for (const { bytes } of old) assert.notEqual((await b.take(bytes, a)).kind, 'accept')
    await b.store.removeExpired(10)
    await rest(clock)
    assert.equal(b.shown().length, 1)
  })
})

function expiredIn(events: readonly ConversationEvent[]): boolean {
  return events.some((event) => event.kind === 'state' && event.state === 'expired')
}
