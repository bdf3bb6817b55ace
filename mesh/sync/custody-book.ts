import { copyBytes } from '#mesh/codec'
import { MeshError } from '#mesh/errors'
import type { EnvelopeId } from '#mesh/ids'
import { type CustodyReceipt, isCustodySigned } from '#mesh/routing'
import type { Books } from './books.ts'
import { passBack } from './forwards.ts'
import type { TakenFrame } from './frames.ts'
import { violation } from './offers.ts'

/** An envelope that the peer confirmed, with the copies it was given (0: it carried it already). */
export interface Confirmed {
  readonly id: EnvelopeId
  readonly copies: number
}

/**
 * Checks a TAKEN before anything is believed: it may only name what the peer was given or asked about,
 * and its signature must be the peer's, over exactly these ids and towards this device.
 * @throws MeshError (peer) `MESH_PROTOCOL_VIOLATION`, `MESH_SIGNATURE_INVALID`
 */
export function confirm(books: Books, taken: TakenFrame): Confirmed[] {
  const { crypto, device } = books.shared.deps
  for (const id of taken.ids) if (!books.outgoing.isExpected(id)) throw violation('the peer confirms an envelope that it was not given')
  if (!isCustodySigned(crypto, device, receiptOf(books, taken))) {
    throw new MeshError('MESH_SIGNATURE_INVALID', 'a custody receipt is not signed by the peer')
  }
  return taken.ids.map((id) => ({ id, copies: books.outgoing.settle(id) ?? 0 }))
}

/** Writes down who carries what now, and takes the copies that were handed over off our own. */
export async function recordCustody(books: Books, taken: TakenFrame, confirmed: readonly Confirmed[]): Promise<void> {
  const { db, store, ledger, device } = books.shared.deps
  const receipt = receiptOf(books, taken)
  passBack(books, { ...receipt, from: device }, books.link.peer)
  await db.transaction((tx) => {
    ledger.recordCustody(tx, receipt)
    for (const { id, copies } of confirmed) {
      const meta = store.meta(id, tx)
      if (meta !== undefined && copies > 0) store.setCopies(tx, id, Math.max(1, meta.copies - copies))
    }
  })
}

/** The receipt as the ledger keeps it; the frame's memory is given back. */
function receiptOf({ link }: Books, { untilMs, ids, signature }: TakenFrame): CustodyReceipt {
  return { custodian: link.peer, untilMs, ids, signature: copyBytes(signature) }
}
