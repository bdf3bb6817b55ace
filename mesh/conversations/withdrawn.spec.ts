import assert from 'node:assert/strict'
import { MAX_LIFETIME_S } from '#mesh/envelope'
import { bring, carried, meetPeople, rest } from '../testing/mesh-people.ts'
import { isTo, Stage, statesOf } from '../testing/stage.ts'

describe('messages that are taken back', () => {
  let stage: Stage

  beforeEach(() => {
    stage = new Stage()
  })

  afterEach(() => stage.stop())

  it('leave store and outbox, are told once as withdrawn, and stay so after a restart', async () => {
    const [a, b] = await stage.friends()
    const [one, two] = [await a.send(b, 'one'), await a.send(b, 'two')]
    assert.deepEqual(await a.conversations.withdraw([one, one]), [one])
    assert.deepEqual(await a.conversations.withdraw([one]), [])
    await rest(stage.clock)
    assert.deepEqual(
      a.ledger.list().map(({ id }) => id),
      [two],
    )
    assert.ok(!a.store.has(one) && a.store.has(two))
    assert.deepEqual(a.events.flatMap((event) => (event.kind === 'state' ? [[event.id, event.state, event.by]] : [])).slice(-1), [[one, 'withdrawn', a.device]])
    const back = await stage.restart(a)
    assert.deepEqual(statesOf(await back.log(b)), ['withdrawn', 'queued'])
    assert.deepEqual(
      back.ledger.list().map(({ id }) => id),
      [two],
    )
  })

  it('do not come back from those who carry them, and are delivered all the same when one of these meets their reader', async () => {
    const [a, b] = await stage.friends()
    const carrier = await stage.start('carol')
    const id = await a.send(b, 'rather not')
    await bring(stage.clock, a, carrier)
    await a.conversations.withdraw([id])
    const [copy] = await carried(carrier, isTo(b))
    assert.deepEqual(await a.take(copy?.bytes ?? new Uint8Array(0), carrier), { kind: 'ignore', reason: 'retracted' })
    const back = await stage.restart(a)
    await meetPeople(stage.clock, carrier, b)
    assert.deepEqual(b.shown(), ['rather not'])
    await meetPeople(stage.clock, b, back)
    assert.deepEqual(statesOf(await back.log(b)), ['delivered'])
    assert.equal(back.ledger.addressOf(id), undefined)
  })

  it('are not followed by what is written later, so that nobody waits for them', async () => {
    const [a, b] = await stage.friends()
    const first = await a.send(b, 'first')
    const [one, two] = [await a.send(b, 'one'), await a.send(b, 'two')]
    await a.conversations.withdraw([one])
    await a.conversations.withdraw([two])
    const last = await a.send(b, 'last')
    assert.deepEqual((await a.log(b)).find(({ id }) => id === last)?.parents, [first])
    await meetPeople(stage.clock, a, b)
    assert.deepEqual(b.shown(), ['first', 'last'])
  })

  it('are what their receipt says when that was here first', async () => {
    const [a, b] = await stage.friends()
    const id = await a.send(b, 'too quick')
    await meetPeople(stage.clock, a, b)
    assert.deepEqual(await a.conversations.withdraw([id]), [])
    assert.deepEqual(statesOf(await a.log(b)), ['delivered'])
  })

  it('are forgotten in the outbox once no copy can arrive any more', async () => {
    const [a, b] = await stage.friends()
    const id = await a.send(b, 'long ago')
    await a.conversations.withdraw([id])
    assert.ok(a.ledger.addressOf(id) !== undefined)
    await stage.clock.advance((MAX_LIFETIME_S + 1) * 1_000)
    const back = await stage.restart(a)
    assert.equal(back.ledger.addressOf(id), undefined)
    assert.deepEqual(statesOf(await back.log(b)), ['withdrawn'])
  })
})
