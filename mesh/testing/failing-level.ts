import type { Level } from '#mesh/store'

/** A disk whose writes fail when a test wants it. */
export interface FailingLevel {
  readonly level: Level
  /** From now on every write fails with `code`, as a full (`ENOSPC`) or dying (`EIO`) disk does. */
  fail(code: 'ENOSPC' | 'EIO'): void
  /** Opening fails too. */
  failOpening(code: 'ENOSPC' | 'EIO'): void
  /** The disk is well again. */
  heal(): void
  /** Calls of `batch` that reached the disk. */
  readonly batches: number
}

/** `level`, whose `batch` and `open` fail on demand without changing anything. */
export function failingLevel(level: Level): FailingLevel {
  const batch = level.batch.bind(level)
  const open = level.open.bind(level)
  let writing: string | undefined
  let opening: string | undefined
  let batches = 0
  Object.assign(level, {
    batch: async (...parameters: Parameters<typeof batch>) => {
      if (writing !== undefined) throw diskError(writing)
      batches++
      return batch(...parameters)
    },
    open: async () => {
      if (opening !== undefined) throw diskError(opening)
      return open()
    },
  })
  return {
    level,
    fail(code) {
      writing = code
    },
    failOpening(code) {
      opening = code
    },
    heal() {
      writing = undefined
      opening = undefined
    },
    get batches() {
      return batches
    },
  }
}

function diskError(code: string): Error {
  return Object.assign(new Error(`${code}: a test's disk`), { code })
}
