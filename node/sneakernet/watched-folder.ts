import { realpath } from 'node:fs/promises'
import { isMeshError } from '#mesh/errors'
import type { Clock, Log } from '#mesh/ports'
import type { Bundles, ImportReport } from '#mesh/sync'
import type { WatchedFolderInfo } from '#node/control'
import { readError, systemCode } from './file-errors.ts'
import { type Candidate, markOf, type Scan, scanFolder } from './folder-scan.ts'
import { shownName } from './names.ts'
import { chunksOf, hasChanged, openRegular } from './regular-file.ts'

/** What reading from a folder needs. */
export interface WatchedFolderDeps {
  readonly bundles: Pick<Bundles, 'import'>
  readonly clock: Clock
  readonly log: Log
  readonly isKnown: (bundle: Uint8Array, part: number) => boolean
  readonly onRead: (report: ImportReport) => Promise<void>
}

/** Files whose fate is remembered; above it the longest unseen is forgotten. */
const MAX_REMEMBERED = 4_096
/** After this time what the system could not read, what had no room, or came too fast, is read again, ms. */
const AGAIN_MS = 10 * 60_000

interface Seen {
  readonly mark: string
  /** `new`: seen once, perhaps still being copied. */
  readonly state: 'new' | 'done'
  readonly againMs?: number
}

/** One folder: what is in it, what was read of it, what was wrong. */
export class WatchedFolder {
  readonly folder: string
  readonly #deps: WatchedFolderDeps
  readonly #seen = new Map<string, Seen>()
  #state: WatchedFolderInfo['state'] = 'watching'
  #isCrowded = false
  #counts = { files: 0, envelopes: 0, badBlocks: 0, refused: 0, errors: 0 }
  #lastError: string | undefined

  constructor(deps: WatchedFolderDeps, folder: string) {
    this.folder = folder
    this.#deps = deps
  }

  get info(): WatchedFolderInfo {
    const lastError = this.#lastError === undefined ? {} : { lastError: this.#lastError }
    return { state: this.#state, crowded: this.#isCrowded, ...this.#counts, ...lastError }
  }

  /** Looks once, and reads what has not changed since the last look. Never rejects because of what is in the folder. */
  async look(signal: AbortSignal): Promise<void> {
    const scan = await this.#scan()
    if (scan === undefined) return
    this.#isCrowded = scan.isCrowded
    if (!scan.isCrowded) this.#forgetAllBut([...scan.bundles, ...scan.refused])
    for (const candidate of scan.refused) {
      if (this.#isNews(candidate, 'done')) this.#complain(candidate, 'refused', 'is a link, no file, or has no end')
    }
    for (const candidate of scan.bundles) {
      if (signal.aborted) return
      if (this.#isReady(candidate)) await this.#read(candidate, signal)
    }
  }

  async #scan(): Promise<Scan | undefined> {
    try {
      const scan = await scanFolder(this.folder)
      this.#state = 'watching'
      return scan
    } catch (error) {
      const state = systemCode(error) === 'ENOENT' ? 'missing' : 'unreadable'
      if (state !== this.#state && state === 'unreadable') {
        this.#counts.errors++
        this.#lastError = readError(this.folder, error).message
        this.#deps.log.warn('a watched folder cannot be read', { folder: this.folder, error })
      }
      this.#state = state
      if (state === 'missing') this.#forgetAllBut([])
      return undefined
    }
  }

  /** A stick that comes back is read anew: it may have been pulled while it was read. What is known of it costs one block. */
  #forgetAllBut(there: readonly Candidate[]): void {
    const paths = new Set(there.map(({ path }) => path))
    for (const path of this.#seen.keys()) if (!paths.has(path)) this.#seen.delete(path)
  }

  /** True when the file is as it was at the last look and was not read since. */
  #isReady(candidate: Candidate): boolean {
    if (this.#isNews(candidate, 'new')) return false
    const seen = this.#seen.get(candidate.path)
    if (seen?.state === 'new') return true
    return seen?.againMs !== undefined && this.#deps.clock.monotonic() >= seen.againMs
  }

  /** Remembers a file that was not here before, or has changed. */
  #isNews({ path, mark }: Candidate, state: Seen['state']): boolean {
    const seen = this.#seen.get(path)
    if (seen?.mark === mark) return false
    this.#remember(path, { mark, state })
    return true
  }

  #remember(path: string, seen: Seen): void {
    this.#seen.delete(path)
    this.#seen.set(path, seen)
    const oldest = this.#seen.keys().next()
    if (this.#seen.size > MAX_REMEMBERED && oldest.done !== true) this.#seen.delete(oldest.value)
  }

  async #read(candidate: Candidate, signal: AbortSignal): Promise<void> {
    const { log } = this.#deps
    const { path } = candidate
    try {
      const report = await this.#import(candidate, signal)
      if (signal.aborted) return
      this.#settle(candidate, report !== undefined && mayBringMore(report))
      if (report === undefined) return
      this.#counts.files++
      this.#counts.envelopes += report.accepted
      this.#counts.badBlocks += report.badBlocks
      if (report.badBlocks > 0) this.#complain(candidate, 'errors', `has ${report.badBlocks} of ${report.blocks} blocks that cannot be read`)
      else if (report.stopped === 'hostile') this.#complain(candidate, 'errors', 'holds what nobody honest passes on')
      log.info('a bundle was read', { file: shownName(path), accepted: report.accepted, badBlocks: report.badBlocks })
    } catch (error) {
      if (isMeshError(error) && error.blame === 'us') {
        log.warn('a bundle could not be taken in', { file: shownName(path), error })
        this.#settle(candidate, true)
        return
      }
      this.#settle(candidate, !isMeshError(error) && systemCode(error) !== '')
      this.#complain(candidate, 'errors', readError(path, error).message)
    }
  }

  /** The file was read; later once more when another attempt may bring more. */
  #settle({ path, mark }: Candidate, isLater: boolean): void {
    this.#remember(path, { mark, state: 'done', ...(isLater ? { againMs: this.#deps.clock.monotonic() + AGAIN_MS } : {}) })
  }

  /** The file has to be the one that was looked at, and in the directory that it was in. */
  async #import({ path, directory, mark }: Candidate, signal: AbortSignal): Promise<ImportReport | undefined> {
    const { bundles, isKnown, onRead } = this.#deps
    const file = await openRegular(path, (found) => markOf(found) === mark)
    try {
      if ((await realpath(directory)) !== directory) throw hasChanged(path)
      const reading = bundles.import(chunksOf(file), { signal, isKnown })
      let step = await reading.next()
      while (step.done !== true) step = await reading.next()
      if (step.value?.isWhole === true) await onRead(step.value)
      return step.value
    } finally {
      await file.close()
    }
  }

  #complain({ path }: Candidate, as: 'refused' | 'errors', what: string): void {
    this.#counts[as]++
    this.#lastError = `${shownName(path)}: ${what}`
    this.#deps.log.warn('a file in a watched folder is not right', { file: shownName(path), why: what })
  }
}

/** True when something was refused that another attempt may let in, whether or not the reading was stopped for it. */
function mayBringMore({ stopped, ignored }: ImportReport): boolean {
  return stopped === 'rate' || stopped === 'full' || (ignored.rate ?? 0) + (ignored.quota ?? 0) + (ignored.full ?? 0) > 0
}
