import { createCipheriv, createDecipheriv, createPrivateKey, createPublicKey, diffieHellman, type KeyObject, sign, verify } from 'node:crypto'
import { isStrict } from '#mesh/crypto'
import type { Crypto } from '#mesh/ports'
import { KeyCache, publicName, secretName } from './key-cache.ts'

/** DER in front of a raw key (RFC 8410 §7). */
const ED25519_PRIVATE = Buffer.from('302e020100300506032b657004220420', 'hex')
const ED25519_PUBLIC = Buffer.from('302a300506032b6570032100', 'hex')
const X25519_PRIVATE = Buffer.from('302e020100300506032b656e04220420', 'hex')
const X25519_PUBLIC = Buffer.from('302a300506032b656e032100', 'hex')
const RAW_KEY_BYTES = 32
const TAG_BYTES = 16
/** Parsing a key costs as much as using it; this many stay parsed (about 1 kB each). */
const MAX_CACHED_KEYS = 512

/**
 * OpenSSL through node:crypto, with parsed signing keys kept; the choice where sodium-native has no binary.
 * Keys for agreement are not kept: nearly all of them are used once, and their secrets should not stay.
 */
export function nodeCrypto(): Crypto {
  const publicKeys = new KeyCache<KeyObject>(MAX_CACHED_KEYS)
  const privateKeys = new KeyCache<KeyObject>(MAX_CACHED_KEYS)
  const signingKey = (seed: Uint8Array): KeyObject => privateKeys.get(secretName(seed), () => parsePrivate(ED25519_PRIVATE, seed))
  const checkingKey = (key: Uint8Array): KeyObject => publicKeys.get(publicName(key), () => parsePublic(ED25519_PUBLIC, key))
  return {
    name: 'node:crypto',
    ed25519PublicKey: (seed) => rawPublicKey(signingKey(seed)),
    ed25519Sign: (seed, message) => new Uint8Array(sign(null, message, signingKey(seed))),
    ed25519Verify(key, message, signature) {
      if (!isStrict(key, signature)) return false
      try {
        return verify(null, message, checkingKey(key), signature)
      } catch {
        return false // bytes that are no point of the curve: an expected outcome
      }
    },
    x25519PublicKey: (secret) => rawPublicKey(parsePrivate(X25519_PRIVATE, secret)),
    x25519(secret, key) {
      if (key.length !== RAW_KEY_BYTES) return undefined
      try {
        return new Uint8Array(diffieHellman({ privateKey: parsePrivate(X25519_PRIVATE, secret), publicKey: parsePublic(X25519_PUBLIC, key) }))
      } catch {
        return undefined // OpenSSL refuses an all-zero result (RFC 7748 §6.1)
      }
    },
    aeadSeal(key, nonce, plaintext, associated) {
      const cipher = createCipheriv('chacha20-poly1305', key, nonce, { authTagLength: TAG_BYTES })
      cipher.setAAD(associated, { plaintextLength: plaintext.length })
      return new Uint8Array(Buffer.concat([cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]))
    },
    aeadOpen(key, nonce, ciphertext, associated) {
      const end = ciphertext.length - TAG_BYTES
      if (end < 0) return undefined
      const decipher = createDecipheriv('chacha20-poly1305', key, nonce, { authTagLength: TAG_BYTES })
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

function parsePrivate(der: Buffer, secret: Uint8Array): KeyObject {
  const pkcs8 = Buffer.concat([der, secret])
  const key = createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' })
  pkcs8.fill(0)
  return key
}

function parsePublic(der: Buffer, key: Uint8Array): KeyObject {
  return createPublicKey({ key: Buffer.concat([der, key]), format: 'der', type: 'spki' })
}

function rawPublicKey(key: KeyObject): Uint8Array {
  return new Uint8Array(createPublicKey(key).export({ format: 'der', type: 'spki' }).subarray(-RAW_KEY_BYTES))
}
