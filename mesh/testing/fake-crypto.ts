import { sha256 } from '@noble/hashes/sha2.js'
import { compareBytes, concatBytes, equalBytes } from '#mesh/codec'
import type { Crypto } from '#mesh/ports'

/** A crypto that counts; see {@link fakeCrypto}. */
export interface FakeCrypto extends Crypto {
  /** How many signatures were checked. */
  readonly checks: number
}

/**
 * A crypto for tests that are not about crypto: signatures are hashes, sealing is XOR with a tag. A
 * thousand times faster than the portable one, as strict about wrong bytes, and worth nothing else.
 */
export function fakeCrypto(): FakeCrypto {
  let checks = 0
  const publicKey = (seed: Uint8Array): Uint8Array => sha256(concatBytes(Uint8Array.of(1), seed))
  const signatureOf = (key: Uint8Array, message: Uint8Array): Uint8Array => {
    const half = sha256(concatBytes(Uint8Array.of(2), key, message))
    return concatBytes(half, sha256(half))
  }
  const tagOf = (key: Uint8Array, nonce: Uint8Array, ciphertext: Uint8Array, associated: Uint8Array): Uint8Array =>
    sha256(concatBytes(key, nonce, sha256(associated), ciphertext)).subarray(0, 16)
  const masked = (key: Uint8Array, nonce: Uint8Array, bytes: Uint8Array): Uint8Array => {
    const mask = sha256(concatBytes(key, nonce))
    return bytes.map((byte, i) => byte ^ (mask[i % mask.length] ?? 0))
  }
  return {
    name: 'fake',
    get checks() {
      return checks
    },
    ed25519PublicKey: publicKey,
    ed25519Sign: (seed, message) => signatureOf(publicKey(seed), message),
    ed25519Verify(key, message, signature) {
      checks++
      return equalBytes(signatureOf(key, message), signature)
    },
    x25519PublicKey: publicKey,
    // Both sides arrive at the same, and so would anybody who sees the two public keys.
    x25519: (secret, key) => sha256(concatBytes(...[publicKey(secret), key].sort(compareBytes))),
    aeadSeal(key, nonce, plaintext, associated) {
      const ciphertext = masked(key, nonce, plaintext)
      return concatBytes(ciphertext, tagOf(key, nonce, ciphertext, associated))
    },
    aeadOpen(key, nonce, sealed, associated) {
      const ciphertext = sealed.subarray(0, -16)
      return equalBytes(tagOf(key, nonce, ciphertext, associated), sealed.subarray(-16)) ? masked(key, nonce, ciphertext) : undefined
    },
  }
}
