/** Between contents and rows: what of a content is kept, and what it asks for. */
import { bodyText, directRoomUri, encodeContent, isOnce, MAX_LIFETIME_S, type MimiContent, messageId, type Operation } from '#mesh/content'
import type { Stamp } from '#mesh/envelope'
import type { MessageId, PersonId } from '#mesh/ids'
import { type Facts, threadText } from './facts.ts'
import type { MessageRow } from './history.ts'

/** Whose words they are, and between whom. */
export interface Saying {
  readonly by: PersonId
  /** The other one of the two. */
  readonly to: PersonId
  readonly content: MimiContent
}

/** The name that everybody calls it by. */
export function nameOf({ by, to, content }: Saying): MessageId {
  return messageId(by, directRoomUri(by, to), encodeContent(content), content.salt)
}

/** What a row keeps of a message that is to be shown. */
export function keptOf(saying: Saying): Pick<MessageRow, 'text'> & { readonly facts: Facts } {
  const { topicId, inReplyTo, body, expires } = saying.content
  const facts: Facts = {
    ref: nameOf(saying),
    ...(inReplyTo === undefined ? {} : { inReplyTo }),
    ...(topicId === undefined ? {} : { thread: threadText(topicId) }),
    ...(expires?.isRelative === true && expires.timeS > 0 ? { lifetimeS: Math.min(expires.timeS, MAX_LIFETIME_S) } : {}),
    ...(isOnce(saying.content) ? { isOnce: true } : {}),
  }
  return { text: bodyText(body), facts }
}

/** What is to be done to another message. */
export function operationOf(saying: Saying, intent: Operation['intent'], stamp: Stamp): Operation {
  return { id: nameOf(saying), by: saying.by, stamp, intent, text: intent.kind === 'edit' ? bodyText(saying.content.body) : '' }
}
