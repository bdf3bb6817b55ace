import assert from 'node:assert/strict'
import { cardUri } from '#mesh/identity'
import type { Verification, VerifyParams } from '#node/control'
import { fakeClock } from '../../mesh/testing/fake-clock.ts'
import { fakeCrypto } from '../../mesh/testing/fake-crypto.ts'
import { type MeshPerson, meshPerson } from '../../mesh/testing/mesh-people.ts'
import { refused } from '../../mesh/testing/stage.ts'
import { verifyContact } from './verify.ts'

const crypto = fakeCrypto()

describe('verifying a contact', () => {
  let people: MeshPerson[]

  beforeEach(async () => {
    const clock = fakeClock()
    people = await Promise.all(['alice', 'bob', 'mallory'].map((name) => meshPerson(name, { clock, crypto })))
    for (const by of people) for (const whom of people) if (by !== whom) await by.conversations.addContact(whom.uri, undefined)
  })

  afterEach(async () => {
    for (const person of people) await person.stop()
  })

  const of = (i: number): MeshPerson => people[i] ?? assert.fail()
  const verify = (by: number, params: VerifyParams): Promise<Verification> => verifyContact({ carriage: of(by), crypto, self: of(by).keys.person }, params)

  it('takes what the other side shows: its code, its card, or the digits', async () => {
    const [shown, card] = [await verify(1, { who: 'alice' }), cardUri(of(0).contacts.find('bob').card)]
    for (const scan of [shown.code, card, shown.safetyNumber, ` ${shown.safetyNumber.replaceAll(' ', '')} `]) {
      await of(0).db.transaction((tx) => of(0).contacts.update(tx, of(1).keys.person, { verified: false }))
      assert.equal((await verify(0, { who: 'bob', scan })).verified, true)
    }
  })

  it('refuses what belongs to somebody else, or was shown for somebody else', async () => {
    const [toMallory, ofMallory] = [await verify(1, { who: 'mallory' }), await verify(2, { who: 'alice' })]
    for (const { code, safetyNumber } of [toMallory, ofMallory]) {
      for (const scan of [code, safetyNumber]) await assert.rejects(verify(0, { who: 'bob', scan }), refused('MESH_VERIFICATION_FAILED'))
    }
    await assert.rejects(verify(0, { who: 'bob', scan: of(2).uri }), refused('MESH_VERIFICATION_FAILED'))
    await assert.rejects(verify(0, { who: 'bob', scan: '12345' }), refused('NODE_PARAMS_INVALID'))
    assert.equal((await verify(0, { who: 'bob' })).verified, false)
  })

  it('confirms the digits alone, but no pictures that were not shown, and does one thing at a time', async () => {
    assert.equal((await verify(0, { who: 'bob', confirm: true })).verified, true)
    assert.equal((await verify(1, { who: 'alice', emoji: true })).comparison.state, 'waiting')
    await assert.rejects(verify(1, { who: 'alice', confirm: true }), refused('MESH_VERIFICATION_FAILED'))
    await assert.rejects(verify(1, { who: 'alice', emoji: true, reject: true }), refused('NODE_PARAMS_INVALID'))
    assert.equal((await verify(1, { who: 'alice', reject: true })).comparison.state, 'none')
  })
})
