/**
 * The seven suites of RFC 9420 for the vectors: ours for 1 and 3, and for 4 and 6 our HPKE over OpenSSL's X448 and
 * Ed448; the package's own provider for the suites with NIST curves, which the project does not speak.
 */
import { createPrivateKey, createPublicKey, diffieHellman, type KeyObject, randomBytes, sign, verify } from 'node:crypto'
import { type CiphersuiteId, getCiphersuiteFromId } from 'ts-mls/crypto/ciphersuite.js'
import { defaultCryptoProvider } from 'ts-mls/crypto/implementation/default/provider.js'
import { concatBytes } from '#mesh/codec'
import { buildSuite, type Kem, type KeyPair, labeledKdf, type MlsCrypto, type SuiteCrypto } from '#mesh/mls'
import type { Crypto } from '#mesh/ports'
import { nodeCrypto, nodeMlsCrypto, nodePrimitives, systemRandom } from '#node/crypto'

/** All suites of the RFC. */
export async function vectorCrypto(): Promise<MlsCrypto> {
  const suites = new Map<number, SuiteCrypto>()
  const own = nodeMlsCrypto(nodeCrypto(), systemRandom)
  for (const id of [1, 3]) {
    const suite = own.suite(id)
    if (suite !== undefined) suites.set(id, suite)
  }
  for (const id of [2, 5, 7] as const) suites.set(id, await packageSuite(id))
  const deps = { crypto: ed448(), random: systemRandom }
  const wide = { hash: nodePrimitives.sha512, kdf: nodePrimitives.sha512, kdfId: 3, kem: x448Kem() }
  suites.set(4, buildSuite(deps, { id: 4, ...wide, aead: nodePrimitives.aes256 }))
  suites.set(6, buildSuite(deps, { id: 6, ...wide, aead: nodePrimitives.chacha }))
  return { name: 'vectors', suite: (id) => suites.get(id) }
}

async function packageSuite(id: CiphersuiteId): Promise<SuiteCrypto> {
  const suite = await defaultCryptoProvider.getCiphersuiteImpl(getCiphersuiteFromId(id))
  return {
    ...suite,
    // The vectors leave out leading zeros of P-521 secrets (mlswg/mls-implementations issue 176).
    signature: {
      ...suite.signature,
      sign: async (key, message) => suite.signature.sign(id === 5 ? concatBytes(new Uint8Array(66 - key.length), key) : key, message),
    },
    async isKeyPair(secret, publicKey) {
      const probe = Uint8Array.of(1, 2, 3)
      const sealed = await suite.hpke.seal(await suite.hpke.importPublicKey(publicKey), probe, probe)
      try {
        return (await suite.hpke.open(await suite.hpke.importPrivateKey(secret), sealed.enc, sealed.ct, probe)).length === probe.length
      } catch {
        return false // they do not belong together: an expected outcome
      }
    },
  }
}

const SECRET = { X448: '3046020100300506032b656f043a0438', Ed448: '3047020100300506032b6571043b0439' }
const PUBLIC = { X448: '3042300506032b656f033900', Ed448: '3043300506032b6571033a00' }

function secretKey(kind: 'X448' | 'Ed448', raw: Uint8Array): KeyObject {
  return createPrivateKey({ key: Buffer.concat([Buffer.from(SECRET[kind], 'hex'), raw]), format: 'der', type: 'pkcs8' })
}

function publicKey(kind: 'X448' | 'Ed448', raw: Uint8Array): KeyObject {
  return createPublicKey({ key: Buffer.concat([Buffer.from(PUBLIC[kind], 'hex'), raw]), format: 'der', type: 'spki' })
}

function publicHalf(kind: 'X448' | 'Ed448', raw: Uint8Array): Uint8Array {
  const bytes = kind === 'X448' ? 56 : 57
  return new Uint8Array(createPublicKey(secretKey(kind, raw)).export({ format: 'der', type: 'spki' }).subarray(-bytes))
}

/** Ed448 in the place of Ed25519. */
function ed448(): Crypto {
  return {
    ...nodeCrypto(),
    ed25519PublicKey: (seed) => publicHalf('Ed448', seed),
    ed25519Sign: (seed, message) => new Uint8Array(sign(null, message, secretKey('Ed448', seed))),
    ed25519Verify: (key, message, signature) => verify(null, message, publicKey('Ed448', key), signature),
  }
}

function x448Kem(): Kem {
  const kdf = labeledKdf(nodePrimitives.sha512, Buffer.from('KEM\x00\x21', 'latin1'))
  const nothing = new Uint8Array(0)
  const agree = (secret: Uint8Array, key: Uint8Array): Uint8Array =>
    new Uint8Array(diffieHellman({ privateKey: secretKey('X448', secret), publicKey: publicKey('X448', key) }))
  const shared = (dh: Uint8Array, enc: Uint8Array, key: Uint8Array): Uint8Array =>
    kdf.expand(kdf.extract(nothing, 'eae_prk', dh), 'shared_secret', Buffer.concat([enc, key]), 64)
  const pairOf = (secret: Uint8Array): KeyPair => ({ secret, publicKey: publicHalf('X448', secret) })
  return {
    id: 0x21,
    generate: () => pairOf(new Uint8Array(randomBytes(56))),
    derive: (material) => pairOf(kdf.expand(kdf.extract(nothing, 'dkp_prk', material), 'sk', nothing, 56)),
    publicKeyOf: (secret) => publicHalf('X448', secret),
    encapsulate(key) {
      const { secret, publicKey: enc } = pairOf(new Uint8Array(randomBytes(56)))
      return { enc, shared: shared(agree(secret, key), enc, key) }
    },
    decapsulate: (secret, enc) => shared(agree(secret, enc), enc, publicHalf('X448', secret)),
  }
}
