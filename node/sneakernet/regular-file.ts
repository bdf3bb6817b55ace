/** Reading a file that somebody else may have made: only a regular one, only so much of it, and around what the disk does not give back. */
import { constants, type Stats } from 'node:fs'
import { type FileHandle, lstat, open } from 'node:fs/promises'
import { MeshError } from '#mesh/errors'
import { linkError, notRegular, systemCode } from './file-errors.ts'
import { shownName } from './names.ts'

/** The longest bundle that is read, in bytes: what FAT can hold in one file. It is a bound for what never ends, not for sticks. */
export const MAX_FILE_BYTES = 4_294_967_296
/** Bytes read at once. */
const CHUNK_BYTES = 65_536
/** What is left out around a place that cannot be read, in bytes: the sector of a disk of today. */
const SECTOR_BYTES = 4_096
/** Sectors that may fail before a file is given up: each costs a dying stick seconds. */
const MAX_BAD_SECTORS = 256

/** A file that was opened. */
export interface RegularFile {
  readonly path: string
  /** As the system says; what is read is bounded by itself. */
  readonly size: number
  readonly handle: Pick<FileHandle, 'read'>
  close(): Promise<void>
}

/** Opens a regular file and follows no link. @throws MeshError `NODE_FILE_UNUSABLE` for anything else, or what the system says */
export async function openRegular(path: string, isExpected: (found: Stats) => boolean = () => true): Promise<RegularFile> {
  const before = await lstat(path)
  if (before.isSymbolicLink()) throw linkError(path)
  if (!before.isFile()) throw notRegular(path)
  // Not blocking: between the look and the opening somebody may have put a pipe there.
  const handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  try {
    const found = await handle.stat()
    if (!found.isFile()) throw notRegular(path)
    if (found.dev !== before.dev || found.ino !== before.ino || !isExpected(found)) throw hasChanged(path)
    if (found.size > MAX_FILE_BYTES) throw tooLarge(path)
    return { path, size: found.size, handle, close: () => handle.close() }
  } catch (error) {
    await handle.close()
    throw error
  }
}

/**
 * The bytes of a file, in one buffer that each chunk replaces. Sectors that the disk cannot read come as zeros.
 * @throws MeshError `NODE_FILE_UNUSABLE` when it has no end or is unreadable in too many places, or what the system says
 */
export async function* chunksOf({ path, size, handle }: RegularFile): AsyncGenerator<Uint8Array> {
  const buffer = new Uint8Array(CHUNK_BYTES)
  let badSectors = 0
  for (let at = 0; ; ) {
    if (at > MAX_FILE_BYTES) throw tooLarge(path)
    let length: number
    try {
      length = (await handle.read(buffer, 0, CHUNK_BYTES, at)).bytesRead
    } catch (error) {
      if (systemCode(error) !== 'EIO') throw error
      const around = await readAround(handle, buffer, at, Math.min(CHUNK_BYTES, size - at))
      badSectors += around.badSectors
      if (badSectors > MAX_BAD_SECTORS || around.length <= 0) throw error
      length = around.length
    }
    if (length === 0) return
    yield buffer.subarray(0, length)
    at += length
  }
}

/** Sector by sector; those that cannot be read are zeros. */
async function readAround(handle: RegularFile['handle'], buffer: Uint8Array, at: number, length: number): Promise<{ length: number; badSectors: number }> {
  let badSectors = 0
  for (let done = 0; done < length; done += SECTOR_BYTES) {
    const wanted = Math.min(SECTOR_BYTES, length - done)
    buffer.fill(0, done, done + wanted)
    try {
      await handle.read(buffer, done, wanted, at + done)
    } catch (error) {
      if (systemCode(error) !== 'EIO') throw error
      badSectors++
    }
  }
  return { length, badSectors }
}

function tooLarge(path: string): MeshError {
  return new MeshError('NODE_FILE_UNUSABLE', `${shownName(path)} is larger than any bundle`, { detail: { file: path, limitBytes: MAX_FILE_BYTES } })
}

/** The file is another one than a moment ago. */
export function hasChanged(path: string): MeshError {
  return new MeshError('NODE_FILE_UNUSABLE', `${shownName(path)} was changed while it was opened`, {
    detail: { file: path },
    hint: 'Try it again when nobody writes it.',
  })
}
