import { hash } from 'node:crypto'
import type { Crypto } from '#mesh/ports'

const KEY_BYTES = 32
const SIGNATURE_BYTES = 64
/** What is hashed is put together here first; the largest thing that nodes sign is an envelope. */
const SCRATCH_BYTES = 70_000

const LABELS = { ed25519: Buffer.from('simulated ed25519 key '), x25519: Buffer.from('simulated x25519 key '), shared: Buffer.from('simulated x25519 ') }

/**
 * A crypto for many seeds, some ten times faster than signatures on a curve: a public key is a hash of its
 * seed, a signature a hash of key and message, a shared secret a hash of both public keys.
 *
 * It would protect nobody, since whoever has a public key can compute all of these. But nobody in a simulation does:
 * the only way to a signature is `ed25519Sign`, which makes it for the key of the seed that it is given. So what
 * is forged, flipped, or signed by another is refused as ever, which is all that the checks of a run rest on. The
 * AEAD is the real one, so that texts stay unreadable.
 */
export function fastCrypto(real: Crypto): Crypto {
  const scratch = Buffer.alloc(SCRATCH_BYTES)
  const digest = (name: 'sha256' | 'sha512', ...parts: readonly Uint8Array[]): Uint8Array => {
    let length = 0
    for (const part of parts) {
      scratch.set(part, length)
      length += part.length
    }
    return new Uint8Array(hash(name, scratch.subarray(0, length), 'buffer'))
  }
  const publicKeys = new Map<string, Uint8Array>()
  const publicKey = (seed: Uint8Array): Uint8Array => {
    const name = Buffer.from(seed).toString('latin1')
    let key = publicKeys.get(name)
    if (key === undefined) {
      key = digest('sha256', LABELS.ed25519, seed)
      publicKeys.set(name, key)
    }
    return key
  }
  const x25519PublicKey = (secret: Uint8Array): Uint8Array => digest('sha256', LABELS.x25519, secret)
  const sign = (key: Uint8Array, message: Uint8Array): Uint8Array => digest('sha512', key, message)
  return {
    ...real,
    name: `${real.name}, signatures simulated`,
    ed25519PublicKey: (seed) => publicKey(seed).slice(),
    ed25519Sign: (seed, message) => sign(publicKey(seed), message),
    ed25519Verify: (key, message, signature) =>
      key.length === KEY_BYTES && signature.length === SIGNATURE_BYTES && Buffer.compare(sign(key, message), signature) === 0,
    x25519PublicKey,
    x25519(secret, key) {
      const own = x25519PublicKey(secret)
      return Buffer.compare(own, key) < 0 ? digest('sha256', LABELS.shared, own, key) : digest('sha256', LABELS.shared, key, own)
    },
  }
}
