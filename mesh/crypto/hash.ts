import { expand, extract } from '@noble/hashes/hkdf.js'
import { sha256 as nobleSha256 } from '@noble/hashes/sha2.js'
import { concatBytes, encodeUtf8 } from '#mesh/codec'

/** SHA-256 over the parts, one after the other: 32 bytes. */
export function sha256(...parts: readonly Uint8Array[]): Uint8Array {
  const hash = nobleSha256.create()
  for (const part of parts) hash.update(part)
  return hash.digest()
}

/** HKDF-SHA256 (RFC 5869) without salt; info = label ‖ 0x00 ‖ context, so that no two uses share a key. */
export function hkdfSha256(secret: Uint8Array, label: string, context: Uint8Array, length: number): Uint8Array {
  return expand(nobleSha256, extract(nobleSha256, secret), concatBytes(encodeUtf8(label), Uint8Array.of(0), context), length)
}
