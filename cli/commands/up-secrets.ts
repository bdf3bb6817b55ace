import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline/promises'
import { Writable } from 'node:stream'
import { usageError } from '#cli/output'
import { MeshError } from '#mesh/errors'
import type { NodeOptions } from '#node/config'

/** Passphrases and words are short; a larger file is the wrong one. Bytes. */
const MAX_SECRET_BYTES = 4_096

/** Asks on the terminal for something that must not stand on the screen. */
async function askHidden(question: string): Promise<string> {
  process.stderr.write(question)
  const silence = new Writable({ write: (_chunk, _encoding, done) => done() })
  const lines = createInterface({ input: process.stdin, output: silence, terminal: true, historySize: 0 })
  try {
    return await lines.question('')
  } finally {
    lines.close()
    process.stderr.write('\n')
  }
}

/** Where the passphrase of the key store comes from: a file, else the person at the terminal. */
export function passphraseSource(file: string | undefined, isInteractive: boolean): NonNullable<NodeOptions['passphrase']> {
  return async (purpose) => {
    if (file !== undefined) return new TextEncoder().encode((await secretFile(file, 'passphrase file')).replace(/\r?\n$/, ''))
    if (purpose === 'create') return undefined
    if (!isInteractive) throw new MeshError('NODE_PASSPHRASE_NEEDED', 'the key store has a passphrase', { hint: 'give it with --passphrase-file FILE' })
    return new TextEncoder().encode(await askHidden('passphrase of the key store: '))
  }
}

/** Where the 24 words come from. @throws MeshError `CLI_USAGE` when there is an identity already or nobody to ask */
export async function wordsSource(dataDir: string, file: string | undefined, isInteractive: boolean): Promise<() => Promise<string>> {
  if (await exists(join(dataDir, 'keystore.json')))
    throw usageError(`there is an identity in ${dataDir} already`, 'restore into an empty directory: --data DIR')
  if (file === undefined && !isInteractive) throw usageError('--restore has no terminal to ask for the words', 'give them with --words-file FILE')
  return () => (file === undefined ? askHidden('the 24 words (not shown while you type): ') : secretFile(file, 'words file'))
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path)
    return true
  } catch (error) {
    if (error instanceof Error) return false
    throw error
  }
}

async function secretFile(path: string, what: string): Promise<string> {
  try {
    const text = await readFile(path, 'utf8')
    if (text.length <= MAX_SECRET_BYTES) return text
  } catch (cause) {
    throw new MeshError('CLI_USAGE', `the ${what} ${path} cannot be read`, { cause, hint: 'check the path and who may read it' })
  }
  throw usageError(`the ${what} ${path} is too large`, 'is it the right file?')
}
