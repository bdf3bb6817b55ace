import { isStrict } from '#mesh/crypto'
import type { Crypto } from '#mesh/ports'
import { KeyCache, secretName } from './key-cache.ts'

const TAG_BYTES = 16
/** Expanded signing keys kept, 96 bytes each: a node signs with few. */
const MAX_CACHED_KEYS = 512

type Sodium = typeof import('sodium-native')

/** In the binary, and not in its types. */
interface IetfAead {
  crypto_aead_chacha20poly1305_ietf_encrypt(sealed: Buffer, plaintext: Buffer, associated: Buffer, unused: null, nonce: Buffer, key: Buffer): number
  crypto_aead_chacha20poly1305_ietf_decrypt(plaintext: Buffer, unused: null, sealed: Buffer, associated: Buffer, nonce: Buffer, key: Buffer): number
}

/** libsodium through sodium-native: several times faster at signatures than node:crypto. Rejects when the package has no binary for this machine. */
export async function sodiumCrypto(): Promise<Crypto> {
  const { default: sodium } = (await import('sodium-native')) as unknown as { default: Sodium & IetfAead }
  const pairs = new KeyCache<{ publicKey: Buffer; secretKey: Buffer }>(MAX_CACHED_KEYS)
  const pairOf = (seed: Uint8Array): { publicKey: Buffer; secretKey: Buffer } =>
    pairs.get(secretName(seed), () => {
      const pair = { publicKey: Buffer.alloc(sodium.crypto_sign_PUBLICKEYBYTES), secretKey: Buffer.alloc(sodium.crypto_sign_SECRETKEYBYTES) }
      sodium.crypto_sign_seed_keypair(pair.publicKey, pair.secretKey, asBuffer(seed))
      return pair
    })
  return {
    name: 'sodium-native',
    ed25519PublicKey: (seed) => new Uint8Array(pairOf(seed).publicKey),
    ed25519Sign(seed, message) {
      const signature = Buffer.alloc(sodium.crypto_sign_BYTES)
      sodium.crypto_sign_detached(signature, asBuffer(message), pairOf(seed).secretKey)
      return new Uint8Array(signature)
    },
    ed25519Verify: (key, message, signature) =>
      isStrict(key, signature) && sodium.crypto_sign_verify_detached(asBuffer(signature), asBuffer(message), asBuffer(key)),
    x25519PublicKey(secret) {
      const key = Buffer.alloc(sodium.crypto_scalarmult_BYTES)
      sodium.crypto_scalarmult_base(key, asBuffer(secret))
      return new Uint8Array(key)
    },
    x25519(secret, key) {
      const shared = Buffer.alloc(sodium.crypto_scalarmult_BYTES)
      try {
        sodium.crypto_scalarmult(shared, asBuffer(secret), asBuffer(key))
      } catch {
        return undefined // libsodium refuses an all-zero result (RFC 7748 §6.1)
      }
      return new Uint8Array(shared)
    },
    aeadSeal(key, nonce, plaintext, associated) {
      const sealed = Buffer.alloc(plaintext.length + TAG_BYTES)
      sodium.crypto_aead_chacha20poly1305_ietf_encrypt(sealed, asBuffer(plaintext), asBuffer(associated), null, asBuffer(nonce), asBuffer(key))
      return new Uint8Array(sealed)
    },
    aeadOpen(key, nonce, ciphertext, associated) {
      if (ciphertext.length < TAG_BYTES) return undefined
      const plaintext = Buffer.alloc(ciphertext.length - TAG_BYTES)
      try {
        sodium.crypto_aead_chacha20poly1305_ietf_decrypt(plaintext, null, asBuffer(ciphertext), asBuffer(associated), asBuffer(nonce), asBuffer(key))
      } catch {
        return undefined // the tag does not fit: an expected outcome
      }
      return new Uint8Array(plaintext)
    },
  }
}

/** The same memory, as the type that sodium-native is declared with. */
function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
