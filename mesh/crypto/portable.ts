import { chacha20poly1305 } from '@noble/ciphers/chacha.js'
import nacl from 'tweetnacl'
import type { Crypto } from '#mesh/ports'
import { isStrict } from './strict.ts'

/** Primitives in plain JavaScript, for a page without a secure context and as the oracle of the fast ones. Slow: see the benchmark of signers. */
export function portableCrypto(): Crypto {
  return {
    name: 'tweetnacl',
    ed25519PublicKey: (seed) => nacl.sign.keyPair.fromSeed(seed).publicKey,
    ed25519Sign: (seed, message) => nacl.sign.detached(message, nacl.sign.keyPair.fromSeed(seed).secretKey),
    ed25519Verify: (publicKey, message, signature) => isStrict(publicKey, signature) && nacl.sign.detached.verify(message, signature, publicKey),
    x25519PublicKey: (secret) => nacl.scalarMult.base(secret),
    x25519(secret, publicKey) {
      if (publicKey.length !== nacl.scalarMult.groupElementLength) return undefined
      const shared = nacl.scalarMult(secret, publicKey)
      return shared.some((byte) => byte !== 0) ? shared : undefined
    },
    aeadSeal: (key, nonce, plaintext, associated) => chacha20poly1305(key, nonce, associated).encrypt(plaintext),
    aeadOpen(key, nonce, ciphertext, associated) {
      if (ciphertext.length < 16) return undefined
      try {
        return chacha20poly1305(key, nonce, associated).decrypt(ciphertext)
      } catch {
        return undefined // the tag does not fit: an expected outcome, and all that this call can fail for
      }
    },
  }
}
