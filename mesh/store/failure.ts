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
