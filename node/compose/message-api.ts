/** What a running node answers about what is said (see node/control/messages.ts). */
import type { Contact } from '#mesh/contacts'
import type { ConversationSettings, MessageView } from '#mesh/conversations'
import { MeshError } from '#mesh/errors'
import { type EnvelopeId, type PersonId, parseEnvelopeId } from '#mesh/ids'
import type { Amended, AmendParams, ConversationInfo, MessageApi, MessageInfo, SearchAnswer, SendParams, ThreadInfo } from '#node/control'
import type { Carriage } from './carriage.ts'
import { searchAnswer } from './search.ts'
import { messageInfo, timeText } from './views.ts'

/** How far back ends of ids are looked for, messages. */
const LOOK_BACK = 1_000
const WHOLE_ID = /^[\w-]{43}$/
/** Fewer characters would soon mean several messages. */
const SHORTEST_END = 4

type Queued = Awaited<ReturnType<MessageApi['send']>>

/** See the head of this file. */
export class RunningMessageApi implements MessageApi {
  readonly #carriage: Pick<Carriage, 'contacts' | 'conversations'>
  readonly #self: PersonId

  constructor(carriage: Pick<Carriage, 'contacts' | 'conversations'>, self: PersonId) {
    this.#carriage = carriage
    this.#self = self
  }

  async send({ to, text, priority, bridge, thread, once }: SendParams): Promise<Queued> {
    const { contacts, conversations } = this.#carriage
    const contact = contacts.find(to)
    const options = { ...(priority === undefined ? {} : { priority }), ...(bridge === undefined ? {} : { mayCross: bridge }) }
    const begun = thread === undefined ? {} : { thread: (await this.#meant({ message: thread, in: contact.person })).id }
    return conversations.send(contact, text, { ...options, ...begun, ...(once === true ? { isOnce: true } : {}) })
  }

  async reply({ text, ...which }: AmendParams & { text: string }): Promise<Queued> {
    const { id, person } = await this.#meant(which)
    return this.#carriage.conversations.send(this.#contactOf(person), text, { replyTo: id })
  }

  async edit({ text, ...which }: AmendParams & { text: string }): Promise<Amended> {
    const { id } = await this.#meant(which, 'out')
    return { message: id, ...(await this.#carriage.conversations.amender.edit(id, text)) }
  }

  async delete(which: AmendParams): Promise<Amended> {
    const { id } = await this.#meant(which, 'out')
    return { message: id, ...(await this.#carriage.conversations.amender.delete(id)) }
  }

  async react({ emoji, undo, ...which }: AmendParams & { emoji: string; undo?: boolean }): Promise<Amended> {
    const { id } = await this.#meant(which)
    return { message: id, ...(await this.#carriage.conversations.amender.react(id, emoji, undo === undefined ? {} : { undo })) }
  }

  async thread(which: AmendParams): Promise<MessageInfo[]> {
    const { id, person } = await this.#meant(which)
    return this.#shown(await this.#carriage.conversations.thread(person, id))
  }

  async threads({ to }: { to: string }): Promise<ThreadInfo[]> {
    const { contacts, conversations } = this.#carriage
    const { person } = contacts.find(to)
    const threads = await conversations.threads(person)
    return threads.map(({ thread, first, count, lastMs }) => ({ thread, conversation: person, text: first?.text ?? '', messages: count, at: timeText(lastMs) }))
  }

  async read(which: AmendParams): Promise<MessageInfo> {
    const { id } = await this.#meant(which)
    return this.#info(await this.#carriage.conversations.reader.read(id))
  }

  async typing({ to, on }: { to: string; on: boolean }): Promise<{ told: boolean }> {
    const { contacts, conversations } = this.#carriage
    return { told: await conversations.reader.tellTyping(contacts.find(to), on) }
  }

  async conversationGet({ who }: { who: string }): Promise<ConversationInfo> {
    const { contacts, conversations } = this.#carriage
    return this.#settings(await conversations.reader.settings(contacts.find(who).person))
  }

  async conversationSet({ who, readReceipts, typing, ttlS }: Parameters<MessageApi['conversationSet']>[0]): Promise<ConversationInfo> {
    const { contacts, conversations } = this.#carriage
    const change = {
      ...(readReceipts === undefined ? {} : { readReceipts }),
      ...(typing === undefined ? {} : { typing }),
      ...(ttlS === undefined ? {} : { lifetimeS: ttlS }),
    }
    return this.#settings(await conversations.reader.set(contacts.find(who), change))
  }

  async log({ to, since, limit }: { to: string; since?: string; limit?: number }): Promise<MessageInfo[]> {
    const { contacts, conversations } = this.#carriage
    const { person } = contacts.find(to)
    const messages = await conversations.log(person, {
      ...(since === undefined ? {} : { since: parseEnvelopeId(since) }),
      ...(limit === undefined ? {} : { limit }),
    })
    return this.#shown(messages)
  }

  async search({ query, limit }: { query: string; limit?: number }): Promise<SearchAnswer> {
    const result = await this.#carriage.conversations.search(query, limit)
    return searchAnswer(result, await this.#shown(result.hits.map(({ message }) => message)))
  }

  /** The name given here to a person. */
  petnameOf(person: PersonId): string | undefined {
    return this.#carriage.contacts.get(person)?.petname
  }

  /** What is given to somebody who asks was read by him. */
  async #shown(messages: readonly MessageView[]): Promise<MessageInfo[]> {
    await this.#carriage.conversations.reader.markRead(messages)
    return messages.map((message) => this.#info(message))
  }

  #settings({ person, readReceipts, typing, lifetimeS, lifetimeBy }: ConversationSettings): ConversationInfo {
    const petname = this.petnameOf(person)
    return {
      conversation: person,
      ...(petname === undefined ? {} : { petname }),
      readReceipts,
      typing,
      ttlS: lifetimeS,
      ...(lifetimeBy === undefined ? {} : { ttlBy: lifetimeBy }),
    }
  }

  #info(message: MessageView): MessageInfo {
    return messageInfo(message, this.#self, (who) => this.petnameOf(who))
  }

  #contactOf(person: PersonId): Contact {
    const contact = this.#carriage.contacts.get(person)
    if (contact === undefined) throw new MeshError('MESH_CONTACT_UNKNOWN', 'this person is not known here')
    return contact
  }

  /** A message by its id, the end of it, or `last`: the last one of the other side, or with `out` the last own one. */
  async #meant({ message: typed, in: who }: AmendParams, last: 'in' | 'out' = 'in'): Promise<{ id: EnvelopeId; person: PersonId }> {
    const { contacts, conversations } = this.#carriage
    const people = who === undefined ? contacts.list().flatMap(({ state, person }) => (state === 'contact' ? [person] : [])) : [contacts.find(who).person]
    const wanted = typed.trim().replace(/^…/, '')
    if (WHOLE_ID.test(wanted)) {
      const id = parseEnvelopeId(wanted)
      const person = await conversations.personOf(id)
      if (person === undefined || (who !== undefined && !people.includes(person))) throw unknown(wanted)
      return { id, person }
    }
    if (wanted === 'last' && who === undefined)
      throw new MeshError('NODE_PARAMS_INVALID', 'the last message of whom?', { hint: 'Name the conversation with --in WHO.' })
    if (wanted !== 'last' && !(wanted.length >= SHORTEST_END && /^[\w-]+$/.test(wanted))) throw unknown(typed)
    const found: { id: EnvelopeId; person: PersonId }[] = []
    for (const person of people) {
      const messages = (await conversations.log(person, { limit: LOOK_BACK })).filter(({ isDeleted }) => !isDeleted)
      if (wanted === 'last') found.push(...messages.filter(({ direction }) => direction === last).slice(-1))
      else found.push(...messages.filter(({ id }) => id.endsWith(wanted)))
    }
    const [only] = found
    if (only === undefined) throw unknown(typed)
    if (found.length > 1) throw new MeshError('MESH_MESSAGE_UNKNOWN', `"${wanted}" is the end of ${found.length} messages`, { hint: 'Write more of the id.' })
    return only
  }
}

function unknown(typed: string): MeshError {
  return new MeshError('MESH_MESSAGE_UNKNOWN', `there is no message "${typed.slice(0, 64)}"`, {
    hint: 'Take an id that `qpq log` shows, the end of one, or "last".',
  })
}
