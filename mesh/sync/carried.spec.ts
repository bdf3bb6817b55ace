import assert from 'node:assert/strict'
import { signEnvelope } from '#mesh/envelope'
import type { DeviceId } from '#mesh/ids'
import { carry, pool } from '../testing/carried-pool.ts'
import { type FakeClock, fakeClock, settle } from '../testing/fake-clock.ts'
import { type MeshNode, meshNode } from '../testing/mesh-node.ts'
import { seededRandom } from '../testing/seeded-random.ts'
import { toyCrypto } from '../testing/toy-crypto.ts'
import { CarriedIds } from './carried.ts'
import type { KeyedIds } from './keyed-ids.ts'
import { KEY_MS } from './limits.ts'
import { ALL_DAYS } from './riblt/index.ts'

const ANN = 'ann' as DeviceId
const STAYS = new AbortController().signal
const KEYS = Array.from({ length: 12 }, (_, i) => new Uint8Array(16).fill(i))
const keyOf = (i: number): Uint8Array => KEYS[i] ?? new Uint8Array(16)
const countOf = (ids: KeyedIds): number => ids.index.digest(ALL_DAYS).count

describe('the ids of what is carried', () => {
  let node: MeshNode
  let absent: MeshNode
  let carried: CarriedIds
  /** Of its own: the exchange of the node would tick on the other one. */
  let clock: FakeClock
  beforeEach(async () => {
    clock = fakeClock()
    node = await meshNode('node')
    absent = await meshNode('absent')
    carried = new CarriedIds({ store: node.store, clock, random: seededRandom(1) }, (address) => address === node.address)
    node.db.subscribe((event) => carried.note(event))
  })
  afterEach(async () => {
    await node.stop()
    await absent.stop()
  })

  it('are the same after any changes as those of an index that is made anew', async () => {
    const all = pool(absent.address, 60)
    await carry(node, all.slice(0, 30))
    const own = await carried.own()
    const loan = await carried.under(keyOf(1), ANN, STAYS)
    await node.db.transaction((tx) => {
      for (const { id } of all.slice(10, 20)) node.store.remove(tx, id, 'expired')
    })
    await carry(node, all.slice(30))
    await carry(node, all.slice(15, 20))
    const anew = new CarriedIds({ store: node.store, clock, random: seededRandom(1) }, () => false)
    for (const [ids, expected] of [
      [own, await anew.own()],
      [loan?.ids, (await anew.under(keyOf(1), ANN, STAYS))?.ids],
    ] as const) {
      assert.ok(ids !== undefined && expected !== undefined)
      assert.equal(countOf(ids), 55)
      assert.ok(ids.index.digest(ALL_DAYS).equals(expected.index.digest(ALL_DAYS)))
      const found = new Set<string | undefined>()
      ids.index.forEach(ALL_DAYS, (low, high) => found.add(ids.find(low, high)))
      assert.deepEqual(found, new Set(node.store.ids()))
    }
  })

  it('leave out mail to this node, and hold its receipts', async () => {
    const receipt = signEnvelope(toyCrypto(), new Uint8Array(32).fill(3), {
      priority: 'critical',
      kind: 'receipt',
      address: node.address,
      stamp: { ms: 1_790_000_000_000, counter: 0 },
      lifetimeS: 60,
      payload: new Uint8Array(8),
    })
    await carry(node, [...pool(node.address, 5), ...pool(absent.address, 3), receipt])
    assert.equal(countOf(await carried.own()), 4)
  })

  it('get another key every day', async () => {
    const first = await carried.own()
    assert.equal(await carried.own(), first)
    await clock.advance(KEY_MS)
    assert.notDeepEqual((await carried.own()).index.key, first.index.key)
  })

  it('are hashed for one peer four times a minute, and not again under a key that is kept', async () => {
    for (let i = 0; i < 4; i++) (await carried.under(keyOf(i), ANN, STAYS))?.giveBack()
    assert.equal(await carried.under(keyOf(4), ANN, STAYS), undefined)
    assert.ok((await carried.under(keyOf(3), ANN, STAYS)) !== undefined)
    await clock.advance(15_000)
    assert.ok((await carried.under(keyOf(4), ANN, STAYS)) !== undefined)
  })

  it('are kept under eight keys at most, those used last, and others wait for a place', async () => {
    const peer = (i: number): DeviceId => `peer ${i}` as DeviceId
    const loans = await Promise.all(KEYS.slice(0, 8).map((key, i) => carried.under(key, peer(i), STAYS)))
    let isThere = false
    const ninth = carried.under(keyOf(8), peer(8), STAYS).then((loan) => {
      isThere = loan !== undefined
      return loan
    })
    await settle()
    assert.equal(isThere, false)
    loans[5]?.giveBack()
    loans[5]?.giveBack()
    await ninth
    assert.ok(isThere)
    const again = await carried.under(keyOf(0), peer(0), STAYS)
    assert.equal(again?.ids, loans[0]?.ids)
  })

  it('are not kept for who does not wait any more: whoever came after him gets the place', async () => {
    const peer = (i: number): DeviceId => `peer ${i}` as DeviceId
    const loans = await Promise.all(KEYS.slice(0, 8).map((key, i) => carried.under(key, peer(i), STAYS)))
    const [before, woken] = [new AbortController(), new AbortController()]
    const left = [carried.under(keyOf(8), peer(8), before.signal), carried.under(keyOf(9), peer(9), woken.signal)]
    const patient = carried.under(keyOf(10), peer(10), STAYS)
    await settle()
    before.abort()
    assert.equal(await left[0], undefined)
    loans[0]?.giveBack()
    woken.abort() // in the same turn as the place came to him
    assert.equal(await left[1], undefined)
    assert.ok((await patient) !== undefined)
    assert.equal(await carried.under(keyOf(11), peer(11), before.signal), undefined)
  })

  it('are made in slices, between which envelopes come and go', async () => {
    const all = pool(absent.address, 200)
    await carry(node, all)
    const before = clock.sleepers
    const sliced = new CarriedIds({ store: node.store, clock, random: seededRandom(1) }, () => false, { sliceIds: 64 })
    node.db.subscribe((event) => sliced.note(event))
    const ready = sliced.own()
    await settle()
    assert.equal(clock.sleepers, before + 1)
    await node.db.transaction((tx) => {
      for (const { id } of [...all.slice(0, 5), ...all.slice(190)]) node.store.remove(tx, id, 'expired')
    })
    await carry(node, all.slice(0, 2))
    for (let slice = 0; slice < 4; slice++) await clock.advance(0)
    assert.equal(countOf(await ready), 187)
  })
})
