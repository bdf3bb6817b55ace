import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import { lstat, open, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'

const TOKEN_NAME = 'control.token'
/** 256 bits: nobody guesses it, so failed attempts need no counting. */
const TOKEN_BYTES = 32

/** Where the bearer token of the HTTP control API lies. */
export function tokenPath(dataDir: string): string {
  return join(dataDir, TOKEN_NAME)
}

/** The bearer token, made at the first start. One that others could have read is replaced. */
export async function openToken(dataDir: string): Promise<string> {
  const path = tokenPath(dataDir)
  const kept = await readPrivate(path)
  if (kept !== undefined) return kept
  await rm(path, { force: true })
  const token = randomBytes(TOKEN_BYTES).toString('base64url')
  const file = await open(path, 'wx', 0o600)
  try {
    await file.writeFile(`${token}\n`)
  } finally {
    await file.close()
  }
  return token
}

async function readPrivate(path: string): Promise<string | undefined> {
  try {
    const stat = await lstat(path)
    if (!stat.isFile() || (stat.mode & 0o077) !== 0 || stat.uid !== process.getuid?.()) return undefined
    const token = (await readFile(path, 'utf8')).trim()
    return /^[A-Za-z0-9_-]{43}$/.test(token) ? token : undefined
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw error
  }
}

/** Compares in constant time, whatever the lengths: the hashes have one length. */
export function isToken(given: string | undefined, token: string): boolean {
  return given !== undefined && timingSafeEqual(digest(given), digest(token))
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
