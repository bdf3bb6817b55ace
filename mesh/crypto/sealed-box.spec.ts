import assert from 'node:assert/strict'
import { hkdfSync } from 'node:crypto'
import fc from 'fast-check'
import { isMeshError } from '#mesh/errors'
import { seededRandom } from '#mesh/testing'
import { hkdfSha256, sha256 } from './hash.ts'
import { portableCrypto } from './portable.ts'
import { openBox, SEALED_BOX_OVERHEAD, sealBox, sealWith } from './sealed-box.ts'

const crypto = portableCrypto()
const hex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'hex'))

describe('the sealed box', () => {
  it('is HPKE as RFC 9180 A.2.1 has it', () => {
    const sealed = sealWith(
      crypto,
      hex('f4ec9b33b792c372c1d2c2063507b684ef925b8c75a42dbcbf57d63ccd381600'),
      hex('4310ee97d88cc1f088a5576c77ab0cf5c3ac797f3d95139c6c84b5429c59662a'),
      hex('4f6465206f6e2061204772656369616e2055726e'),
      hex('4265617574792069732074727574682c20747275746820626561757479'),
      hex('436f756e742d30'),
    )
    assert.equal(
      Buffer.from(sealed).toString('hex'),
      '1afa08d3dec047a643885163f1180476fa7ddb54c6a8029ea33f95796bf2ac4a' +
        '1c5250d8034ec2b784ba2cfd69dbdb8af406cfe3ff938e131f0def8c8b60b4db21993c62ce81883d2dd1b51a28',
    )
  })

  const secret = new Uint8Array(32).fill(5)
  const recipient = crypto.x25519PublicKey(secret)

  it('opens what was sealed, for the right key and associated data only', () => {
    const random = seededRandom('box')
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.uint8Array({ maxLength: 20 }), (text, associated) => {
        const sealed = sealBox({ crypto, random }, recipient, text, associated)
        assert.equal(sealed.length, text.length + SEALED_BOX_OVERHEAD)
        assert.deepEqual(openBox(crypto, secret, recipient, sealed, associated), text)
        assert.equal(openBox(crypto, secret, recipient, sealed, Uint8Array.of(...associated, 0)), undefined)
        assert.equal(openBox(crypto, new Uint8Array(32).fill(6), crypto.x25519PublicKey(new Uint8Array(32).fill(6)), sealed, associated), undefined)
      }),
      { numRuns: 10 },
    )
  })

  it('gives nothing for any bit flipped and any length cut', () => {
    const sealed = sealBox({ crypto, random: seededRandom(1) }, recipient, Uint8Array.of(1, 2, 3), new Uint8Array(0))
    for (let at = 0; at < sealed.length; at++) {
      const changed = sealed.slice()
      changed[at] = (changed[at] ?? 0) ^ 1
      assert.equal(openBox(crypto, secret, recipient, changed, new Uint8Array(0)), undefined)
      assert.equal(openBox(crypto, secret, recipient, sealed.subarray(0, at), new Uint8Array(0)), undefined)
    }
  })

  it('seals nothing to a key that gives everybody the secret', () => {
    for (const weak of [new Uint8Array(32), Uint8Array.of(1, ...new Uint8Array(31))]) {
      assert.throws(
        () => sealBox({ crypto, random: seededRandom(2) }, weak, Uint8Array.of(1), new Uint8Array(0)),
        (error) => isMeshError(error, 'MESH_KEY_INVALID'),
      )
    }
  })

  it('gives nothing for an enc of small order, whoever made it', () => {
    const sealed = new Uint8Array(SEALED_BOX_OVERHEAD)
    assert.equal(openBox(crypto, secret, recipient, sealed, new Uint8Array(0)), undefined)
  })
})

describe('hkdfSha256', () => {
  it('is RFC 5869 with an empty salt, keeping labels and contexts apart', () => {
    const [secret, context] = [new Uint8Array(32).fill(1), Uint8Array.of(2)]
    const key = Buffer.from(hkdfSync('sha256', secret, new Uint8Array(0), Buffer.from('a\0\x02', 'latin1'), 40))
    assert.deepEqual(hkdfSha256(secret, 'a', context, 40), new Uint8Array(key))
    assert.notDeepEqual(hkdfSha256(secret, 'b', context, 40), new Uint8Array(key))
  })
})

describe('sha256', () => {
  it('takes its parts as one', () => {
    assert.equal(Buffer.from(sha256(hex('61'), hex('6263'))).toString('hex'), 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad')
  })
})
