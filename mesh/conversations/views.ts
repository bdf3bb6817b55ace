import { type EnvelopeId, envelopeIdOf, type MessageId, messageIdOf, type PersonId } from '#mesh/ids'
import type { Changes } from './changes.ts'
import type { ConversationsDeps } from './deps.ts'
import { type Facts, topicOf } from './facts.ts'
import type { History, KeptState, MessageRow } from './history.ts'
import { mentionsIn } from './mentions.ts'

/** How far a message has come. */
export type MessageState = KeptState | 'carried'

/** A message as people see it: its text is what its author made of it since. */
export interface MessageView extends Omit<MessageRow, 'state' | 'isShown' | 'facts'> {
  readonly state: MessageState
  /** How many messages that it follows are not here. */
  readonly missing: number
  readonly isEdited: boolean
  readonly isDeleted: boolean
  /** Who reacted how. */
  readonly reactions: readonly { readonly by: PersonId; readonly emoji: string }[]
  /** What it answers; of what is not here, the name that its author called it by. */
  readonly inReplyTo?: EnvelopeId
  /** The message that began the thread, likewise. */
  readonly thread?: EnvelopeId
  readonly mentions: readonly PersonId[]
  /** It goes so many seconds after it was read. */
  readonly lifetimeS?: number
  /** When it goes, ms since 1970. */
  readonly endMs?: number
  readonly readMs?: number
  /** It can be seen once, by `Reader.read`; its text is not here. */
  readonly isOnce: boolean
}

/** From rows to what people see: with what follows from other tables at the moment of looking. */
export class Views {
  readonly #deps: Pick<ConversationsDeps, 'db' | 'ledger'>
  readonly #history: History
  readonly #changes: Changes

  constructor(deps: Pick<ConversationsDeps, 'db' | 'ledger'>, history: History, changes: Changes) {
    this.#deps = deps
    this.#history = history
    this.#changes = changes
  }

  async of(row: MessageRow): Promise<MessageView> {
    const { db, ledger } = this.#deps
    const { isShown: _, facts, ...shown } = row
    let missing = 0
    for (const parent of row.parents) if (!(await this.#history.has(db, parent))) missing += 1
    const isCarried = row.state === 'queued' && ledger.get(row.id)?.state === 'carried'
    const once = facts?.isOnce === true ? { text: '' } : {}
    return {
      ...shown,
      ...once,
      state: isCarried ? 'carried' : row.state,
      missing,
      mentions: mentionsIn(facts?.isOnce === true ? '' : row.text),
      ...(await this.#saidBeside(facts)),
    }
  }

  async #saidBeside(facts: Facts | undefined): Promise<Omit<MessageView, keyof MessageRow | 'missing' | 'mentions'>> {
    const { inReplyTo, thread, lifetimeS, endMs, readMs } = facts ?? {}
    return {
      isEdited: facts?.revision !== undefined,
      isDeleted: facts?.isDeleted === true,
      isOnce: facts?.isOnce === true,
      ...(lifetimeS === undefined ? {} : { lifetimeS }),
      ...(endMs === undefined ? {} : { endMs }),
      ...(readMs === undefined ? {} : { readMs }),
      reactions: (facts?.reactions ?? []).map(({ by, emoji }) => ({ by, emoji })),
      ...(inReplyTo === undefined ? {} : { inReplyTo: await this.#shownId(inReplyTo) }),
      ...(thread === undefined ? {} : { thread: await this.#threadOf(thread) }),
    }
  }

  #shownId(ref: MessageId): Promise<EnvelopeId> {
    return this.#changes.envelopeOf(this.#deps.db, ref)
  }

  /** Others may call a thread as they like; what is no id stays what it is. */
  #threadOf(thread: string): Promise<EnvelopeId> | EnvelopeId {
    const topic = topicOf(thread)
    const padded = new Uint8Array(32)
    padded.set(topic.subarray(0, 32))
    return topic.length === 32 ? this.#shownId(messageIdOf(topic)) : envelopeIdOf(padded)
  }
}
