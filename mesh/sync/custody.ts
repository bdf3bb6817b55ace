import type { EnvelopeId } from '#mesh/ids'
import { MAX_ANSWER_IDS } from './limits.ts'

const DAY_MS = 86_400_000

/** An envelope taken over, with the time until which it is kept. */
export interface Kept {
  readonly id: EnvelopeId
  readonly untilMs: number
}

/**
 * Groups what was taken so that one promise covers each group: envelopes that end on the same day, until
 * the first of them ends. So nothing is promised for longer than it is kept, and a short-lived envelope
 * does not shorten the promise for the others.
 */
export function groupByEnd(kept: readonly Kept[]): Array<{ untilMs: number; ids: EnvelopeId[] }> {
  const open = new Map<number, { untilMs: number; ids: EnvelopeId[] }>()
  const groups: Array<{ untilMs: number; ids: EnvelopeId[] }> = []
  for (const { id, untilMs } of kept) {
    const day = Math.floor(untilMs / DAY_MS)
    let group = open.get(day)
    if (group === undefined || group.ids.length >= MAX_ANSWER_IDS) {
      group = { untilMs, ids: [] }
      open.set(day, group)
      groups.push(group)
    }
    group.ids.push(id)
    group.untilMs = Math.min(group.untilMs, untilMs)
  }
  return groups
}
