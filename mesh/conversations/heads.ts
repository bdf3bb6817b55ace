import { compareStamps } from '#mesh/envelope'
import type { EnvelopeId } from '#mesh/ids'
import type { Transaction } from '#mesh/store'
import type { History } from './history.ts'
import { MAX_PARENTS } from './message.ts'

/** As many heads as a message can follow; the latest by stamp, as what comes late and out of order is rarely one. */
export async function latestHeads(history: History, tx: Transaction, heads: readonly EnvelopeId[]): Promise<readonly EnvelopeId[]> {
  if (heads.length <= MAX_PARENTS) return heads
  const rows = await Promise.all(heads.map((head) => history.message(tx, head)))
  const known = rows.filter((row) => row !== undefined).sort((a, b) => compareStamps(a.stamp, b.stamp))
  return known.slice(-MAX_PARENTS).map(({ id }) => id)
}
