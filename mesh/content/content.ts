/**
 * What people say to each other, as draft-ietf-mimi-content-08 writes it: one CBOR array in deterministic
 * encoding (RFC 8949 §4.2.1), the same in a direct conversation and in a group.
 *
 * ```
 * [ salt 16, replaces null / id, topicId bstr, expires null / [relative, seconds], inReplyTo null / id,
 *   extensions {int or text: anything}, body [disposition, language, cardinality, …] ]
 * ```
 * Bytes in any other encoding are refused, so what is decoded and encoded again has the same id. Parts,
 * dispositions, media types and extensions that are not known here survive that.
 */
import { encode, rfc8949EncodeOptions } from 'cborg'
import { decodeStrictCbor, encodeUtf8, equalBytes } from '#mesh/codec'
import { MeshError } from '#mesh/errors'
import { ENVELOPE_ID_BYTES, idBytes, type MessageId, messageIdOf } from '#mesh/ids'
import { type BodyPart, readPart, writePart } from './part.ts'

/** When a message is to go: so many seconds after it was read, or at a time in seconds since 1970. A wish, never a promise. */
export interface Expiration {
  readonly isRelative: boolean
  readonly timeS: number
}

/** One message; never changed in place. */
export interface MimiContent {
  /** 16 random bytes: nobody can guess an id from a short text. */
  readonly salt: Uint8Array
  /** The message that this one takes the place of. */
  readonly replaces?: MessageId
  /** Groups messages into a thread; absent outside of one. */
  readonly topicId?: Uint8Array
  readonly expires?: Expiration
  readonly inReplyTo?: MessageId
  readonly extensions: ReadonlyMap<number | bigint | string, unknown>
  readonly body: BodyPart
}

export const SALT_BYTES = 16
/** The longest content: a text of 32 KiB and 8 KiB for what stands around it. */
export const MAX_CONTENT_BYTES = 40_960
/** A topic is the id of the message that began it. Others may choose otherwise, within this. */
export const MAX_TOPIC_BYTES = 64
/** Far more than is in use; each is kept as it is. */
const MAX_EXTENSIONS = 16
/** As the draft has it. */
const MAX_EXTENSION_BYTES = 4_096
const MAX_NAME_BYTES = 255
/** Nesting of an extension's value in arrays and maps; the map of extensions is the first of the draft's four levels. */
const MAX_EXTENSION_DEPTH = 3
const MAX_U32 = 0xffff_ffff

/** What was written down once is not written again: a content is sealed and named by the same bytes. */
const written = new WeakMap<MimiContent, Uint8Array>()

/** The bytes that the id is a hash over. @throws MeshError `MESH_TEXT_INVALID` when they are too many */
export function encodeContent(content: MimiContent): Uint8Array {
  const known = written.get(content)
  if (known !== undefined) return known
  const bytes = encoded(content)
  written.set(content, bytes)
  return bytes
}

function encoded(content: MimiContent): Uint8Array {
  const { salt, replaces, topicId, expires, inReplyTo, extensions, body } = content
  const bytes = encode(
    [
      salt,
      replaces === undefined ? null : idBytes(replaces),
      topicId ?? new Uint8Array(0),
      expires === undefined ? null : [expires.isRelative, expires.timeS],
      inReplyTo === undefined ? null : idBytes(inReplyTo),
      extensions,
      writePart(body),
    ],
    rfc8949EncodeOptions,
  )
  if (bytes.length > MAX_CONTENT_BYTES) {
    throw new MeshError('MESH_TEXT_INVALID', `the message has ${bytes.length} bytes, and ${MAX_CONTENT_BYTES} fit into one`, { hint: 'Send it in parts.' })
  }
  return bytes
}

/** Reads what a stranger may have written. @throws MeshError `MESH_FRAME_TOO_LARGE`, `MESH_BYTES_INVALID` (peer) */
export function decodeContent(bytes: Uint8Array): MimiContent {
  if (bytes.length > MAX_CONTENT_BYTES) throw new MeshError('MESH_FRAME_TOO_LARGE', 'a content is too long', { detail: { bytes: bytes.length } })
  const content = read(decodeStrictCbor(bytes))
  if (equalBytes(encodeContent(content), bytes)) return content
  throw new MeshError('MESH_BYTES_INVALID', 'a content is not in its one deterministic encoding')
}

function read(value: unknown): MimiContent {
  if (!Array.isArray(value) || value.length !== 7) throw invalid('shape')
  const [salt, replaces, topicId, expires, inReplyTo, extensions, body] = value as unknown[]
  if (!(salt instanceof Uint8Array) || salt.length !== SALT_BYTES) throw invalid('salt')
  if (!(topicId instanceof Uint8Array) || topicId.length > MAX_TOPIC_BYTES) throw invalid('topic')
  if (!(extensions instanceof Map) || !areExtensions(extensions)) throw invalid('extensions')
  const known = { salt, extensions, body: readPart(body) }
  return {
    ...known,
    ...(replaces === null ? {} : { replaces: idIn(replaces) }),
    ...(topicId.length === 0 ? {} : { topicId }),
    ...(expires === null ? {} : { expires: expirationIn(expires) }),
    ...(inReplyTo === null ? {} : { inReplyTo: idIn(inReplyTo) }),
  }
}

function idIn(value: unknown): MessageId {
  if (!(value instanceof Uint8Array) || value.length !== ENVELOPE_ID_BYTES) throw invalid('message id')
  return messageIdOf(value)
}

function expirationIn(value: unknown): Expiration {
  if (!Array.isArray(value) || value.length !== 2) throw invalid('expiration')
  const [isRelative, timeS] = value as unknown[]
  if (typeof isRelative !== 'boolean' || typeof timeS !== 'number' || !Number.isInteger(timeS) || timeS < 0 || timeS > MAX_U32) throw invalid('expiration')
  return { isRelative, timeS }
}

function areExtensions(map: Map<unknown, unknown>): map is Map<number | bigint | string, unknown> {
  if (map.size > MAX_EXTENSIONS) return false
  for (const [key, value] of map) {
    const isName = typeof key === 'string' && key !== '' && encodeUtf8(key).length <= MAX_NAME_BYTES
    if (!isName && typeof key !== 'number' && typeof key !== 'bigint') return false
    if (!isShallow(value, MAX_EXTENSION_DEPTH)) return false
    if (encode(value, rfc8949EncodeOptions).length > MAX_EXTENSION_BYTES) return false
  }
  return true
}

function isShallow(value: unknown, levels: number): boolean {
  if (value instanceof Map) return levels > 0 && [...value].every(([key, inner]) => !(key instanceof Map || Array.isArray(key)) && isShallow(inner, levels - 1))
  return !Array.isArray(value) || (levels > 0 && value.every((inner) => isShallow(inner, levels - 1)))
}

function invalid(field: string): MeshError {
  return new MeshError('MESH_BYTES_INVALID', `a content has a bad ${field}`, { detail: { field } })
}
