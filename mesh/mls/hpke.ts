/**
 * Cipher suites for the package, built from primitives: HKDF (RFC 5869), HPKE in base mode (RFC 9180) with
 * DHKEM(X25519), and signatures by our own strict `Crypto` port, so that every node judges a leaf alike.
 *
 * The package types its HPKE keys as WebCrypto keys but never looks into them. Ours are the raw bytes.
 */
import type { CiphersuiteImpl } from 'ts-mls/crypto/ciphersuite.js'
import type { Hpke, PrivateKey, PublicKey } from 'ts-mls/crypto/hpke.js'
import { concatBytes, encodeUtf8 } from '#mesh/codec'
import { MeshError } from '#mesh/errors'
import type { Crypto, Random } from '#mesh/ports'
import type { Aead, Hasher, Kem, KeyPair } from './primitives.ts'
import { type SuiteId, suiteName } from './suites.ts'

/** What one suite can do; the form that the package wants, and one thing more. */
export interface SuiteCrypto extends CiphersuiteImpl {
  /** True when the two raw HPKE keys belong together. */
  isKeyPair(secret: Uint8Array, publicKey: Uint8Array): Promise<boolean>
}

/** Where suites come from. */
export interface MlsCrypto {
  /** Which library does the work, for benchmarks. */
  readonly name: string
  /** The suite of this number, or `undefined` when it is not spoken here. */
  suite(id: SuiteId): SuiteCrypto | undefined
}

const EMPTY = new Uint8Array(0)
const NONCE_BYTES = 12
const VERSION = encodeUtf8('HPKE-v1')
const X25519_BYTES = 32

/** Builds a suite. `kdf` is the suite's own, `kdfId` its number in HPKE (RFC 9180 §7.2). */
export function buildSuite(
  deps: { crypto: Crypto; random: Random },
  parts: { id: SuiteId; hash: Hasher; kdf: Hasher; kdfId: number; aead: Aead; kem: Kem },
): SuiteCrypto {
  const { crypto, random } = deps
  const { hash, kdf, kem } = parts
  return {
    name: suiteName(parts.id),
    rng: { randomBytes: (length) => random.bytes(length) },
    hash: {
      digest: async (data) => hash.digest(data),
      mac: async (key, data) => hash.hmac(key, data),
      verifyMac: async (key, mac, data) => equalInConstantTime(hash.hmac(key, data), mac),
    },
    kdf: {
      size: kdf.bytes,
      extract: async (salt, material) => kdf.hmac(salt, material),
      expand: async (prk, info, length) => expand(kdf, prk, info, length),
    },
    signature: {
      sign: async (seed, message) => crypto.ed25519Sign(seed, message),
      verify: async (key, message, signature) => crypto.ed25519Verify(key, message, signature),
      async keygen() {
        const signKey = random.bytes(32)
        return { signKey, publicKey: crypto.ed25519PublicKey(signKey) }
      },
    },
    hpke: buildHpke(kem, { kdf, kdfId: parts.kdfId, aead: parts.aead }),
    isKeyPair: async (secret, publicKey) => equalInConstantTime(kem.publicKeyOf(secret), publicKey),
  }
}

/** DHKEM(X25519, HKDF-SHA256) of RFC 9180 §4.1 over our own port; the hash is always SHA-256. */
export function x25519Kem(deps: { crypto: Crypto; random: Random }, sha256: Hasher): Kem {
  const { crypto, random } = deps
  const kdf = labeledKdf(sha256, concatBytes(encodeUtf8('KEM'), u16(0x20)))
  const agree = (secret: Uint8Array, publicKey: Uint8Array): Uint8Array => {
    const shared = crypto.x25519(secret, publicKey)
    if (shared === undefined) throw new MeshError('MESH_KEY_INVALID', 'an agreement with this key would be no secret')
    return shared
  }
  const sharedSecret = (dh: Uint8Array, context: Uint8Array): Uint8Array => {
    return kdf.expand(kdf.extract(EMPTY, 'eae_prk', dh), 'shared_secret', context, 32)
  }
  const pairOf = (secret: Uint8Array): KeyPair => ({ secret, publicKey: crypto.x25519PublicKey(secret) })
  return {
    id: 0x20,
    generate: () => pairOf(random.bytes(X25519_BYTES)),
    derive: (material) => pairOf(kdf.expand(kdf.extract(EMPTY, 'dkp_prk', material), 'sk', EMPTY, X25519_BYTES)),
    publicKeyOf: (secret) => crypto.x25519PublicKey(secret),
    encapsulate(publicKey) {
      const { secret, publicKey: enc } = pairOf(random.bytes(X25519_BYTES))
      const dh = agree(secret, publicKey)
      secret.fill(0)
      return { enc, shared: sharedSecret(dh, concatBytes(enc, publicKey)) }
    },
    decapsulate: (secret, enc) => sharedSecret(agree(secret, enc), concatBytes(enc, crypto.x25519PublicKey(secret))),
  }
}

/** The two labeled functions of one suite of HPKE. */
export interface LabeledKdf {
  extract(salt: Uint8Array, label: string, material: Uint8Array): Uint8Array
  expand(prk: Uint8Array, label: string, info: Uint8Array, length: number): Uint8Array
}

interface Schedule {
  readonly kdf: Hasher
  readonly kdfId: number
  readonly aead: Aead
}

function buildHpke(kem: Kem, parts: Schedule): Hpke {
  const { aead } = parts
  const kdf = labeledKdf(parts.kdf, concatBytes(encodeUtf8('HPKE'), u16(kem.id), u16(parts.kdfId), u16(aead.id)))
  const pskIdHash = kdf.extract(EMPTY, 'psk_id_hash', EMPTY)
  const schedule = (shared: Uint8Array, info: Uint8Array): ((label: string, length: number) => Uint8Array) => {
    const context = concatBytes(Uint8Array.of(0), pskIdHash, kdf.extract(EMPTY, 'info_hash', info))
    const secret = kdf.extract(shared, 'secret', EMPTY)
    return (label, length) => kdf.expand(secret, label, context, length)
  }
  const exported = (key: (label: string, length: number) => Uint8Array, context: Uint8Array, length: number): Uint8Array =>
    kdf.expand(key('exp', parts.kdf.bytes), 'sec', context, length)
  return {
    keyLength: aead.keyBytes,
    nonceLength: NONCE_BYTES,
    importPrivateKey: async (key) => asPrivate(key),
    importPublicKey: async (key) => asPublic(key),
    exportPublicKey: async (key) => raw(key),
    exportPrivateKey: async (key) => raw(key),
    generateKeyPair: async () => asPair(kem.generate()),
    deriveKeyPair: async (material) => asPair(kem.derive(material)),
    async seal(publicKey, plaintext, info, associated = EMPTY) {
      const { enc, shared } = kem.encapsulate(raw(publicKey))
      const key = schedule(shared, info)
      return { enc, ct: aead.seal(key('key', aead.keyBytes), key('base_nonce', NONCE_BYTES), associated, plaintext) }
    },
    async open(privateKey, enc, ciphertext, info, associated = EMPTY) {
      const key = schedule(kem.decapsulate(raw(privateKey), enc), info)
      return opened(aead.open(key('key', aead.keyBytes), key('base_nonce', NONCE_BYTES), associated, ciphertext))
    },
    async exportSecret(publicKey, context, length, info) {
      const { enc, shared } = kem.encapsulate(raw(publicKey))
      return { enc, secret: exported(schedule(shared, info), context, length) }
    },
    importSecret: async (privateKey, context, enc, length, info) => exported(schedule(kem.decapsulate(raw(privateKey), enc), info), context, length),
    encryptAead: async (key, nonce, associated, plaintext) => aead.seal(key, nonce, associated ?? EMPTY, plaintext),
    decryptAead: async (key, nonce, associated, ciphertext) => opened(aead.open(key, nonce, associated ?? EMPTY, ciphertext)),
  }
}

function opened(plaintext: Uint8Array | undefined): Uint8Array {
  if (plaintext === undefined) throw new MeshError('MESH_MLS_UNREADABLE', 'a ciphertext does not open with this key')
  return plaintext
}

function expand(kdf: Hasher, prk: Uint8Array, info: Uint8Array, length: number): Uint8Array {
  if (length <= kdf.bytes) return kdf.hmac(prk, concatBytes(info, Uint8Array.of(1))).slice(0, length)
  const out = new Uint8Array(length)
  let block: Uint8Array = EMPTY
  for (let at = 0, count = 1; at < length; count++) {
    block = kdf.hmac(prk, concatBytes(block, info, Uint8Array.of(count)))
    out.set(block.subarray(0, length - at), at)
    at += block.length
  }
  return out
}

/** LabeledExtract and LabeledExpand of RFC 9180 §4 for one suite identifier. */
export function labeledKdf(kdf: Hasher, suite: Uint8Array): LabeledKdf {
  return {
    extract: (salt, label, material) => kdf.hmac(salt, concatBytes(VERSION, suite, encodeUtf8(label), material)),
    expand: (prk, label, info, length) => expand(kdf, prk, concatBytes(u16(length), VERSION, suite, encodeUtf8(label), info), length),
  }
}

function equalInConstantTime(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false
  let difference = 0
  for (let i = 0; i < a.length; i++) difference |= (a[i] ?? 0) ^ (b[i] ?? 0)
  return difference === 0
}

function u16(value: number): Uint8Array {
  return Uint8Array.of(value >> 8, value & 0xff)
}

function asPrivate(key: Uint8Array): PrivateKey {
  return key as unknown as PrivateKey
}

function asPublic(key: Uint8Array): PublicKey {
  return key as unknown as PublicKey
}

function asPair(pair: KeyPair): { privateKey: PrivateKey; publicKey: PublicKey } {
  return { privateKey: asPrivate(pair.secret), publicKey: asPublic(pair.publicKey) }
}

function raw(key: unknown): Uint8Array {
  return key as Uint8Array
}
