/**
 * Reads a bundle: every envelope goes through the one door, every promise is checked, and nothing else of what
 * a file says is believed. Whatever was committed stays, however the reading ends; to read a file twice changes
 * nothing.
 */
import { equalBytes } from '#mesh/codec'
import { addressOfKey, decodeEnvelope } from '#mesh/envelope'
import { isMeshError, MeshError } from '#mesh/errors'
import type { Address, DeviceId, EnvelopeId } from '#mesh/ids'
import type { IgnoreReason, Verdict } from '#mesh/intake'
import { isGrantValid } from '#mesh/routing'
import type { CarriedEnvelope } from '../frames.ts'
import type { Block } from './block.ts'
import { BlockReader } from './block-reader.ts'
import { type Content, decodeContent } from './contents.ts'
import type { BundleDeps } from './deps.ts'
import {
  MAX_BAD_PROMISES,
  MAX_BATCH_BYTES,
  MAX_BATCH_ENVELOPES,
  MAX_FULL_IN_A_ROW,
  MAX_NOISE_BYTES,
  MAX_REJECTED,
  RATE_PATIENCE_MS,
  RATE_PAUSE_MS,
} from './limits.ts'
import { recordPromise } from './promised.ts'
import type { Promises } from './promises.ts'
import { STICK_LINK } from './stick-link.ts'
import { Tally } from './tally.ts'

/** Why a file was not read to its end. */
export type Stopped = 'aborted' | 'rate' | 'full' | 'hostile'

/** What one file brought. */
export interface ImportReport {
  /** The random name of the bundle and the number of the part. */
  readonly bundle: Uint8Array
  readonly part: number
  /** True when the writer said that no part follows; false also when its end could not be read. */
  readonly isLast: boolean
  /** True when the end was there, no block was bad, and every envelope got an answer that lasts. */
  readonly isWhole: boolean
  readonly stopped: Stopped | undefined
  /** Blocks that there were, as far as is known, and those of them that could not be read. */
  readonly blocks: number
  readonly badBlocks: number
  readonly accepted: number
  readonly ignored: Readonly<Partial<Record<IgnoreReason, number>>>
  readonly rejected: Readonly<Record<string, number>>
  /** Envelopes of ours that somebody has promised to carry. */
  readonly carried: number
}

/** How far the reading is. */
export interface ImportProgress {
  readonly bytes: number
  readonly envelopes: number
}

/** What can be chosen. */
export interface ImportOptions {
  readonly signal?: AbortSignal
  /** Asked once, when the first block is there: a part that is known need not be read again. */
  readonly isKnown?: (bundle: Uint8Array, part: number) => boolean
}

/**
 * Reads `chunks`, one after the other; yields after each of them, and `undefined` at the end means that the part was known.
 * @throws MeshError `MESH_BUNDLE_INVALID` when this is no bundle, `MESH_VERSION_UNKNOWN`, and whatever `chunks` throws
 */
export async function* importBundle(
  deps: BundleDeps,
  promises: Promises,
  chunks: AsyncIterable<Uint8Array>,
  options: ImportOptions = {},
): AsyncGenerator<ImportProgress, ImportReport | undefined> {
  const work = new Import(deps, promises, options)
  const reader = new BlockReader()
  let bytes = 0
  try {
    for await (const chunk of chunks) {
      bytes += chunk.length
      for (const block of reader.push(chunk)) await work.take(block)
      if (work.isKnown) return undefined
      if (work.tally.blocks === 0 && bytes > MAX_NOISE_BYTES) break
      if (options.signal?.aborted === true) work.stop('aborted')
      if (work.stopped !== undefined) break
      yield { bytes, envelopes: work.envelopes }
    }
    if (work.stopped === undefined) for (const block of reader.end()) await work.take(block)
    if (work.isKnown) return undefined
  } finally {
    await work.finish()
  }
  return work.report(reader.strangeVersions)
}

/** One reading of one file. */
class Import {
  readonly tally = new Tally()
  readonly #deps: BundleDeps
  readonly #promises: Promises
  readonly #options: ImportOptions
  readonly #ownAddresses: ReadonlySet<Address>
  #first: Pick<Block, 'bundle' | 'part'> | undefined
  #exporter: DeviceId | undefined
  #batch: CarriedEnvelope[] = []
  #batchBytes = 0
  #owed: EnvelopeId[] = []
  #patienceMs = RATE_PATIENCE_MS
  #badPromises = 0
  envelopes = 0
  isKnown = false
  stopped: Stopped | undefined

  constructor(deps: BundleDeps, promises: Promises, options: ImportOptions) {
    this.#deps = deps
    this.#promises = promises
    this.#options = options
    this.#ownAddresses = new Set(deps.grants().map(({ inboxKey }) => addressOfKey(inboxKey)))
  }

  stop(why: Stopped): void {
    this.stopped ??= why
  }

  /** A block whose checksum is right. Blocks of another bundle are left where they are: an old file shone through. */
  async take(block: Block): Promise<void> {
    if (this.stopped !== undefined || this.isKnown) return
    if (this.#first === undefined) {
      this.#first = block
      this.isKnown = this.#options.isKnown?.(block.bundle, block.part) ?? false
      if (this.isKnown) return
    }
    if (block.part !== this.#first.part || !equalBytes(block.bundle, this.#first.bundle) || !this.tally.isNext(block.sequence)) return
    let content: Content
    try {
      content = decodeContent(block)
    } catch (error) {
      if (!isMeshError(error) || error.blame !== 'peer') throw error
      this.tally.rejected(error.code)
      return
    }
    await this.#take(content)
  }

  /** What waits goes through the door. */
  async finish(): Promise<void> {
    await this.#flush()
    await this.#noteOwed(0)
  }

  /** @throws MeshError `MESH_BUNDLE_INVALID`, `MESH_VERSION_UNKNOWN` */
  report(strangeVersions: number): ImportReport {
    if (this.#first === undefined) {
      if (strangeVersions > 0)
        throw new MeshError('MESH_VERSION_UNKNOWN', 'this bundle is of a version that is not known here', { hint: 'A newer program wrote it.' })
      throw new MeshError('MESH_BUNDLE_INVALID', 'this file is not a bundle, or nothing of it can be read', { hint: '`qpq bundle export` writes bundles.' })
    }
    const { bundle, part } = this.#first
    return { bundle, part, stopped: this.stopped, ...this.tally.report(this.stopped) }
  }

  async #take(content: Content): Promise<void> {
    switch (content.kind) {
      case 'hello':
        this.#exporter = content.device
        for (const grant of content.hello.grants) {
          if (isGrantValid(this.#deps.crypto, grant, content.device, this.#deps.clock.now()))
            await this.#promises.meet(addressOfKey(grant.inboxKey), grant.untilMs)
        }
        return
      case 'taken':
        await this.#promised(content)
        return
      case 'envelopes':
        for (const envelope of content.envelopes) {
          if (this.#batch.length >= MAX_BATCH_ENVELOPES || this.#batchBytes + envelope.bytes.length > MAX_BATCH_BYTES) await this.#flush()
          this.#batch.push(envelope)
          this.#batchBytes += envelope.bytes.length
        }
        return
      case 'end':
        this.tally.end(content)
        return
      case 'unknown':
    }
  }

  async #promised({ from, custodian, taken }: Extract<Content, { kind: 'taken' }>): Promise<void> {
    if (from !== this.#deps.device || this.#badPromises >= MAX_BAD_PROMISES) return
    const carried = await recordPromise(this.#deps, this.#promises, { ...taken, custodian })
    if (carried === undefined) this.#badPromises++
    else this.tally.carried += carried
  }

  async #flush(): Promise<void> {
    let batch: readonly CarriedEnvelope[] = this.#batch
    this.#batch = []
    this.#batchBytes = 0
    this.envelopes += batch.length
    while (batch.length > 0) {
      const verdicts = await this.#deps.intake.receiveAll(
        batch.map(({ bytes, hops, copies, ageS }) => ({ bytes, passage: { hops, copies, ageS } })),
        STICK_LINK,
      )
      const { retry } = this.#judge(batch, verdicts)
      if (this.tally.rejects > MAX_REJECTED) this.stop('hostile')
      if (this.tally.fullInARow > MAX_FULL_IN_A_ROW) this.stop('full')
      batch = await this.#later(retry)
    }
    if (this.#owed.length >= MAX_BATCH_ENVELOPES) await this.#noteOwed(1)
  }

  /** What came too fast is tried again after a pause, as long as there is patience: a file can wait. */
  async #later(retry: readonly CarriedEnvelope[]): Promise<readonly CarriedEnvelope[]> {
    if (retry.length === 0) return []
    const { signal } = this.#options
    if (signal?.aborted === true) this.stop('aborted')
    if (this.#patienceMs <= 0) this.stop('rate')
    if (this.stopped !== undefined) {
      for (const _envelope of retry) this.tally.ignored('rate')
      return []
    }
    this.#patienceMs -= RATE_PAUSE_MS
    await this.#deps.clock.sleep(RATE_PAUSE_MS, signal)
    return retry
  }

  #judge(batch: readonly CarriedEnvelope[], verdicts: readonly Verdict[]): { retry: CarriedEnvelope[] } {
    const retry: CarriedEnvelope[] = []
    batch.forEach((envelope, i) => {
      const verdict = verdicts[i]
      if (verdict === undefined) return
      if (verdict.kind === 'ignore' && verdict.reason === 'rate') retry.push(envelope)
      else if (verdict.kind === 'reject') this.tally.rejected(verdict.code)
      else if (verdict.kind === 'ignore') this.tally.ignored(verdict.reason)
      else this.tally.accepted()
      const isKept = verdict.kind === 'accept' ? !verdict.queued : verdict.kind === 'ignore' && verdict.reason === 'duplicate'
      if (isKept) this.#owe(verdict.kind === 'accept' ? verdict.envelope.id : decodeEnvelope(envelope.bytes).id)
    })
    return { retry }
  }

  /** What we keep for others: receivers answer for themselves, nobody waits for a receipt, and nobody is told of our own. */
  #owe(id: EnvelopeId): void {
    const meta = this.#deps.store.meta(id)
    if (meta === undefined || meta.own || meta.kind === 'receipt' || meta.kind === 'announcement' || this.#ownAddresses.has(meta.address)) return
    this.#owed.push(id)
  }

  async #noteOwed(atLeast: number): Promise<void> {
    const owed = this.#owed
    if (owed.length < Math.max(1, atLeast)) return
    this.#owed = []
    if (this.#exporter !== undefined && this.#exporter !== this.#deps.device) await this.#promises.owe(this.#exporter, owed)
  }
}
