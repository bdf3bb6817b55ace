/**
 * Names for things, as branded strings: cheap map keys, printable, and never mixed up.
 *
 * Each kind has one parser (`parse…` of a text form) and one maker from bytes (`…Of`). Text forms:
 * a device is its libp2p PeerId (base58btc of the identity multihash of the Ed25519 key), a person is
 * `qpq1…` (bech32m, RFC-less but specified in BIP-350: error-detecting, dense in upper-case QR codes),
 * everything else is base64url without padding (RFC 4648 §5).
 */
import { base58, base64urlnopad, bech32m } from '@scure/base'
import { MeshError } from '#mesh/errors'
import { encodeBase64url, writeBase64url } from './base64url.ts'

type Brand<Name extends string> = string & { readonly __brand: Name }

/** 32-byte hash that names an envelope (DESIGN §6), base64url. */
export type EnvelopeId = Brand<'EnvelopeId'>
/** 32 bytes that name what a person said, whatever envelope it came in (`mesh/content`), base64url. */
export type MessageId = Brand<'MessageId'>
/** 16-byte tag that an envelope is sent to (DESIGN §6), base64url. */
export type Address = Brand<'Address'>
/** An Ed25519 public key that signs envelopes: a device's, an inbox's, or one of one conversation. base64url. */
export type AuthorKey = Brand<'AuthorKey'>
/** A device, by its libp2p PeerId (Ed25519 identity multihash), base58btc: `12D3Koo…`. */
export type DeviceId = Brand<'DeviceId'>
/** A person, by its Ed25519 public key in bech32m: `qpq1…`. */
export type PersonId = Brand<'PersonId'>

export const ENVELOPE_ID_BYTES = 32
export const ADDRESS_BYTES = 16
export const PUBLIC_KEY_BYTES = 32

/** Start of every Ed25519 PeerId: identity multihash (0x00, 36 bytes) of a protobuf {type: Ed25519, 32 bytes}. */
const PEER_ID_PREFIX = Uint8Array.of(0x00, 0x24, 0x08, 0x01, 0x12, 0x20)
const PERSON_PREFIX = 'qpq'

export function envelopeIdOf(bytes: Uint8Array): EnvelopeId {
  return encodeBase64url(expectLength(bytes, ENVELOPE_ID_BYTES, 'envelope id')) as EnvelopeId
}

export function messageIdOf(bytes: Uint8Array): MessageId {
  return encodeBase64url(expectLength(bytes, ENVELOPE_ID_BYTES, 'message id')) as MessageId
}

export function addressOf(bytes: Uint8Array): Address {
  return encodeBase64url(expectLength(bytes, ADDRESS_BYTES, 'address')) as Address
}

export function authorKeyOf(bytes: Uint8Array): AuthorKey {
  return encodeBase64url(expectLength(bytes, PUBLIC_KEY_BYTES, 'author key')) as AuthorKey
}

export function deviceIdOf(publicKey: Uint8Array): DeviceId {
  const bytes = new Uint8Array(PEER_ID_PREFIX.length + PUBLIC_KEY_BYTES)
  bytes.set(PEER_ID_PREFIX)
  bytes.set(expectLength(publicKey, PUBLIC_KEY_BYTES, 'device key'), PEER_ID_PREFIX.length)
  return base58.encode(bytes) as DeviceId
}

export function personIdOf(publicKey: Uint8Array): PersonId {
  return bech32m.encodeFromBytes(PERSON_PREFIX, expectLength(publicKey, PUBLIC_KEY_BYTES, 'person key')) as PersonId
}

/** @throws MeshError `MESH_BYTES_INVALID` */
export function parseEnvelopeId(text: string): EnvelopeId {
  return envelopeIdOf(decodeText(base64urlnopad.decode, text, 'envelope id'))
}

/** @throws MeshError `MESH_BYTES_INVALID` */
export function parseAddress(text: string): Address {
  return addressOf(decodeText(base64urlnopad.decode, text, 'address'))
}

/** @throws MeshError `MESH_BYTES_INVALID` when it is not an Ed25519 PeerId */
export function parseDeviceId(text: string): DeviceId {
  return deviceIdOf(deviceKeyOf(text as DeviceId))
}

/** Accepts lower and upper case, not a mixture. @throws MeshError `MESH_BYTES_INVALID` */
export function parsePersonId(text: string): PersonId {
  return personIdOf(personKeyOf(text as PersonId))
}

/** The 32 or 16 bytes behind a base64url id. */
export function idBytes(id: EnvelopeId | MessageId | Address | AuthorKey): Uint8Array {
  const bytes = new Uint8Array((id.length * 3) >> 2)
  writeBase64url(id, bytes)
  return bytes
}

/** The same into the first 32 bytes of `target`, without an allocation: for those who hash all ids they have. */
export function writeIdBytes(id: EnvelopeId, target: Uint8Array): void {
  writeBase64url(id, target)
}

/** The Ed25519 public key of a device. @throws MeshError `MESH_BYTES_INVALID` when the text is not an Ed25519 PeerId */
export function deviceKeyOf(device: DeviceId): Uint8Array {
  const bytes = decodeText(base58.decode, device, 'device id')
  if (bytes.length !== PEER_ID_PREFIX.length + PUBLIC_KEY_BYTES || PEER_ID_PREFIX.some((byte, i) => bytes[i] !== byte)) {
    throw new MeshError('MESH_BYTES_INVALID', 'a device id is not an Ed25519 PeerId')
  }
  return bytes.subarray(PEER_ID_PREFIX.length)
}

/** The Ed25519 public key of a person. @throws MeshError `MESH_BYTES_INVALID` on a typing error (bech32m finds up to four) */
export function personKeyOf(person: PersonId): Uint8Array {
  const { prefix, bytes } = decodeText((text) => bech32m.decodeToBytes(text), person, 'person id')
  if (prefix !== PERSON_PREFIX) throw new MeshError('MESH_BYTES_INVALID', 'a person id starts with qpq1')
  return expectLength(bytes, PUBLIC_KEY_BYTES, 'person id')
}

/** The longest text form of an id is far below this; longer input is refused before it is decoded. */
const MAX_ID_CHARACTERS = 128

function decodeText<T>(decode: (text: string) => T, text: string, what: string): T {
  if (text.length > MAX_ID_CHARACTERS) throw new MeshError('MESH_BYTES_INVALID', `this is too long for a ${what}`)
  try {
    return decode(text)
  } catch (cause) {
    throw new MeshError('MESH_BYTES_INVALID', `this is not a valid ${what}`, { cause })
  }
}

function expectLength(bytes: Uint8Array, length: number, what: string): Uint8Array {
  if (bytes.length !== length) throw new MeshError('MESH_BYTES_INVALID', `a ${what} has ${length} bytes`, { detail: { bytes: bytes.length } })
  return bytes
}
