/**
 * A contact card: all that one needs to write to a person, small enough for a QR code. Signed over "qpq card 1\0" ‖ body.
 *
 * ```
 * u8 version = 1, person 32, inbox key 32 (Ed25519), seal key 32 (X25519), issued u32 s,
 * name (u8 length ‖ UTF-8, ≤ 32), u8 hints ≤ 4 × (u8 length ‖ binary multiaddr), signature 64
 * ```
 * As text: `qpq://c/` and base64url of these bytes, at most 300 characters. It holds no secret. The name is a claim.
 */
import { base64urlnopad } from '@scure/base'
import { ByteReader, ByteWriter, copyBytes } from '#mesh/codec'
import { addressOfKey } from '#mesh/envelope'
import { isMeshError, MeshError } from '#mesh/errors'
import { type Address, type PersonId, PUBLIC_KEY_BYTES, personIdOf } from '#mesh/ids'
import type { Crypto } from '#mesh/ports'
import { cleanName, readName } from './name.ts'
import type { PersonKeys } from './person.ts'
import { assertRecordSigned, expectVersion, SIGNATURE_BYTES, signRecord } from './signed-record.ts'

/** What a card says. */
export interface ContactCard {
  readonly person: PersonId
  readonly personKey: Uint8Array
  readonly inboxKey: Uint8Array
  readonly sealKey: Uint8Array
  /** Where mail for the person goes. */
  readonly inbox: Address
  /** Seconds since 1970: the newer of two cards counts. */
  readonly issuedS: number
  /** The name that the person claims. */
  readonly name: string
  /** Where the person may be found, binary multiaddrs; a hint, never proof. */
  readonly hints: readonly Uint8Array[]
  readonly bytes: Uint8Array
}

/** Characters of a card link, so that a QR code of it stays readable for cheap cameras (DESIGN §5). */
export const MAX_CARD_URI_CHARACTERS = 300
/** Bytes of a card: what fits the link after `qpq://c/` in base64url. */
export const MAX_CARD_BYTES = 219

const PREFIX = 'qpq://c/'
const LABEL = 'qpq card 1\0'
const VERSION = 1
const MAX_HINTS = 4

/** Issues a card; hints that do not fit are left out, the last ones first. @throws MeshError `MESH_NAME_INVALID` */
export function issueCard(crypto: Crypto, keys: PersonKeys, about: { issuedS: number; name: string; hints?: readonly Uint8Array[] }): ContactCard {
  const head = new ByteWriter(MAX_CARD_BYTES)
    .u8(VERSION)
    .bytes(keys.personKey)
    .bytes(keys.inboxKey)
    .bytes(keys.sealKey)
    .u32(about.issuedS)
    .text8(cleanName(about.name))
  let left = MAX_CARD_BYTES - head.length - 1 - SIGNATURE_BYTES
  const hints: Uint8Array[] = []
  for (const hint of about.hints ?? []) {
    if (hints.length === MAX_HINTS || hint.length + 1 > left) break
    hints.push(hint)
    left -= hint.length + 1
  }
  head.u8(hints.length)
  for (const hint of hints) head.u8(hint.length).bytes(hint)
  return readCard(crypto, signRecord(crypto, keys.personSeed, LABEL, head.finish()))
}

/** Reads and verifies a card. @throws MeshError `MESH_BYTES_*`, `MESH_VERSION_UNKNOWN`, `MESH_SIGNATURE_INVALID` (peer) */
export function readCard(crypto: Crypto, bytes: Uint8Array): ContactCard {
  if (bytes.length > MAX_CARD_BYTES) throw new MeshError('MESH_BYTES_INVALID', 'a card is too long', { detail: { bytes: bytes.length } })
  const copy = copyBytes(bytes)
  const reader = new ByteReader(copy)
  expectVersion(reader, VERSION, 'card')
  const personKey = reader.bytes(PUBLIC_KEY_BYTES)
  const inboxKey = reader.bytes(PUBLIC_KEY_BYTES)
  const sealKey = reader.bytes(PUBLIC_KEY_BYTES)
  const issuedS = reader.u32()
  const name = readName(reader)
  const count = reader.u8()
  if (count > MAX_HINTS) throw new MeshError('MESH_BYTES_INVALID', 'a card has too many hints', { detail: { hints: count } })
  const hints = Array.from({ length: count }, () => reader.bytes(reader.u8()))
  reader.bytes(SIGNATURE_BYTES)
  reader.end()
  assertRecordSigned(crypto, personKey, LABEL, copy)
  return { person: personIdOf(personKey), personKey, inboxKey, sealKey, inbox: addressOfKey(inboxKey), issuedS, name, hints, bytes: copy }
}

/** The link of a card. */
export function cardUri(card: ContactCard): string {
  return PREFIX + base64urlnopad.encode(card.bytes)
}

/** Reads a card link, with white space or line breaks that a mail program put into it. @throws MeshError `MESH_URI_INVALID` that says what is wrong */
export function parseCardUri(crypto: Crypto, text: string): ContactCard {
  const uri = text.slice(0, 4 * MAX_CARD_URI_CHARACTERS).replace(/\s+/gu, '')
  const hint = 'a card link starts with qpq://c/ and is shown by `qpq contact card`; copy all of it'
  if (!uri.startsWith(PREFIX)) throw new MeshError('MESH_URI_INVALID', 'this is not a card link', { hint })
  if (uri.length > MAX_CARD_URI_CHARACTERS) throw new MeshError('MESH_URI_INVALID', 'this card link is too long', { hint })
  let bytes: Uint8Array
  try {
    bytes = base64urlnopad.decode(uri.slice(PREFIX.length))
  } catch (cause) {
    throw new MeshError('MESH_URI_INVALID', 'this card link holds characters that do not belong there, or lost its end', { cause, hint })
  }
  try {
    return readCard(crypto, bytes)
  } catch (cause) {
    if (!isMeshError(cause)) throw cause
    throw new MeshError('MESH_URI_INVALID', sentenceFor(cause), { cause, hint })
  }
}

function sentenceFor(error: MeshError): string {
  if (error.code === 'MESH_SIGNATURE_INVALID') return 'this card link was changed or damaged: its signature does not fit'
  if (error.code === 'MESH_VERSION_UNKNOWN') return 'this card link was made by a newer version'
  return 'this card link is damaged or not complete'
}
