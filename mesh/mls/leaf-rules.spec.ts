import assert from 'node:assert/strict'
import { isMeshError } from '#mesh/errors'
import { fakeClock, MlsRoom } from '#mesh/testing'
import { deviceLeafRules, issueLeafCredential, readLeafCredential } from './leaf-rules.ts'

const room = new MlsRoom('leaf rules')
const { crypto } = room
const leafKey = crypto.ed25519PublicKey(new Uint8Array(32).fill(7))
const alice = room.device('alice')
const credential = alice.credential(leafKey)
const code = (wanted: string) => (error: unknown) => isMeshError(error) && error.code === wanted

describe('the credential of a leaf', () => {
  it('binds the leaf key to the device, and the device to its person', () => {
    const certificate = readLeafCredential(crypto, { credential, signatureKey: leafKey })
    assert.equal(certificate.device, alice.device)
    assert.deepEqual(certificate.bytes, alice.certificate)
  })

  it('is good for one leaf key only', () => {
    const other = crypto.ed25519PublicKey(new Uint8Array(32).fill(8))
    assert.throws(() => readLeafCredential(crypto, { credential, signatureKey: other }), code('MESH_MLS_CREDENTIAL'))
  })

  it('is worth nothing when another device signed it', () => {
    const stolen = issueLeafCredential(crypto, room.device('mallory').deviceSeed, alice.certificate, leafKey)
    assert.throws(() => readLeafCredential(crypto, { credential: stolen, signatureKey: leafKey }), code('MESH_MLS_CREDENTIAL'))
  })

  it('is refused with any bit flipped and any length cut', () => {
    for (let at = 0; at < credential.length; at++) {
      const changed = credential.slice()
      changed[at] = (changed[at] ?? 0) ^ 1
      assert.throws(() => readLeafCredential(crypto, { credential: changed, signatureKey: leafKey }), code('MESH_MLS_CREDENTIAL'))
      assert.throws(() => readLeafCredential(crypto, { credential: credential.subarray(0, at), signatureKey: leafKey }), code('MESH_MLS_CREDENTIAL'))
    }
  })
})

describe('the rules of leaves', () => {
  const expired = { credential: room.device('old', 2).credential(leafKey), signatureKey: leafKey }

  it('ask for expiry and revocation only where somebody is added, so that receivers agree', () => {
    const rules = deviceLeafRules({ crypto, clock: fakeClock(), isRevoked: (device) => device === alice.device })
    assert.throws(() => rules.check(expired, 'adding'), code('MESH_CERTIFICATE_EXPIRED'))
    assert.throws(() => rules.check({ credential, signatureKey: leafKey }, 'adding'), code('MESH_DEVICE_REVOKED'))
    for (const occasion of ['receiving', 'joining'] as const) {
      rules.check(expired, occasion)
      rules.check({ credential, signatureKey: leafKey }, occasion)
    }
  })

  it('name a leaf by its device, whatever the certificate says besides', () => {
    const rules = deviceLeafRules({ crypto, clock: fakeClock(), isRevoked: () => false })
    const renewed = room.device('alice', 9_999_999_999_999).credential(leafKey)
    assert.notDeepEqual(renewed, credential)
    assert.equal(rules.nameOf(renewed), rules.nameOf(credential))
    assert.notEqual(rules.nameOf(room.device('bob').credential(leafKey)), rules.nameOf(credential))
  })
})
