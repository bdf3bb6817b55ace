/**
 * What a message wants: to be shown, or to change one that was shown. One reader of contents, so that a
 * direct conversation and a group cannot understand them differently. Who may do what is not decided here.
 */
import { encode } from 'cborg'
import { decodeCbor, decodeUtf8, encodeUtf8 } from '#mesh/codec'
import { ENVELOPE_ID_BYTES, idBytes, type MessageId, messageIdOf } from '#mesh/ids'
import type { MimiContent } from './content.ts'
import { type BodyPart, DISPOSITION, SEMANTICS, type SinglePart } from './part.ts'

/** How texts are written: GitHub's Markdown without HTML and automatic links. */
export const MARKDOWN = 'text/markdown;variant=GFM-MIMI'
const PLAIN = 'text/plain;charset=utf-8'
const STATUS = 'application/mimi-message-status'
const READ = 2
/** Messages that one report can name. */
export const MAX_REPORTED = 256
/** Longest reaction, bytes: the longest emoji of families and flags have about 40. */
const MAX_REACTION_BYTES = 64

/** Extensions of our own; text keys are for private use. */
const TYPING = 'qpq.typing'
const LIFETIME = 'qpq.ttl'
const ONCE = 'qpq.once'
/** A year: the draft calls more than that hostile. */
export const MAX_LIFETIME_S = 31_536_000

/** See the head of this file. */
export type Intent =
  | { readonly kind: 'say' }
  | { readonly kind: 'edit'; readonly target: MessageId }
  | { readonly kind: 'delete'; readonly target: MessageId }
  | { readonly kind: 'react'; readonly target: MessageId; readonly emoji: string }
  | { readonly kind: 'unreact'; readonly target: MessageId; readonly reaction: MessageId }
  | { readonly kind: 'read'; readonly ids: readonly MessageId[] }
  | { readonly kind: 'typing'; readonly isOn: boolean }
  /** What is written here from now on is to go so many seconds after it was read; 0: no longer. */
  | { readonly kind: 'lifetime'; readonly seconds: number }
  /** Nothing that is known here, and nothing to show. */
  | { readonly kind: 'nothing' }

/** What a content wants. */
export function intentOf(content: MimiContent): Intent {
  const { replaces, inReplyTo, body, extensions } = content
  if (body.kind === 'null') {
    if (replaces !== undefined && body.disposition === DISPOSITION.reaction && inReplyTo !== undefined) {
      return { kind: 'unreact', target: inReplyTo, reaction: replaces }
    }
    if (replaces !== undefined) return { kind: 'delete', target: replaces }
    const [typing, lifetime] = [extensions.get(TYPING), extensions.get(LIFETIME)]
    if (typeof typing === 'boolean') return { kind: 'typing', isOn: typing }
    if (typeof lifetime === 'number' && isLifetime(lifetime)) return { kind: 'lifetime', seconds: lifetime }
    return { kind: 'nothing' }
  }
  if (body.disposition === DISPOSITION.reaction) {
    const emoji = body.kind === 'single' ? cleanReaction(textOf(body)) : undefined
    return inReplyTo === undefined || emoji === undefined ? { kind: 'nothing' } : { kind: 'react', target: inReplyTo, emoji }
  }
  if (body.kind === 'single' && body.contentType === STATUS) return { kind: 'read', ids: readIds(body.content) }
  return replaces === undefined ? { kind: 'say' } : { kind: 'edit', target: replaces }
}

/** Whether it is to be shown once and then forgotten. */
export function isOnce(content: MimiContent): boolean {
  return content.extensions.get(ONCE) === true
}

/** A body of one text. */
export function textBody(text: string): SinglePart {
  return { kind: 'single', disposition: DISPOSITION.render, language: '', contentType: MARKDOWN, content: encodeUtf8(text) }
}

/** What takes a message away, or with `reaction` a reaction. */
export function emptyBody(disposition: number = DISPOSITION.render): BodyPart {
  return { kind: 'null', disposition, language: '' }
}

export function reactionBody(emoji: string): SinglePart {
  return { kind: 'single', disposition: DISPOSITION.reaction, language: '', contentType: PLAIN, content: encodeUtf8(emoji) }
}

/** Says that messages were read. */
export function readReportBody(ids: readonly MessageId[]): SinglePart {
  const content = encode(ids.map((id) => [idBytes(id), READ]))
  return { kind: 'single', disposition: DISPOSITION.unspecified, language: '', contentType: STATUS, content }
}

/** Extensions that say what a text cannot. */
export function extensionsFor(said: { typing?: boolean; lifetimeS?: number; once?: boolean }): ReadonlyMap<string, unknown> {
  const map = new Map<string, unknown>()
  if (said.typing !== undefined) map.set(TYPING, said.typing)
  if (said.lifetimeS !== undefined) map.set(LIFETIME, said.lifetimeS)
  if (said.once === true) map.set(ONCE, true)
  return map
}

/** One visible character, as people count them, or `undefined`. */
export function cleanReaction(text: string | undefined): string | undefined {
  const emoji = text?.trim()
  if (emoji === undefined || emoji === '' || encodeUtf8(emoji).length > MAX_REACTION_BYTES || /[\s\p{Cc}]/u.test(emoji)) return undefined
  const [, second] = new Intl.Segmenter('en', { granularity: 'grapheme' }).segment(emoji)
  return second === undefined ? emoji : undefined
}

/** All that can be read of a body, as Markdown; what cannot stands there by its media type. */
export function bodyText(body: BodyPart): string {
  switch (body.kind) {
    case 'null':
      return ''
    case 'single':
      return textOf(body) ?? `[${body.contentType}]`
    case 'external':
      return `[${body.contentType}]`
    case 'unknown':
      return '[something that a newer program can show]'
    case 'multi': {
      if (body.semantics !== SEMANTICS.chooseOne) return body.parts.map(bodyText).join('\n')
      const readable = body.parts.find((part) => part.kind === 'single' && textOf(part) !== undefined)
      return bodyText(readable ?? body.parts[0] ?? emptyBody())
    }
  }
}

function textOf({ contentType, content }: SinglePart): string | undefined {
  if (!/^text\/(markdown|plain)\s*(;|$)/i.test(contentType)) return undefined
  try {
    return decodeUtf8(content)
  } catch (error) {
    if (error instanceof Error) return undefined // not the text it says it is
    throw error
  }
}

function readIds(bytes: Uint8Array): MessageId[] {
  let report: unknown
  try {
    report = decodeCbor(bytes, { strict: true, allowIndefinite: false })
  } catch (error) {
    if (error instanceof Error) return []
    throw error
  }
  if (!Array.isArray(report)) return []
  return report.slice(0, MAX_REPORTED).flatMap((entry: unknown) => {
    const [id, status] = Array.isArray(entry) ? (entry as unknown[]) : []
    return id instanceof Uint8Array && id.length === ENVELOPE_ID_BYTES && status === READ ? [messageIdOf(id)] : []
  })
}

function isLifetime(seconds: number): boolean {
  return Number.isInteger(seconds) && seconds >= 0 && seconds <= MAX_LIFETIME_S
}
