/**
 * The unit that travels: hashed, signed and parsed more often than anything else, so its header is fixed.
 *
 * ```
 *  0  1  version = 1
 *  1  1  class: bits 7-6 priority, bit 5 must not cross a bridge, bits 4-0 kind
 *  2 16  address
 * 18  8  stamp: 48-bit milliseconds ‖ 16-bit counter
 * 26  4  lifetime, seconds
 * 30 32  author: Ed25519 public key
 * 62  2  payload length n
 * 64  n  payload, opaque
 * 64+n 64 signature over "qpq envelope 1\0" ‖ bytes[0, 64+n)
 * id = SHA-256("qpq envelope id 1\0" ‖ bytes[0, 64+n))
 * ```
 * Big-endian. The signature is not part of the id: a second valid signature makes no second envelope.
 */
import { ByteReader, ByteWriter, concatBytes, encodeUtf8 } from '#mesh/codec'
import { sha256 } from '#mesh/crypto'
import { MeshError } from '#mesh/errors'
import { ADDRESS_BYTES, type Address, type AuthorKey, addressOf, authorKeyOf, type EnvelopeId, envelopeIdOf, idBytes, PUBLIC_KEY_BYTES } from '#mesh/ids'
import type { Crypto } from '#mesh/ports'
import { MAX_LIFETIME_S } from './expiry.ts'
import type { Stamp } from './stamp.ts'

/** How much an envelope matters; the order in which it is sent, and in reverse the order in which it is evicted. */
export type Priority = 'critical' | 'normal' | 'bulk' | 'ephemeral'
/** What an envelope is to carriers: `inbox` has one owner, `shared` is a conversation's, `receipt` takes copies back, `announcement` is public. */
export type EnvelopeKind = 'inbox' | 'shared' | 'receipt' | 'announcement'

/** A decoded envelope. `payload` and `bytes` are views of what was decoded: copy what outlives it. */
export interface Envelope {
  readonly id: EnvelopeId
  readonly priority: Priority
  readonly kind: EnvelopeKind
  /** False when its author does not want it handed from one mesh to another by anybody else. Receipts always may. */
  readonly mayCross: boolean
  readonly address: Address
  readonly stamp: Stamp
  readonly lifetimeS: number
  readonly author: AuthorKey
  readonly payload: Uint8Array
  readonly bytes: Uint8Array
}

/** Everything of an envelope that its author chooses; without a word it may cross. */
export type EnvelopeContent = Pick<Envelope, 'priority' | 'kind' | 'address' | 'stamp' | 'lifetimeS' | 'payload'> & Partial<Pick<Envelope, 'mayCross'>>

const PRIORITIES: readonly Priority[] = ['critical', 'normal', 'bulk', 'ephemeral']
const KINDS: readonly EnvelopeKind[] = ['inbox', 'shared', 'receipt', 'announcement']
/** Bit 5 of the class byte. */
const STAYS = 0x20
const KIND_BITS = 0x1f
const VERSION = 1
const HEADER_BYTES = 64
const SIGNATURE_BYTES = 64
/** Header and signature around a payload, in bytes. */
export const ENVELOPE_OVERHEAD_BYTES = HEADER_BYTES + SIGNATURE_BYTES
/** So that a whole envelope fits a 16-bit length (DESIGN §6). */
export const MAX_ENVELOPE_BYTES = 65_535
export const MAX_PAYLOAD_BYTES = MAX_ENVELOPE_BYTES - ENVELOPE_OVERHEAD_BYTES

const SIGNATURE_LABEL = encodeUtf8('qpq envelope 1\0')
const ID_LABEL = encodeUtf8('qpq envelope id 1\0')
const ADDRESS_LABEL = encodeUtf8('qpq address 1\0')

/** The address that the holder of an Ed25519 key owns. */
export function addressOfKey(publicKey: Uint8Array): Address {
  return addressOf(sha256(ADDRESS_LABEL, publicKey).subarray(0, ADDRESS_BYTES))
}

/** The class byte: priority in bits 7-6, kind in bits 4-0; bit 5 is set when it must not cross a bridge. */
export function classByteOf({ priority, kind, mayCross = true }: Pick<EnvelopeContent, 'priority' | 'kind' | 'mayCross'>): number {
  return (PRIORITIES.indexOf(priority) << 6) | (mayCross ? 0 : STAYS) | (KINDS.indexOf(kind) + 1)
}

/** What a class byte says, or `undefined` when it is none: a kind that is not known here, or a receipt that must not cross. */
export function readClassByte(classByte: number): Pick<Envelope, 'priority' | 'kind' | 'mayCross'> | undefined {
  const priority = PRIORITIES[classByte >> 6]
  const kind = KINDS[(classByte & KIND_BITS) - 1]
  const mayCross = (classByte & STAYS) === 0
  return priority === undefined || kind === undefined || (kind === 'receipt' && !mayCross) ? undefined : { priority, kind, mayCross }
}

/** Makes and signs an envelope. @throws MeshError `MESH_INTERNAL` when a part does not fit its field */
export function signEnvelope(crypto: Crypto, authorSeed: Uint8Array, content: EnvelopeContent): Envelope {
  const { address, stamp, lifetimeS, payload } = content
  if (payload.length > MAX_PAYLOAD_BYTES) throw new MeshError('MESH_INTERNAL', 'a payload is too large', { detail: { bytes: payload.length } })
  const author = crypto.ed25519PublicKey(authorSeed)
  const signed = new ByteWriter(payload.length + ENVELOPE_OVERHEAD_BYTES)
    .u8(VERSION)
    .u8(classByteOf(content))
    .bytes(idBytes(address))
    .u48(stamp.ms)
    .u16(stamp.counter)
    .u32(lifetimeS)
    .bytes(author)
    .bytes16(payload)
    .finish()
  const signature = crypto.ed25519Sign(authorSeed, concatBytes(SIGNATURE_LABEL, signed))
  return decodeEnvelope(concatBytes(signed, signature))
}

/**
 * Reads an envelope and computes its id; the signature is not checked (see {@link isEnvelopeSigned}).
 * @throws MeshError `MESH_VERSION_UNKNOWN`, `MESH_ENVELOPE_INVALID`, `MESH_BYTES_TRUNCATED`, `MESH_BYTES_TRAILING`, `MESH_FRAME_TOO_LARGE` (all peer)
 */
export function decodeEnvelope(bytes: Uint8Array): Envelope {
  if (bytes.length > MAX_ENVELOPE_BYTES) throw new MeshError('MESH_FRAME_TOO_LARGE', 'an envelope is too large', { detail: { bytes: bytes.length } })
  const reader = new ByteReader(bytes)
  const version = reader.u8()
  if (version !== VERSION) throw new MeshError('MESH_VERSION_UNKNOWN', `envelope version ${version} is not known here`, { detail: { version } })
  const classByte = reader.u8()
  const kinds = readClassByte(classByte)
  if (kinds === undefined) throw new MeshError('MESH_ENVELOPE_INVALID', 'an envelope is of no known kind', { detail: { classByte } })
  const address = addressOf(reader.bytes(ADDRESS_BYTES))
  const stamp = { ms: reader.u48(), counter: reader.u16() }
  const lifetimeS = reader.u32()
  if (lifetimeS === 0 || lifetimeS > MAX_LIFETIME_S)
    throw new MeshError('MESH_ENVELOPE_INVALID', 'a lifetime is between 1 second and 30 days', { detail: { lifetimeS } })
  const author = authorKeyOf(reader.bytes(PUBLIC_KEY_BYTES))
  const length = reader.u16()
  if (length > MAX_PAYLOAD_BYTES) throw new MeshError('MESH_ENVELOPE_INVALID', 'a payload is too large', { detail: { bytes: length } })
  const payload = reader.bytes(length)
  reader.bytes(SIGNATURE_BYTES)
  reader.end()
  const id = envelopeIdOf(sha256(ID_LABEL, bytes.subarray(0, HEADER_BYTES + length)))
  return { id, ...kinds, address, stamp, lifetimeS, author, payload, bytes }
}

/** True when the author's key signed exactly these bytes. */
export function isEnvelopeSigned(crypto: Crypto, envelope: Envelope): boolean {
  const end = envelope.bytes.length - SIGNATURE_BYTES
  return crypto.ed25519Verify(idBytes(envelope.author), concatBytes(SIGNATURE_LABEL, envelope.bytes.subarray(0, end)), envelope.bytes.subarray(end))
}
