/** Reads bundles from files and directories, one after the other. What one of them has wrong keeps none of the others out. */
import { lstat, opendir } from 'node:fs/promises'
import { join } from 'node:path'
import { MeshError } from '#mesh/errors'
import type { Clock } from '#mesh/ports'
import type { Bundles, ImportReport } from '#mesh/sync'
import type { BundleImported, BundleProgress } from '#node/control'
import { readError } from './file-errors.ts'
import { isBundleName, shownName } from './names.ts'
import { pacer } from './pace.ts'
import { chunksOf, openRegular } from './regular-file.ts'

/** Bundles taken from one directory, and entries of it that are looked at: no stick has more, and a prank shall not. */
const MAX_FILES = 2_000
const MAX_ENTRIES = 100_000

/** What reading needs. */
export interface ImportDeps {
  readonly bundles: Bundles
  readonly clock: Clock
  /** Told of each part that was read whole. */
  readonly onRead: (report: ImportReport) => Promise<void>
}

/**
 * Reads everything that `paths` name; directories give their `*.qpqb`. Yields how far it is.
 * @throws MeshError our own failures; what is wrong with a file is part of the result
 */
export async function* importFiles(deps: ImportDeps, paths: readonly string[], signal: AbortSignal): AsyncGenerator<BundleProgress, BundleImported> {
  const isTime = pacer(deps.clock)
  const sum = new ImportSum()
  const files = await expand(paths, sum)
  let total = files.reduce((bytes, { size }) => bytes + size, 0)
  let before = 0
  for (const { path, size } of files) {
    if (signal.aborted) break
    let read = 0
    try {
      const file = await openRegular(path)
      try {
        const reading = deps.bundles.import(chunksOf(file), { signal })
        for (;;) {
          const step = await reading.next()
          if (step.done === true) {
            if (step.value === undefined) break
            sum.add(step.value)
            if (step.value.isWhole) await deps.onRead(step.value)
            break
          }
          read = step.value.bytes
          total = Math.max(total, before + read) // a file that grows
          if (isTime()) yield { event: 'progress', done: before + read, total, envelopes: sum.envelopes + step.value.envelopes }
        }
      } finally {
        await file.close()
      }
    } catch (error) {
      sum.fail(path, readError(path, error))
    }
    before += Math.max(read, size)
  }
  if (signal.aborted) throw new MeshError('NODE_STOPPED', 'the import was stopped', { hint: 'What was read stays; the next import goes on from there.' })
  return sum.result()
}

/** The files that are meant, each with its size for the progress. */
async function expand(paths: readonly string[], sum: ImportSum): Promise<Array<{ path: string; size: number }>> {
  const files: Array<{ path: string; size: number }> = []
  for (const path of paths) {
    try {
      const found = await lstat(path)
      if (!found.isDirectory()) {
        files.push({ path, size: found.isFile() ? found.size : 0 })
        continue
      }
      const inside = await bundlesIn(path)
      if (inside.length === 0) throw new MeshError('NODE_FILE_MISSING', `there is no bundle in ${shownName(path)}`, { hint: 'Bundles are called *.qpqb.' })
      files.push(...inside)
    } catch (error) {
      sum.fail(path, readError(path, error))
    }
  }
  return files
}

async function bundlesIn(directory: string): Promise<Array<{ path: string; size: number }>> {
  const names: string[] = []
  let entries = 0
  for await (const { name } of await opendir(directory)) {
    if (isBundleName(name)) names.push(name)
    if (++entries >= MAX_ENTRIES || names.length >= MAX_FILES) break
  }
  const found = await Promise.all(
    names.sort().map(async (name) => {
      const path = join(directory, name)
      const { size } = await lstat(path)
      return { path, size }
    }),
  )
  return found
}

/** What all files brought together. */
class ImportSum {
  readonly #failed: BundleImported['failed'] = []
  readonly #reasons: Record<string, number> = {}
  readonly #rejected: Record<string, number> = {}
  /** By bundle: whether its last part was here. */
  readonly #bundles = new Map<string, boolean>()
  #result = { accepted: 0, ignored: 0, blocks: 0, badBlocks: 0, carried: 0, files: 0 }
  #stopped: BundleImported['stopped']

  get envelopes(): number {
    return this.#result.accepted + this.#result.ignored
  }

  add(report: ImportReport): void {
    const ignored = addUp(this.#reasons, report.ignored)
    addUp(this.#rejected, report.rejected)
    const { accepted, blocks, badBlocks, carried, files } = this.#result
    this.#result = {
      accepted: accepted + report.accepted,
      ignored: this.#result.ignored + ignored,
      blocks: blocks + report.blocks,
      badBlocks: badBlocks + report.badBlocks,
      carried: carried + report.carried,
      files: files + 1,
    }
    if (report.stopped !== undefined && report.stopped !== 'aborted') this.#stopped ??= report.stopped
    const name = report.bundle.toString()
    this.#bundles.set(name, report.isLast || (this.#bundles.get(name) ?? false))
  }

  fail(path: string, error: MeshError): void {
    if (error.blame === 'us') throw error
    const { code, hint } = error
    const name = shownName(path)
    const message = error.message.includes(name) ? error.message : `${name}: ${error.message}`
    this.#failed.push({ file: path, code, message, ...(hint === undefined ? {} : { hint }) })
  }

  result(): BundleImported {
    const partsFollow = [...this.#bundles.values()].some((isLastHere) => !isLastHere)
    const stopped = this.#stopped === undefined ? {} : { stopped: this.#stopped }
    return { ...this.#result, reasons: this.#reasons, rejected: this.#rejected, partsFollow, failed: this.#failed, ...stopped }
  }
}

function addUp(all: Record<string, number>, more: Readonly<Record<string, number | undefined>>): number {
  let sum = 0
  for (const [key, count = 0] of Object.entries(more)) {
    all[key] = (all[key] ?? 0) + count
    sum += count
  }
  return sum
}
