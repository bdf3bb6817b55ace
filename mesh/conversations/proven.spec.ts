import assert from 'node:assert/strict'
import { isMeshError } from '#mesh/errors'
import { bindAuthor, derivePerson, issueCertificate, type PersonKeys } from '#mesh/identity'
import { deviceIdOf } from '#mesh/ids'
import { toyCrypto } from '../testing/toy-crypto.ts'
import { Proven } from './proven.ts'

describe('Proven', () => {
  const crypto = toyCrypto()
  const person: PersonKeys = derivePerson(crypto, new Uint8Array(32).fill(1))
  const seed = new Uint8Array(32).fill(2)
  const device = deviceIdOf(crypto.ed25519PublicKey(seed))
  const [author, inbox] = [new Uint8Array(32).fill(3), new Uint8Array(32).fill(4)]
  let checks = 0
  const counting = {
    ...crypto,
    ed25519Verify(...args: Parameters<typeof crypto.ed25519Verify>) {
      checks++
      return crypto.ed25519Verify(...args)
    },
  }
  const certificateNo = (i: number): Uint8Array => issueCertificate(crypto, person.personSeed, { device, createdMs: i, expiresMs: 1e13, name: 'desk' })
  beforeEach(() => {
    checks = 0
  })

  it('checks the same bytes once', () => {
    const proven = new Proven(counting)
    const binding = bindAuthor(crypto, seed, author, inbox)
    for (let i = 0; i < 3; i++) {
      assert.equal(proven.certificate(certificateNo(1)).device, device)
      assert.ok(proven.isAuthorBound(device, author, inbox, binding))
    }
    assert.equal(checks, 2)
  })

  it('takes nothing that differs in a bit, however often', () => {
    const proven = new Proven(counting)
    const binding = bindAuthor(crypto, seed, author, inbox)
    assert.ok(proven.isAuthorBound(device, author, inbox, binding))
    const flipped = binding.map((byte, i) => (i === 9 ? byte ^ 1 : byte))
    const forged = certificateNo(1).map((byte, i) => (i === 50 ? byte ^ 1 : byte))
    for (let i = 0; i < 3; i++) {
      assert.ok(!proven.isAuthorBound(device, author, inbox, flipped))
      assert.ok(!proven.isAuthorBound(device, inbox, author, binding))
      assert.throws(
        () => proven.certificate(forged),
        (error) => isMeshError(error, 'MESH_CERTIFICATE_INVALID'),
      )
    }
  })

  it('remembers a bounded number, and checks the others again', () => {
    const proven = new Proven(counting)
    for (let i = 0; i < 300; i++) proven.certificate(certificateNo(i))
    assert.equal(checks, 300)
    proven.certificate(certificateNo(299))
    assert.equal(checks, 300)
    proven.certificate(certificateNo(0))
    assert.equal(checks, 301)
  })
})
