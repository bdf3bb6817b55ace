import { clockTime, duration, plain, type Sink, shortId, usageError } from '#cli/output'
import type { OutboxInfo } from '#node/control'
import type { Command, CommandContext } from './command.ts'
import type { Input } from './input.ts'

/** Commands about what waits. */
export const OUTBOX_COMMANDS: readonly Command[] = [
  {
    name: 'outbox',
    summary: 'what is not delivered yet, and who carries it',
    example: 'qpq outbox',
    arguments: [],
    flags: [],
    call: 'outbox',
    inPlace: 'outbox',
    run: show,
  },
  {
    name: 'outbox flush',
    summary: 'try everything now: dial everybody, offer again what waits',
    example: 'qpq outbox flush',
    arguments: [{ name: 'to', summary: 'only for this person: a petname or a full qpq1…', isOptional: true }],
    flags: [],
    call: 'outboxFlush',
    inPlace: 'flush',
    run: flush,
  },
  {
    name: 'outbox clear',
    summary: 'take back what waits; not what others carry already',
    example: 'qpq outbox clear bob',
    arguments: [{ name: 'which', summary: 'a petname, a qpq1… or ids as `qpq outbox` shows them; all without it', isOptional: true, isRest: true }],
    flags: [{ name: 'yes', summary: 'do not ask' }],
    call: 'outboxClear',
    inPlace: 'clear',
    run: clear,
  },
]

const HEAD: readonly string[] = ['to', 'age', 'priority', 'id', 'state']

async function show({ api, out, json, isInPlace }: CommandContext): Promise<void> {
  const rows = await api.outbox()
  if (json) for (const row of rows) out.json(row)
  else if (rows.length > 0) printTable(out, rows)
  else if (isInPlace) out.line({ style: 'dim', text: 'nothing waits; all is delivered' })
}

function printTable(out: Sink, rows: readonly OutboxInfo[]): void {
  const cells = rows.map((row) => [plain(row.to.startsWith('qpq1') ? shortId(row.to) : row.to), ageOf(row), priorityOf(row), shortId(row.id)])
  const widths = HEAD.slice(0, -1).map((head, i) => Math.max(head.length, ...cells.map((cell) => (cell[i] ?? '').length)))
  const line = (cell: readonly string[]) => widths.map((width, i) => `${(cell[i] ?? '').padEnd(width)}  `).join('')
  out.line({ style: 'dim', text: `${line(HEAD)}${HEAD.at(-1) ?? ''}` })
  rows.forEach((row, i) => {
    out.line(line(cells[i] ?? []), { style: row.state === 'carried' ? 'good' : 'bold', text: stateOf(row) })
    for (const line of chainOf(row.custody, undefined)) out.line({ style: 'dim', text: line })
  })
}

/** Who carries it, and under each of them whom they gave it to. */
function chainOf(custody: OutboxInfo['custody'], from: string | undefined): string[] {
  return custody
    .filter((one) => one.from === from)
    .flatMap(({ device, until, hops }) => {
      const isOver = Date.parse(until) <= Date.now()
      const said = `${isOver ? 'no longer promised: ' : ''}${from === undefined ? 'carried by' : 'handed on to'}`
      return [`${'  '.repeat(hops)}${said} ${shortId(device)} until ${clockTime(until)}`, ...chainOf(custody, device)]
    })
}

function ageOf({ since }: OutboxInfo): string {
  return duration(Math.max(0, Date.now() - Date.parse(since)) / 1_000)
}

/** What people say for what is called bulk on the wire. */
function priorityOf({ priority }: OutboxInfo): string {
  return priority === 'bulk' ? 'low' : priority
}

/** Promises that have run out do not count, and hand-overs are counted from the start of the node. */
function stateOf({ state, attempts, custody, nextAttemptAt }: OutboxInfo): string {
  const carriers = custody.filter(({ until }) => Date.parse(until) > Date.now()).length
  if (state === 'carried') return carriers > 1 ? `${carriers} carry it` : 'somebody carries it'
  const given = attempts === 0 ? 'given to nobody since the node started' : `given out ${attempts}× since the node started, and nobody promises to carry it`
  const tried = `waits here, ${given}`
  return nextAttemptAt === undefined ? tried : `${tried}; next attempt ${clockTime(nextAttemptAt)}`
}

async function flush({ api, out, json, timeoutMs }: CommandContext, input: Input): Promise<void> {
  const to = input.optional('to')
  // The node shall answer before the command gives up on it.
  const answer = await api.outboxFlush({ ...(to === undefined ? {} : { to }), ...(timeoutMs === undefined ? {} : { timeoutMs: Math.ceil(timeoutMs * 0.8) }) })
  if (json) return out.json(answer)
  const { dialled, reached, peers, waiting } = answer
  const dials = dialled === 0 ? 'nobody to dial' : `dialled ${dialled}, reached ${reached}`
  out.line(`${dials}; ${peers === 1 ? '1 peer is' : `${peers} peers are`} connected, ${waiting === 1 ? '1 message waits' : `${waiting} messages wait`}`)
}

async function clear({ api, out, json, isInPlace, confirm }: CommandContext, input: Input): Promise<void> {
  const which = input.optional('which')
  const params = which === undefined ? {} : { which }
  if (!input.isSet('yes')) {
    const { cleared, mayArrive } = await api.outboxClear({ ...params, dryRun: true })
    if (cleared.length === 0) return out.line({ style: 'dim', text: 'nothing waits there' })
    const question = `take back ${messages(cleared.length)}?${warning(cleared.length, mayArrive, 'may')}`
    if (confirm === undefined) throw usageError(question, isInPlace ? '/clear … --yes does it' : '--yes does it')
    if (!(await confirm(question))) return
  }
  const answer = await api.outboxClear(params)
  if (json) return out.json(answer)
  const { cleared, mayArrive } = answer
  out.line(`took back ${messages(cleared.length)}${cleared.length === 0 ? '' : warning(cleared.length, mayArrive, 'may still')}`)
}

function messages(count: number): string {
  return count === 1 ? 'one message' : `${count} messages`
}

function warning(count: number, mayArrive: number, may: string): string {
  if (mayArrive === 0) return ''
  const some = mayArrive === count ? (count === 1 ? 'others may have it' : `others may have all ${count}`) : `others may have ${mayArrive} of the ${count}`
  return ` (${some}, and what they have ${may} arrive)`
}
