/**
 * What becomes of a message when others refer to it. A pure fold: whoever has the same operations comes to
 * the same result, in whatever order they came (above the limit of reactions those with the smallest ids stay).
 *
 * - Only its author edits or deletes a message; who that is, the caller has proven.
 * - The last edit counts. Stamps of the hybrid clock come first, ids second: a device's stamps only grow, and
 *   they grow past what it has read, so an edit that follows another one stands behind it.
 * - What was deleted stays deleted, whatever comes later, and nothing of it is kept.
 */
import { compareStamps, type Stamp } from '#mesh/envelope'
import type { MessageId, PersonId } from '#mesh/ids'
import type { Intent } from './intent.ts'

/** A reaction that was not taken back. */
export interface Reaction {
  /** The message that it came in. */
  readonly id: MessageId
  readonly by: PersonId
  readonly emoji: string
}

/** The edit that wrote the text. */
export interface Revision {
  readonly stamp: Stamp
  readonly id: MessageId
}

/** What was done to a message since it was written. */
export interface Effects {
  readonly revision?: Revision
  readonly isDeleted?: boolean
  /** In the order of their ids. */
  readonly reactions?: readonly Reaction[]
}

/** An operation whose author is proven. */
export interface Operation {
  readonly id: MessageId
  readonly by: PersonId
  readonly stamp: Stamp
  readonly intent: Extract<Intent, { kind: 'edit' | 'delete' | 'react' | 'unreact' }>
  /** What an edit says instead. */
  readonly text: string
}

/** Reactions of one person to one message; further ones are dropped. */
export const MAX_REACTIONS_EACH = 16
/** Reactions to one message, of everybody. */
export const MAX_REACTIONS = 256

/** What an operation makes of a message, or `undefined` when it changes nothing. */
export function applied<T extends Effects & { readonly text: string }>(message: T, author: PersonId, operation: Operation): T | undefined {
  const { intent, by, id, stamp, text } = operation
  if (message.isDeleted === true) return undefined
  switch (intent.kind) {
    case 'edit': {
      if (by !== author || (message.revision !== undefined && !isLater(operation, message.revision))) return undefined
      return { ...message, text, revision: { stamp, id } }
    }
    case 'delete': {
      if (by !== author) return undefined
      const { revision: _, ...rest } = message
      return { ...(rest as T), text: '', isDeleted: true, reactions: [] }
    }
    case 'react': {
      const reactions = withReaction(message.reactions ?? [], { id, by, emoji: intent.emoji })
      return reactions === undefined ? undefined : { ...message, reactions }
    }
    case 'unreact': {
      const before = message.reactions ?? []
      const reactions = before.filter((reaction) => reaction.id !== intent.reaction || reaction.by !== by)
      return reactions.length === before.length ? undefined : { ...message, reactions }
    }
  }
}

function isLater(a: Revision, b: Revision): boolean {
  const order = compareStamps(a.stamp, b.stamp)
  return order > 0 || (order === 0 && a.id > b.id)
}

function withReaction(before: readonly Reaction[], added: Reaction): Reaction[] | undefined {
  if (before.some(({ id }) => id === added.id)) return undefined
  const sorted = [...before, added].sort((a, b) => (a.id < b.id ? -1 : 1))
  const own = sorted.filter(({ by }) => by === added.by).slice(0, MAX_REACTIONS_EACH)
  const kept = sorted.filter((reaction) => reaction.by !== added.by || own.includes(reaction)).slice(0, MAX_REACTIONS)
  return kept.includes(added) ? kept : undefined
}
