import { constants } from 'node:fs'
import { type FileHandle, lstat, open, rename, unlink } from 'node:fs/promises'
import { dirname } from 'node:path'
import { MeshError } from '#mesh/errors'
import { systemCode } from './file-errors.ts'
import { shownName } from './names.ts'

/** Private where the file system knows such a thing; FAT does not, and says nothing. */
const MODE = 0o600
/** What file systems answer that cannot sync a directory. */
const NO_DIRECTORY_SYNC = new Set(['EINVAL', 'ENOTSUP', 'EPERM', 'EISDIR', 'EACCES'])

/**
 * A file that is there whole or not at all: it is written under another name, synced, and renamed. Who pulls the
 * stick meanwhile finds a `.part`, which nobody reads.
 */
export class PartFile {
  readonly path: string
  readonly #force: boolean
  readonly #handle: FileHandle
  #isOpen = true

  private constructor(path: string, force: boolean, handle: FileHandle) {
    this.path = path
    this.#force = force
    this.#handle = handle
  }

  /** @throws MeshError `NODE_FILE_EXISTS`, or what the system says */
  static async create(path: string, force: boolean): Promise<PartFile> {
    await assertFree(path, force)
    const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW
    const temporary = temporaryOf(path)
    try {
      return new PartFile(path, force, await open(temporary, flags, MODE))
    } catch (error) {
      if (systemCode(error) !== 'EEXIST') throw error
    }
    await unlink(temporary) // an export that was killed left it; a directory of this name stays, and is an error
    return new PartFile(path, force, await open(temporary, flags, MODE))
  }

  async write(bytes: Uint8Array): Promise<void> {
    await this.#handle.writeFile(bytes)
  }

  /** From now on it is there, even after the power fails. */
  async commit(): Promise<void> {
    await this.#handle.sync()
    this.#isOpen = false
    await this.#handle.close()
    await assertFree(this.path, this.#force)
    await rename(temporaryOf(this.path), this.path)
    await syncDirectory(dirname(this.path))
  }

  /** Leaves nothing behind, as far as the system lets it. */
  async discard(): Promise<void> {
    if (this.#isOpen) await this.#handle.close()
    this.#isOpen = false
    await unlink(temporaryOf(this.path))
  }
}

function temporaryOf(path: string): string {
  return `${path}.part`
}

/** @throws MeshError `NODE_FILE_EXISTS`: what is not a file is never replaced */
export async function assertFree(path: string, force: boolean): Promise<void> {
  try {
    const found = await lstat(path)
    if (force && found.isFile()) return
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return
    throw error
  }
  throw new MeshError('NODE_FILE_EXISTS', `${shownName(path)} is there already`, {
    detail: { file: path },
    hint: 'Choose another name, or replace it with --force.',
  })
}

async function syncDirectory(path: string): Promise<void> {
  try {
    await using directory = await open(path, constants.O_RDONLY)
    await directory.sync()
  } catch (error) {
    if (!NO_DIRECTORY_SYNC.has(systemCode(error))) throw error
  }
}
