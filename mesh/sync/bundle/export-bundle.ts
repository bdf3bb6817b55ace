/**
 * Writes bundles: who we are, what we promise, what we carry, and how much that was; part by part, each of
 * them whole without the others.
 */
import { isMeshError } from '#mesh/errors'
import type { EnvelopeId } from '#mesh/ids'
import { MAX_FRAME_BYTES } from '#mesh/ports'
import { custodyMessage } from '#mesh/routing'
import type { EnvelopeMeta } from '#mesh/store'
import { groupByEnd } from '../custody.ts'
import { passageOf } from '../decisions.ts'
import { CARRIED_OVERHEAD_BYTES, type CarriedEnvelope, ENVELOPES_HEAD_BYTES, encodeFrame } from '../frames.ts'
import { MAX_CUSTODY_MS } from '../limits.ts'
import { BLOCK_OVERHEAD_BYTES, BLOCK_TYPE, BUNDLE_ID_BYTES, LARGE_HEAD_BYTES } from './block.ts'
import { encodeHello, encodeLarge, encodeTaken } from './contents.ts'
import type { BundleDeps } from './deps.ts'
import { BLOCK_TARGET_BYTES } from './limits.ts'
import { type Piece, PieceWriter } from './piece-writer.ts'
import type { Promises } from './promises.ts'
import { type Audience, type Selected, selectForBundle } from './selection.ts'

/** What a bundle shall hold. */
export interface ExportOptions {
  /** Only what goes to these addresses, beside receipts and announcements. */
  readonly only?: Audience['only']
  /** The longest part, in bytes; one part without it. At least `MIN_PART_BYTES`. */
  readonly maxPartBytes?: number
  readonly signal?: AbortSignal
}

/** A bundle that can be written. */
export interface BundleExport {
  /** Its random name, {@link BUNDLE_ID_BYTES} bytes. */
  readonly bundle: Uint8Array
  /** Envelopes that were chosen, and about how many bytes they take: for a progress bar. */
  readonly envelopes: number
  readonly bytes: number
  /** Envelopes that fit into no part. */
  readonly tooLarge: number
  /** The blocks, in order; read once. Ends early when the signal aborts, without the last block. */
  readonly pieces: AsyncGenerator<Piece>
}

/** How many envelopes are read from the store at once. */
const READ_AT_ONCE = 64

/** Chooses what goes out; nothing is read from the disk before the pieces are. */
export async function exportBundle(deps: BundleDeps, promises: Promises, options: ExportOptions = {}): Promise<BundleExport> {
  const bundle = deps.random.bytes(BUNDLE_ID_BYTES)
  const audience = { only: options.only, correspondents: await promises.correspondents() }
  const hello = encodeHello(deps.device, { nowMs: Math.max(0, deps.clock.now()), knownDevices: Math.min(deps.knownDevices(), 65_535), grants: deps.grants() })
  const writer = new PieceWriter(bundle, hello, options.maxPartBytes)
  const all = selectForBundle(deps, audience)
  const fitting = all.filter(({ size }) => writer.takes(LARGE_HEAD_BYTES + size))
  const bytes = fitting.reduce((sum, { size }) => sum + size + CARRIED_OVERHEAD_BYTES, hello.length + 3 * BLOCK_OVERHEAD_BYTES)
  return { bundle, envelopes: fitting.length, bytes, tooLarge: all.length - fitting.length, pieces: pieces(deps, promises, writer, fitting, options.signal) }
}

async function* pieces(
  deps: BundleDeps,
  promises: Promises,
  writer: PieceWriter,
  selected: readonly Selected[],
  signal: AbortSignal | undefined,
): AsyncGenerator<Piece> {
  yield* await promised(deps, promises, writer)
  await noteExported(deps, promises, selected)
  let frame: CarriedEnvelope[] = []
  let frameBytes = ENVELOPES_HEAD_BYTES
  const flush = (): Piece[] => {
    const written = writer.add(BLOCK_TYPE.envelopes, encodeFrame({ type: 'envelopes', envelopes: frame }), frame.length)
    frame = []
    frameBytes = ENVELOPES_HEAD_BYTES
    return written
  }
  for (let at = 0; at < selected.length; at += READ_AT_ONCE) {
    if (signal?.aborted === true) return
    for (const envelope of await read(deps, selected.slice(at, at + READ_AT_ONCE))) {
      const needed = CARRIED_OVERHEAD_BYTES + envelope.bytes.length
      const isRoom = frameBytes + needed <= BLOCK_TARGET_BYTES && writer.hasRoomFor(frameBytes + needed)
      if (frame.length > 0 && !isRoom) yield* flush()
      if (ENVELOPES_HEAD_BYTES + needed > MAX_FRAME_BYTES) {
        yield* writer.add(BLOCK_TYPE.large, encodeLarge(envelope), 1)
        continue
      }
      frame.push(envelope)
      frameBytes += needed
    }
  }
  if (frame.length > 0) yield* flush()
  if (signal?.aborted !== true) yield* writer.end()
}

/** Remembers what of ours goes out. A full disk keeps nothing from a stick: then nobody is believed who promises to carry it. */
async function noteExported({ store, log }: BundleDeps, promises: Promises, selected: readonly Selected[]): Promise<void> {
  const own = selected.filter(({ id }) => {
    const meta = store.meta(id)
    return meta?.own === true && meta.kind !== 'receipt' && meta.kind !== 'announcement'
  })
  try {
    await promises.noteExported(
      own.map(({ id }) => id),
      (id) => store.has(id),
    )
  } catch (error) {
    if (!isMeshError(error, 'MESH_STORE_FULL')) throw error
    log.warn('it cannot be noted what is exported, so nobody who takes it will be believed', { error })
  }
}

/** The envelopes that are still here. */
async function read({ store, ledger, clock }: BundleDeps, selected: readonly Selected[]): Promise<CarriedEnvelope[]> {
  const found = await Promise.all(
    selected.map(async ({ id, copies }) => {
      const meta = store.meta(id)
      const bytes = await store.bytes(id)
      return meta === undefined || bytes === undefined ? undefined : { meta, envelope: { ...passageOf(meta, copies, clock.now()), bytes } }
    }),
  )
  const here = found.filter((one) => one !== undefined)
  for (const { meta } of here) if (meta.own) ledger.noteAttempt(meta.id)
  return here.map(({ envelope }) => envelope)
}

/** The custody that those are told of whose bundles were read here. */
async function promised(deps: BundleDeps, promises: Promises, writer: PieceWriter): Promise<Piece[]> {
  const { store, device, sign } = deps
  const all: Piece[] = []
  for (const [from, ids] of await promises.owed((id) => store.has(id))) {
    const kept = ids.flatMap((id) => keptUntil(deps, id, store.meta(id)))
    for (const { untilMs, ids: group } of groupByEnd(kept)) {
      const signature = sign(custodyMessage(from, untilMs, group))
      all.push(...writer.add(BLOCK_TYPE.taken, encodeTaken(from, device, { untilMs, ids: group, signature }), 0))
    }
  }
  return all
}

/** As in a session, but by our clock alone: a file does not say what time it is where it is read. */
function keptUntil({ clock }: BundleDeps, id: EnvelopeId, meta: EnvelopeMeta | undefined): Array<{ id: EnvelopeId; untilMs: number }> {
  if (meta === undefined) return []
  return [{ id, untilMs: Math.max(0, Math.min(meta.expiryMs, clock.now() + MAX_CUSTODY_MS)) }]
}
