import * as nodeApi from 'node:crypto'
import { createCipheriv, createDecipheriv, createHash, createPrivateKey, createPublicKey, hash, type KeyObject } from 'node:crypto'
import { type Aead, type Hasher, type Kem, type KeyPair, type MlsCrypto, mlsCrypto, type Primitives } from '#mesh/mls'
import type { Crypto, Random } from '#mesh/ports'

const TAG_BYTES = 16

/** OpenSSL's hashes and ciphers. */
export const nodePrimitives: Primitives = {
  sha256: hasher('sha256', 32, 64),
  sha512: hasher('sha512', 64, 128),
  aes128: gcm('aes-128-gcm', 1, 16),
  aes256: gcm('aes-256-gcm', 2, 32),
  chacha: gcm('chacha20-poly1305', 3, 32),
}

/** OpenSSL's hashes and ciphers for MLS, all of them synchronous; curves and signatures by `crypto`. X-Wing from Node 24.7 on. */
export function nodeMlsCrypto(crypto: Crypto, random: Random): MlsCrypto {
  const xwing = 'encapsulate' in nodeApi ? { xwing: xwingKem(crypto, random) } : {}
  return mlsCrypto({ name: `node:crypto, ${crypto.name}`, crypto, random, primitives: nodePrimitives, ...xwing })
}

function hasher(algorithm: string, bytes: number, block: number): Hasher {
  return {
    bytes,
    digest: (data) => new Uint8Array(hash(algorithm, data, 'buffer')),
    hmac: (key, data) => hmac(algorithm, block, key, data),
  }
}

/** RFC 2104 by two hashes at once: `createHmac` makes a key object first and takes six times as long, and MLS makes thousands of them. */
function hmac(algorithm: string, block: number, key: Uint8Array, data: Uint8Array): Uint8Array {
  const short = key.length > block ? hash(algorithm, key, 'buffer') : key
  const inner = new Uint8Array(block + data.length).fill(0x36, 0, block)
  const outer = new Uint8Array(block).fill(0x5c)
  for (const [i, byte] of short.entries()) {
    inner[i] = byte ^ 0x36
    outer[i] = byte ^ 0x5c
  }
  inner.set(data, block)
  const digest = new Uint8Array(hash(algorithm, Buffer.concat([outer, hash(algorithm, inner, 'buffer')]), 'buffer'))
  inner.fill(0)
  outer.fill(0)
  return digest
}

function gcm(algorithm: 'aes-128-gcm' | 'aes-256-gcm' | 'chacha20-poly1305', id: number, keyBytes: number): Aead {
  // The types know each family of ciphers by its own overload; the calls are the same.
  const name = algorithm as 'chacha20-poly1305'
  return {
    id,
    keyBytes,
    seal(key, nonce, associated, plaintext) {
      const cipher = createCipheriv(name, key, nonce, { authTagLength: TAG_BYTES })
      cipher.setAAD(associated, { plaintextLength: plaintext.length })
      return new Uint8Array(Buffer.concat([cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]))
    },
    open(key, nonce, associated, ciphertext) {
      const end = ciphertext.length - TAG_BYTES
      if (end < 0) return undefined
      const decipher = createDecipheriv(name, key, nonce, { authTagLength: TAG_BYTES })
      decipher.setAAD(associated, { plaintextLength: end })
      decipher.setAuthTag(ciphertext.subarray(end))
      const plaintext = decipher.update(ciphertext.subarray(0, end))
      try {
        return new Uint8Array(Buffer.concat([plaintext, decipher.final()]))
      } catch {
        return undefined // the tag does not fit: an expected outcome
      }
    },
  }
}

/** DER in front of a 64-byte ML-KEM-768 seed, and in front of its public key (RFC 9935). */
const MLKEM_PRIVATE = Buffer.from('3054020100300b060960864801650304040204428040', 'hex')
const MLKEM_PUBLIC = Buffer.from('308204b2300b0609608648016503040402038204a100', 'hex')
const MLKEM_PUBLIC_BYTES = 1184
const MLKEM_CIPHERTEXT_BYTES = 1088
const X25519_BYTES = 32
/** The label of the combiner, "\.//^\" (draft-connolly-cfrg-xwing-kem §5.3). */
const XWING_LABEL = Buffer.from('5c2e2f2f5e5c', 'hex')

/** X-Wing (draft-connolly-cfrg-xwing-kem): X25519 and ML-KEM-768, whose secret holds as long as one of both does. */
function xwingKem(crypto: Crypto, random: Random): Kem {
  const halves = (seed: Uint8Array): { mlkem: KeyObject; x25519: Uint8Array } => {
    if (seed.length !== 32) throw new RangeError('an X-Wing secret has 32 bytes')
    const expanded = createHash('shake256', { outputLength: 96 }).update(seed).digest()
    const mlkem = createPrivateKey({ key: Buffer.concat([MLKEM_PRIVATE, expanded.subarray(0, 64)]), format: 'der', type: 'pkcs8' })
    return { mlkem, x25519: new Uint8Array(expanded.subarray(64)) }
  }
  const publicKeyOf = (seed: Uint8Array): Uint8Array => {
    const { mlkem, x25519 } = halves(seed)
    const der = createPublicKey(mlkem).export({ format: 'der', type: 'spki' })
    return new Uint8Array(Buffer.concat([der.subarray(-MLKEM_PUBLIC_BYTES), crypto.x25519PublicKey(x25519)]))
  }
  const agree = (secret: Uint8Array, key: Uint8Array): Uint8Array => {
    const shared = crypto.x25519(secret, key)
    if (shared === undefined) throw new RangeError('an X-Wing key has a curve point that gives everybody the secret')
    return shared
  }
  const combine = (...parts: Uint8Array[]): Uint8Array => new Uint8Array(hash('sha3-256', Buffer.concat([...parts, XWING_LABEL]), 'buffer'))
  const pairOf = (secret: Uint8Array): KeyPair => ({ secret, publicKey: publicKeyOf(secret) })
  return {
    id: 0x647a,
    generate: () => pairOf(random.bytes(32)),
    derive: (material) => pairOf(new Uint8Array(createHash('shake256', { outputLength: 32 }).update(material).digest())),
    publicKeyOf,
    encapsulate(key) {
      if (key.length !== MLKEM_PUBLIC_BYTES + X25519_BYTES) throw new RangeError('an X-Wing key has 1,216 bytes')
      const [lattice, curve] = [key.subarray(0, MLKEM_PUBLIC_BYTES), key.subarray(MLKEM_PUBLIC_BYTES)]
      const { sharedKey, ciphertext } = nodeApi.encapsulate(createPublicKey({ key: Buffer.concat([MLKEM_PUBLIC, lattice]), format: 'der', type: 'spki' }))
      const ephemeral = random.bytes(X25519_BYTES)
      const point = crypto.x25519PublicKey(ephemeral)
      return { enc: new Uint8Array(Buffer.concat([ciphertext, point])), shared: combine(sharedKey, agree(ephemeral, curve), point, curve) }
    },
    decapsulate(seed, enc) {
      if (enc.length !== MLKEM_CIPHERTEXT_BYTES + X25519_BYTES) throw new RangeError('an X-Wing ciphertext has 1,120 bytes')
      const { mlkem, x25519 } = halves(seed)
      const point = enc.subarray(MLKEM_CIPHERTEXT_BYTES)
      const sharedKey = nodeApi.decapsulate(mlkem, enc.subarray(0, MLKEM_CIPHERTEXT_BYTES))
      return combine(sharedKey, agree(x25519, point), point, crypto.x25519PublicKey(x25519))
    },
  }
}
