import { chmod, lstat, mkdir, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { MeshError } from '#mesh/errors'

/** Bits for group and others: none may be set on anything that holds secrets. */
const OTHERS = 0o077

/**
 * Makes the data directory (mode 0700) or checks the one that is there.
 * @throws MeshError `NODE_DATA_UNREADABLE` when it cannot be used, `NODE_KEYSTORE_TOO_OPEN` when others could look into it
 */
export async function ensurePrivateDir(dir: string): Promise<void> {
  try {
    if (await makeDir(dir)) await chmod(dir, 0o700) // the umask may have taken more away
  } catch (cause) {
    throw new MeshError('NODE_DATA_UNREADABLE', `the data directory ${dir} cannot be made`, {
      cause,
      hint: 'Choose another one with --data, or make it writable for you.',
    })
  }
  await assertPrivate(dir, 'directory', '700')
}

/** Asserts that a file (itself, not one it points to) or directory (it may lie on another disk) belongs to this user and nobody else can read it. */
export async function assertPrivate(path: string, kind: 'directory' | 'file', mode: string): Promise<void> {
  const found = await (kind === 'file' ? lstat(path) : stat(path)).catch((cause: unknown) => {
    throw new MeshError('NODE_DATA_UNREADABLE', `${path} cannot be read`, { cause, hint: 'Check that you own it.' })
  })
  if (kind === 'directory' ? !found.isDirectory() : !found.isFile()) {
    throw new MeshError('NODE_DATA_UNREADABLE', `${path} is not a ${kind}`, { hint: 'Choose another data directory with --data.' })
  }
  const owner = process.getuid?.()
  if (owner !== undefined && found.uid !== owner) {
    throw new MeshError('NODE_KEYSTORE_TOO_OPEN', `${path} belongs to another user`, {
      hint: 'Start the node as that user, or choose another data directory with --data.',
    })
  }
  if ((found.mode & OTHERS) !== 0) {
    throw new MeshError('NODE_KEYSTORE_TOO_OPEN', `others can read ${path}, which holds keys`, { hint: `Type: chmod ${mode} '${path}'` })
  }
}

/**
 * Makes a directory and those above it; says whether it was made now. Not by `recursive`: where a file
 * system refuses with ENOENT, as /proc does, Node would try the same directory for ever.
 */
async function makeDir(dir: string, isParentThere = false): Promise<boolean> {
  try {
    await mkdir(dir, { mode: 0o700 })
    return true
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined
    if (code === 'EEXIST') return false
    if (code !== 'ENOENT' || isParentThere || dirname(dir) === dir) throw error
  }
  await makeDir(dirname(dir))
  return makeDir(dir, true)
}
