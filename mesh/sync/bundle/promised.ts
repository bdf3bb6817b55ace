import { copyBytes } from '#mesh/codec'
import { type CustodyReceipt, isCustodySigned } from '#mesh/routing'
import type { BundleDeps } from './deps.ts'

/**
 * Writes down that somebody carries envelopes of ours, and keeps half of the copies: the other half went with
 * the bundle. A promise that was read before changes nothing.
 * @returns how many envelopes it is news for, or `undefined` when it is not signed by who promises
 */
export async function recordPromise(deps: BundleDeps, promise: CustodyReceipt): Promise<number | undefined> {
  const { db, store, ledger, crypto, device } = deps
  const news = promise.ids.filter((id) => ledger.has(id) && !ledger.hasCustody(id, promise.custodian))
  if (news.length === 0) return 0
  if (!isCustodySigned(crypto, device, promise)) return undefined
  const { custodian, untilMs, ids } = promise
  await db.transaction((tx) => {
    ledger.recordCustody(tx, { custodian, untilMs, ids, signature: copyBytes(promise.signature) })
    for (const id of news) {
      const meta = store.meta(id, tx)
      if (meta !== undefined) store.setCopies(tx, id, Math.max(1, Math.ceil(meta.copies / 2)))
    }
  })
  return news.length
}
