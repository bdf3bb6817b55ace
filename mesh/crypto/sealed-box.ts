/**
 * The sealed box: anybody can seal to a public key, only the holder of its secret can open.
 *
 * It is HPKE (RFC 9180) in base mode, single shot, with DHKEM(X25519, HKDF-SHA256),
 * HKDF-SHA256 and ChaCha20Poly1305. Output: enc (32) ‖ ciphertext ‖ tag (16). Written here and not taken
 * from a package because the packages draw their own randomness and are asynchronous; RFC 9180 A.2
 * vectors keep it honest.
 */
import { expand, extract } from '@noble/hashes/hkdf.js'
import { sha256 } from '@noble/hashes/sha2.js'
import { concatBytes, encodeUtf8 } from '#mesh/codec'
import { MeshError } from '#mesh/errors'
import type { Crypto, Random } from '#mesh/ports'

/** enc and tag, in bytes. */
export const SEALED_BOX_OVERHEAD = 48

const KEY_BYTES = 32
const NONCE_BYTES = 12
const VERSION = encodeUtf8('HPKE-v1')
const KEM_SUITE = concatBytes(encodeUtf8('KEM'), Uint8Array.of(0x00, 0x20))
const HPKE_SUITE = concatBytes(encodeUtf8('HPKE'), Uint8Array.of(0x00, 0x20, 0x00, 0x01, 0x00, 0x03))
const INFO = encodeUtf8('qpq inbox 1')
const NOTHING = new Uint8Array(0)
/** The same for each envelope. */
const INBOX_CONTEXT = contextOf(INFO)

/** Seals `plaintext` to `recipient` (X25519 public key), bound to `associated`. @throws MeshError `MESH_KEY_INVALID` for a key of small order */
export function sealBox(deps: { crypto: Crypto; random: Random }, recipient: Uint8Array, plaintext: Uint8Array, associated: Uint8Array): Uint8Array {
  return sealWith(deps.crypto, deps.random.bytes(KEY_BYTES), recipient, INFO, plaintext, associated)
}

/** The plaintext, or `undefined` when it was not sealed to this key with this associated data. */
export function openBox(crypto: Crypto, secret: Uint8Array, recipient: Uint8Array, sealed: Uint8Array, associated: Uint8Array): Uint8Array | undefined {
  if (sealed.length < SEALED_BOX_OVERHEAD) return undefined
  const enc = sealed.subarray(0, KEY_BYTES)
  const dh = crypto.x25519(secret, enc)
  if (dh === undefined) return undefined
  const { key, nonce } = schedule(sharedSecret(dh, enc, recipient), INFO)
  dh.fill(0)
  const plaintext = crypto.aeadOpen(key, nonce, sealed.subarray(KEY_BYTES), associated)
  key.fill(0)
  return plaintext
}

/** The single shot with a given ephemeral secret, which is wiped, and info; exported for the RFC's vectors. */
export function sealWith(
  crypto: Crypto,
  ephemeral: Uint8Array,
  recipient: Uint8Array,
  info: Uint8Array,
  plaintext: Uint8Array,
  associated: Uint8Array,
): Uint8Array {
  const enc = crypto.x25519PublicKey(ephemeral)
  const dh = crypto.x25519(ephemeral, recipient)
  if (dh === undefined) throw new MeshError('MESH_KEY_INVALID', 'nothing can be sealed to this key: everybody could open it')
  const { key, nonce } = schedule(sharedSecret(dh, enc, recipient), info)
  const sealed = concatBytes(enc, crypto.aeadSeal(key, nonce, plaintext, associated))
  for (const secret of [ephemeral, dh, key]) secret.fill(0)
  return sealed
}

/** RFC 9180 §4.1, ExtractAndExpand. */
function sharedSecret(dh: Uint8Array, enc: Uint8Array, recipient: Uint8Array): Uint8Array {
  const prk = labeledExtract(KEM_SUITE, NOTHING, 'eae_prk', dh)
  return labeledExpand(KEM_SUITE, prk, 'shared_secret', concatBytes(enc, recipient), KEY_BYTES)
}

/** RFC 9180 §5.1, KeySchedule in mode_base. */
function schedule(shared: Uint8Array, info: Uint8Array): { key: Uint8Array; nonce: Uint8Array } {
  const context = info === INFO ? INBOX_CONTEXT : contextOf(info)
  const secret = labeledExtract(HPKE_SUITE, shared, 'secret', NOTHING)
  return { key: labeledExpand(HPKE_SUITE, secret, 'key', context, KEY_BYTES), nonce: labeledExpand(HPKE_SUITE, secret, 'base_nonce', context, NONCE_BYTES) }
}

/** RFC 9180 §5.1, key_schedule_context in mode_base. */
function contextOf(info: Uint8Array): Uint8Array {
  const pskIdHash = labeledExtract(HPKE_SUITE, NOTHING, 'psk_id_hash', NOTHING)
  return concatBytes(Uint8Array.of(0), pskIdHash, labeledExtract(HPKE_SUITE, NOTHING, 'info_hash', info))
}

function labeledExtract(suite: Uint8Array, salt: Uint8Array, label: string, ikm: Uint8Array): Uint8Array {
  return extract(sha256, concatBytes(VERSION, suite, encodeUtf8(label), ikm), salt)
}

function labeledExpand(suite: Uint8Array, prk: Uint8Array, label: string, info: Uint8Array, length: number): Uint8Array {
  return expand(sha256, prk, concatBytes(Uint8Array.of(length >> 8, length & 0xff), VERSION, suite, encodeUtf8(label), info), length)
}
