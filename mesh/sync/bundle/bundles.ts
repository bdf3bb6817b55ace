import type { BundleDeps } from './deps.ts'
import { type BundleExport, type ExportOptions, exportBundle } from './export-bundle.ts'
import { type ImportOptions, type ImportProgress, type ImportReport, importBundle } from './import-bundle.ts'
import { Promises } from './promises.ts'

/** Writes and reads the bundles of a node. It knows no files: bytes come and go as streams. */
export class Bundles {
  readonly #deps: BundleDeps
  readonly #promises: Promises

  constructor(deps: BundleDeps) {
    this.#deps = deps
    this.#promises = new Promises(deps.db)
  }

  /** What others are to get, as blocks. See {@link exportBundle}. */
  export(options: ExportOptions = {}): Promise<BundleExport> {
    return exportBundle(this.#deps, this.#promises, options)
  }

  /** Takes in what `chunks` hold. See {@link importBundle}. */
  import(chunks: AsyncIterable<Uint8Array>, options: ImportOptions = {}): AsyncGenerator<ImportProgress, ImportReport | undefined> {
    return importBundle(this.#deps, this.#promises, chunks, options)
  }
}
