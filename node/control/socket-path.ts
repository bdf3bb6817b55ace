/**
 * Where the control socket is.
 *
 * It is `control.sock` in the data directory. A Unix socket's path may have 107 bytes only; in a
 * longer directory `control.sock` is a symbolic link to a socket in a fresh 0700 directory under
 * `$XDG_RUNTIME_DIR` or the temporary directory, and clients follow the link by hand. The link lies in
 * the data directory, which is private, so nobody else can bend it.
 */
import { lstat, mkdtemp, readlink, rm, rmdir, symlink } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'

/** `sun_path` has 108 bytes on Linux, one of them for the end. */
const MAX_SOCKET_PATH_BYTES = 107
const SOCKET_NAME = 'control.sock'
const SHORT_PREFIX = 'qpq-'
/** How long a node may take to accept; a live one takes microseconds, the bound is for a stopped process (SIGSTOP). */
const PROBE_MS = 2_000

/** The path that `control.sock` has in a data directory. */
export function socketName(dataDir: string): string {
  return join(dataDir, SOCKET_NAME)
}

/** The path to connect to, or `undefined` when no node ever listened here. */
export async function findSocket(dataDir: string): Promise<string | undefined> {
  const path = socketName(dataDir)
  const kind = await kindOf(path)
  if (kind === 'link') return readlink(path)
  return kind === 'none' ? undefined : path
}

/** Clears what a dead node left and says where to listen. Call only while holding the lock of the data directory. */
export async function prepareSocket(
  dataDir: string,
  runtimeDir: string = process.env['XDG_RUNTIME_DIR'] ?? tmpdir(),
): Promise<{ path: string; isShort: boolean }> {
  await removeSocket(dataDir)
  const path = socketName(dataDir)
  if (Buffer.byteLength(path) <= MAX_SOCKET_PATH_BYTES) return { path, isShort: false }
  const room = Buffer.byteLength(join(runtimeDir, `${SHORT_PREFIX}XXXXXX`, SOCKET_NAME)) <= MAX_SOCKET_PATH_BYTES
  const short = join(await mkdtemp(join(room ? runtimeDir : '/tmp', SHORT_PREFIX)), SOCKET_NAME)
  await symlink(short, path)
  return { path: short, isShort: true }
}

/** Removes the socket, the link to it and the directory made for it. */
export async function removeSocket(dataDir: string): Promise<void> {
  const path = socketName(dataDir)
  const kind = await kindOf(path)
  if (kind === 'link') {
    const target = await readlink(path)
    const parent = dirname(target)
    // Only a directory of the kind that prepareSocket makes.
    if (basename(target) === SOCKET_NAME && basename(parent).startsWith(SHORT_PREFIX)) {
      await rm(target, { force: true })
      await rmdir(parent).catch((error: unknown) => {
        if (!(error instanceof Error)) throw error
      })
    }
  }
  if (kind !== 'none') await rm(path, { force: true })
}

/** True when somebody accepts connections at the socket of this data directory. */
export async function isAnswering(dataDir: string): Promise<boolean> {
  const path = await findSocket(dataDir)
  if (path === undefined || Buffer.byteLength(path) > MAX_SOCKET_PATH_BYTES) return false
  return new Promise((resolve) => {
    const socket = connect({ path })
    const answer = (isThere: boolean) => {
      socket.destroy()
      resolve(isThere)
    }
    // A process that hangs with a full backlog is still there.
    socket.setTimeout(PROBE_MS, () => answer(true))
    socket.once('connect', () => answer(true))
    socket.once('error', (error: NodeJS.ErrnoException) => answer(error.code === 'EAGAIN' || error.code === 'EACCES'))
  })
}

async function kindOf(path: string): Promise<'none' | 'link' | 'socket'> {
  try {
    return (await lstat(path)).isSymbolicLink() ? 'link' : 'socket'
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR')) return 'none'
    throw error
  }
}
