import assert from 'node:assert/strict'
import { cardUri, issueCard, type PersonKeys } from '#mesh/identity'
import { type Address, type DeviceId, deviceIdOf } from '#mesh/ids'
import { silentLog } from '#mesh/ports'
import { fakeCrypto } from '../../mesh/testing/fake-crypto.ts'
import type { MeshPerson } from '../../mesh/testing/mesh-people.ts'
import { block, Stage } from '../../mesh/testing/stage.ts'
import { Bans } from './bans.ts'
import { Bouncer } from './bouncer.ts'

const crypto = fakeCrypto()
const stranger = deviceIdOf(crypto.ed25519PublicKey(new Uint8Array(32).fill(9)))

describe('the bouncer', () => {
  let stage: Stage
  let a: MeshPerson
  let b: MeshPerson
  let bouncer: Bouncer
  let shownOut: DeviceId[]
  let bans: Bans
  let sessions: Array<{ peer: DeviceId; addresses: Address[] }>

  beforeEach(async () => {
    stage = new Stage()
    ;[a, b] = await stage.friends()
    shownOut = []
    bans = new Bans(stage.clock)
    sessions = [
      { peer: stranger, addresses: [] },
      { peer: b.device, addresses: [b.conversations.ownInbox] },
    ]
    bouncer = new Bouncer({
      db: a.db,
      contacts: a.contacts,
      exchange: { sessions: () => sessions },
      ownInbox: a.conversations.ownInbox,
      log: silentLog,
      async showOut(device, inbox) {
        shownOut.push(device)
        bans.add(device, inbox)
      },
      letIn: (isBlocked) => bans.lift(isBlocked),
    })
    await bouncer.start()
  })

  afterEach(async () => {
    await bouncer.stop()
    await stage.stop()
  })

  /** The card of somebody who claims the inbox of another. */
  async function blockImpostor(name: string, { inboxKey }: PersonKeys): Promise<void> {
    const impostor = await stage.start(name)
    const card = issueCard(crypto, { ...impostor.keys, inboxKey }, { issuedS: 1_790_000_001, name })
    await a.conversations.addContact(cardUri(card), undefined)
    await block(a, impostor)
  }

  it('shows the devices of a person out as soon as the person is blocked, without any time going by, and nobody else', async () => {
    await block(a, b)
    assert.deepEqual(shownOut, [b.device])
  })

  it('shows out a device that comes later and collects for somebody blocked', async () => {
    sessions = []
    await block(a, b)
    bouncer.met(stranger, new Set())
    bouncer.met(b.device, new Set([b.conversations.ownInbox]))
    assert.deepEqual(shownOut, [b.device])
  })

  it('lets everybody in who is not blocked, and those who are no longer', async () => {
    bouncer.met(b.device, new Set([b.conversations.ownInbox]))
    sessions = []
    await block(a, b)
    await a.db.transaction((tx) => a.contacts.update(tx, b.keys.person, { state: 'contact' }))
    bouncer.met(b.device, new Set([b.conversations.ownInbox]))
    assert.deepEqual(shownOut, [])
  })

  it('shows no friend out, and no own device, because their inbox stands on the card of somebody blocked', async () => {
    sessions.push({ peer: stranger, addresses: [a.conversations.ownInbox] })
    await blockImpostor('eve', b.keys)
    await blockImpostor('mallory', a.keys)
    bouncer.met(b.device, new Set([b.conversations.ownInbox]))
    bouncer.met(stranger, new Set([a.conversations.ownInbox]))
    assert.deepEqual(shownOut, [])
  })

  it('lets those in at once who are blocked no longer, but nobody who broke the rules, nor whose inbox stands on the card of somebody who still is', async () => {
    const owner = await stage.start('carol')
    await a.conversations.addContact(owner.uri, undefined)
    sessions.push({ peer: owner.device, addresses: [owner.conversations.ownInbox] }, { peer: stranger, addresses: [b.conversations.ownInbox] })
    bans.add(stranger)
    await block(a, b)
    await block(a, owner)
    await blockImpostor('eve', owner.keys)
    const isOut = (): boolean[] => [b.device, stranger, owner.device].map((device) => bans.has(device))
    assert.deepEqual(isOut(), [true, true, true])
    for (const { keys } of [b, owner]) await a.db.transaction((tx) => a.contacts.update(tx, keys.person, { state: 'request' }))
    assert.deepEqual(isOut(), [false, true, true])
    await a.db.transaction((tx) => a.contacts.update(tx, owner.keys.person, { state: 'contact' }))
    assert.deepEqual(isOut(), [false, true, false])
    await stage.clock.advance(5 * 60_000)
    assert.equal(bans.has(stranger), false)
  })

  it('hears nothing any more once it has stopped', async () => {
    await bouncer.stop()
    await block(a, b)
    assert.deepEqual(shownOut, [])
  })
})
