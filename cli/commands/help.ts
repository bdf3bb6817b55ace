import type { Sink } from '#cli/output'
import { COMMON_FLAGS, type Command, usageOf } from './command.ts'
import { COMMANDS, findCommand, IN_PLACE } from './table.ts'

/** Lists the commands, or explains one. */
export function printHelp(out: Sink, topic: string | undefined): void {
  if (topic !== undefined && topic !== '') {
    explain(out, findCommand(topic.split(' ')).command)
    return
  }
  out.line({ style: 'bold', text: 'qpq' }, ' — a messenger for networks without an internet')
  out.gap()
  for (const command of COMMANDS) out.line(`  ${command.name.padEnd(16)}`, command.summary)
  out.gap()
  out.line('Every command takes:')
  printFlags(out, COMMON_FLAGS)
  out.gap()
  out.line('Exit codes: 0 done, 1 internal fault, 2 wrong usage, 3 no running node, 4 not found or ambiguous, 5 refused, 6 timed out.')
  out.line('`qpq help COMMAND` says more. `qpq up` starts.')
}

function explain(out: Sink, command: Command): void {
  out.line({ style: 'bold', text: `qpq ${command.flags.length > 3 ? `${command.name} [flags]` : usageOf(command)}` })
  out.line(`  ${command.summary}`)
  for (const argument of command.arguments) out.line(`  ${argument.name.toUpperCase().padEnd(26)}`, argument.summary)
  printFlags(out, command.flags)
  out.line({ style: 'dim', text: `  for example: ${command.example}` })
  if (command.inPlace !== undefined) out.line({ style: 'dim', text: `  at the prompt of \`qpq up\`: /${usageOf(command, command.inPlace)}` })
}

function printFlags(out: Sink, flags: Command['flags']): void {
  for (const flag of flags) out.line(`  ${`--${flag.name}${flag.value === undefined ? '' : ` ${flag.value}`}`.padEnd(26)}`, flag.summary)
}

/** What can be typed at the prompt; with the name of a command there, what it takes. */
export function printHelpInPlace(out: Sink, topic = ''): void {
  const about = IN_PLACE.find((command) => command.inPlace === topic.replace(/^\//, ''))
  if (about !== undefined) {
    explain(out, about)
    return
  }
  const rows = IN_PLACE.map((command) => [`/${usageOf({ ...command, flags: [] }, command.inPlace)}`, command.summary] as const)
  rows.unshift(['/to NAME', 'talk to NAME: plain lines go there; /to alone ends it'])
  rows.push(['/quit', 'stop the node and leave'])
  for (const [usage, summary] of rows) out.line({ style: 'bold', text: `  ${usage.padEnd(20)}` }, summary)
}
