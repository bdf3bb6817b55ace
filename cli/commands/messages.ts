import { alarmLines, eventLines, messageLines, printLines, usageError } from '#cli/output'
import { MeshError } from '#mesh/errors'
import type { MessagePriority } from '#node/control'
import type { Command, CommandContext } from './command.ts'
import type { Input } from './input.ts'

/** `MAX_TEXT_BYTES` of conversations, which are not loaded for this: more characters are too many bytes in any script, and no request. */
const MAX_TEXT_CHARACTERS = 32_768
const PRIORITIES: ReadonlyMap<string, MessagePriority> = new Map([
  ['critical', 'critical'],
  ['normal', 'normal'],
  ['low', 'bulk'],
  ['bulk', 'bulk'],
  ['ephemeral', 'ephemeral'],
])
const TO = { name: 'to', summary: 'a petname or a full qpq1…' }

/** Commands about what is said. */
export const MESSAGE_COMMANDS: readonly Command[] = [
  {
    name: 'send',
    summary: 'write to somebody; delivered as soon as there is a way',
    example: "qpq send bob 'the soup is ready'",
    arguments: [TO, { name: 'text', summary: 'what you say; - takes it from standard input', isRest: true }],
    flags: [
      { name: 'priority', value: 'PRIORITY', summary: 'critical, normal, low, or ephemeral (within two minutes or never)' },
      { name: 'no-bridge', summary: 'nobody else hands it from one mesh to another' },
      { name: 'bridge', summary: 'others may, whatever the configuration says' },
    ],
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
    flags: [],
    call: 'watch',
    isLong: true,
    run: watch,
  },
]

async function send({ api, out, json, readText }: CommandContext, input: Input): Promise<void> {
  const typed = input.word('text')
  const text = typed === '-' ? (await readText()).replace(/\n$/, '') : typed
  if (text.length > MAX_TEXT_CHARACTERS)
    throw new MeshError('MESH_TEXT_INVALID', `the text has ${text.length} characters, and a message holds ${MAX_TEXT_CHARACTERS} bytes`, {
      hint: 'send it in parts',
    })
  const priority = priorityOf(input)
  const bridge = bridgeOf(input)
  const answer = await api.send({ to: input.word('to'), text, ...(priority === undefined ? {} : { priority }), ...(bridge === undefined ? {} : { bridge }) })
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
  for (const message of messages) {
    if (json) out.json(message)
    else printLines(out, messageLines(message))
  }
  if (isInPlace && messages.length === 0) out.line({ style: 'dim', text: 'nothing was said yet' })
  if (json) return
  const person = messages[0]?.conversation
  const contact = (await api.contactList()).find((one) => one.person === person)
  if (contact !== undefined) printLines(out, alarmLines(contact.alarms ?? [], contact.petname ?? contact.claimedName))
}

async function watch({ api, out, json, signal }: CommandContext): Promise<void> {
  for await (const event of api.watch(signal)) {
    if (json) out.json(event)
    else printLines(out, eventLines(event))
  }
}
