/** Blocked people and revoked devices, over real sessions: content drops what they write, and carriage says nothing that is not so. */
import assert from 'node:assert/strict'
import { signEnvelope } from '#mesh/envelope'
import { deriveAuthorSeed } from '#mesh/identity'
import { silentLog } from '#mesh/ports'
import { Encounters, issueGrant } from '#mesh/routing'
import { spawn } from '#mesh/runtime'
import { Exchange } from '#mesh/sync'
import { linkPair, settle } from '#mesh/testing'
import { fakeCrypto } from '../testing/fake-crypto.ts'
import { befriend, carried, type MeshPerson, rest } from '../testing/mesh-people.ts'
import { seededRandom } from '../testing/seeded-random.ts'
import { block, isTo, receiptsBy, Stage, statesOf, textsOf } from '../testing/stage.ts'

const crypto = fakeCrypto()

describe('people who are not heard', () => {
  let stage: Stage
  let exchanges: Exchange[]

  beforeEach(() => {
    stage = new Stage()
    exchanges = []
  })

  afterEach(async () => {
    for (const exchange of exchanges) await exchange.stop()
    await stage.stop()
  })

  async function exchangeOf({ db, store, intake, ledger, device, deviceSeed, keys }: MeshPerson): Promise<Exchange> {
    const grant = issueGrant(crypto, keys.inboxSeed, device, stage.clock.now() + 86_400_000)
    const sign = (message: Uint8Array): Uint8Array => crypto.ed25519Sign(deviceSeed, message)
    const parts = {
      db,
      store,
      intake,
      ledger,
      device,
      sign,
      crypto,
      random: seededRandom(device),
      clock: stage.clock,
      log: silentLog,
      encounters: new Encounters(stage.clock),
    }
    const exchange = new Exchange({ ...parts, grants: () => [grant], knownDevices: () => 3 })
    await exchange.start()
    exchanges.push(exchange)
    return exchange
  }

  /** Both say all they have to say over one link, and part. */
  async function talk(a: MeshPerson, b: MeshPerson): Promise<void> {
    const [one, other] = [await exchangeOf(a), await exchangeOf(b)]
    const [toB, toA] = linkPair(a.device, b.device)
    const ends = [spawn(() => one.attach(toB), assert.ifError), spawn(() => other.attach(toA), assert.ifError)]
    for (let i = 0; i < 5; i++) {
      await settle()
      await rest(stage.clock)
    }
    await Promise.all([toB.close(), toA.close()])
    await Promise.all(ends.map(({ done }) => done))
    exchanges = exchanges.filter((exchange) => exchange !== one && exchange !== other)
    await Promise.all([one.stop(), other.stop()])
  }

  it('hear of nothing but their own queue: what a blocked person sends is neither carried nor delivered', async () => {
    const [a, b] = await stage.friends()
    await a.send(b, 'before')
    await talk(a, b)
    assert.deepEqual(statesOf(await a.log(b)), ['delivered'])
    await block(b, a)
    const acknowledged = (await receiptsBy(b)).length
    await a.send(b, 'psst')
    for (let i = 0; i < 2; i++) await talk(a, b)
    assert.equal(b.conversations.counters['blocked'], 1)
    assert.deepEqual(await carried(b, isTo(b)), [], 'it takes no room here')
    assert.deepEqual(statesOf(await a.log(b)), ['delivered', 'queued'])
    assert.deepEqual(
      a.ledger.list().flatMap(({ custody }) => custody),
      [],
      'nobody has promised to carry it',
    )
    assert.equal((await receiptsBy(b)).length, acknowledged)
    assert.deepEqual(b.shown(), ['before'])
  })

  it('are carried for all the same: what a blocked person writes to others is promised, kept and brought', async () => {
    const [a, b] = await stage.friends()
    const carol = await stage.start('carol')
    await befriend(stage.clock, a, carol)
    await block(b, a)
    const id = await a.send(carol, 'by way of bob')
    await talk(a, b)
    assert.ok(b.store.has(id))
    assert.deepEqual(statesOf(await a.log(carol)), ['carried'])
    assert.deepEqual(
      a.ledger.get(id)?.custody.map(({ device }) => device),
      [b.device],
    )
    await talk(b, carol)
    assert.deepEqual(carol.shown(), ['by way of bob'])
    await talk(carol, a)
    assert.deepEqual(statesOf(await a.log(carol)), ['delivered'])
  })

  it('are no longer heard on a revoked device, whenever they wrote it: a stamp proves nothing', async () => {
    const [a, b] = await stage.friends()
    await a.send(b, 'arrived before')
    await talk(a, b)
    await a.send(b, 'written before')
    const [before] = await carried(a, isTo(b))
    assert.ok(before !== undefined)
    const other = await stage.start('alice', { deviceNumber: 1 })
    await befriend(stage.clock, other, b)
    await other.conversations.revokeDevice(a.device)
    await talk(other, b)
    const acknowledged = new Set((await receiptsBy(b)).map(({ id }) => id))
    await stage.clock.advance(1_000)
    // The device has not heard of it, or does not care: it signs what it likes, with any stamp.
    const seed = deriveAuthorSeed(a.deviceSeed, b.keys.person)
    const after = signEnvelope(crypto, seed, { ...before, stamp: a.hlc.next() })
    for (const { bytes } of [before, after]) {
      assert.equal((await b.take(bytes, a)).kind, 'accept', 'carriage does not know')
      await rest(stage.clock)
    }
    assert.equal(b.conversations.counters['MESH_DEVICE_REVOKED'], 2)
    assert.deepEqual(b.shown(), ['arrived before'])
    assert.deepEqual(textsOf(await b.log(a)), ['arrived before'], 'what was read stays')
    assert.deepEqual(statesOf(await a.log(b)), ['delivered', 'queued'])
    assert.ok(
      (await receiptsBy(b)).every(({ id }) => acknowledged.has(id)),
      'and no receipt says that it was read',
    )
    await other.send(b, 'from the new one')
    await talk(other, b)
    assert.deepEqual(b.shown(), ['arrived before', 'from the new one'])
  })

  it('on a revoked device are carried for others by those who cannot know', async () => {
    const [a, b] = await stage.friends()
    const carol = await stage.start('carol')
    const id = await a.send(b, 'by way of carol')
    await talk(a, carol)
    const other = await stage.start('alice', { deviceNumber: 1 })
    await befriend(stage.clock, other, b)
    await other.conversations.revokeDevice(a.device)
    await talk(other, b)
    await talk(carol, b)
    assert.ok(carol.store.has(id), 'no receipt has told that it arrived')
    assert.deepEqual(b.shown(), [])
    assert.equal(b.conversations.counters['MESH_DEVICE_REVOKED'], 1)
  })
})
