import type { IgnoreReason } from '#mesh/intake'
import type { ImportReport, Stopped } from './import-bundle.ts'

/** Refusals that another attempt may change. */
const PASSING: readonly IgnoreReason[] = ['rate', 'quota', 'full']

/** Counts what a file brought. Blocks are counted by their numbers, so that those that are missing are counted too. */
export class Tally {
  readonly #ignored: Partial<Record<IgnoreReason, number>> = {}
  readonly #rejected: Record<string, number> = {}
  #accepted = 0
  #nextSequence = 0
  #end: { isLast: boolean; blocks: number } | undefined
  /** Blocks that were read. */
  blocks = 0
  rejects = 0
  fullInARow = 0
  /** Envelopes of ours that somebody has promised to carry. */
  carried = 0

  /** Counts a block; false when it was here before. */
  isNext(sequence: number): boolean {
    if (sequence < this.#nextSequence) return false
    this.#nextSequence = sequence + 1
    this.blocks++
    return true
  }

  accepted(): void {
    this.#accepted++
    this.fullInARow = 0
  }

  ignored(reason: IgnoreReason): void {
    this.#ignored[reason] = (this.#ignored[reason] ?? 0) + 1
    if (reason === 'full') this.fullInARow++
  }

  rejected(code: string): void {
    this.#rejected[code] = (this.#rejected[code] ?? 0) + 1
    this.rejects++
  }

  end({ isLast, blocks }: { isLast: boolean; blocks: number }): void {
    this.#end = { isLast, blocks }
  }

  report(stopped: Stopped | undefined): Omit<ImportReport, 'bundle' | 'part' | 'stopped'> {
    const hasNoEnd = this.#end === undefined && stopped === undefined // every part has one, so this one is bad
    const blocks = Math.max(this.#nextSequence + (hasNoEnd ? 1 : 0), this.#end?.blocks ?? 0)
    const badBlocks = blocks - this.blocks
    const isLasting = PASSING.every((reason) => this.#ignored[reason] === undefined)
    return {
      isLast: this.#end?.isLast ?? false,
      isWhole: this.#end !== undefined && badBlocks === 0 && stopped === undefined && isLasting,
      blocks,
      badBlocks,
      accepted: this.#accepted,
      ignored: this.#ignored,
      rejected: this.#rejected,
      carried: this.carried,
    }
  }
}
