/**
 * Bundles as files: written and read when somebody asks, and read by itself when a stick is plugged in.
 */
import type { Address } from '#mesh/ids'
import type { Clock, Log } from '#mesh/ports'
import { type Runnable, spawn, type Task } from '#mesh/runtime'
import type { Database } from '#mesh/store'
import type { Bundles, ImportReport } from '#mesh/sync'
import type { BundleExported, BundleImported, BundleStep, WatchedFolderInfo } from '#node/control'
import { type ExportRequest, exportFiles } from './export-files.ts'
import { importFiles } from './import-files.ts'
import { KnownParts } from './known-parts.ts'
import { WatchedFolder } from './watched-folder.ts'

/** What bundles in files need of a node. */
export interface SneakernetDeps {
  readonly bundles: Bundles
  readonly db: Pick<Database, 'transaction' | 'iterate'>
  readonly clock: Clock
  readonly log: Log
  /** Nothing is written in here. */
  readonly dataDir: string
}

/** What is watched. */
export interface SneakernetOptions {
  /** Absolute paths. */
  readonly folders?: readonly string[]
  /** Between two looks at the folders, ms. */
  readonly everyMs?: number
}

/** Twice that is how long a file rests before it is read; a look costs a directory listing. */
const LOOK_EVERY_MS = 2_000

/** See the head of this file. */
export class Sneakernet implements Runnable {
  readonly #deps: SneakernetDeps
  readonly #everyMs: number
  readonly #folders: readonly WatchedFolder[]
  #known: KnownParts | undefined
  #task: Task | undefined

  constructor(deps: SneakernetDeps, options: SneakernetOptions = {}) {
    const { bundles, clock, log } = deps
    this.#deps = deps
    this.#everyMs = options.everyMs ?? LOOK_EVERY_MS
    const isKnown = (bundle: Uint8Array, part: number) => this.#known?.has(bundle, part) ?? false
    const onRead = (report: ImportReport) => this.#note(report.bundle, report.part)
    this.#folders = (options.folders ?? []).map((folder) => new WatchedFolder({ bundles, clock, log, isKnown, onRead }, folder))
  }

  async start(): Promise<void> {
    const { db, log, clock } = this.#deps
    this.#known = await KnownParts.open(db)
    if (this.#folders.length === 0) return
    this.#task = spawn(
      async (signal) => {
        while (!signal.aborted) {
          for (const folder of this.#folders) await folder.look(signal)
          await clock.sleep(this.#everyMs, signal)
        }
      },
      (error) => log.error('the watched folders are not looked at any more', { error }),
    )
  }

  async stop(): Promise<void> {
    await this.#task?.stop()
  }

  /** What became of each watched folder. */
  get folders(): Record<string, WatchedFolderInfo> {
    return Object.fromEntries(this.#folders.map(({ folder, info }) => [folder, info]))
  }

  /** Writes a bundle; the last step is the result. @throws as {@link exportFiles} */
  async *export(request: Omit<ExportRequest, 'only'> & { only?: ReadonlySet<Address> }, signal: AbortSignal): AsyncGenerator<BundleStep<BundleExported>> {
    const { bundles, clock, dataDir } = this.#deps
    const result = yield* exportFiles({ bundles, clock, dataDir, onWritten: (bundle, part) => this.#note(bundle, part) }, request, signal)
    yield { event: 'done', ...result }
  }

  /** Reads bundles; the last step is the result. @throws as {@link importFiles} */
  async *import(files: readonly string[], signal: AbortSignal): AsyncGenerator<BundleStep<BundleImported>> {
    const { bundles, clock } = this.#deps
    const result = yield* importFiles({ bundles, clock, onRead: (report) => this.#note(report.bundle, report.part) }, files, signal)
    yield { event: 'done', ...result }
  }

  async #note(bundle: Uint8Array, part: number): Promise<void> {
    await this.#known?.add(bundle, part, this.#deps.clock.now())
  }
}
