import type { Level } from '#mesh/store'

/** A disk whose writes fail when a test wants it. */
export interface FailingLevel {
  readonly level: Level
  /** From now on every write fails with `code`, as a full (`ENOSPC`) or dying (`EIO`) disk does. */
  fail(code: 'ENOSPC' | 'EIO'): void
  /**
   * The write number `nth` from now on, counted from 0, fails and all that follow until `heal`. With `lands` it is in the log all the same, as after
   * a failed fsync: nothing shows it before the level is opened again.
   */
  failAt(nth: number, code: 'ENOSPC' | 'EIO', lands: boolean): void
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
  let fate: { left: number; readonly code: string; readonly lands: boolean } | undefined
  let landed: Parameters<typeof batch> | undefined
  Object.assign(level, {
    batch: async (...parameters: Parameters<typeof batch>) => {
      if (fate !== undefined && fate.left-- === 0) {
        writing = fate.code
        if (fate.lands) landed = parameters
      }
      if (writing !== undefined) throw diskError(writing)
      batches++
      return batch(...parameters)
    },
    open: async () => {
      if (opening !== undefined) throw diskError(opening)
      await open()
      if (landed !== undefined) await batch(...landed)
      landed = undefined
    },
  })
  return {
    level,
    fail(code) {
      writing = code
    },
    failAt(nth, code, lands) {
      fate = { left: nth, code, lands }
    },
    failOpening(code) {
      opening = code
    },
    heal() {
      writing = undefined
      opening = undefined
      fate = undefined
    },
    get batches() {
      return batches
    },
  }
}

function diskError(code: string): Error {
  return Object.assign(new Error(`${code}: a test's disk`), { code })
}
