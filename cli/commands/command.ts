/**
 * What a command is. One table of them (`table.ts`) feeds the shell, the commands in place
 * (`/add …` at the prompt of `qpq up`) and every help text, so that they cannot disagree.
 */

import type { ProgressLine, Sink } from '#cli/output'
import type { NodeApi } from '#node/control'
import type { Input } from './input.ts'

/** A word that a command takes by its place. */
export interface Argument {
  readonly name: string
  readonly summary: string
  readonly isOptional?: boolean
  /** Takes all words to the end of the line. */
  readonly isRest?: boolean
  /** Takes all words to the end of the line, each by itself: at least one. */
  readonly isMany?: boolean
  /** In place, the current conversation stands here when nothing is typed. */
  readonly isConversation?: boolean
}

/** A word that starts with two dashes. */
export interface Flag {
  readonly name: string
  readonly summary: string
  /** What follows it, as help shows it; without one the flag is a switch. */
  readonly value?: string
  /** May be given several times. */
  readonly isMany?: boolean
  /** In place, the current conversation stands here when nothing is typed. */
  readonly isConversation?: boolean
}

/** What a command gets to work with. */
export interface CommandContext {
  readonly api: NodeApi
  readonly out: Sink
  readonly json: boolean
  readonly signal: AbortSignal
  /** What --timeout says, ms. */
  readonly timeoutMs?: number
  /** True at the prompt of `qpq up`: then even success says a word. */
  readonly isInPlace: boolean
  /** Asks a question at a terminal that is answered with yes or no; absent where nobody sits. */
  readonly confirm?: (question: string) => Promise<boolean>
  /** Reads what was piped in, for `-` as text. */
  readonly readText: () => Promise<string>
  /** Shows how far long work is; absent where nobody looks. */
  readonly progress?: ProgressLine
}

/** A command that asks a running node. */
export interface Command {
  /** As typed in the shell: `contact add`. */
  readonly name: string
  readonly summary: string
  readonly example: string
  readonly arguments: readonly Argument[]
  readonly flags: readonly Flag[]
  /** The call it makes; absent for commands that need no running node (`up`, `help`, `version`). */
  readonly call?: keyof NodeApi
  /** True when it goes on until it is done or stopped, however long that takes. */
  readonly isLong?: boolean
  /** Its name after the slash at the prompt; absent when it makes no sense there. */
  readonly inPlace?: string
  readonly run?: (context: CommandContext, input: Input) => Promise<void>
}

/** Flags that every command takes. */
export const COMMON_FLAGS: readonly Flag[] = [
  { name: 'data', value: 'DIR', summary: 'data directory of the node (else QPQ_DATA, else $XDG_DATA_HOME/quicproquo)' },
  { name: 'json', summary: 'one JSON object per line' },
  { name: 'timeout', value: 'SECONDS', summary: 'give up after this time, with exit code 6' },
  { name: 'help', summary: 'explain the command' },
]

/** How a command is typed: `contact add CARD [NAME] [--as NAME]`. */
export function usageOf(command: Command, name: string = command.name): string {
  const words = command.arguments.map((argument) => {
    const word = argument.isRest === true || argument.isMany === true ? `${argument.name.toUpperCase()}…` : argument.name.toUpperCase()
    return argument.isOptional === true ? `[${word}]` : word
  })
  const flags = command.flags.map((flag) => `[--${flag.name}${flag.value === undefined ? '' : ` ${flag.value}`}]${flag.isMany === true ? '…' : ''}`)
  return [name, ...words, ...flags].join(' ')
}
