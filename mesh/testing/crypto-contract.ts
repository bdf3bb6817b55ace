/** What every implementation of `Crypto` has to do alike; run it with each. Sources of the vectors stand beside them. */
import assert from 'node:assert/strict'
import fc from 'fast-check'
import { portableCrypto } from '#mesh/crypto'
import type { Crypto } from '#mesh/ports'

const L = 0x1000000000000000000000000000000014def9dea2f79cd65812631a5cf5d3edn
const bytes32 = fc.uint8Array({ minLength: 32, maxLength: 32 })

/** Describes the contract for the implementation that `make` gives. */
export function cryptoContract(name: string, make: () => Promise<Crypto> | Crypto): void {
  describe(`crypto by ${name}`, () => {
    let crypto: Crypto
    const oracle = portableCrypto()
    before(async () => {
      crypto = await make()
    })

    it('signs as RFC 8032 §7.1 says', () => {
      for (const { seed, key, message, signature } of RFC_8032) {
        assert.equal(toHex(crypto.ed25519PublicKey(hex(seed))), key)
        assert.equal(toHex(crypto.ed25519Sign(hex(seed), hex(message))), signature)
        assert.ok(crypto.ed25519Verify(hex(key), hex(message), hex(signature)))
      }
    })

    it('multiplies as RFC 7748 §5.2 and §6.1 say', () => {
      for (const { scalar, u, result } of RFC_7748) assert.equal(toHex(crypto.x25519(hex(scalar), hex(u)) ?? new Uint8Array()), result)
      const bob = crypto.x25519PublicKey(hex('5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb'))
      assert.equal(toHex(bob), 'de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f')
    })

    it('gives nothing for a key that leads to zero', () => {
      assert.equal(crypto.x25519(new Uint8Array(32).fill(9), new Uint8Array(32)), undefined)
      assert.equal(crypto.x25519(new Uint8Array(32).fill(9), Uint8Array.of(1, ...new Uint8Array(31))), undefined)
    })

    it('encrypts as RFC 8439 §2.8.2 says', () => {
      const sealed = crypto.aeadSeal(hex(RFC_8439.key), hex(RFC_8439.nonce), Buffer.from(RFC_8439.plaintext), hex(RFC_8439.associated))
      assert.equal(toHex(sealed), RFC_8439.sealed)
      assert.equal(Buffer.from(crypto.aeadOpen(hex(RFC_8439.key), hex(RFC_8439.nonce), sealed, hex(RFC_8439.associated)) ?? []).toString(), RFC_8439.plaintext)
    })

    it('gives nothing for a ciphertext, nonce, key or associated data that was changed', () => {
      const [key, nonce, associated] = [new Uint8Array(32).fill(1), new Uint8Array(12).fill(2), Uint8Array.of(3)]
      const sealed = crypto.aeadSeal(key, nonce, Uint8Array.of(4, 5), associated)
      for (let at = 0; at < sealed.length; at++) assert.equal(crypto.aeadOpen(key, nonce, flip(sealed, at), associated), undefined)
      assert.equal(crypto.aeadOpen(flip(key, 0), nonce, sealed, associated), undefined)
      assert.equal(crypto.aeadOpen(key, flip(nonce, 0), sealed, associated), undefined)
      assert.equal(crypto.aeadOpen(key, nonce, sealed, Uint8Array.of()), undefined)
      for (let length = 0; length < sealed.length; length++) assert.equal(crypto.aeadOpen(key, nonce, sealed.subarray(0, length), associated), undefined)
    })

    it('refuses a signature with S ≥ L, which some libraries accept', () => {
      const [seed, message] = [new Uint8Array(32).fill(7), Uint8Array.of(1)]
      const signature = crypto.ed25519Sign(seed, message)
      const s = littleEndian(signature.subarray(32)) + L
      const malleable = Uint8Array.from([...signature.subarray(0, 32), ...toLittleEndian(s)])
      assert.equal(crypto.ed25519Verify(crypto.ed25519PublicKey(seed), message, malleable), false)
    })

    it('refuses keys and R of small order and coordinates that are not reduced', () => {
      for (const point of WEAK_POINTS) {
        assert.equal(crypto.ed25519Verify(hex(point), Uint8Array.of(1), new Uint8Array(64)), false)
        const signature = Uint8Array.from([...hex(point), ...new Uint8Array(32)])
        assert.equal(crypto.ed25519Verify(hex(point), Uint8Array.of(1), signature), false)
      }
    })

    it('has one verdict for every signature on which libraries differ', () => {
      for (const { what, message, key, signature, isValid } of EDGE_CASES) {
        assert.equal(crypto.ed25519Verify(hex(key), hex(message), hex(signature)), isValid, what)
      }
    })

    it('judges bytes that are no key and no signature as invalid', () => {
      fc.assert(
        fc.property(bytes32, fc.uint8Array({ minLength: 63, maxLength: 63 }), (key, signature) => {
          assert.equal(crypto.ed25519Verify(key, Uint8Array.of(1), Uint8Array.of(...signature, 0)), false)
        }),
        { numRuns: 25 },
      )
      const secret = new Uint8Array(32).fill(9)
      for (const length of [0, 31, 33]) assert.equal(crypto.x25519(secret, new Uint8Array(length).fill(9)), undefined)
    })

    it('judges keys in a Buffer like any other bytes, and leaves them as they are', () => {
      for (let i = 0; i < 16; i++) {
        const seed = new Uint8Array(32).fill(i)
        const key = Buffer.from(crypto.ed25519PublicKey(seed))
        const before = toHex(key)
        const signature = Buffer.from(crypto.ed25519Sign(seed, Uint8Array.of(i)))
        assert.ok(crypto.ed25519Verify(key, Uint8Array.of(i), signature))
        assert.equal(toHex(key), before)
      }
    })

    it('judges wrong lengths as invalid instead of throwing', () => {
      const key = crypto.ed25519PublicKey(new Uint8Array(32))
      for (const length of [0, 31, 33, 64]) assert.equal(crypto.ed25519Verify(new Uint8Array(length), Uint8Array.of(), new Uint8Array(64)), false)
      for (const length of [0, 63, 65]) assert.equal(crypto.ed25519Verify(key, Uint8Array.of(), new Uint8Array(length)), false)
    })

    it('gives the same bytes and verdicts as the portable implementation', () => {
      fc.assert(
        fc.property(bytes32, bytes32, fc.uint8Array({ maxLength: 300 }), fc.nat(63), (seed, secret, message, at) => {
          const key = crypto.ed25519PublicKey(seed)
          const signature = crypto.ed25519Sign(seed, message)
          assert.deepEqual(key, oracle.ed25519PublicKey(seed))
          assert.deepEqual(signature, oracle.ed25519Sign(seed, message))
          assert.ok(crypto.ed25519Verify(key, message, signature))
          assert.equal(crypto.ed25519Verify(key, message, flip(signature, at)), false)
          const other = crypto.x25519PublicKey(seed)
          assert.deepEqual(other, oracle.x25519PublicKey(seed))
          assert.deepEqual(crypto.x25519(secret, other), oracle.x25519(secret, other))
          const nonce = secret.subarray(0, 12)
          const sealed = crypto.aeadSeal(seed, nonce, message, secret)
          assert.deepEqual(sealed, oracle.aeadSeal(seed, nonce, message, secret))
          assert.deepEqual(crypto.aeadOpen(seed, nonce, sealed, secret), message)
        }),
        { numRuns: 25 },
      )
    })
  })
}

function flip(bytes: Uint8Array, at: number): Uint8Array {
  const changed = bytes.slice()
  changed[at] = (changed[at] ?? 0) ^ 1
  return changed
}

function hex(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, 'hex'))
}

function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}

function littleEndian(bytes: Uint8Array): bigint {
  return bytes.reduceRight((value, byte) => value * 256n + BigInt(byte), 0n)
}

function toLittleEndian(value: bigint): number[] {
  return Array.from({ length: 32 }, (_, i) => Number((value >> BigInt(8 * i)) & 0xffn))
}

/** Points of order 1, 2, 4 and 8, with and without the sign bit, and y ≥ p. */
const WEAK_POINTS = [
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0000000000000000000000000000000000000000000000000000000000000080',
  '0100000000000000000000000000000000000000000000000000000000000000',
  '0100000000000000000000000000000000000000000000000000000000000080',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff',
  'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff',
  'f0ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
]

const RFC_8032 = [
  {
    seed: '9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60',
    key: 'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a',
    message: '',
    signature: 'e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b',
  },
  {
    seed: '4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb',
    key: '3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c',
    message: '72',
    signature: '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00',
  },
]

const RFC_7748 = [
  {
    scalar: 'a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4',
    u: 'e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c',
    result: 'c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552',
  },
  {
    scalar: '4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d',
    u: 'e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493',
    result: '95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957',
  },
]

const RFC_8439 = {
  key: '808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f',
  nonce: '070000004041424344454647',
  associated: '50515253c0c1c2c3c4c5c6c7',
  plaintext: "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it.",
  sealed:
    'd31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d63dbea45e8ca9671282fafb69da92728b1a71de0a9e060b2905d6a5b67ecd3b3692ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc3ff4def08e4b7a9de576d26586cec64b6116' +
    '1ae10b594f09e26a7e902ecbd0600691',
}

/** From the vectors of "Taming the many EdDSAs" (Chalkias, Garillot, Nikolaenko, 2020; ed25519-speccheck), with the verdicts of our rule. */
const EDGE_CASES = [
  {
    what: 'S = 0, R and A of small order',
    message: '8c93255d71dcab10e8f379c26200f3c7bd5f09d9bc3068d3ef4edeb4853022b6',
    key: 'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa',
    signature: 'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a0000000000000000000000000000000000000000000000000000000000000000',
    isValid: false,
  },
  {
    what: 'A of small order',
    message: '9bd9f44f4dcc75bd531b56b2cd280b0bb38fc1cd6d1230e14861d861de092e79',
    key: 'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa',
    signature: 'f7badec5b8abeaf699583992219b7b223f1df3fbbea919844e3f7c554a43dd43a5bb704786be79fc476f91d3f3f89b03984d8068dcf1bb7dfc6637b45450ac04',
    isValid: false,
  },
  {
    what: 'R of small order',
    message: 'aebf3f2601a0c8c5d39cc7d8911642f740b78168218da8471772b35f9d35b9ab',
    key: 'f7badec5b8abeaf699583992219b7b223f1df3fbbea919844e3f7c554a43dd43',
    signature: 'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa8c4bd45aecaca5b24fb97bc10ac27ac8751a7dfe1baff8b953ec9f5833ca260e',
    isValid: false,
  },
  {
    what: 'R and A with a small-order part, the equation holds',
    message: '9bd9f44f4dcc75bd531b56b2cd280b0bb38fc1cd6d1230e14861d861de092e79',
    key: 'cdb267ce40c5cd45306fa5d2f29731459387dbf9eb933b7bd5aed9a765b88d4d',
    signature: '9046a64750444938de19f227bb80485e92b83fdb4b6506c160484c016cc1852f87909e14428a7a1d62e9f22f3d3ad7802db02eb2e688b6c52fcd6648a98bd009',
    isValid: true,
  },
  {
    what: 'the equation holds only with the cofactor',
    message: 'e47d62c63f830dc7a6851a0b1f33ae4bb2f507fb6cffec4011eaccd55b53f56c',
    key: 'cdb267ce40c5cd45306fa5d2f29731459387dbf9eb933b7bd5aed9a765b88d4d',
    signature: '160a1cb0dc9c0258cd0a7d23e94d8fa878bcb1925f2c64246b2dee1796bed5125ec6bc982a269b723e0668e540911a9a6a58921d6925e434ab10aa7940551a09',
    isValid: false,
  },
  {
    what: 'the equation holds only with the cofactor, without reduction',
    message: 'e47d62c63f830dc7a6851a0b1f33ae4bb2f507fb6cffec4011eaccd55b53f56c',
    key: 'cdb267ce40c5cd45306fa5d2f29731459387dbf9eb933b7bd5aed9a765b88d4d',
    signature: '21122a84e0b5fca4052f5b1235c80a537878b38f3142356b2c2384ebad4668b7e40bc836dac0f71076f9abe3a53f9c03c1ceeeddb658d0030494ace586687405',
    isValid: false,
  },
  {
    what: 'S above L',
    message: '85e241a07d148b41e47d62c63f830dc7a6851a0b1f33ae4bb2f507fb6cffec40',
    key: '442aad9f089ad9e14647b1ef9099a1ff4798d78589e66f28eca69c11f582a623',
    signature: 'e96f66be976d82e60150baecff9906684aebb1ef181f67a7189ac78ea23b6c0e547f7690a0e2ddcd04d87dbc3490dc19b3b3052f7ff0538cb68afb369ba3a514',
    isValid: false,
  },
  {
    what: 'S far above L',
    message: '85e241a07d148b41e47d62c63f830dc7a6851a0b1f33ae4bb2f507fb6cffec40',
    key: '442aad9f089ad9e14647b1ef9099a1ff4798d78589e66f28eca69c11f582a623',
    signature: '8ce5b96c8f26d0ab6c47958c9e68b937104cd36e13c33566acd2fe8d38aa19427e71f98a473474f2f13f06f97c20d58cc3f54b8bd0d272f42b695dd7e89a8c22',
    isValid: false,
  },
  {
    what: 'R of small order and not reduced',
    message: 'fdaebc429f4a735932a160da1301080c13280eea8bc280d1b392c6b9e6ba3a5a',
    key: 'f7badec5b8abeaf699583992219b7b223f1df3fbbea919844e3f7c554a43dd43',
    signature: 'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f454d370c8d9fc323a41450f8d513eafeb5b0697390c1e505a0d4ddc71f566607',
    isValid: false,
  },
  {
    what: 'R of small order and not reduced, hashed as it stands',
    message: '84b698d39be126ff55fe45079e6c8bf64a0d7db6994560b4e96b7021eb39c1a1',
    key: 'f7badec5b8abeaf699583992219b7b223f1df3fbbea919844e3f7c554a43dd43',
    signature: 'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f084d5b99c2a9463d9c8bd5026916996984eeec87ddf1d3be329006ace1b37b09',
    isValid: false,
  },
]
