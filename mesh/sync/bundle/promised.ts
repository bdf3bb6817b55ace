import { copyBytes } from '#mesh/codec'
import { type CustodyReceipt, isCustodySigned } from '#mesh/routing'
import type { BundleDeps } from './deps.ts'

/**
 * Writes down that somebody carries envelopes of ours, and keeps half of the copies when he promises it for the
 * first time: the other half went with the bundle. A promise that was read before, or has run out, changes nothing.
 * @returns how many envelopes have one more carrier, or `undefined` when it is not signed by who promises
 */
export async function recordPromise(deps: BundleDeps, promise: CustodyReceipt): Promise<number | undefined> {
  const { db, store, ledger, crypto, device } = deps
  if (!promise.ids.some((id) => ledger.isNews(id, promise))) return 0
  if (!isCustodySigned(crypto, device, promise)) return undefined
  const { custodian, untilMs, ids } = promise
  return db.transaction((tx) => {
    const first = ledger.recordCustody(tx, { custodian, untilMs, ids, signature: copyBytes(promise.signature) })
    for (const id of first) {
      const meta = store.meta(id, tx)
      if (meta !== undefined) store.setCopies(tx, id, Math.max(1, Math.ceil(meta.copies / 2)))
    }
    return first.length
  })
}
