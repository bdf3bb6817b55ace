import type { Looks, Sink } from '#cli/output'
import type { Flag } from './command.ts'
import type { Input } from './input.ts'

/** For who wants to see every character as it was typed. */
export const PLAIN_FLAG: Flag = { name: 'plain', summary: 'texts as they were typed, without ids; so it is anyway when not in a terminal' }

/** How messages are to be shown there. */
export function looksOf(out: Sink, input: Input): Looks {
  return { isRich: out.isTerminal && !input.isSet('plain') }
}
