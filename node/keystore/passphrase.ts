import { argon2idAsync } from '@noble/hashes/argon2.js'

/** Argon2id (RFC 9106) with 64 MiB and 3 passes, its second recommendation, one lane as libsodium has it. */
export const ARGON2 = { memoryKiB: 65_536, passes: 3, saltBytes: 16, keyBytes: 32 } as const

/** The key behind a passphrase: by libsodium where it loads (0.2 s), in JavaScript elsewhere (seconds), the same bytes. */
export async function stretchPassphrase(passphrase: Uint8Array, salt: Uint8Array): Promise<Uint8Array> {
  return (await stretchBySodium(passphrase, salt)) ?? stretchPortably(passphrase, salt)
}

/** In libsodium; `undefined` where its binary does not load. */
export async function stretchBySodium(passphrase: Uint8Array, salt: Uint8Array): Promise<Uint8Array | undefined> {
  const sodium = await import('sodium-native').then(
    (module) => module.default,
    () => undefined,
  )
  if (sodium === undefined) return undefined
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const key = Buffer.alloc(ARGON2.keyBytes)
  // In libsodium's thread: links and timers go on meanwhile.
  sodium.crypto_pwhash_async(
    key,
    asBuffer(passphrase),
    asBuffer(salt),
    ARGON2.passes,
    ARGON2.memoryKiB * 1_024,
    sodium.crypto_pwhash_ALG_ARGON2ID13,
    (error) => (error === null || error === undefined ? resolve() : reject(error)),
  )
  await promise
  return new Uint8Array(key)
}

/** In JavaScript. */
export function stretchPortably(passphrase: Uint8Array, salt: Uint8Array): Promise<Uint8Array> {
  return argon2idAsync(passphrase, salt, { m: ARGON2.memoryKiB, t: ARGON2.passes, p: 1, dkLen: ARGON2.keyBytes })
}

/** The same memory, so that wiping it leaves no copy. */
function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
