/**
 * Custody receipts on their way back to the author: a carrier that hands an envelope on tells the device that
 * it has it from, which tells the one before, so that the author sees the whole chain.
 *
 * It needs no trust: a receipt is signed by its custodian and names the device that handed over, and the
 * author takes it only when that one stands in the chain already. Nothing depends on it, so it is kept in
 * memory and the oldest give way.
 */
import { copyBytes } from '#mesh/codec'
import { MeshError } from '#mesh/errors'
import type { DeviceId, EnvelopeId } from '#mesh/ids'
import { type ForwardedReceipt, isCustodySigned } from '#mesh/routing'
import type { Books } from './books.ts'
import type { ForwardedFrame } from './frames.ts'
import { MAX_FORWARD_IDS, MAX_FORWARDED_SIGNATURES } from './limits.ts'

/** Receipts that wait for the device that they are for. */
export class Forwards {
  readonly #ring: () => void
  #waiting: { readonly to: DeviceId; readonly receipt: ForwardedReceipt }[] = []
  #ids = 0
  /** What went through here lately, by device and signature: three who have an envelope from each other would pass it round. */
  readonly #passed = new Set<string>()

  /** @param ring called when something waits */
  constructor(ring: () => void) {
    this.#ring = ring
  }

  add(to: DeviceId, receipt: ForwardedReceipt): void {
    const name = `${to}${receipt.signature.toString()}`
    if (this.#passed.has(name)) return
    this.#passed.add(name)
    for (const oldest of this.#passed) {
      if (this.#passed.size <= MAX_FORWARDED_SIGNATURES) break
      this.#passed.delete(oldest)
    }
    this.#waiting.push({ to, receipt })
    this.#ids += receipt.ids.length
    while (this.#ids > MAX_FORWARD_IDS) this.#ids -= this.#waiting.shift()?.receipt.ids.length ?? this.#ids
    this.#ring()
  }

  /** The next one for a device. */
  take(to: DeviceId): ForwardedReceipt | undefined {
    const at = this.#waiting.findIndex((one) => one.to === to)
    const [found] = at < 0 ? [] : this.#waiting.splice(at, 1)
    this.#ids -= found?.receipt.ids.length ?? 0
    return found?.receipt
  }
}

/** Passes a receipt to those whom this node has its envelopes from, but for `by`, who gave the receipt. */
export function passBack({ shared }: Books, receipt: ForwardedReceipt, by: DeviceId): void {
  const { store } = shared.deps
  const origins = new Set(receipt.ids.map((id) => originOf(store.meta(id))))
  for (const origin of origins) if (origin !== undefined && origin !== by && origin !== receipt.custodian) shared.forwards.add(origin, receipt)
}

/** Whom an envelope that somebody waits for came from. */
function originOf(meta: ReturnType<Books['shared']['deps']['store']['meta']>): DeviceId | undefined {
  return meta?.kind === 'inbox' && !meta.own ? meta.from : undefined
}

/**
 * Takes a FORWARDED: keeps it for what waits here, and passes it on for what came from others.
 * @throws MeshError (peer) `MESH_SIGNATURE_INVALID`
 */
export async function takeForwarded(books: Books, frame: ForwardedFrame): Promise<void> {
  const { deps } = books.shared
  const isUseful = (id: EnvelopeId): boolean => deps.ledger.isNews(id, frame) || originOf(deps.store.meta(id)) !== undefined
  if (!frame.ids.some(isUseful)) return
  const { custodian, from, untilMs, ids } = frame
  const receipt = { custodian, from, untilMs, ids, signature: copyBytes(frame.signature) } // the frame's memory is given back
  if (!isCustodySigned(deps.crypto, from, receipt)) throw new MeshError('MESH_SIGNATURE_INVALID', 'a forwarded receipt is not signed by its custodian')
  passBack(books, receipt, books.link.peer)
  await deps.db.transaction((tx) => void deps.ledger.recordCustody(tx, receipt))
}
