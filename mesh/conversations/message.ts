/**
 * What is inside the seal: a CBOR map with integer keys; unknown keys are ignored, so that newer
 * versions can say more.
 *
 * ```
 * 0 type: "message" | "request" | "verify"   1 certificate of the device     2 binding: the device's signature over the author key
 * 3 seq: 1, 2, … per conversation    4 parents: ids, ≤ 16            5 text, ≤ 32 KiB
 * 6 composed at, ms since 1970       7 card, until the other side is known to have it
 * 8 content (`mesh/content`), which is then there instead of a text
 * 20 step of a comparison (`mesh/verification`), of type "verify" only
 * ```
 */
import { encode } from 'cborg'
import { decodeStrictCbor, encodeUtf8 } from '#mesh/codec'
import { decodeContent, encodeContent, MAX_CONTENT_BYTES, type MimiContent } from '#mesh/content'
import { MeshError } from '#mesh/errors'
import { MAX_CARD_BYTES, MAX_CERTIFICATE_BYTES } from '#mesh/identity'
import { ENVELOPE_ID_BYTES, type EnvelopeId, envelopeIdOf, idBytes } from '#mesh/ids'
import { MAX_STEP_BYTES } from '#mesh/verification'

/** What one device says to one person. */
export interface MessageContent {
  readonly type: 'message' | 'request' | 'verify'
  readonly certificate: Uint8Array
  readonly binding: Uint8Array
  readonly seq: number
  /** The last messages that the author had seen or written. */
  readonly parents: readonly EnvelopeId[]
  /** As programs from before there was content wrote it; empty beside a content. */
  readonly text: string
  readonly content?: MimiContent
  /** By the author's wall clock: for people to read, never for order. */
  readonly composedMs: number
  readonly card?: Uint8Array
  /** Of type `verify`: see `mesh/verification`. */
  readonly step?: Uint8Array
}

/** Longest text, in bytes of UTF-8: half of the largest envelope, so that it always fits with what is around it. */
export const MAX_TEXT_BYTES = 32_768
/** Heads that a message can follow. */
export const MAX_PARENTS = 16
const SIGNATURE_BYTES = 64
const STEP = 20

/** Asserts that a text can be sent. @throws MeshError `MESH_TEXT_INVALID` */
export function assertText(text: string): void {
  if (text.trim() === '') throw new MeshError('MESH_TEXT_INVALID', 'there is no text to send', { hint: 'Write something after the name.' })
  if (!text.isWellFormed()) throw new MeshError('MESH_TEXT_INVALID', 'the text is not valid Unicode', { hint: 'Write it in UTF-8.' })
  const bytes = encodeUtf8(text).length
  if (bytes > MAX_TEXT_BYTES) {
    throw new MeshError('MESH_TEXT_INVALID', `the text has ${bytes} bytes, and a message holds ${MAX_TEXT_BYTES}`, {
      detail: { bytes },
      hint: 'Send it in parts.',
    })
  }
}

/** The bytes that are padded and sealed. */
export function encodeMessage(content: MessageContent): Uint8Array {
  const map = new Map<number, unknown>([
    [0, content.type],
    [1, content.certificate],
    [2, content.binding],
    [3, content.seq],
    [4, content.parents.map(idBytes)],
    content.content === undefined ? [5, content.text] : [8, encodeContent(content.content)],
    [6, content.composedMs],
  ])
  if (content.card !== undefined) map.set(7, content.card)
  if (content.step !== undefined) map.set(STEP, content.step)
  return encode(map)
}

/** Reads what a stranger may have written. @throws MeshError `MESH_BYTES_INVALID`, `MESH_VERSION_UNKNOWN` (peer) */
export function decodeMessage(bytes: Uint8Array): MessageContent {
  const map = decodeMap(bytes)
  const type = map.get(0)
  if (typeof type === 'string' && !isType(type)) throw new MeshError('MESH_VERSION_UNKNOWN', 'this kind of message is not known here')
  const [certificate, binding, seq, parents, composedMs, card] = [1, 2, 3, 4, 6, 7].map((key) => map.get(key))
  if (!isType(type)) throw invalid('type')
  const step = type === 'verify' ? map.get(STEP) : undefined
  if (type === 'verify' && !isBytes(step, 1, MAX_STEP_BYTES)) throw invalid('step')
  if (!isBytes(certificate, 1, MAX_CERTIFICATE_BYTES)) throw invalid('certificate')
  if (!isBytes(binding, SIGNATURE_BYTES, SIGNATURE_BYTES)) throw invalid('binding')
  if (!isCount(seq) || !isCount(composedMs)) throw invalid('number')
  if (!Array.isArray(parents) || parents.length > MAX_PARENTS || !parents.every(isId)) throw invalid('parents')
  if (card !== undefined && !isBytes(card, 1, MAX_CARD_BYTES)) throw invalid('card')
  const content = { type, certificate, binding, seq, parents: parents.map(envelopeIdOf), ...saidIn(map.get(5), map.get(8)), composedMs } as const
  return { ...content, ...(card === undefined ? {} : { card }), ...(isBytes(step, 1, MAX_STEP_BYTES) ? { step } : {}) }
}

/** A text or a content, and not both: two readers must not see two messages. */
function saidIn(text: unknown, content: unknown): Pick<MessageContent, 'text' | 'content'> {
  if (content === undefined) {
    if (typeof text !== 'string' || encodeUtf8(text).length > MAX_TEXT_BYTES) throw invalid('text')
    return { text }
  }
  if (text !== undefined || !isBytes(content, 1, MAX_CONTENT_BYTES)) throw invalid('content')
  return { text: '', content: decodeContent(content) }
}

function decodeMap(bytes: Uint8Array): Map<unknown, unknown> {
  const value = decodeStrictCbor(bytes)
  if (value instanceof Map) return value
  throw invalid('shape')
}

function isType(value: unknown): value is MessageContent['type'] {
  return value === 'message' || value === 'request' || value === 'verify'
}

function isBytes(value: unknown, min: number, max: number): value is Uint8Array {
  return value instanceof Uint8Array && value.length >= min && value.length <= max
}

function isId(value: unknown): value is Uint8Array {
  return isBytes(value, ENVELOPE_ID_BYTES, ENVELOPE_ID_BYTES)
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
}

function invalid(field: string): MeshError {
  return new MeshError('MESH_BYTES_INVALID', `a message has a bad ${field}`, { detail: { field } })
}
