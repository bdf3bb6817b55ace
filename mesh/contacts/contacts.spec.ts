import assert from 'node:assert/strict'
import { type ErrorCode, isMeshError } from '#mesh/errors'
import { type ContactCard, cardUri, derivePerson, issueCard, issueRevocation, type PersonKeys, readRevocation } from '#mesh/identity'
import { authorKeyOf, deviceIdOf, deviceKeyOf, type PersonId } from '#mesh/ids'
import type { Database, Level } from '#mesh/store'
import { fakeClock, seededRandom } from '#mesh/testing'
import { aSeed } from '../testing/builders.ts'
import { fakeCrypto } from '../testing/fake-crypto.ts'
import { memoryDatabase, memoryLevel } from '../testing/memory-store.ts'
import { rowsOf } from '../testing/mesh-people.ts'
import { type Contact, Contacts, MAX_REQUESTS } from './index.ts'

const crypto = fakeCrypto()
const clock = fakeClock()

describe('contacts', () => {
  let level: Level
  let db: Database
  let contacts: Contacts

  beforeEach(async () => {
    level = memoryLevel()
    db = await memoryDatabase(level)
    contacts = await open()
  })

  afterEach(() => db.close())

  const open = (): Promise<Contacts> => Contacts.open({ db, crypto, random: seededRandom(1), clock, historyKey: aSeed(9), self: keysOf(0).person })
  const keysOf = (number: number): PersonKeys => derivePerson(crypto, aSeed(number))
  const cardOf = (number: number, name: string, issuedS = 1): ContactCard => issueCard(crypto, keysOf(number), { issuedS, name })
  const add = (number: number, name: string, as?: string): Promise<Contact> => db.transaction((tx) => contacts.add(tx, cardOf(number, name), as))
  const writes = (number: number): Promise<Contact | string> =>
    db.transaction((tx) =>
      contacts.noteWriter(tx, { person: keysOf(number).person, device: deviceIdOf(aSeed(number)) }, authorKeyOf(aSeed(number)), cardOf(number, `p${number}`)),
    )
  const has =
    (code: ErrorCode, hint = '') =>
    (error: unknown): boolean =>
      isMeshError(error, code) && (error.hint ?? '').includes(hint)

  it('are found by petname and by whole id, in any Unicode form, and never by what they claim or by a part', async () => {
    const { person } = await add(1, 'José the 1st', 'José Luis')
    for (const query of ['José Luis', ' Jose\u0301  Luis ', person, person.toUpperCase()]) assert.equal(contacts.find(query).person, person)
    assert.throws(() => contacts.find('José the 1st'), has('MESH_CONTACT_UNKNOWN'))
    assert.throws(() => contacts.find('José'), has('MESH_CONTACT_UNKNOWN', 'José Luis ('))
    assert.throws(() => contacts.find('nobody'), has('MESH_CONTACT_UNKNOWN', 'qpq contact list'))
    assert.throws(() => contacts.find(person.slice(0, -1)), has('MESH_CONTACT_UNKNOWN'))
  })

  it('are not guessed when a beginning fits several', async () => {
    await add(1, 'anna')
    await add(2, 'annika')
    assert.throws(() => contacts.find('ann'), has('MESH_CONTACT_AMBIGUOUS', 'annika ('))
    assert.equal(contacts.find('anna').card.name, 'anna')
  })

  it('have petnames of their own, also when two are added at the same moment', async () => {
    await add(1, 'sam')
    await assert.rejects(add(2, 'sam'), has('MESH_CONTACT_EXISTS', '--as'))
    assert.equal((await add(2, 'sam', 'sam from work')).petname, 'sam from work')
    const both = await Promise.allSettled([add(3, 'alex'), add(4, 'alex')])
    assert.deepEqual(
      both.map(({ status }) => status),
      ['fulfilled', 'rejected'],
    )
    assert.equal(contacts.list().filter(({ petname }) => petname === 'alex').length, 1)
  })

  it('show after the commit only, and a transaction that fails leaves the name free', async () => {
    const failed = db.transaction(async (tx) => {
      await contacts.add(tx, cardOf(1, 'kim'), undefined)
      assert.equal(contacts.list().length, 0)
      assert.equal(contacts.current(keysOf(1).person)?.petname, 'kim')
      throw new Error('later step')
    })
    const second = add(2, 'kim')
    await assert.rejects(failed, /later step/)
    assert.equal((await second).petname, 'kim')
    assert.equal(contacts.get(keysOf(1).person), undefined)
    assert.equal(contacts.current(keysOf(1).person), undefined)
  })

  it('see changes of an earlier transaction of the same group', async () => {
    const { person } = await add(1, 'kim')
    await Promise.all([
      db.transaction((tx) => contacts.update(tx, person, { verified: true })),
      db.transaction((tx) => contacts.update(tx, person, { state: 'blocked' })),
    ])
    assert.deepEqual([contacts.get(person)?.verified, contacts.get(person)?.state], [true, 'blocked'])
  })

  it('are not oneself, not blocked, and not without a card', async () => {
    await assert.rejects(add(0, 'me'), has('MESH_CONTACT_EXISTS'))
    const { person } = await add(1, 'kim')
    await db.transaction((tx) => contacts.update(tx, person, { state: 'blocked' }))
    await assert.rejects(add(1, 'kim'), has('MESH_CONTACT_BLOCKED'))
    assert.equal(await writes(1), 'blocked')
    assert.throws(() => contacts.cardOf(keysOf(7).person), has('MESH_CONTACT_UNKNOWN', 'qpq://c/'))
    assert.throws(() => contacts.cardOf('qpq://c/AAAA'), has('MESH_URI_INVALID'))
    assert.equal(contacts.cardOf(` ${cardUri(cardOf(3, 'x'))}\n`).person, keysOf(3).person)
    await assert.rejects(
      db.transaction((tx) => contacts.update(tx, keysOf(8).person, { verified: true })),
      has('MESH_CONTACT_UNKNOWN'),
    )
  })

  it('let in so many strangers and no more, even in one group, and one more when one is accepted', async () => {
    const answers = await Promise.all(Array.from({ length: MAX_REQUESTS + 5 }, (_, i) => writes(i + 1)))
    assert.equal(answers.filter((answer) => answer === 'too-many').length, 5)
    assert.equal(contacts.list().length, MAX_REQUESTS)
    await add(1, 'p1')
    assert.notEqual(await writes(500), 'too-many')
    assert.equal(await writes(501), 'too-many')
    const noCard = await db.transaction((tx) =>
      contacts.noteWriter(tx, { person: keysOf(600).person, device: deviceIdOf(aSeed(600)) }, authorKeyOf(aSeed(600)), undefined),
    )
    assert.equal(noCard, 'no-card')
  })

  it('keep the newer card, whichever came first', async () => {
    await add(1, 'kim')
    const note = (issuedS: number): Promise<unknown> =>
      db.transaction((tx) =>
        contacts.noteWriter(tx, { person: keysOf(1).person, device: deviceIdOf(aSeed(1)) }, authorKeyOf(aSeed(1)), cardOf(1, 'kim', issuedS)),
      )
    await note(5)
    await note(3)
    assert.equal(contacts.find('kim').card.issuedS, 5)
    assert.equal(contacts.find('kim').mutual, true)
  })

  it('are friends to the door only while they are contacts, and nobody takes that away with a foreign inbox on a card', async () => {
    const friend = await add(1, 'kim')
    const author = authorKeyOf(aSeed(99))
    assert.ok(contacts.isFriend(author, friend.card.inbox))
    const thief = { ...keysOf(2), inboxKey: keysOf(1).inboxKey }
    const stolen = issueCard(crypto, thief, { issuedS: 1, name: 'thief' })
    assert.equal(stolen.inbox, friend.card.inbox)
    await db.transaction((tx) => contacts.add(tx, stolen, undefined))
    await db.transaction((tx) => contacts.update(tx, thief.person, { state: 'blocked' }))
    assert.ok(contacts.isFriend(author, friend.card.inbox))
    await writes(1)
    assert.ok(contacts.isFriend(authorKeyOf(aSeed(1)), keysOf(5).person as never))
    await db.transaction((tx) => contacts.update(tx, friend.person, { state: 'blocked' }))
    assert.ok(!contacts.isFriend(author, friend.card.inbox))
    assert.ok(!contacts.isFriend(authorKeyOf(aSeed(1)), keysOf(5).person as never))
  })

  it('are the same after a restart, with what they have revoked', async () => {
    await add(1, 'kim', 'Kim')
    await writes(2)
    const device = deviceIdOf(aSeed(77))
    const revocation = readRevocation(crypto, issueRevocation(crypto, keysOf(1).personSeed, { device, atMs: 5 }))
    assert.equal(await db.transaction((tx) => contacts.revoke(tx, revocation)), true)
    assert.equal(await db.transaction((tx) => contacts.revoke(tx, revocation)), false)
    const again = await open()
    assert.deepEqual(again.list().sort(byPerson), contacts.list().sort(byPerson))
    assert.ok(again.isRevoked(keysOf(1).person, device))
    assert.ok(!again.isRevoked(keysOf(2).person, device))
    assert.equal(again.announcer(keysOf(5).person as never), undefined)
  })

  it('forget a revocation whose transaction failed', async () => {
    const device = deviceIdOf(aSeed(77))
    const revocation = readRevocation(crypto, issueRevocation(crypto, keysOf(1).personSeed, { device, atMs: 5 }))
    await assert.rejects(
      db.transaction(async (tx) => {
        await contacts.revoke(tx, revocation)
        throw new Error('later step')
      }),
    )
    assert.ok(!contacts.isRevoked(keysOf(1).person, device))
    assert.equal(await db.transaction((tx) => contacts.revoke(tx, revocation)), true)
  })

  it('leave no name, no key of a person and no device on the disk', async () => {
    await add(1, 'claimed-by-card', 'given-by-me')
    await writes(2)
    const device = deviceIdOf(aSeed(77))
    await db.transaction((tx) => contacts.revoke(tx, readRevocation(crypto, issueRevocation(crypto, keysOf(1).personSeed, { device, atMs: 5 }))))
    const rows = await rowsOf(level)
    const dump = Buffer.concat(rows.flat())
    assert.ok(rows.length >= 3)
    for (const name of ['claimed-by-card', 'given-by-me', keysOf(1).person]) assert.ok(!dump.includes(name), name)
    const keys = [keysOf(1).personKey, keysOf(2).personKey, keysOf(1).inboxKey, keysOf(1).sealKey, deviceKeyOf(device), aSeed(2)]
    for (const key of keys) assert.ok(!dump.includes(Buffer.from(key)))
  })
})

function byPerson(a: { person: PersonId }, b: { person: PersonId }): number {
  return a.person < b.person ? -1 : 1
}
