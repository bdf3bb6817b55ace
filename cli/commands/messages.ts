import { alarmLines, conversationLines, eventLines, printLines, usageError } from '#cli/output'
import type { MessagePriority } from '#node/control'
import type { Argument, Command, CommandContext, Flag } from './command.ts'
import type { Input } from './input.ts'
import { looksOf, PLAIN_FLAG } from './looks.ts'
import { textIn } from './text-in.ts'

const PRIORITIES: ReadonlyMap<string, MessagePriority> = new Map([
  ['critical', 'critical'],
  ['normal', 'normal'],
  ['low', 'bulk'],
  ['bulk', 'bulk'],
  ['ephemeral', 'ephemeral'],
])
const TO = { name: 'to', summary: 'a petname or a full qpq1…' }
const TO_FLAG: Flag = { name: 'to', value: 'WHO', summary: 'somebody else' }
const TEXT: Argument = { name: 'text', summary: 'what you say; - takes it from standard input', isRest: true }
const SEND_FLAGS: readonly Flag[] = [
  { name: 'priority', value: 'PRIORITY', summary: 'critical, normal, low, or ephemeral (within two minutes or never)' },
  { name: 'thread', value: 'ID', summary: 'in the thread of this message, or beginning one with it' },
  { name: 'once', summary: 'can be seen once at the other side, by its `read`; a camera sees it all the same' },
  { name: 'no-bridge', summary: 'nobody else hands it from one mesh to another' },
  { name: 'bridge', summary: 'others may, whatever the configuration says' },
]

/** Commands about what is said. */
export const MESSAGE_COMMANDS: readonly Command[] = [
  {
    name: 'send',
    summary: 'write to somebody; delivered as soon as there is a way',
    example: "qpq send bob 'the soup is ready'",
    arguments: [TO, TEXT],
    flags: SEND_FLAGS,
    call: 'send',
    inPlace: 'send',
    run: send,
  },
  {
    name: 'log',
    summary: 'what was said, in causal order',
    example: 'qpq log bob --limit 20',
    arguments: [{ ...TO, isConversation: true }],
    flags: [
      { name: 'since', value: 'ID', summary: 'only what follows this message' },
      { name: 'limit', value: 'N', summary: 'at most the last N messages' },
      PLAIN_FLAG,
    ],
    call: 'log',
    inPlace: 'log',
    run: log,
  },
  {
    name: 'watch',
    summary: 'what happens, live, until you stop it',
    example: 'qpq watch --json',
    arguments: [],
    flags: [PLAIN_FLAG],
    call: 'watch',
    isLong: true,
    run: watch,
  },
]

/** `/say` at the prompt: as `send`, to whom one talks to, with what a plain line cannot say. */
export const SAY_IN_PLACE: Command = {
  name: 'send',
  summary: 'say something to whom you talk to, with flags: --thread ID, --once, --priority …',
  example: '/say --thread 3xFq9 pea soup',
  arguments: [TEXT],
  flags: [{ ...TO_FLAG, isConversation: true }, ...SEND_FLAGS],
  call: 'send',
  inPlace: 'say',
  run: send,
}

async function send({ api, out, json, readText }: CommandContext, input: Input): Promise<void> {
  const text = await textIn(input, readText)
  const priority = priorityOf(input)
  const bridge = bridgeOf(input)
  const thread = input.value('thread')
  const answer = await api.send({
    to: input.value('to') ?? input.word('to'),
    text,
    ...(priority === undefined ? {} : { priority }),
    ...(bridge === undefined ? {} : { bridge }),
    ...(thread === undefined ? {} : { thread }),
    ...(input.isSet('once') ? { once: true } : {}),
  })
  if (json) out.json(answer)
}

function bridgeOf(input: Input): boolean | undefined {
  const [yes, no] = [input.isSet('bridge'), input.isSet('no-bridge')]
  if (yes && no) throw usageError('--bridge and --no-bridge exclude each other', 'leave one of them out')
  return yes || no ? yes : undefined
}

/** `low` is what people say; in outbox and on the wire it is called bulk. */
function priorityOf(input: Input): MessagePriority | undefined {
  const said = input.value('priority')
  if (said === undefined) return undefined
  const priority = PRIORITIES.get(said)
  if (priority === undefined) throw usageError(`there is no priority "${said}"`, `one of: ${[...PRIORITIES.keys()].join(', ')}`)
  return priority
}

async function log({ api, out, json, isInPlace }: CommandContext, input: Input): Promise<void> {
  const since = input.value('since')
  const limit = input.number('limit', 1, 10_000)
  const messages = await api.log({ to: input.word('to'), ...(since === undefined ? {} : { since }), ...(limit === undefined ? {} : { limit }) })
  if (json) for (const message of messages) out.json(message)
  else printLines(out, conversationLines(messages, looksOf(out, input)))
  if (isInPlace && messages.length === 0) out.line({ style: 'dim', text: 'nothing was said yet' })
  if (json) return
  const person = messages[0]?.conversation
  const contact = (await api.contactList()).find((one) => one.person === person)
  if (contact !== undefined) printLines(out, alarmLines(contact.alarms ?? [], contact.petname ?? contact.claimedName))
}

async function watch({ api, out, json, signal }: CommandContext, input: Input): Promise<void> {
  const looks = looksOf(out, input)
  for await (const event of api.watch(signal)) {
    if (json) out.json(event)
    else printLines(out, eventLines(event, undefined, looks))
  }
}
