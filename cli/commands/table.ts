import { usageError } from '#cli/output'
import { nearest } from '#node/config'
import { AMEND_COMMANDS } from './amend.ts'
import { BUNDLE_COMMANDS } from './bundles.ts'
import type { Command, Flag } from './command.ts'
import { CONTACT_COMMANDS, QR_IN_PLACE } from './contacts.ts'
import { CONVERSATION_COMMANDS } from './conversation.ts'
import { MESSAGE_COMMANDS, SAY_IN_PLACE } from './messages.ts'
import { NODE_COMMANDS } from './node.ts'
import { OUTBOX_COMMANDS } from './outbox.ts'
import { PRIVACY_COMMAND } from './privacy.ts'
import { SEARCH_COMMAND } from './search.ts'

const UP_FLAGS: readonly Flag[] = [
  { name: 'name', value: 'NAME', summary: 'your name as others see it first' },
  { name: 'port', value: 'N', summary: 'TCP and UDP port for other nodes (7717)' },
  { name: 'listen', value: 'MULTIADDR', summary: 'listen here instead of everywhere', isMany: true },
  { name: 'peer', value: 'MULTIADDR', summary: 'dial this node besides those that are found', isMany: true },
  { name: 'profile', value: 'PROFILE', summary: 'router, pi or relay: how much may be kept' },
  { name: 'control-port', value: 'N', summary: 'port of the control API on 127.0.0.1 (7718), or off' },
  { name: 'no-discovery', summary: 'do not look for nodes; only --peer' },
  { name: 'watch-folder', value: 'DIR', summary: 'read bundles that appear in DIR or right below it, as sticks under /media', isMany: true },
  { name: 'passphrase-file', value: 'FILE', summary: 'passphrase that encrypts the key store' },
  { name: 'restore', summary: 'be the person of 24 words that you type' },
  { name: 'words-file', value: 'FILE', summary: 'with --restore: take the words from a file' },
  { name: 'show-words', summary: 'show the 24 words even later, or without a terminal' },
  { name: 'config', value: 'FILE', summary: 'read only this configuration file' },
  { name: 'print-default-config', summary: 'print a configuration file to start from' },
  { name: 'log-level', value: 'LEVEL', summary: 'debug, info, warn, error or silent' },
]

/** Every command there is, in the order help shows them. */
export const COMMANDS: readonly Command[] = [
  { name: 'up', summary: 'start a node in the foreground; in a terminal, a place to chat', example: 'qpq up --name kitchen', arguments: [], flags: UP_FLAGS },
  ...NODE_COMMANDS,
  ...CONTACT_COMMANDS,
  ...MESSAGE_COMMANDS,
  SEARCH_COMMAND,
  ...AMEND_COMMANDS,
  ...CONVERSATION_COMMANDS,
  ...OUTBOX_COMMANDS,
  PRIVACY_COMMAND,
  ...BUNDLE_COMMANDS,
  {
    name: 'help',
    summary: 'explain a command',
    example: 'qpq help send',
    arguments: [{ name: 'command', summary: 'its name', isOptional: true, isRest: true }],
    flags: [],
    inPlace: 'help',
  },
  { name: 'version', summary: 'which version this is', example: 'qpq version', arguments: [], flags: [] },
]

/** The commands that make sense at the prompt. */
export const IN_PLACE: readonly Command[] = [...COMMANDS, QR_IN_PLACE, SAY_IN_PLACE].filter((command) => command.inPlace !== undefined)

/** Finds the command at the start of `typed`, and what follows it. @throws MeshError `CLI_USAGE` with the nearest name */
export function findCommand(typed: readonly string[]): { command: Command; rest: string[] } {
  const [first = '', second = ''] = typed
  const pair = COMMANDS.find((command) => command.name === `${first} ${second}`)
  if (pair !== undefined) return { command: pair, rest: typed.slice(2) }
  const single = COMMANDS.find((command) => command.name === first)
  if (single !== undefined) return { command: single, rest: typed.slice(1) }
  const parts = COMMANDS.filter((command) => command.name.startsWith(`${first} `)).map((command) => command.name.slice(first.length + 1))
  if (parts.length > 0) {
    const meant = nearest(second, parts)
    const said = second === '' || second.startsWith('-') ? `"${first}" needs to know what` : `"${first}" cannot "${second}"`
    throw usageError(
      said,
      meant === undefined ? `one of: ${parts.map((part) => `qpq ${first} ${part}`).join(', ')}` : `did you mean \`qpq ${first} ${meant}\`?`,
    )
  }
  const meant = nearest(first, new Set(COMMANDS.flatMap((command) => [command.name, command.name.split(' ')[0] ?? ''])))
  throw usageError(`there is no command "${first}"`, meant === undefined ? '`qpq help` lists them' : `did you mean \`qpq ${meant}\`?`)
}
