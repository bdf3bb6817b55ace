import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { portableCrypto, sha256 } from '#mesh/crypto'
import { isMeshError } from '#mesh/errors'
import { addressOf, authorKeyOf, envelopeIdOf, idBytes } from '#mesh/ids'
import { addressOfKey, decodeEnvelope, isEnvelopeSigned } from './envelope.ts'
import { lengthen, makeVectors, type VectorFile } from './make-vectors.ts'
import { padPayload, unpadPayload } from './padding.ts'
import { readRetraction } from './retraction.ts'

const crypto = portableCrypto()
const file = JSON.parse(readFileSync(new URL('vectors.json', import.meta.url), 'utf8')) as VectorFile
const hex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'hex'))

describe('the vector file', () => {
  it('is what the generator makes', () => assert.deepEqual(file, makeVectors()))

  it('has at least forty envelopes', () => assert.ok(file.envelopes.length >= 40, String(file.envelopes.length)))

  for (const vector of file.envelopes) {
    it(`${vector.verdict}: ${vector.name}`, () => {
      const bytes = lengthen(vector.bytes)
      if (vector.verdict === 'invalid') {
        assert.equal(codeOf(bytes), vector.code)
        return
      }
      const envelope = decodeEnvelope(bytes)
      assert.ok(isEnvelopeSigned(crypto, envelope))
      assert.equal(envelope.id, envelopeIdOf(hex(vector.id)))
      assert.equal(envelope.address, addressOf(hex(vector.address)))
      assert.equal(envelope.author, authorKeyOf(hex(vector.author)))
      assert.deepEqual(
        [envelope.priority, envelope.kind, envelope.mayCross, envelope.lifetimeS],
        [vector.priority, vector.kind, vector.mayCross ?? true, vector.lifetimeS],
      )
      assert.deepEqual(envelope.stamp, { ms: vector.stampMs, counter: vector.stampCounter })
      assert.deepEqual(sha256(envelope.payload), hex(vector.payloadSha256))
    })
  }

  it('holds for addresses, paddings and retractions', () => {
    for (const { key, address } of file.addresses) assert.equal(addressOfKey(lengthen(key)), addressOf(hex(address)))
    for (const { content, overhead, padded } of file.paddings) {
      assert.deepEqual(padPayload(lengthen(content), overhead), lengthen(padded))
      assert.deepEqual(unpadPayload(lengthen(padded)), lengthen(content))
    }
    for (const { bytes, ids, code } of file.retractions) {
      const envelope = decodeEnvelope(lengthen(bytes))
      if (ids === undefined)
        assert.throws(
          () => readRetraction(envelope),
          (error) => isMeshError(error) && error.code === code,
        )
      else
        assert.deepEqual(
          readRetraction(envelope).map((id) => Buffer.from(idBytes(id)).toString('hex')),
          ids,
        )
    }
  })
})

/** What a node would say: the decoder's code, or that the signature does not fit. */
function codeOf(bytes: Uint8Array): string | undefined {
  try {
    return isEnvelopeSigned(crypto, decodeEnvelope(bytes)) ? undefined : 'MESH_SIGNATURE_INVALID'
  } catch (error) {
    if (isMeshError(error) && error.blame === 'peer') return error.code
    throw error
  }
}
