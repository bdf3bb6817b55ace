import { clockTime, plainLines, type Sink, type Span, shortId } from '#cli/output'
import type { SearchAnswer } from '#node/control'
import type { Command, CommandContext } from './command.ts'
import type { Input } from './input.ts'

type Found = SearchAnswer['messages'][number]

/** Characters shown of a line before its first hit, and of the whole line: two rows of a terminal. */
const BEFORE_HIT_CHARACTERS = 40
const LINE_CHARACTERS = 140

/** `qpq search`. */
export const SEARCH_COMMAND: Command = {
  name: 'search',
  summary: 'find messages by words, the newest first',
  example: 'qpq search \'"new year" wint* in:bob\'',
  arguments: [
    { name: 'query', summary: 'words that must all be there; wint* a beginning, "…" words that follow each other, in:NAME one conversation', isRest: true },
  ],
  flags: [{ name: 'limit', value: 'N', summary: 'at most N messages (50)' }],
  call: 'search',
  inPlace: 'search',
  run: search,
}

async function search({ api, out, json }: CommandContext, input: Input): Promise<void> {
  const limit = input.number('limit', 1, 1_000)
  const { messages, incomplete } = await api.search({ query: input.word('query'), ...(limit === undefined ? {} : { limit }) })
  if (json) {
    for (const message of messages) out.json(message)
    if (incomplete !== undefined) out.json({ event: 'incomplete', ...incomplete })
    return
  }
  const names = await namesOf({ api })
  for (const message of messages) printHit(out, message, names.get(message.conversation) ?? shortId(message.conversation))
  if (messages.length === 0) out.line({ style: 'dim', text: 'no message has all of that' })
  if (incomplete !== undefined) out.line({ style: 'dim', text: `${incomplete.message}: ${incomplete.hint}` })
}

async function namesOf({ api }: Pick<CommandContext, 'api'>): Promise<Map<string, string>> {
  const contacts = await api.contactList()
  return new Map(contacts.flatMap(({ person, petname }) => (petname === undefined ? [] : [[person, petname]])))
}

function printHit(out: Sink, message: Found, conversation: string): void {
  const who = message.direction === 'out' ? `you to ${conversation}` : conversation
  const head: Span[] = [
    { style: 'dim', text: `${clockTime(message.at)} ` },
    { style: 'name', text: `${who}: ` },
  ]
  linesWithHits(message).forEach((line, i) => {
    out.line(...(i === 0 ? head : [{ style: 'dim', text: '      | ' } as const]), ...line)
  })
}

/** The lines of a text that have hits, cut to what a terminal shows. */
function linesWithHits({ text, hits }: Found): Span[][] {
  const lines: Span[][] = []
  for (const { 0: line, index } of text.matchAll(/[^\r\n\u2028\u2029]+/g)) {
    const within = hits.map(([start, end]) => [Math.max(start - index, 0), Math.min(end - index, line.length)] as const).filter(([start, end]) => start < end)
    const [first] = within
    if (first !== undefined) lines.push(marked(line, within, first[0]))
  }
  return lines
}

function marked(line: string, hits: readonly (readonly [number, number])[], first: number): Span[] {
  const from = first > BEFORE_HIT_CHARACTERS ? first - BEFORE_HIT_CHARACTERS : 0
  const to = Math.min(line.length, from + LINE_CHARACTERS)
  const spans: Span[] = [from > 0 ? '…' : '']
  let at = from
  for (const [start, end] of hits) {
    if (start >= to) break
    spans.push(oneLine(line.slice(at, start)), { style: 'hit', text: oneLine(line.slice(start, Math.min(end, to))) })
    at = end
  }
  spans.push(oneLine(line.slice(Math.min(at, to), to)), to < line.length ? '…' : '')
  return spans
}

function oneLine(text: string): string {
  return plainLines(text).join(' ')
}
