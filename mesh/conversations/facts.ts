/**
 * What a row of the history says beside the text: the fields of the content that people see, and what became
 * of the message since. A CBOR map with integer keys inside the sealed row; a newer program may add keys.
 */
import { base64urlnopad } from '@scure/base'
import { encode } from 'cborg'
import { decodeCbor } from '#mesh/codec'
import type { Effects } from '#mesh/content'
import { encodeBase64url, idBytes, type MessageId, messageIdOf, type PersonId } from '#mesh/ids'

/** See the head of this file. */
export interface Facts extends Effects {
  /** The name that others call the message by. */
  readonly ref: MessageId
  readonly inReplyTo?: MessageId
  /** The thread, base64url: the id of the message that began it. */
  readonly thread?: string
  /** It goes so many seconds after it was read, or sent from here. */
  readonly lifetimeS?: number
  /** When it goes, ms since 1970; absent until its time runs. */
  readonly endMs?: number
  /** It can be seen once; what was seen has no text any more, nor has what was sent. */
  readonly isOnce?: boolean
  /** When it was read here, ms since 1970; noted only when something follows from it. */
  readonly readMs?: number
}

/** Keys on disk; append only. */
const KEY = { ref: 0, inReplyTo: 1, thread: 2, revision: 3, isDeleted: 4, reactions: 5, lifetimeS: 6, endMs: 7, isOnce: 8, readMs: 9 } as const

export function encodeFacts({ ref, inReplyTo, thread, revision, isDeleted, reactions, ...rest }: Facts): Uint8Array {
  const map = new Map<number, unknown>([[KEY.ref, idBytes(ref)]])
  if (inReplyTo !== undefined) map.set(KEY.inReplyTo, idBytes(inReplyTo))
  if (thread !== undefined) map.set(KEY.thread, thread)
  if (revision !== undefined) map.set(KEY.revision, [revision.stamp.ms, revision.stamp.counter, idBytes(revision.id)])
  if (isDeleted === true) map.set(KEY.isDeleted, true)
  if (reactions !== undefined && reactions.length > 0) {
    map.set(
      KEY.reactions,
      reactions.map(({ id, by, emoji }) => [idBytes(id), by, emoji]),
    )
  }
  for (const name of ['lifetimeS', 'endMs', 'readMs'] as const) if (rest[name] !== undefined) map.set(KEY[name], rest[name])
  if (rest.isOnce === true) map.set(KEY.isOnce, true)
  return encode(map)
}

/** Sealed by this node, so it is what it was when it was checked. */
export function decodeFacts(bytes: Uint8Array): Facts {
  const map = decodeCbor(bytes, { useMaps: true }) as Map<number, unknown>
  const inReplyTo = map.get(KEY.inReplyTo) as Uint8Array | undefined
  const thread = map.get(KEY.thread) as string | undefined
  const revision = map.get(KEY.revision) as [number, number, Uint8Array] | undefined
  const reactions = map.get(KEY.reactions) as [Uint8Array, PersonId, string][] | undefined
  return {
    ref: messageIdOf(map.get(KEY.ref) as Uint8Array),
    ...(inReplyTo === undefined ? {} : { inReplyTo: messageIdOf(inReplyTo) }),
    ...(thread === undefined ? {} : { thread }),
    ...(revision === undefined ? {} : { revision: { stamp: { ms: revision[0], counter: revision[1] }, id: messageIdOf(revision[2]) } }),
    ...numbersIn(map),
    ...(map.get(KEY.isOnce) === true ? { isOnce: true } : {}),
    ...(map.get(KEY.isDeleted) === true ? { isDeleted: true } : {}),
    ...(reactions === undefined ? {} : { reactions: reactions.map(([id, by, emoji]) => ({ id: messageIdOf(id), by, emoji })) }),
  }
}

function numbersIn(map: Map<number, unknown>): Partial<Pick<Facts, 'lifetimeS' | 'endMs' | 'readMs'>> {
  const named = (['lifetimeS', 'endMs', 'readMs'] as const).map((name) => [name, map.get(KEY[name])])
  return Object.fromEntries(named.filter(([, value]) => value !== undefined))
}

/** A thread as it is shown and typed. */
export function threadText(topicId: Uint8Array): string {
  return encodeBase64url(topicId)
}

/** The bytes of a thread. */
export function topicOf(thread: string): Uint8Array {
  return base64urlnopad.decode(thread)
}
