import { clockTime, conversationLines, printLines } from '#cli/output'
import type { AmendParams } from '#node/control'
import type { Argument, Command, CommandContext, Flag } from './command.ts'
import type { Input } from './input.ts'
import { looksOf, PLAIN_FLAG } from './looks.ts'
import { textIn } from './text-in.ts'

const ID: Argument = { name: 'id', summary: 'the message: its id as `log` shows it, the end of that, or `last`' }
const TEXT: Argument = { name: 'text', summary: 'what you say; - takes it from standard input', isRest: true }
const IN: Flag = {
  name: 'in',
  value: 'WHO',
  summary: 'the conversation it stands in, when the end of an id or `last` could be in several',
  isConversation: true,
}

/** Commands about messages that were written. */
export const AMEND_COMMANDS: readonly Command[] = [
  {
    name: 'reply',
    summary: 'answer a message',
    example: "qpq reply last 'I am coming' --in bob",
    arguments: [ID, TEXT],
    flags: [IN],
    call: 'reply',
    inPlace: 'reply',
    run: reply,
  },
  {
    name: 'react',
    summary: 'react to a message with one emoji',
    example: 'qpq react last 👍 --in bob',
    arguments: [ID, { name: 'emoji', summary: 'one visible character' }],
    flags: [{ name: 'undo', summary: 'take it back' }, IN],
    call: 'react',
    inPlace: 'react',
    run: react,
  },
  {
    name: 'edit',
    summary: 'say something else instead; your own messages only',
    example: "qpq edit last 'the soup is cold' --in bob",
    arguments: [ID, TEXT],
    flags: [IN],
    call: 'edit',
    inPlace: 'edit',
    run: edit,
  },
  {
    name: 'delete',
    summary: 'take your message away, here and at the other side',
    example: 'qpq delete last --in bob',
    arguments: [ID],
    flags: [IN],
    call: 'delete',
    inPlace: 'delete',
    run: remove,
  },
  {
    name: 'read',
    summary: 'read one message; what can be seen once is gone after it',
    example: 'qpq read 3xFq9',
    arguments: [ID],
    flags: [IN, PLAIN_FLAG],
    call: 'read',
    inPlace: 'read',
    run: read,
  },
  {
    name: 'thread',
    summary: 'what was said in the thread of a message; `send --thread ID` says something in it',
    example: 'qpq thread 3xFq9',
    arguments: [ID],
    flags: [IN, PLAIN_FLAG],
    call: 'thread',
    inPlace: 'thread',
    run: thread,
  },
  {
    name: 'threads',
    summary: 'the threads of a conversation',
    example: 'qpq threads bob',
    arguments: [{ name: 'to', summary: 'a petname or a full qpq1…', isConversation: true }],
    flags: [],
    call: 'threads',
    inPlace: 'threads',
    run: threads,
  },
]

async function reply({ api, out, json, readText }: CommandContext, input: Input): Promise<void> {
  const answer = await api.reply({ ...which(input), text: await textIn(input, readText) })
  if (json) out.json(answer)
}

async function react({ api, out, json }: CommandContext, input: Input): Promise<void> {
  const answer = await api.react({ ...which(input), emoji: input.word('emoji'), ...(input.isSet('undo') ? { undo: true } : {}) })
  if (json) out.json(answer)
}

async function edit({ api, out, json, readText }: CommandContext, input: Input): Promise<void> {
  const answer = await api.edit({ ...which(input), text: await textIn(input, readText) })
  if (json) out.json(answer)
}

async function remove({ api, out, json, isInPlace }: CommandContext, input: Input): Promise<void> {
  const answer = await api.delete(which(input))
  if (json) out.json(answer)
  else if (isInPlace) out.line({ style: 'dim', text: 'deleted here; the other side is told, which cannot take back what was read' })
}

async function thread({ api, out, json }: CommandContext, input: Input): Promise<void> {
  const messages = await api.thread(which(input))
  if (json) for (const message of messages) out.json(message)
  else printLines(out, conversationLines(messages, looksOf(out, input)))
}

async function read({ api, out, json }: CommandContext, input: Input): Promise<void> {
  const message = await api.read(which(input))
  if (json) out.json(message)
  else printLines(out, conversationLines([message], looksOf(out, input)))
}

async function threads({ api, out, json, isInPlace }: CommandContext, input: Input): Promise<void> {
  const found = await api.threads({ to: input.word('to') })
  for (const one of found) {
    if (json) out.json(one)
    else out.line({ style: 'dim', text: `${clockTime(one.at)} …${one.thread.slice(-5)} ` }, one.text, { style: 'dim', text: `  ${one.messages} messages` })
  }
  if (isInPlace && found.length === 0) out.line({ style: 'dim', text: 'no threads yet; /say --thread ID TEXT begins one with a message' })
}

function which(input: Input): AmendParams {
  const place = input.value('in')
  return { message: input.word('id'), ...(place === undefined ? {} : { in: place }) }
}
