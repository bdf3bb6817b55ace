import assert from 'node:assert/strict'
import type { DeviceId, EnvelopeId } from '#mesh/ids'
import { custodyMessage } from '#mesh/routing'
import { TABLES } from '#mesh/store'
import { fakeClock, settle } from '#mesh/testing'
import { join, type MeshNode, meshNode, type Puppet, puppet, until } from '../testing/mesh-node.ts'
import { toyCrypto } from '../testing/toy-crypto.ts'

const crypto = toyCrypto()

describe('receipts that are passed back', () => {
  let alice: MeshNode
  let carol: MeshNode
  let dave: MeshNode
  let erin: MeshNode
  let bob: MeshNode
  let id: EnvelopeId

  beforeEach(async () => {
    const clock = fakeClock()
    const named = (name: string) => meshNode(name, { clock })
    alice = await named('alice')
    carol = await named('carol')
    dave = await named('dave')
    erin = await named('erin')
    bob = await named('bob')
    id = await alice.write(bob)
  })

  afterEach(async () => {
    for (const node of [alice, carol, dave, erin, bob]) await node.stop()
  })

  /** Two meet until both have said all, and part. */
  async function meet(a: MeshNode, b: MeshNode): Promise<void> {
    const met = join(a, b)
    await until(() => [a, b].every(({ exchange }) => exchange.sessions().some(({ isSynced }) => isSynced)))
    for (let i = 0; i < 5; i++) await settle()
    await met.close()
  }

  const chain = () => alice.ledger.get(id)?.custody.map(({ device, from, hops }) => [device, from, hops])

  it('show the author whom a carrier handed on to, once that carrier is met again', async () => {
    await meet(alice, carol)
    await meet(carol, dave)
    assert.deepEqual(chain(), [[carol.device, undefined, 1]])
    await meet(carol, alice)
    assert.deepEqual(chain(), [
      [carol.device, undefined, 1],
      [dave.device, carol.device, 2],
    ])
  })

  it('show it at once while that carrier is there', async () => {
    join(alice, carol)
    join(carol, dave)
    await until(() => alice.ledger.get(id)?.custody.length === 2, 'the chain')
  })

  it('go back along the whole chain', async () => {
    await meet(alice, carol)
    await meet(carol, dave)
    await meet(dave, erin)
    await meet(dave, carol)
    await meet(carol, alice)
    assert.deepEqual(chain(), [
      [carol.device, undefined, 1],
      [dave.device, carol.device, 2],
      [erin.device, dave.device, 3],
    ])
    assert.deepEqual(
      [alice, carol, dave, erin].flatMap(({ offences }) => offences),
      [],
    )
  })

  /** Plays carol, who carries for alice, and says that a custodian has it from somebody. */
  async function told(custodian: MeshNode, from: DeviceId, options: { isForged?: boolean } = {}): Promise<Puppet> {
    const peer = puppet(alice, carol.device)
    const untilMs = alice.clock.now() + 86_400_000
    const ids = [id]
    await peer.say({ type: 'hello', nowMs: alice.clock.now(), knownDevices: 3, grants: [] })
    await peer.hears('offer')
    await peer.say({ type: 'want', ids })
    await peer.hears('envelopes')
    await peer.say({ type: 'taken', untilMs, ids, signature: crypto.ed25519Sign(carol.deviceSeed, custodyMessage(alice.device, untilMs, ids)) })
    const seed = options.isForged === true ? carol.deviceSeed : custodian.deviceSeed
    await peer.say({
      type: 'forwarded',
      custodian: custodian.device,
      from,
      untilMs,
      ids,
      signature: crypto.ed25519Sign(seed, custodyMessage(from, untilMs, ids)),
    })
    await settle()
    await settle()
    return peer
  }

  it('are taken when they continue the chain', async () => {
    await told(dave, carol.device)
    assert.equal(chain()?.length, 2)
  })

  it('are not taken from one who is not in the chain, however well they are signed', async () => {
    await told(dave, erin.device)
    assert.deepEqual([chain()?.length, alice.offences], [1, []])
  })

  it('are an offence when their custodian did not sign them', async () => {
    await told(dave, carol.device, { isForged: true })
    assert.deepEqual([chain()?.length, alice.offences], [1, ['MESH_SIGNATURE_INVALID']])
  })

  it('take the room of one, however often a custodian promises a little more', async () => {
    const peer = await told(dave, carol.device)
    for (let second = 1; second <= 10; second++) {
      for (let n = 0; n < 16; n++) {
        const untilMs = alice.clock.now() + 86_400_000 + n
        const signature = crypto.ed25519Sign(dave.deviceSeed, custodyMessage(carol.device, untilMs, [id]))
        await peer.say({ type: 'forwarded', custodian: dave.device, from: carol.device, untilMs, ids: [id], signature })
      }
      await settle()
      await alice.clock.advance(1_000)
    }
    let rows = 0
    for await (const _ of alice.db.iterate(TABLES.custody)) rows += 1
    assert.deepEqual([rows, chain()?.length, alice.offences], [2, 2, []])
  })

  it('are not sent to one who does not know them', async () => {
    await meet(alice, carol)
    await meet(carol, dave)
    const peer = puppet(carol, alice.device)
    await peer.say({ type: 'hello', nowMs: carol.clock.now(), knownDevices: 3, grants: [] })
    await peer.hears('synced')
    for (let i = 0; i < 5; i++) await settle()
    assert.deepEqual(
      peer.heard.filter(({ type }) => type === 'forwarded'),
      [],
    )
    const knowing = puppet(carol, alice.device)
    await knowing.say({ type: 'hello', nowMs: carol.clock.now(), knownDevices: 3, grants: [], takesForwarded: true })
    assert.deepEqual((await knowing.hears('forwarded')).ids, [id])
  })
})
