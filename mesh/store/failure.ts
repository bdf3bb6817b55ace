import { isMeshError, MeshError } from '#mesh/errors'

/** Codes by which an operating system says that nothing more fits. */
const FULL_CODES: ReadonlySet<unknown> = new Set(['ENOSPC', 'EDQUOT'])

/**
 * LevelDB passes on the text of strerror and nothing else, so for it alone the text decides: glibc's
 * and musl's words for ENOSPC and EDQUOT.
 */
const FULL_WORDS = /No space left on device|Disk quota exceeded|Quota exceeded/

/** True when `error`, or what caused it, is a full disk. */
export function isDiskFull(error: unknown): boolean {
  for (let depth = 0, at = error; at instanceof Error && depth < 8; depth++, at = at.cause) {
    if ('code' in at && FULL_CODES.has(at.code)) return true
    if (FULL_WORDS.test(at.message)) return true
  }
  return false
}

/** What `run` gives; its failure as one of the store's. @throws MeshError `MESH_STORE_FULL`, `MESH_STORE_FAILED` */
export async function guarded<T>(run: () => Promise<T>): Promise<T> {
  try {
    return await run()
  } catch (cause) {
    throw storeError(cause)
  }
}

/** `cause` as an error of the store: `MESH_STORE_FULL` or `MESH_STORE_FAILED`, unless it is one of ours already. */
export function storeError(cause: unknown): MeshError {
  if (isMeshError(cause)) return cause
  if (isDiskFull(cause)) return new MeshError('MESH_STORE_FULL', 'the disk is full', { cause, hint: 'Free some space; the node goes on by itself.' })
  return new MeshError('MESH_STORE_FAILED', 'the store cannot be read or written', { cause, hint: 'Look at the disk: the cause names the file.' })
}

/** The answer to whoever comes after the end. */
export function closedError(): MeshError {
  return new MeshError('MESH_STORE_CLOSED', 'the store is closed')
}
