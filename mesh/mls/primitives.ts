/**
 * The port to the primitives of a cipher suite, and the portable implementation of it.
 *
 * Everything here answers at once: MLS makes thousands of tiny derivations per commit, and a promise with a
 * round trip through a thread pool for each of them costs five times what the derivation itself does.
 * What has hashes or ciphers of its own (a node) brings them; curves and signatures come from our `Crypto` port.
 */
import { gcm } from '@noble/ciphers/aes.js'
import { chacha20poly1305 } from '@noble/ciphers/chacha.js'
import { hmac } from '@noble/hashes/hmac.js'
import { sha256, sha512 } from '@noble/hashes/sha2.js'

/** A hash function and its HMAC. */
export interface Hasher {
  /** Length of the output in bytes. */
  readonly bytes: number
  digest(data: Uint8Array): Uint8Array
  hmac(key: Uint8Array, data: Uint8Array): Uint8Array
}

/** An AEAD with 12-byte nonces and 16-byte tags behind the ciphertext. */
export interface Aead {
  /** Its number in HPKE (RFC 9180 §7.3). */
  readonly id: number
  readonly keyBytes: number
  seal(key: Uint8Array, nonce: Uint8Array, associated: Uint8Array, plaintext: Uint8Array): Uint8Array
  /** The plaintext, or `undefined` when the tag does not fit. */
  open(key: Uint8Array, nonce: Uint8Array, associated: Uint8Array, ciphertext: Uint8Array): Uint8Array | undefined
}

/** A pair of raw keys. */
export interface KeyPair {
  readonly secret: Uint8Array
  readonly publicKey: Uint8Array
}

/** A key encapsulation mechanism with raw keys. Its methods throw when a key has a wrong length or gives everybody the secret. */
export interface Kem {
  /** Its number in HPKE (RFC 9180 §7.1). */
  readonly id: number
  generate(): KeyPair
  derive(material: Uint8Array): KeyPair
  publicKeyOf(secret: Uint8Array): Uint8Array
  encapsulate(publicKey: Uint8Array): { enc: Uint8Array; shared: Uint8Array }
  decapsulate(secret: Uint8Array, enc: Uint8Array): Uint8Array
}

/** Hashes and ciphers for the suites of MLS. */
export interface Primitives {
  readonly sha256: Hasher
  readonly sha512: Hasher
  readonly aes128: Aead
  readonly aes256: Aead
  readonly chacha: Aead
}

/** Hashes and ciphers in plain JavaScript. */
export const portablePrimitives: Primitives = {
  sha256: { bytes: 32, digest: (data) => sha256(data), hmac: (key, data) => hmac(sha256, key, data) },
  sha512: { bytes: 64, digest: (data) => sha512(data), hmac: (key, data) => hmac(sha512, key, data) },
  aes128: portableAead(1, 16, gcm),
  aes256: portableAead(2, 32, gcm),
  chacha: portableAead(3, 32, chacha20poly1305),
}

interface Cipher {
  encrypt(plaintext: Uint8Array): Uint8Array
  decrypt(ciphertext: Uint8Array): Uint8Array
}

function portableAead(id: number, keyBytes: number, cipher: (key: Uint8Array, nonce: Uint8Array, associated: Uint8Array) => Cipher): Aead {
  return {
    id,
    keyBytes,
    seal: (key, nonce, associated, plaintext) => cipher(key, nonce, associated).encrypt(plaintext),
    open(key, nonce, associated, ciphertext) {
      if (ciphertext.length < 16) return undefined
      try {
        return cipher(key, nonce, associated).decrypt(ciphertext)
      } catch {
        return undefined // the tag does not fit: an expected outcome, and all that this call can fail for
      }
    },
  }
}
