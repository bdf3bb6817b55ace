import type { MessageInfo, WatchEvent } from '#node/control'
import { markdownLines, type NameOf, withNames } from './markdown.ts'
import { callName, clockTime, duration, shortId } from './names.ts'
import { plain, plainLines, type Span } from './sink.ts'

/** Characters of an id beside a message, enough to name it to `reply`, `edit` and others. */
const ID_END = 5
/** Characters of what an answer quotes. */
const QUOTED = 40

/** How messages are shown. */
export interface Looks {
  /** For people at a terminal: with the ends of ids, and Markdown as it is meant. */
  readonly isRich?: boolean
}

/** Messages in their order; an answer quotes what it answers when that is among them. */
export function conversationLines(messages: readonly MessageInfo[], looks: Looks = {}): Span[][] {
  const shown = new Map<string, MessageInfo>()
  return messages.flatMap((message) => {
    shown.set(message.id, message)
    return messageLines(message, looks, message.inReplyTo === undefined ? undefined : shown.get(message.inReplyTo))
  })
}

/** One message; its further lines are indented, so that a text cannot pass for somebody else's line. */
export function messageLines(message: MessageInfo, looks: Looks = {}, answered?: MessageInfo): Span[][] {
  const own = message.direction === 'out'
  const lines: Span[][] = []
  if (message.missing !== undefined && message.missing > 0) {
    lines.push([{ style: 'dim', text: `      ${message.missing} earlier ${message.missing === 1 ? 'message is' : 'messages are'} still on the way` }])
  }
  if (message.inReplyTo !== undefined) {
    lines.push([{ style: 'dim', text: `      > ${answered === undefined ? `…${message.inReplyTo.slice(-ID_END)}` : quoteOf(answered)}` }])
  }
  const [first = [], ...more] = textSpans(message, looks)
  const end = endOf(message, looks)
  const head: Span[] = [
    { style: 'dim', text: `${clockTime(message.at)} ` },
    { style: own ? 'bold' : 'name', text: `${whoSaid(message)}: ` },
  ]
  lines.push([...head, ...first, ...(more.length === 0 ? end : [])])
  more.forEach((spans, i) => {
    lines.push([{ style: 'dim', text: '      | ' }, ...spans, ...(i === more.length - 1 ? end : [])])
  })
  if (message.reactions !== undefined) lines.push([{ style: 'dim', text: '      ' }, reactionsOf(message)])
  return lines
}

/** What a message has become. */
export function changeLines(event: Extract<WatchEvent, { event: 'changed' }>, looks: Looks = {}): Span[][] {
  const id = `…${event.id.slice(-ID_END)}`
  if (event.change === 'viewed') return []
  if (event.change === 'reacted') {
    return [[{ style: 'dim', text: `      reactions to ${id} (${quoteOf(event)}): ${reactionsOf(event)}` }]]
  }
  return [[{ style: 'dim', text: `      ${whoSaid(event)} ${event.change} ${id}` }], ...(event.change === 'edited' ? messageLines(event, looks) : [])]
}

function whoSaid(message: MessageInfo): string {
  return message.direction === 'out' ? 'you' : (message.fromPetname ?? shortId(message.from))
}

function textSpans(message: MessageInfo, { isRich }: Looks): Span[][] {
  if (message.deleted === true) return [[{ style: 'dim', text: '(deleted)' }]]
  if (message.once === true && message.text === '') return [[{ style: 'dim', text: onceOf(message) }]]
  if (isRich === true) return markdownLines(message.text, namesIn(message))
  return plainLines(withNames(message.text, namesIn(message))).map((line) => [line])
}

function onceOf({ direction, readAt, id }: MessageInfo): string {
  if (direction === 'out') return '(can be seen once)'
  return readAt === undefined ? `(can be seen once: read …${id.slice(-ID_END)})` : '(was seen once)'
}

/** Whom a text mentions, by the names given here. */
function namesIn({ mentions = [] }: MessageInfo): NameOf {
  return (uri) => {
    const found = mentions.find(({ person }) => person === uri)
    return found === undefined ? undefined : found.you === true ? 'you' : callName(found)
  }
}

/** State, whether it was edited, and the end of the id. */
function endOf(message: MessageInfo, { isRich }: Looks): Span[] {
  const end: Span[] = []
  if (message.ttlS !== undefined) end.push({ style: 'dim', text: `  (${duration(message.ttlS)})` })
  if (message.edited === true) end.push({ style: 'dim', text: '  (edited)' })
  if (message.state !== undefined) end.push({ style: message.state === 'expired' ? 'bad' : 'dim', text: `  (${message.state})` })
  if (isRich === true) {
    if (message.thread !== undefined && message.thread !== message.id) end.push({ style: 'dim', text: `  in …${message.thread.slice(-ID_END)}` })
    end.push({ style: 'dim', text: `  …${message.id.slice(-ID_END)}` })
  }
  return end
}

function quoteOf(message: MessageInfo): string {
  if (message.deleted === true) return `${whoSaid(message)}: (deleted)`
  if (message.once === true && message.text === '') return `${whoSaid(message)}: (to be seen once)`
  const text = plain(withNames(message.text, namesIn(message)))
  return `${whoSaid(message)}: ${text.length > QUOTED ? `${text.slice(0, QUOTED)}…` : text}`
}

function reactionsOf({ reactions = [], conversation }: MessageInfo): string {
  const by = new Map<string, string[]>()
  for (const { emoji, by: person, petname } of reactions) {
    const name = petname === undefined && person !== conversation ? 'you' : callName({ petname, person })
    by.set(emoji, [...(by.get(emoji) ?? []), name])
  }
  return by.size === 0 ? 'none' : [...by].map(([emoji, people]) => `${emoji} ${people.join(', ')}`).join('  ')
}
