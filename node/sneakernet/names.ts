/** What names of bundle files are, and how foreign ones are shown. */
import { basename, dirname, join } from 'node:path'

/** How names of bundles end; FAT shows them in capitals now and then. */
export const BUNDLE_SUFFIX = '.qpqb'
const SUFFIX = /\.qpqb$/i

/** Characters of a foreign name that are shown. */
const MAX_SHOWN = 80

// Controls, format characters (bidi among them), line and paragraph separators, what UTF-8 could not be read as.
const HOSTILE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Co}\p{Cn}\uFFFD]/gu

/** True for a name that a bundle may have, and that opens the file it was read from. */
export function isBundleName(name: string): boolean {
  return SUFFIX.test(name) && name.search(HOSTILE) === -1 && !name.startsWith('.')
}

/** A foreign name for people and logs: nothing in it steers a terminal, and it is not longer than a line. */
export function shownName(path: string): string {
  const name = basename(path).replace(HOSTILE, '?')
  return name.length <= MAX_SHOWN ? name : `${name.slice(0, MAX_SHOWN - 1)}…`
}

/** Where part `part` of a split bundle goes: NAME.001.qpqb for NAME.qpqb. */
export function partPath(file: string, part: number): string {
  return join(dirname(file), `${basename(file).replace(SUFFIX, '')}.${String(part).padStart(3, '0')}${BUNDLE_SUFFIX}`)
}
