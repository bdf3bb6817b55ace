import assert from 'node:assert/strict'
import type { Priority } from '#mesh/envelope'
import type { EnvelopeId } from '#mesh/ids'
import { carried, type MeshPerson, meetPeople, rest } from '../testing/mesh-people.ts'
import { isTo, Stage, statesOf } from '../testing/stage.ts'

describe('priorities of messages', () => {
  let stage: Stage

  beforeEach(() => {
    stage = new Stage()
  })

  afterEach(() => stage.stop())

  async function send(from: MeshPerson, to: MeshPerson, priority: Priority): Promise<EnvelopeId> {
    const { id } = await from.conversations.send(from.contacts.find(to.keys.person), priority, { priority })
    return id
  }

  const expired = ({ events }: MeshPerson) => events.flatMap((event) => (event.kind === 'state' && event.state === 'expired' ? [event.id] : []))

  it('stand in the envelope and in the outbox', async () => {
    const [a, b] = await stage.friends()
    const priorities: Priority[] = ['ephemeral', 'bulk', 'critical', 'normal']
    for (const priority of priorities) await send(a, b, priority)
    const envelopes = await carried(a, isTo(b))
    assert.deepEqual(
      envelopes.map(({ priority }) => priority),
      priorities,
    )
    assert.deepEqual(
      envelopes.map(({ id }) => a.ledger.get(id)?.priority),
      priorities,
    )
    assert.deepEqual(
      envelopes.map(({ lifetimeS }) => lifetimeS < 3_600),
      [true, false, false, false],
    )
  })

  it('let an ephemeral that nobody took go when somebody comes, and nothing else', async () => {
    const [a, b] = await stage.friends()
    const [ephemeral, bulk] = [await send(a, b, 'ephemeral'), await send(a, b, 'bulk')]
    await a.conversations.dropStale()
    assert.ok(a.store.has(ephemeral), 'a link that comes back within seconds is in time')
    await stage.clock.advance(6_000)
    await a.conversations.dropStale()
    await rest(stage.clock)
    assert.ok(!a.store.has(ephemeral) && !a.ledger.has(ephemeral) && a.store.has(bulk) && a.ledger.has(bulk))
    assert.deepEqual(expired(a), [ephemeral])
    assert.deepEqual(statesOf(await a.log(b)), ['expired', 'queued'])
  })

  it('keep an ephemeral that was handed over until its two minutes have passed', async () => {
    const [a, b] = await stage.friends()
    const id = await send(a, b, 'ephemeral')
    a.ledger.noteAttempt(id)
    await stage.clock.advance(119_000)
    await a.conversations.dropStale()
    assert.ok(a.store.has(id))
    await stage.clock.advance(1_000)
    await a.conversations.dropStale()
    await rest(stage.clock)
    assert.deepEqual([a.store.has(id), expired(a)], [false, [id]])
  })

  it('let an ephemeral be delivered like any other message', async () => {
    const [a, b] = await stage.friends()
    await send(a, b, 'ephemeral')
    await meetPeople(stage.clock, a, b)
    assert.deepEqual(statesOf(await a.log(b)), ['delivered'])
    assert.deepEqual(b.shown(), ['ephemeral'])
  })

  it('let an ephemeral that waited while the node was off go at the first meeting', async () => {
    const [a, b] = await stage.friends()
    const id = await send(a, b, 'ephemeral')
    a.ledger.noteAttempt(id)
    await stage.clock.advance(10_000)
    const back = await stage.restart(a)
    await back.conversations.dropStale()
    assert.ok(!back.store.has(id))
    assert.deepEqual(statesOf(await back.log(b)), ['expired'])
  })
})
