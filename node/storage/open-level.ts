import { open, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { ClassicLevel } from 'classic-level'
import { MeshError } from '#mesh/errors'
import type { Level } from '#mesh/store'

/** In memory and in the log: what one group of 1,000 envelopes fills, so that a group costs one table at most. */
const WRITE_BUFFER_BYTES = 4 * 1024 * 1024
/** Blocks kept uncompressed. The index is in memory already, so this serves only the bytes of envelopes. */
const CACHE_BYTES = 4 * 1024 * 1024
/** What opening again may need: the log becomes a table (one write buffer), a new log, a new manifest. */
const ROOM_BYTES = 2 * WRITE_BUFFER_BYTES
const CHUNK_BYTES = 256 * 1024

/**
 * Opens LevelDB in `dir`, which it makes if it has to.
 * @throws MeshError `NODE_DATA_LOCKED` when another node runs on it, `NODE_DATA_UNREADABLE`
 */
export async function openLevel(dir: string): Promise<Level> {
  const level = new ClassicLevel<Uint8Array, Uint8Array>(dir, {
    keyEncoding: 'view',
    valueEncoding: 'view',
    writeBufferSize: WRITE_BUFFER_BYTES,
    cacheSize: CACHE_BYTES,
    compression: false, // envelopes are ciphertext
  })
  try {
    await level.open()
  } catch (cause) {
    if (isLocked(cause)) {
      throw new MeshError('NODE_DATA_LOCKED', `another node is running on ${dir}`, {
        cause,
        hint: 'Stop it with `qpq down`, or choose another data directory.',
      })
    }
    throw new MeshError('NODE_DATA_UNREADABLE', `the store in ${dir} does not open`, {
      cause,
      hint: 'Check that the directory is yours and that the disk is healthy and not full.',
    })
  }
  return level
}

/**
 * True when the disk of `dir` takes as much as opening the store again needs: tried, not asked, because
 * quotas, reserved blocks and compressing file systems make every figure a guess.
 */
export async function hasRoom(dir: string): Promise<boolean> {
  const probe = join(dir, 'room.probe')
  try {
    await using file = await open(probe, 'w', 0o600)
    const chunk = new Uint8Array(CHUNK_BYTES).fill(0xa5)
    for (let written = 0; written < ROOM_BYTES; written += CHUNK_BYTES) await file.writeFile(chunk)
    await file.sync()
    return true
  } catch {
    return false // whatever the reason is, it would stop LevelDB as well
  } finally {
    await rm(probe, { force: true })
  }
}

function isLocked(error: unknown): boolean {
  for (let depth = 0, at = error; at instanceof Error && depth < 4; depth++, at = at.cause) {
    if ('code' in at && at.code === 'LEVEL_LOCKED') return true
  }
  return false
}
