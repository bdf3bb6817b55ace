import assert from 'node:assert/strict'
import fc from 'fast-check'
import { isMeshError } from '#mesh/errors'
import { encodeBase64url, writeBase64url } from './base64url.ts'
import {
  addressOf,
  deviceIdOf,
  deviceKeyOf,
  envelopeIdOf,
  idBytes,
  parseAddress,
  parseDeviceId,
  parseEnvelopeId,
  parsePersonId,
  personIdOf,
  personKeyOf,
  writeIdBytes,
} from './ids.ts'

const key = fc.uint8Array({ minLength: 32, maxLength: 32 })

describe('ids', () => {
  it('keep their bytes in every text form', () => {
    fc.assert(
      fc.property(key, (bytes) => {
        assert.deepEqual(deviceKeyOf(parseDeviceId(deviceIdOf(bytes))), bytes)
        assert.deepEqual(personKeyOf(parsePersonId(personIdOf(bytes))), bytes)
        assert.deepEqual(idBytes(parseEnvelopeId(envelopeIdOf(bytes))), bytes)
        assert.deepEqual(idBytes(parseAddress(addressOf(bytes.subarray(0, 16)))), bytes.subarray(0, 16))
      }),
    )
  })

  it('have the text that every other encoder gives, for bytes of any number', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => assert.equal(encodeBase64url(bytes), Buffer.from(bytes).toString('base64url'))))
  })

  it('give their bytes back into memory that is used again', () => {
    const target = new Uint8Array(32)
    fc.assert(
      fc.property(key, (bytes) => {
        writeIdBytes(envelopeIdOf(bytes), target)
        assert.deepEqual(target, bytes)
      }),
    )
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        const room = new Uint8Array(bytes.length)
        writeBase64url(encodeBase64url(bytes), room)
        assert.deepEqual(room, bytes)
      }),
    )
  })

  it('show a device as its libp2p PeerId', () => {
    assert.ok(deviceIdOf(new Uint8Array(32).fill(7)).startsWith('12D3Koo'))
  })

  it('accept a person in upper case, as a QR code spells it, and give one form', () => {
    const person = personIdOf(new Uint8Array(32).fill(9))
    assert.equal(parsePersonId(person.toUpperCase()), person)
  })

  it('find every single typing error in a person', () => {
    const person = personIdOf(new Uint8Array(32).fill(5))
    for (let at = 4; at < person.length; at++) {
      const wrong = person.slice(0, at) + (person[at] === 'q' ? 'p' : 'q') + person.slice(at + 1)
      assert.throws(() => parsePersonId(wrong), isInvalid)
    }
  })

  it('refuse other lengths, other keys and endless text', () => {
    assert.throws(() => envelopeIdOf(new Uint8Array(31)), isInvalid)
    assert.throws(() => parseAddress('AAAA'), isInvalid)
    assert.throws(() => parseDeviceId('QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N'), isInvalid)
    assert.throws(() => parsePersonId('bc1p5cyxnuxmeuwuvkwfem96lqzszd02n6xdcjrs20cac6yqjjwudpxqkedrcr'), isInvalid)
    assert.throws(() => parsePersonId('q'.repeat(100_000)), isInvalid)
  })
})

function isInvalid(error: unknown): boolean {
  return isMeshError(error, 'MESH_BYTES_INVALID')
}
