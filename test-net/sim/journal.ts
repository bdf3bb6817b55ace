import { createHash } from 'node:crypto'
import type { Scheduler } from './scheduler.ts'

/** Lines that are hashed at once. */
const CHUNK_LINES = 512

/**
 * Everything that happens in a run, as a hash: two runs with the same hash were the same, frame by frame.
 * The lines themselves are kept by nobody, unless somebody listens.
 */
export class Journal {
  readonly #scheduler: Scheduler
  readonly #hash = createHash('sha256')
  readonly #listen: ((line: string) => void) | undefined
  #lines: string[] = []
  #count = 0

  constructor(scheduler: Scheduler, listen?: (line: string) => void) {
    this.#scheduler = scheduler
    this.#listen = listen
  }

  /** How many things have happened. */
  get count(): number {
    return this.#count
  }

  note(what: string): void {
    const line = `${this.#scheduler.nowMs.toFixed(3)} ${what}`
    this.#count++
    this.#listen?.(line)
    if (this.#lines.push(line) >= CHUNK_LINES) this.#flush()
  }

  /** The hash so far, hexadecimal; ends the journal. */
  digest(): string {
    this.#flush()
    return this.#hash.digest('hex')
  }

  #flush(): void {
    if (this.#lines.length === 0) return
    this.#hash.update(`${this.#lines.join('\n')}\n`)
    this.#lines = []
  }
}
