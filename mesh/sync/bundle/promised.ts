import { copyBytes } from '#mesh/codec'
import { type CustodyReceipt, isCustodySigned } from '#mesh/routing'
import type { BundleDeps } from './deps.ts'
import type { Promises } from './promises.ts'

/**
 * Writes down that somebody carries envelopes of ours, and keeps half of the copies when he promises it for the
 * first time: the other half went with the bundle. A promise that was read before, or has run out, changes nothing.
 *
 * Keys are free and whoever carries an envelope knows its id, so with a stick he could say in the name of many that it
 * is carried, and one would hardly give it to anybody else. So only what was exported here can be promised, and each
 * export halves the copies once.
 * @returns how many envelopes have one more carrier, or `undefined` when it is not signed by who promises
 */
export async function recordPromise(deps: BundleDeps, promises: Promises, promise: CustodyReceipt): Promise<number | undefined> {
  const { db, store, ledger, crypto, device } = deps
  const news = promise.ids.filter((id) => ledger.isNews(id, promise))
  // One that was not exported spoils the rest: a receipt counts for all that it names, when the ledger is read again.
  if (news.length === 0 || !(await promises.areExported(news))) return 0
  if (!isCustodySigned(crypto, device, promise)) return undefined
  const { custodian, untilMs, ids } = promise
  return db.transaction(async (tx) => {
    const first = ledger.recordCustody(tx, { custodian, untilMs, ids, signature: copyBytes(promise.signature) })
    for (const id of first) {
      const meta = store.meta(id, tx)
      if (meta !== undefined && (await promises.answer(tx, id))) store.setCopies(tx, id, Math.max(1, Math.ceil(meta.copies / 2)))
    }
    return first.length
  })
}
