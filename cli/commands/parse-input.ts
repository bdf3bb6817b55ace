import { usageError } from '#cli/output'
import { nearest } from '#node/config'
import { COMMON_FLAGS, type Command, type Flag, usageOf } from './command.ts'
import { BETWEEN_WORDS, Input } from './input.ts'

/** Sorts the words typed after a command's name. @throws MeshError `CLI_USAGE` with what to type instead */
export function parseInput(command: Command, typed: readonly string[], options: { conversation?: string | undefined; prefix?: string } = {}): Input {
  const known = [...command.flags, ...COMMON_FLAGS]
  const help = helpOf(command, options.prefix)
  const flags = new Map<string, string[]>()
  const words: string[] = []
  for (let i = 0; i < typed.length; i++) {
    const word = typed[i] ?? ''
    if (word === '--') {
      words.push(...typed.slice(i + 1))
      break
    }
    if (!word.startsWith('-') || word === '-') {
      words.push(word)
      continue
    }
    const { flag, inline } = findFlag(known, word, help)
    const value = flag.value === undefined ? '' : (inline ?? typed[++i])
    if (flag.value === undefined && inline !== undefined) throw usageError(`--${flag.name} takes no value`, help)
    if (value === undefined || (flag.value !== undefined && value === '')) throw usageError(`--${flag.name} needs ${flag.value ?? 'a value'} after it`, help)
    const before = flags.get(flag.name)
    if (before !== undefined && flag.value !== undefined && flag.isMany !== true) throw usageError(`--${flag.name} was given twice`, help)
    flags.set(flag.name, [...(before ?? []), value])
  }
  const { conversation } = options
  for (const { name, isConversation } of command.flags) {
    if (isConversation === true && conversation !== undefined && !flags.has(name)) flags.set(name, [conversation])
  }
  return new Input(flags.has('help') ? new Map() : placeWords(command, words, options.conversation, help), flags)
}

/** How it is typed; what has more flags than a line holds is explained elsewhere. */
function helpOf(command: Command, prefix = 'qpq '): string {
  if (command.flags.length > 3) return `\`qpq help ${command.name}\` explains its flags`
  return `usage: ${prefix}${usageOf(command, prefix === '/' ? command.inPlace : command.name)}`
}

function findFlag(known: readonly Flag[], word: string, help: string): { flag: Flag; inline: string | undefined } {
  const isLong = word.startsWith('--')
  const equals = word.indexOf('=')
  const name = word.slice(isLong ? 2 : 1, equals === -1 ? undefined : equals)
  const wanted = word === '-h' ? 'help' : name
  const flag = isLong || word === '-h' ? known.find((candidate) => candidate.name === wanted) : undefined
  if (flag !== undefined) return { flag, inline: equals === -1 ? undefined : word.slice(equals + 1) }
  const meant = nearest(
    name,
    known.map((candidate) => candidate.name),
  )
  throw usageError(`there is no flag ${isLong ? '--' : '-'}${name}`, meant === undefined ? help : `did you mean --${meant}?`)
}

function placeWords(command: Command, words: readonly string[], conversation: string | undefined, help: string): Map<string, string> {
  const placed = new Map<string, string>()
  let at = 0
  for (const argument of command.arguments) {
    const separator = argument.isRest === true ? ' ' : argument.isMany === true ? BETWEEN_WORDS : undefined
    const rest = separator === undefined ? words[at] : words.slice(at).join(separator)
    const given = at < words.length ? rest : argument.isConversation === true ? conversation : undefined
    at = separator === undefined ? at + 1 : words.length
    if (given !== undefined) placed.set(argument.name, given)
    else if (argument.isOptional !== true) throw usageError(`${argument.name.toUpperCase()} is missing: ${argument.summary}`, help)
  }
  const extra = words[at]
  if (extra !== undefined) throw usageError(`"${extra}" is one word too many`, help)
  return placed
}
