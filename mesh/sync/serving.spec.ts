import assert from 'node:assert/strict'
import type { Envelope } from '#mesh/envelope'
import type { EnvelopeId } from '#mesh/ids'
import { STORE_PROFILES } from '#mesh/store'
import { carry, idsOf, pool } from '../testing/carried-pool.ts'
import { fakeClock, settle } from '../testing/fake-clock.ts'
import { join, type MeshNode, type MeshNodeOptions, meshNode, until } from '../testing/mesh-node.ts'

describe('what a peer lacks', () => {
  const running: MeshNode[] = []
  let absent: MeshNode
  const node = async (name: string, options: MeshNodeOptions = {}): Promise<MeshNode> => {
    const made = await meshNode(name, options)
    running.push(made)
    return made
  }
  const areSynced = (...nodes: readonly MeshNode[]): boolean => nodes.every(({ exchange }) => exchange.sessions()[0]?.isSynced === true)
  const storedAt = ({ events }: MeshNode): EnvelopeId[] => events.flatMap((event) => (event.kind === 'envelope-stored' ? [event.id] : []))
  beforeEach(async () => {
    absent = await node('absent')
  })
  afterEach(async () => {
    for (const made of running.splice(0)) await made.stop()
  })

  for (const larger of ['the one that has it', 'the one that lacks it'] as const) {
    it(`comes by priority, then by age, when ${larger} begins`, async () => {
      const [alice, carol] = [await node('alice'), await node('carol')]
      const both = pool(absent.address, 300, { bytes: 65 })
      const bulk = pool(absent.address, 150, { priority: 'bulk' })
      const sos = pool(absent.address, 2, { priority: 'critical' })
      const normal = pool(absent.address, 100)
      const lacking: Envelope[] = [...sos, ...normal, ...bulk]
      await carry(alice, [...bulk.toReversed(), ...both, ...normal.toReversed(), ...sos.toReversed()])
      await carry(carol, larger === 'the one that has it' ? both : [...both, ...pool(absent.address, 300, { bytes: 66 })])
      carol.events.length = 0
      join(alice, carol)
      await until(() => lacking.every(({ id }) => carol.store.has(id)))
      assert.deepEqual(
        storedAt(carol),
        lacking.map(({ id }) => id),
      )
    })
  }

  it('is served up to a number of bytes a minute, then waits without ending the session', async () => {
    const clock = fakeClock()
    const [alice, carol] = [await node('alice', { clock, exchange: { servedBytesPerMinute: 60_000 } }), await node('carol', { clock })]
    const all = pool(absent.address, 700, { bytes: 256 })
    await carry(alice, all)
    const joined = join(alice, carol)
    await settle()
    await settle()
    const atOnce = carol.store.usage().envelopes
    assert.ok(atOnce > 100 && atOnce <= 400, `${atOnce}`)
    await clock.advance(60_000)
    const later = carol.store.usage().envelopes
    assert.ok(later > atOnce && later <= atOnce + 256, `${later}`)
    await joined.close()
    join(alice, carol)
    await settle()
    assert.ok(carol.store.usage().envelopes <= later + 170, 'another session does not help')
    await clock.advance(4 * 60_000)
    assert.equal(carol.store.usage().envelopes, 700)
    assert.deepEqual([...alice.offences, ...carol.offences], [])
  })

  it('is not counted when the peer owns it', async () => {
    const [alice, carol] = [await node('alice', { exchange: { servedBytesPerMinute: 1 } }), await node('carol', { reads: false })]
    await carry(alice, pool(carol.address, 500, { bytes: 256 }))
    join(alice, carol)
    await until(() => carol.received.length === 500)
  })

  it('is not read faster than it may come: the link waits', async () => {
    const clock = fakeClock()
    const some = { perSecond: 1, burst: 300 }
    const [alice, carol] = [await node('alice', { clock }), await node('carol', { clock, reads: false, intake: { rates: { scope: some } } })]
    await carry(alice, pool(carol.address, 3_000, { bytes: 256 }))
    join(alice, carol)
    await settle()
    await settle()
    const looked = carol.intake.counters['ignore.rate'] ?? 0
    assert.ok(looked > 0 && looked < 1_500, `${looked} of 2,700 were looked at`)
    await clock.advance(1_000)
    await settle()
    assert.ok((carol.intake.counters['ignore.rate'] ?? 0) > looked, 'a second later it goes on')
    assert.deepEqual([...alice.offences, ...carol.offences], [])
  })

  it('is nothing that the other side has received for itself', async () => {
    const [alice, carol, dave] = [await node('alice'), await node('carol', { reads: false }), await node('dave')]
    join(carol, dave)
    await carry(alice, pool(carol.address, 20))
    join(alice, carol)
    await until(() => carol.received.length === 20)
    await settle()
    assert.equal(dave.store.usage().envelopes, 0)
  })

  for (const reconciles of [true, false]) {
    it(`is left where it is when the peer keeps nothing that is so old, ${reconciles ? 'after reconciliation' : 'and in a walk over everything'}`, async () => {
      const [alice, router] = [await node('alice'), await node('router', { limits: STORE_PROFILES.router, reads: false })]
      const [old, fresh, toRouter] = [pool(absent.address, 20, { daysAgo: 15 }), pool(absent.address, 20), pool(router.address, 3, { daysAgo: 16 })]
      await carry(alice, [...old, ...fresh, ...toRouter])
      if (reconciles) await carry(router, fresh.slice(0, 12))
      join(alice, router)
      await until(() => areSynced(alice, router) && fresh.every(({ id }) => router.store.has(id)) && router.received.length === 3)
      await settle()
      assert.deepEqual(idsOf(router), [...fresh, ...toRouter].map(({ id }) => id).sort())
    })
  }
})
