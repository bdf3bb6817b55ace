/** What this person does to messages that were written: answer, edit, delete, react. Each is a message of its own that follows the rest, and nothing follows it. */
import type { Contact } from '#mesh/contacts'
import { cleanReaction, DISPOSITION, emptyBody, type MimiContent, type Operation, reactionBody, textBody } from '#mesh/content'
import { MeshError } from '#mesh/errors'
import type { EnvelopeId, MessageId } from '#mesh/ids'
import { type Changes, refOf } from './changes.ts'
import type { Composer } from './composer.ts'
import type { ConversationsDeps } from './deps.ts'
import type { History, MessageRow } from './history.ts'
import { linkMentions } from './mentions.ts'
import { assertText } from './message.ts'

/** What was done, and in which envelope it travels. */
export interface Amended {
  readonly id: EnvelopeId
  readonly state: 'queued'
}

/** See the head of this file. */
export class Amender {
  readonly #deps: Pick<ConversationsDeps, 'db' | 'contacts' | 'self' | 'mayCross'>
  readonly #history: History
  readonly #changes: Changes
  readonly #composer: Composer

  constructor(deps: Pick<ConversationsDeps, 'db' | 'contacts' | 'self' | 'mayCross'>, history: History, changes: Changes, composer: Composer) {
    this.#deps = deps
    this.#history = history
    this.#changes = changes
    this.#composer = composer
  }

  /** Says something else instead. @throws MeshError `MESH_MESSAGE_UNKNOWN`, `MESH_MESSAGE_FOREIGN`, `MESH_TEXT_INVALID` and as `send` */
  async edit(id: EnvelopeId, typed: string): Promise<Amended> {
    assertText(typed)
    const text = linkMentions(typed, this.#deps.contacts)
    return this.#amend(id, (row) => {
      const target = this.#ownOf(row)
      if (row.facts?.isOnce === true)
        throw new MeshError('MESH_MESSAGE_FOREIGN', 'what can be seen once cannot be edited', { hint: 'Delete it and write anew.' })
      return { content: { replaces: target, body: textBody(text), ...repliesOf(row) }, intent: { kind: 'edit', target } }
    })
  }

  /** Takes a message away, here and wherever it arrived. @throws as `edit` */
  delete(id: EnvelopeId): Promise<Amended> {
    return this.#amend(id, (row) => {
      const target = this.#ownOf(row)
      return { content: { replaces: target, body: emptyBody() }, intent: { kind: 'delete', target } }
    })
  }

  /** Adds a reaction, or takes it back. @throws MeshError `MESH_MESSAGE_UNKNOWN`, `MESH_TEXT_INVALID` and as `send` */
  react(id: EnvelopeId, typed: string, options: { undo?: boolean } = {}): Promise<Amended> {
    const emoji = cleanReaction(typed)
    if (emoji === undefined) throw new MeshError('MESH_TEXT_INVALID', 'this is not one visible character', { hint: 'A reaction is one emoji, such as 👍.' })
    return this.#amend(id, (row) => {
      const target = refOf(row)
      const own = row.facts?.reactions?.find((reaction) => reaction.by === this.#deps.self.keys.person && reaction.emoji === emoji)
      if (options.undo !== true) {
        if (own !== undefined) throw new MeshError('MESH_MESSAGE_FOREIGN', 'you have reacted with it already', { hint: 'Take it back with --undo.' })
        return { content: { inReplyTo: target, body: reactionBody(emoji) }, intent: { kind: 'react', target, emoji } }
      }
      if (own === undefined) throw new MeshError('MESH_MESSAGE_UNKNOWN', `you have not reacted with ${emoji}`, { hint: '`qpq log` shows who reacted how.' })
      const body = emptyBody(DISPOSITION.reaction)
      return { content: { replaces: own.id, inReplyTo: target, body }, intent: { kind: 'unreact', target, reaction: own.id } }
    })
  }

  async #amend(
    id: EnvelopeId,
    make: (row: MessageRow) => { content: Omit<MimiContent, 'salt' | 'extensions'>; intent: Operation['intent'] },
  ): Promise<Amended> {
    const { db, mayCross = true } = this.#deps
    return db.transaction(async (tx) => {
      const row = await this.#history.message(tx, id)
      if (row === undefined) throw noSuchMessage()
      if (row.facts?.isDeleted === true) throw new MeshError('MESH_MESSAGE_UNKNOWN', 'this message was deleted')
      const { content, intent } = make(row)
      const options = { priority: 'normal', mayCross: row.mayCross ?? mayCross } as const
      const sent = await this.#composer.operation(tx, this.#contactOf(row), content, intent, options)
      await this.#changes.take(tx, row.person, sent.operation)
      return { id: sent.id, state: 'queued' }
    })
  }

  #contactOf({ person }: MessageRow): Contact {
    const contact = this.#deps.contacts.current(person)
    if (contact === undefined) throw new MeshError('MESH_CONTACT_UNKNOWN', 'this person is not known here')
    return contact
  }

  #ownOf(row: MessageRow): MessageId {
    if (row.direction === 'out') return refOf(row)
    throw new MeshError('MESH_MESSAGE_FOREIGN', 'this message is not yours', { hint: 'Only who wrote a message can edit or delete it.' })
  }
}

/** An edit changes the words and nothing else. */
function repliesOf({ facts }: MessageRow): Pick<MimiContent, 'inReplyTo'> {
  return facts?.inReplyTo === undefined ? {} : { inReplyTo: facts.inReplyTo }
}

/** For an id that no message here has. */
export function noSuchMessage(): MeshError {
  return new MeshError('MESH_MESSAGE_UNKNOWN', 'there is no such message here', { hint: 'Take an id that `qpq log` shows, or its end.' })
}
