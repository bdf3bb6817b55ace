import { sha256 } from '@noble/hashes/sha2.js'
import { concatBytes, equalBytes } from '#mesh/codec'
import type { Crypto } from '#mesh/ports'

/**
 * Signatures that cost a hash, for tests with thousands of envelopes. Anybody can forge them; a wrong
 * key, message or signature is found all the same. The real ones are in `#mesh/crypto`.
 */
export function toyCrypto(): Crypto {
  const publicKey = (seed: Uint8Array) => sha256(concatBytes(Uint8Array.of(1), seed))
  const signature = (key: Uint8Array, message: Uint8Array) => {
    const hash = sha256(concatBytes(key, message))
    return concatBytes(hash, hash)
  }
  return {
    name: 'toy',
    ed25519PublicKey: publicKey,
    ed25519Sign: (seed, message) => signature(publicKey(seed), message),
    ed25519Verify: (key, message, signed) => equalBytes(signature(key, message), signed),
    x25519PublicKey: publicKey,
    x25519: () => undefined,
    aeadSeal: (_key, _nonce, plaintext) => plaintext,
    aeadOpen: (_key, _nonce, ciphertext) => ciphertext,
  }
}
