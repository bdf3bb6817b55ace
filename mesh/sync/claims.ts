import type { EnvelopeId } from '#mesh/ids'

/**
 * Who fetches what, over all sessions of a node, so that sixteen neighbours that offer the same envelope
 * send it once. A claim is given back when the envelope has come, was refused, or its session ended.
 */
export class Claims {
  readonly #holders = new Map<EnvelopeId, object>()

  get size(): number {
    return this.#holders.size
  }

  isClaimedByOther(id: EnvelopeId, holder: object): boolean {
    const other = this.#holders.get(id)
    return other !== undefined && other !== holder
  }

  /** The later claim wins: it was made because the first one took too long. */
  claim(id: EnvelopeId, holder: object): void {
    this.#holders.set(id, holder)
  }

  release(id: EnvelopeId, holder: object): void {
    if (this.#holders.get(id) === holder) this.#holders.delete(id)
  }
}
