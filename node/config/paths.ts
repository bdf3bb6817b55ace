import { homedir } from 'node:os'
import { isAbsolute, join, resolve } from 'node:path'

type Environment = Readonly<Record<string, string | undefined>>

/** Where the data of this node lives: `--data`, else `QPQ_DATA`, else `$XDG_DATA_HOME/quicproquo`, else `~/.local/share/quicproquo`. Absolute. */
export function dataPath(flag: string | undefined, environment: Environment = process.env): string {
  if (flag !== undefined && flag !== '') return resolve(flag)
  const chosen = environment['QPQ_DATA']
  if (chosen !== undefined && chosen !== '') return resolve(chosen)
  return join(xdg(environment['XDG_DATA_HOME'], environment, '.local/share'), 'quicproquo')
}

/** The directories that hold configuration, in the order they are read; later ones win. */
export function configDirs(environment: Environment = process.env): string[] {
  return ['/etc/quicproquo', join(xdg(environment['XDG_CONFIG_HOME'], environment, '.config'), 'quicproquo')]
}

/** The XDG rules ignore a path that is not absolute. */
function xdg(value: string | undefined, environment: Environment, fallback: string): string {
  if (value !== undefined && isAbsolute(value)) return value
  const home = environment['HOME']
  return join(home !== undefined && isAbsolute(home) ? home : homedir(), fallback)
}
