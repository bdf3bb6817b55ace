/** Writes a bundle into files: each part is there whole or not at all. */
import { realpath } from 'node:fs/promises'
import { dirname, relative, sep } from 'node:path'
import { isMeshError, MeshError } from '#mesh/errors'
import type { Address } from '#mesh/ids'
import type { Clock } from '#mesh/ports'
import type { Bundles, Piece } from '#mesh/sync'
import type { BundleExported, BundleProgress } from '#node/control'
import { systemCode, writeError } from './file-errors.ts'
import { partPath, shownName } from './names.ts'
import { pacer } from './pace.ts'
import { assertFree, PartFile } from './part-file.ts'

/** What is written, and where. */
export interface ExportRequest {
  /** Absolute. With `maxBytes` the parts are named after it. */
  readonly file: string
  readonly only?: ReadonlySet<Address>
  /** The longest part, in bytes. */
  readonly maxBytes?: number
  readonly force: boolean
}

/** What writing needs. */
export interface ExportDeps {
  readonly bundles: Bundles
  readonly clock: Clock
  /** Nothing is written in here: it holds the keys and the store. */
  readonly dataDir: string
  /** Told of each part that is whole. */
  readonly onWritten: (bundle: Uint8Array, part: number) => Promise<void>
}

/** Yields how far it is. @throws MeshError `NODE_FILE_EXISTS`, `NODE_FILE_MISSING`, `NODE_FILE_UNUSABLE`, `NODE_DISK_FULL`, `NODE_STOPPED` */
export async function* exportFiles(deps: ExportDeps, request: ExportRequest, signal: AbortSignal): AsyncGenerator<BundleProgress, BundleExported> {
  const { file, only, maxBytes, force } = request
  const nameOf = (part: number) => (maxBytes === undefined ? file : partPath(file, part))
  await assertPlace(deps.dataDir, nameOf(1), force)
  const bundle = await deps.bundles.export({
    signal,
    ...(only === undefined ? {} : { only }),
    ...(maxBytes === undefined ? {} : { maxPartBytes: maxBytes }),
  })
  const files: string[] = []
  const isTime = pacer(deps.clock)
  let [envelopes, bytes] = [0, 0]
  let open: PartFile | undefined
  try {
    for await (const piece of bundle.pieces) {
      open ??= await PartFile.create(nameOf(piece.part), force)
      await open.write(piece.bytes)
      envelopes += piece.envelopes
      bytes += piece.bytes.length
      if (piece.isEnd) {
        await finishPart(deps, open, bundle.bundle, piece)
        files.push(open.path)
        open = undefined
      }
      if (isTime()) yield { event: 'progress', done: Math.min(bytes, bundle.bytes), total: bundle.bytes, envelopes }
    }
  } catch (error) {
    throw writeError(nameOf(files.length + 1), error, files)
  } finally {
    await open?.discard().catch((error: unknown) => assertKnown(error))
  }
  if (signal.aborted)
    throw new MeshError('NODE_STOPPED', 'the export was stopped', {
      hint: files.length === 0 ? 'Nothing was left behind.' : `${files.length} whole parts stay.`,
    })
  return { files, envelopes, bytes, tooLarge: bundle.tooLarge }
}

async function finishPart(deps: ExportDeps, open: PartFile, bundle: Uint8Array, { part }: Piece): Promise<void> {
  await open.commit()
  await deps.onWritten(bundle, part)
}

/** A stick that was pulled out takes the unfinished part along; every other fault is worth hearing. */
function assertKnown(error: unknown): void {
  if (['ENOENT', 'EIO', 'ENODEV', 'EROFS', 'ENOTCONN'].includes(systemCode(error))) return
  throw error
}

async function assertPlace(dataDir: string, file: string, force: boolean): Promise<void> {
  try {
    const [data, directory] = await Promise.all([realpath(dataDir), realpath(dirname(file))])
    const way = relative(data, directory)
    const isInside = way === '' || (way !== '..' && !way.startsWith(`..${sep}`))
    if (isInside) {
      throw new MeshError('NODE_FILE_UNUSABLE', `${shownName(file)} would be in the data directory of the node`, {
        hint: 'Write it to a stick, or to your home directory.',
      })
    }
    await assertFree(file, force)
  } catch (error) {
    throw isMeshError(error) ? error : writeError(file, error, [])
  }
}
