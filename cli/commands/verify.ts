import { alarmLines, printLines, type Sink, usageError } from '#cli/output'
import type { Verification } from '#node/control'
import type { CommandContext } from './command.ts'
import type { Input } from './input.ts'

const ACTIONS = ['emoji', 'confirm', 'reject', 'scan', 'acknowledge'] as const

/** Runs `contact verify`. */
export async function verify({ api, out, json }: CommandContext, input: Input): Promise<void> {
  const chosen = ACTIONS.filter((action) => input.isSet(action))
  if (chosen.length > 1) throw usageError(`--${chosen.join(' and --')} exclude each other`, 'one after the other')
  const [action] = chosen
  const scan = input.value('scan')
  const answer = await api.contactVerify({
    who: input.word('who'),
    ...(scan === undefined ? {} : { scan }),
    ...(action === undefined || action === 'scan' ? {} : { [action]: true }),
  })
  if (json) return out.json(answer)
  const name = await nameIn(api, answer.person)
  if (input.isSet('qr')) await printCode(out, answer.code)
  else if (action === undefined) printDigits(out, answer.safetyNumber)
  if (action === 'emoji' || answer.comparison.state !== 'none') printComparison(out, answer.comparison, name)
  if (action === 'reject')
    out.line({ style: 'bad', text: `ended; ${answer.verified ? '' : `${name} is not verified. `}If the pictures differed, somebody may sit between you` })
  printLines(out, alarmLines(answer.alarms ?? [], name))
  if (answer.verified) out.line({ style: 'good', text: `compared and noted: ${name} is verified` })
  else if (action === undefined && !input.isSet('qr'))
    out.line({ style: 'dim', text: `read these to each other; when they are equal: qpq contact verify ${name} --confirm` })
}

async function nameIn(api: CommandContext['api'], person: string): Promise<string> {
  const contact = (await api.contactList()).find((one) => one.person === person)
  return contact?.petname ?? contact?.claimedName ?? person
}

function printDigits(out: Sink, safetyNumber: string): void {
  const groups = safetyNumber.split(' ')
  for (let i = 0; i < groups.length; i += 4) out.line(groups.slice(i, i + 4).join(' '))
}

async function printCode(out: Sink, code: string): Promise<void> {
  const { renderUnicodeCompact } = await import('uqr')
  for (const line of renderUnicodeCompact(code, { ecc: 'L', border: 2 }).split('\n')) out.line(line)
  out.line(code)
}

function printComparison(out: Sink, { state, emoji = [] }: Verification['comparison'], name: string): void {
  if (state === 'waiting') out.line(`waits for ${name}, who has to type the same; it may take a day`)
  if (state === 'asked') out.line(`${name} wants to compare pictures: qpq contact verify ${name} --emoji agrees, --reject does not`)
  if (state !== 'ready') return
  for (const { symbol, name: called } of emoji) out.line(`  ${symbol}  `, { style: 'bold', text: called })
  out.line({ style: 'dim', text: `the same seven in the same order on both sides? --confirm; otherwise --reject` })
}
