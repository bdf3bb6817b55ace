/** A small file system of a node's own, which can be full. */
import { cp, mkdir, open, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { run, runNow } from '../commands.ts'

/** Room of a volume, in MiB: the stores of some hundred messages take a tenth. */
const SIZE_MIB = 48
/** Written at once while there is room, and then what may be left in the last pages, bytes. */
const CHUNKS = [1 << 18, 1 << 12] as const

/** From the last failed write to the end of its process on a busy machine, ms. */
const GRACE_MS = 3_000

/** See the head of this file. */
export class Volume {
  readonly folder: string
  readonly #filler: string
  #isFull = false
  #isMounted = true
  #freedMs = Number.NEGATIVE_INFINITY
  readonly #onExit = (): void => {
    runNow('umount', '--lazy', this.folder)
  }

  private constructor(folder: string) {
    this.folder = folder
    this.#filler = join(folder, 'filler')
  }

  /** Nothing can be written now. */
  get isFull(): boolean {
    return this.#isFull
  }

  /** The same, or it was so until just now: what failed for it may be heard of later. */
  get isTight(): boolean {
    return this.#isFull || performance.now() - this.#freedMs < GRACE_MS
  }

  /** Makes one at `folder`, which must not be there yet. */
  static async mount(folder: string): Promise<Volume> {
    await mkdir(folder)
    await run('mount', '-t', 'tmpfs', '-o', `size=${SIZE_MIB}m,mode=0700`, 'tmpfs', folder)
    const volume = new Volume(folder)
    process.once('exit', volume.#onExit)
    return volume
  }

  /** Takes all room that is left. */
  async fill(): Promise<void> {
    this.#isFull = true
    const file = await open(this.#filler, 'a')
    try {
      for (const bytes of CHUNKS) {
        const zeros = new Uint8Array(bytes)
        while (await fits(file.write(zeros)));
      }
    } finally {
      await file.close()
    }
  }

  /** Gives the room back. */
  async free(): Promise<void> {
    await rm(this.#filler, { force: true })
    if (this.#isFull) this.#freedMs = performance.now()
    this.#isFull = false
  }

  /** Removes the file system; what was in it lies in an ordinary folder of the same name afterwards. */
  async unmount(): Promise<void> {
    if (!this.#isMounted) return
    this.#isMounted = false
    await this.free()
    const copy = `${this.folder}.copy`
    await cp(this.folder, copy, { recursive: true, filter: (source) => !source.endsWith('.sock') })
    await run('umount', this.folder)
    process.off('exit', this.#onExit)
    await rm(this.folder, { recursive: true })
    await run('mv', copy, this.folder)
  }
}

/** Whether something could be written as a whole. */
async function fits(writing: Promise<{ bytesWritten: number }>): Promise<boolean> {
  try {
    return (await writing).bytesWritten > 0
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOSPC') return false
    throw error
  }
}
