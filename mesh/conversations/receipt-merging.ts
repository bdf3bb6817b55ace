/**
 * Which receipts become one.
 *
 * A receipt for each message would fill the stores of all who carry them, and one receipt that is written
 * anew with each message would fill the links. So sizes grow as in a log-structured store: eight of a class
 * become one of the next, and each id crosses a link about once for each class. What has more than half of
 * the largest size stays as it is.
 */
import { MAX_RETRACTED_IDS } from '#mesh/envelope'
import type { EnvelopeId } from '#mesh/ids'

/** A receipt of this node that is still here. */
export interface OwnReceipt {
  readonly id: EnvelopeId
  /** How many ids it holds. */
  readonly ids: number
}

/** Receipts of one class that become one; also the factor between classes, which begin at 1, 8, 64 and 512 ids. */
const FAN_IN = 8
/** Two receipts above it do not fit into one. */
const FULL_IDS = MAX_RETRACTED_IDS / 2

/**
 * The receipts that go into a new one beside `fresh` ids, the smallest first. They take one id more each:
 * the new receipt names them as well, so that carriers drop them.
 */
export function receiptsToMerge(own: readonly OwnReceipt[], fresh: number): OwnReceipt[] {
  const open = own.filter(({ ids }) => ids <= FULL_IDS).sort((a, b) => a.ids - b.ids)
  const counts = new Map<number, number>()
  for (const { ids } of open) counts.set(classOf(ids), (counts.get(classOf(ids)) ?? 0) + 1)
  const crowded = [...counts].flatMap(([sizeClass, count]) => (count >= FAN_IN - 1 ? [sizeClass] : []))
  const highest = Math.max(...crowded, -1)
  let left = MAX_RETRACTED_IDS - fresh
  const merged: OwnReceipt[] = []
  for (const receipt of open) {
    if (classOf(receipt.ids) > highest || receipt.ids + 1 > left) break
    left -= receipt.ids + 1
    merged.push(receipt)
  }
  return merged
}

function classOf(ids: number): number {
  return Math.floor(Math.log(ids) / Math.log(FAN_IN) + 1e-9) // log(512) / log(8) is a hair below 3
}
