/**
 * One node per data directory.
 *
 * `node.lock` names the process that owns the directory: pid, when that process started (ticks since
 * boot, so that a pid given to somebody else later is not mistaken for it), and the boot. A process
 * that is gone, as after kill -9 or a power cut, does not own anything: its lock is taken over. Where
 * pids mean nothing (a directory shared with a container) the control socket is asked as well. LevelDB
 * locks its own directory besides; this lock is there to be first and to say who.
 */
import { link, open, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { MeshError } from '#mesh/errors'
import { isAnswering } from './socket-path.ts'

const LOCK_NAME = 'node.lock'
/** Two nodes that find the same stale lock at once settle it in one round; more means trouble. */
const MAX_ATTEMPTS = 5

interface Owner {
  readonly pid: number
  readonly started: string
  readonly boot: string
}

/** The right to use a data directory, until `release`. */
export interface DataLock {
  release(): Promise<void>
}

/** Takes the lock. @throws MeshError `NODE_DATA_LOCKED` with the pid of the node that has it */
export async function lockData(dataDir: string): Promise<DataLock> {
  const path = join(dataDir, LOCK_NAME)
  const mine = `${JSON.stringify(await ownerOf(process.pid))}\n`
  const draft = `${path}.${process.pid}`
  await writeWhole(draft, mine)
  try {
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
      // link() fails when the name exists and shows a complete file when it succeeds.
      if (await claims(draft, path)) return { release: () => release(path, mine) }
      const found = await textOf(path)
      if (found === undefined) continue
      const owner = parseOwner(found)
      if ((owner !== undefined && (await isAlive(owner))) || (await isAnswering(dataDir))) throw locked(dataDir, owner?.pid)
      await discard(path, found)
    }
    throw locked(dataDir, undefined)
  } finally {
    await rm(draft, { force: true })
  }
}

/** The pid of the node that owns this data directory now, or `undefined` when nobody does. */
export async function lockOwner(dataDir: string): Promise<number | undefined> {
  const found = await textOf(join(dataDir, LOCK_NAME))
  const owner = found === undefined ? undefined : parseOwner(found)
  return owner !== undefined && (await isAlive(owner)) ? owner.pid : undefined
}

function locked(dataDir: string, pid: number | undefined): MeshError {
  const who = pid === undefined ? '' : ` (pid ${pid})`
  return new MeshError('NODE_DATA_LOCKED', `another node${who} is running on ${dataDir}`, {
    hint: 'talk to it with `qpq status`, stop it with `qpq down`, or start this one with another --data',
    detail: { data: dataDir, ...(pid === undefined ? {} : { pid }) },
  })
}

async function claims(draft: string, path: string): Promise<boolean> {
  try {
    await link(draft, path)
    return true
  } catch (error) {
    if (hasCode(error, 'EEXIST')) return false
    throw unreadable(path, error)
  }
}

/** Moves a stale lock aside, and back when it turned out to be a fresh one of somebody faster. */
async function discard(path: string, stale: string): Promise<void> {
  const aside = `${path}.stale.${process.pid}`
  try {
    await rename(path, aside)
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return
    throw unreadable(path, error)
  }
  if ((await textOf(aside)) !== stale) await claims(aside, path)
  await rm(aside, { force: true })
}

async function release(path: string, mine: string): Promise<void> {
  if ((await textOf(path)) === mine) await rm(path, { force: true })
}

async function writeWhole(path: string, text: string): Promise<void> {
  try {
    const file = await open(path, 'w', 0o600)
    try {
      await file.writeFile(text)
    } finally {
      await file.close()
    }
  } catch (error) {
    throw unreadable(path, error)
  }
}

function unreadable(path: string, cause: unknown): MeshError {
  return new MeshError('NODE_DATA_UNREADABLE', `the data directory cannot be written: ${path}`, {
    cause,
    hint: 'check its owner and that the disk is neither full nor read-only, or choose another with --data',
  })
}

async function textOf(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if (hasCode(error, 'ENOENT') || hasCode(error, 'ENOTDIR')) return undefined
    throw unreadable(path, error)
  }
}

function parseOwner(text: string): Owner | undefined {
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value !== 'object' || value === null || !('pid' in value) || !('started' in value) || !('boot' in value)) return undefined
    const { pid, started, boot } = value
    return typeof pid === 'number' && typeof started === 'string' && typeof boot === 'string' ? { pid, started, boot } : undefined
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

async function isAlive(owner: Owner): Promise<boolean> {
  const now = await ownerOf(owner.pid)
  return now.started !== '' && now.started === owner.started && now.boot === owner.boot
}

/** Who a pid is now; `started` is empty when there is no such process. */
async function ownerOf(pid: number): Promise<Owner> {
  const [stat, boot] = await Promise.all([quietly(`/proc/${pid}/stat`), quietly('/proc/sys/kernel/random/boot_id')])
  // Field 22, counted after the name in brackets, which may itself hold spaces and brackets; a zombie owns nothing.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const isGone = stat === '' || fields[0] === 'Z' || fields[0] === 'X'
  return { pid, started: isGone ? '' : (fields[19] ?? ''), boot: boot.trim() }
}

async function quietly(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if (error instanceof Error) return ''
    throw error
  }
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code
}
