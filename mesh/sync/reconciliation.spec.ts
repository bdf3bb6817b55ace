import assert from 'node:assert/strict'
import fc from 'fast-check'
import type { Envelope } from '#mesh/envelope'
import type { DeviceId } from '#mesh/ids'
import type { Link } from '#mesh/ports'
import { carry, idsOf, pool, tap } from '../testing/carried-pool.ts'
import { fakeClock, settle } from '../testing/fake-clock.ts'
import { join, type MeshNode, type MeshNodeOptions, meshNode, until } from '../testing/mesh-node.ts'
import { FRAME_TYPE, type HelloFrame } from './frames.ts'
import { roleOf } from './reconciliation.ts'

const RECONCILE = FRAME_TYPE.reconcile
const OFFER = FRAME_TYPE.offer

describe('two nodes that meet', () => {
  const running: MeshNode[] = []
  const node = async (name: string, options: MeshNodeOptions = {}): Promise<MeshNode> => {
    const made = await meshNode(name, options)
    running.push(made)
    return made
  }
  const pair = async (options: MeshNodeOptions = {}): Promise<[MeshNode, MeshNode, Envelope[]]> => {
    const absent = await node('absent')
    return [await node('alice', options), await node('carol', options), pool(absent.address, 400)]
  }
  const areSynced = (...nodes: readonly MeshNode[]): boolean => nodes.every(({ exchange }) => exchange.sessions()[0]?.isSynced === true)
  afterEach(async () => {
    for (const made of running.splice(0)) await made.stop()
  })

  it('say at most 64 bytes when both hold the same, and offer nothing', async () => {
    for (const count of [0, 1, 400]) {
      const [alice, carol, all] = await pair()
      for (const one of [alice, carol]) await carry(one, all.slice(0, count))
      const { frames, bytes, wrap } = tap()
      const joined = join(alice, carol, wrap)
      await until(() => areSynced(alice, carol), 'the end')
      assert.equal(frames[RECONCILE], 2)
      assert.ok((bytes[RECONCILE] ?? 0) <= 64, `${bytes[RECONCILE]} bytes`)
      assert.equal(frames[OFFER], 0)
      await joined.close()
    }
  })

  it('find out what only one of them holds, and offer that alone, in both directions', async () => {
    const [alice, carol, all] = await pair()
    await carry(alice, all.slice(0, 390))
    await carry(carol, all.slice(15))
    const { bytes, wrap } = tap()
    join(alice, carol, wrap)
    await until(() => areSynced(alice, carol) && idsOf(alice).length === 400 && idsOf(carol).length === 400)
    assert.deepEqual(idsOf(alice), idsOf(carol))
    assert.equal(bytes[OFFER], 3 + 10 * 36 + 3 + 15 * 36)
    assert.deepEqual([...alice.offences, ...carol.offences], [])
  })

  it('find out what differs in a mesh of many devices too, when both hold much and nearly as much', async () => {
    const absent = await node('absent')
    const all = pool(absent.address, 1_100)
    const [alice, carol] = [await node('alice', { knownDevices: 100 }), await node('carol', { knownDevices: 100 })]
    await carry(alice, all.slice(0, 1_090), { copies: 8 })
    await carry(carol, all.slice(15), { copies: 8 })
    const { bytes, wrap } = tap()
    join(alice, carol, wrap)
    await until(() => areSynced(alice, carol) && idsOf(alice).length === 1_100 && idsOf(carol).length === 1_100)
    assert.ok((bytes[OFFER] ?? 0) < 25 * 80, `${bytes[OFFER]} bytes of offers`)
  })

  it('end with the same, whatever each held, and nothing crosses twice', async () => {
    const absent = await node('absent')
    const all = pool(absent.address, 120)
    const sides = fc.array(fc.constantFrom('none', 'alice', 'carol', 'both', 'both', 'both'), { maxLength: 120 })
    await fc.assert(
      fc.asyncProperty(sides, async (where) => {
        const [alice, carol] = [await meshNode('alice'), await meshNode('carol')]
        await carry(
          alice,
          all.filter((_, i) => where[i] === 'alice' || where[i] === 'both'),
        )
        await carry(
          carol,
          all.filter((_, i) => where[i] === 'carol' || where[i] === 'both'),
        )
        const joined = join(alice, carol)
        await until(() => areSynced(alice, carol), 'the end')
        await until(() => idsOf(alice).length === where.filter((place) => place !== 'none').length && idsOf(carol).length === idsOf(alice).length, 'all of it')
        await joined.close()
        assert.deepEqual(idsOf(alice), idsOf(carol))
        assert.equal((alice.intake.counters['ignore.duplicate'] ?? 0) + (carol.intake.counters['ignore.duplicate'] ?? 0), 0)
        assert.deepEqual([...alice.offences, ...carol.offences], [])
        await alice.stop()
        await carol.stop()
      }),
      { numRuns: 20 },
    )
  }).timeout(20_000)

  it('send after a cut at any frame only what is missing', async () => {
    const absent = await node('absent')
    const all = pool(absent.address, 160)
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(14), { minLength: 1, maxLength: 3 }), async (cuts) => {
        const [alice, carol] = [await meshNode('alice'), await meshNode('carol')]
        await carry(alice, all.slice(0, 130))
        await carry(carol, all.slice(40))
        for (const frames of cuts) {
          const broken = join(alice, carol, cutAfter(frames))
          await settle()
          broken.cut()
          await broken.ended
        }
        const joined = join(alice, carol)
        await until(() => areSynced(alice, carol) && idsOf(alice).length === 160 && idsOf(carol).length === 160, 'the rest')
        await joined.close()
        for (const one of [alice, carol]) {
          assert.equal(one.intake.counters['ignore.duplicate'] ?? 0, 0, cuts.join())
          assert.deepEqual(one.offences, [])
        }
        assert.equal(alice.exchange.counters.envelopesIn + carol.exchange.counters.envelopesIn, 70)
        await alice.stop()
        await carol.stop()
      }),
      { numRuns: 20 },
    )
  }).timeout(20_000)

  it('go on while envelopes come and go on both sides', async () => {
    const [alice, carol, all] = await pair()
    await carry(alice, all.slice(0, 300))
    await carry(carol, all.slice(100, 320))
    let left = 6
    const busy = (link: Link): Link => ({
      ...link,
      async send(frame) {
        const turn = left--
        const [gone, come] = [all[turn + 10], all[330 + turn]]
        if (frame[0] === RECONCILE && turn > 0 && gone !== undefined && come !== undefined) {
          await alice.db.transaction((tx) => void alice.store.remove(tx, gone.id, 'expired'))
          await carry(carol, [come])
        }
        return link.send(frame)
      },
    })
    join(alice, carol, busy)
    await until(() => areSynced(alice, carol), 'the end')
    await settle()
    assert.deepEqual([...alice.offences, ...carol.offences], [])
    const missing = idsOf(alice).filter((id) => !carol.store.has(id))
    assert.deepEqual([missing, idsOf(carol).filter((id) => !alice.store.has(id) && all.slice(320).some((envelope) => envelope.id === id))], [[], []])
  })

  it('ask for a promise of custody even where both hold the same', async () => {
    const [alice, carol] = await pair()
    const absent = await node('bob')
    const id = await alice.write(absent)
    const envelope = await alice.store.open(id)
    assert.ok(envelope !== undefined)
    await carry(carol, [envelope])
    const first = join(alice, carol)
    await until(() => alice.ledger.hasCustody(id, carol.device), 'custody')
    await first.close()
    const { frames, wrap } = tap()
    join(alice, carol, wrap)
    await until(() => areSynced(alice, carol))
    assert.equal(frames[OFFER], 0)
  })

  it('do not give each other their own receipts again', async () => {
    const [alice, carol] = await pair()
    const bob = await node('bob')
    const [toCarol, toBob] = [await alice.write(carol), await alice.write(bob)]
    join(alice, carol)
    join(alice, bob)
    await until(() => carol.received.includes(toCarol) && bob.received.includes(toBob) && alice.ledger.counts().queued + alice.ledger.counts().carried === 0)
    const { frames, wrap } = tap()
    join(bob, carol, wrap)
    await settle()
    await settle()
    const { frames: again, wrap: second } = tap()
    join(bob, carol, second)
    await settle()
    assert.ok((frames[FRAME_TYPE.envelopes] ?? 0) <= 2)
    assert.equal(again[FRAME_TYPE.envelopes], 0)
  })

  it('offer everything as of old when one of them made the other one hash too often', async () => {
    const clock = fakeClock()
    const [alice, carol, all] = await pair({ clock })
    await carry(alice, all.slice(0, 200))
    await carry(carol, all.slice(0, 200))
    const offered: number[] = []
    for (let meeting = 0; meeting < 7; meeting++) {
      const { frames, wrap } = tap()
      const joined = join(alice, await fresh(carol, all.slice(0, 200), meeting), wrap)
      await until(() => areSynced(alice))
      await settle()
      offered.push(frames[OFFER] ?? 0)
      await joined.close()
    }
    assert.deepEqual(offered.slice(0, 4), [0, 0, 0, 0])
    assert.ok((offered[5] ?? 0) > 0)
    assert.deepEqual(alice.offences, [])
  })

  /** A node with the keys of `like` and another random key for its hashes: it makes its peers hash anew. */
  async function fresh(like: MeshNode, envelopes: readonly Envelope[], number: number): Promise<MeshNode> {
    const made = await node('carol', { clock: like.clock, seed: `${number}` })
    await carry(made, envelopes)
    return made
  }
})

describe('the role of a node', () => {
  const [ann, bob] = ['12D3KooWA' as DeviceId, '12D3KooWB' as DeviceId]
  const hello = (held: number | undefined, knownDevices = 3): HelloFrame => ({
    type: 'hello',
    nowMs: 0,
    knownDevices,
    grants: [],
    ...(held === undefined ? {} : { held, keptDays: 30 }),
  })
  const roles = (a: HelloFrame, b: HelloFrame): Array<string | undefined> => [roleOf(a, b, ann, bob), roleOf(b, a, bob, ann)]

  it('is to begin for the one who holds more, or has the smaller name', () => {
    assert.deepEqual(roles(hello(10), hello(11)), ['answers', 'begins'])
    assert.deepEqual(roles(hello(11), hello(10)), ['begins', 'answers'])
    assert.deepEqual(roles(hello(10), hello(10)), ['begins', 'answers'])
    assert.deepEqual(roles(hello(0), hello(0)), ['begins', 'answers'])
  })

  it('is none where offering everything is better', () => {
    assert.deepEqual(roles(hello(undefined), hello(10)), [undefined, undefined])
    assert.deepEqual(roles(hello(0), hello(1)), [undefined, undefined])
    assert.deepEqual(roles(hello(99), hello(500)), [undefined, undefined])
    assert.deepEqual(roles(hello(100, 16), hello(100, 16)), [undefined, undefined])
    assert.deepEqual(roles(hello(100, 16), hello(100, 15)), ['begins', 'answers'])
    assert.deepEqual(roles(hello(999, 16), hello(999, 16)), [undefined, undefined])
    assert.deepEqual(roles(hello(1_000, 16), hello(1_251, 16)), [undefined, undefined])
    assert.deepEqual(roles(hello(1_000, 16), hello(1_250, 16)), ['answers', 'begins'])
  })
})

/** A link that breaks after so many frames, in both directions together. */
function cutAfter(frames: number): (link: Link) => Link {
  let left = frames
  return (link) => ({
    ...link,
    send(frame) {
      if (left-- > 0) return link.send(frame)
      link.abort(new Error('the cable was pulled'))
      return Promise.reject(new Error('the cable was pulled'))
    },
  })
}
