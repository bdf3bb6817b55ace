import { callName, lastingOf, usageError } from '#cli/output'
import type { ConversationInfo } from '#node/control'
import type { Argument, Command, CommandContext } from './command.ts'
import type { Input } from './input.ts'

const WHO: Argument = { name: 'who', summary: 'a petname or a full qpq1…', isConversation: true }
const UNITS: ReadonlyMap<string, number> = new Map([
  ['s', 1],
  ['m', 60],
  ['h', 3_600],
  ['d', 86_400],
  ['w', 604_800],
])

/** Commands about a conversation as a whole. */
export const CONVERSATION_COMMANDS: readonly Command[] = [
  {
    name: 'conversation set',
    summary: 'what the other side is told of you, and how long messages last',
    example: 'qpq conversation set bob --ttl 1d',
    arguments: [WHO],
    flags: [
      { name: 'read-receipts', value: 'on|off', summary: 'whether the other side is told what you have read' },
      { name: 'typing', value: 'on|off', summary: 'whether you tell each other that you type' },
      { name: 'ttl', value: 'TIME', summary: 'messages of both go so long after they were read: 90s, 30m, 12h, 1d, 2w, or off' },
    ],
    call: 'conversationSet',
    inPlace: 'set',
    run: set,
  },
  {
    name: 'conversation show',
    summary: 'how a conversation is set',
    example: 'qpq conversation show bob',
    arguments: [WHO],
    flags: [],
    call: 'conversationGet',
    inPlace: 'settings',
    run: show,
  },
]

async function set(context: CommandContext, input: Input): Promise<void> {
  const [readReceipts, typing, ttlS] = [switchIn(input, 'read-receipts'), switchIn(input, 'typing'), ttlIn(input)]
  if (readReceipts === undefined && typing === undefined && ttlS === undefined) {
    throw usageError('nothing was said about what to set', 'one of --read-receipts, --typing, --ttl; `qpq conversation show` shows how it is')
  }
  const settings = await context.api.conversationSet({
    who: input.word('who'),
    ...(readReceipts === undefined ? {} : { readReceipts }),
    ...(typing === undefined ? {} : { typing }),
    ...(ttlS === undefined ? {} : { ttlS }),
  })
  if (context.json) context.out.json(settings)
  else if (context.isInPlace) print(context, settings)
}

async function show(context: CommandContext, input: Input): Promise<void> {
  const settings = await context.api.conversationGet({ who: input.word('who') })
  if (context.json) context.out.json(settings)
  else print(context, settings)
}

function print({ out }: CommandContext, { conversation, petname, readReceipts, typing, ttlS }: ConversationInfo): void {
  const name = callName({ petname, person: conversation })
  out.line({ style: 'name', text: name }, readReceipts ? ' is told what you have read' : ' is not told what you have read')
  out.line(typing ? 'you tell each other that you type' : 'neither is told that the other types')
  out.line(ttlS === 0 ? 'messages stay' : lastingOf(ttlS))
}

function switchIn(input: Input, flag: string): boolean | undefined {
  const said = input.value(flag)
  if (said === undefined) return undefined
  if (said !== 'on' && said !== 'off') throw usageError(`--${flag} is on or off, not "${said}"`, `for example --${flag} on`)
  return said === 'on'
}

function ttlIn(input: Input): number | undefined {
  const said = input.value('ttl')
  if (said === undefined) return undefined
  if (said === 'off') return 0
  const [, count = '', unit = ''] = /^(\d{1,6})([smhdw])$/.exec(said) ?? []
  const seconds = Number(count) * (UNITS.get(unit) ?? 0)
  if (seconds >= 1 && seconds <= 31_536_000) return seconds
  throw usageError(`"${said}" is no time that messages can last`, 'from 1s to 52w, for example 90s, 30m, 12h, 1d, or off')
}
