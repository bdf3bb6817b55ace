import assert from 'node:assert/strict'
import { portableCrypto } from '#mesh/crypto'
import { issueRevocation, readRevocation } from '#mesh/identity'
import { bring, carried, type MeshPerson, meetPeople } from '../testing/mesh-people.ts'
import { isTo, refused, Stage } from '../testing/stage.ts'
import type { ConversationEvent } from './index.ts'

const crypto = portableCrypto()

function trust(person: MeshPerson): string[] {
  return person.events.flatMap((event: ConversationEvent) => (event.kind === 'trust' ? [event.what] : []))
}

function contactOf(by: MeshPerson, whom: MeshPerson): ReturnType<MeshPerson['contacts']['find']> {
  return by.contacts.find(whom.keys.person)
}

describe('comparing pictures with a contact', () => {
  let stage: Stage
  let a: MeshPerson
  let b: MeshPerson

  beforeEach(async () => {
    stage = new Stage()
    a = await stage.start('alice', { crypto })
    b = await stage.start('bob', { crypto })
    await a.conversations.addContact(b.uri, undefined)
    await b.conversations.addContact(a.uri, undefined)
    await meetPeople(stage.clock, a, b)
  })

  afterEach(() => stage.stop())

  const compare = (by: MeshPerson, whom: MeshPerson) => by.conversations.verifying.compare(contactOf(by, whom))
  const state = async (by: MeshPerson, whom: MeshPerson) => (await by.conversations.verifying.view(whom.keys.person)).state

  it('shows both the same seven when each has asked for it, and notes what each confirms', async () => {
    assert.equal((await compare(a, b)).state, 'waiting')
    await bring(stage.clock, a, b)
    assert.equal(await state(b, a), 'asked')
    assert.deepEqual(trust(b), ['asked'])
    assert.equal((await compare(b, a)).state, 'waiting')
    await meetPeople(stage.clock, b, a)
    await meetPeople(stage.clock, a, b)
    const [ofA, ofB] = [await compare(a, b), await compare(b, a)]
    assert.equal(ofA.emoji.length, 7)
    assert.deepEqual(ofA, ofB)
    assert.equal(contactOf(a, b).verified, false)
    await a.conversations.verifying.confirm(contactOf(a, b))
    assert.deepEqual([contactOf(a, b).verified, contactOf(b, a).verified], [true, false])
    assert.equal(await state(a, b), 'none')
    assert.deepEqual(await a.log(b), [])
  })

  it('goes on after a restart', async () => {
    await compare(a, b)
    await bring(stage.clock, a, b)
    a = await stage.restart(a, { crypto })
    b = await stage.restart(b, { crypto })
    await compare(b, a)
    await meetPeople(stage.clock, b, a)
    await meetPeople(stage.clock, a, b)
    assert.deepEqual([await state(a, b), await state(b, a)], ['ready', 'ready'])
  })

  it('confirms nothing that was not shown', async () => {
    await compare(a, b)
    await assert.rejects(a.conversations.verifying.confirm(contactOf(a, b)), refused('MESH_VERIFICATION_FAILED'))
    assert.equal(contactOf(a, b).verified, false)
  })

  it('ends on both sides when one rejects, and takes back what was verified before', async () => {
    await a.db.transaction((tx) => a.contacts.update(tx, b.keys.person, { verified: true }))
    await compare(a, b)
    await bring(stage.clock, a, b)
    await compare(b, a)
    await bring(stage.clock, b, a)
    await a.conversations.verifying.reject(contactOf(a, b))
    await bring(stage.clock, a, b)
    assert.deepEqual([await state(a, b), await state(b, a)], ['none', 'none'])
    assert.equal(contactOf(a, b).verified, false)
    assert.equal(trust(b).at(-1), 'cancelled')
  })

  it('takes a confirmation back when the other side finds other pictures, and can begin anew', async () => {
    await compare(a, b)
    await bring(stage.clock, a, b)
    await compare(b, a)
    await bring(stage.clock, b, a)
    await bring(stage.clock, a, b)
    await b.conversations.verifying.confirm(contactOf(b, a))
    assert.deepEqual([contactOf(b, a).verified, await state(b, a)], [true, 'none'])
    await a.conversations.verifying.reject(contactOf(a, b))
    await bring(stage.clock, a, b)
    assert.equal(contactOf(b, a).verified, false)
    assert.equal(trust(b).at(-1), 'cancelled')
    await compare(b, a)
    assert.equal(await state(b, a), 'waiting')
  })

  it('is over after a day', async () => {
    await compare(a, b)
    await stage.clock.advance(86_400_001)
    assert.equal(await state(a, b), 'none')
  })

  it('tells of a new device and of a revoked one of a verified person until that is acknowledged, and of nobody else', async () => {
    await b.send(a, 'from the first')
    await bring(stage.clock, b, a)
    const second = await stage.start('bob', { crypto, deviceNumber: 1 })
    await second.conversations.addContact(a.uri, undefined)
    await a.db.transaction((tx) => a.contacts.update(tx, b.keys.person, { verified: true }))
    await second.send(a, 'from the second')
    for (const { bytes } of await carried(second, isTo(a))) await a.take(bytes)
    await bring(stage.clock, b, a)
    assert.deepEqual(
      contactOf(a, b).alarms.map(({ kind, device }) => [kind, device]),
      [['new-device', second.device]],
    )
    assert.deepEqual(trust(a), ['new-device'])
    const revocation = readRevocation(crypto, issueRevocation(crypto, b.keys.personSeed, { device: second.device, atMs: 1 }))
    await a.db.transaction((tx) => a.contacts.revoke(tx, revocation))
    assert.deepEqual(
      contactOf(a, b).alarms.map(({ kind }) => kind),
      ['new-device', 'revoked-device'],
    )
    a = await stage.restart(a, { crypto })
    assert.equal(contactOf(a, b).alarms.length, 2)
    await a.db.transaction((tx) => a.contacts.update(tx, b.keys.person, { alarms: [] }))
    assert.deepEqual([contactOf(a, b).alarms, contactOf(a, b).verified], [[], true])
  })
})
