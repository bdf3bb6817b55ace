import type { EnvelopeId } from '#mesh/ids'
import { CLAIM_MS } from './limits.ts'

interface Claim {
  readonly holder: object
  readonly atMs: number
}

/**
 * Who fetches what, over all sessions of a node, so that sixteen neighbours that offer the same envelope
 * send it once. A claim is given back when the envelope has come, was refused, or its session ended, and
 * holds others off for three seconds: who is slower than that may be stalling.
 */
export class Claims {
  readonly #claims = new Map<EnvelopeId, Claim>()

  get size(): number {
    return this.#claims.size
  }

  /** @param nowMs by the monotonic clock */
  isClaimedByOther(id: EnvelopeId, holder: object, nowMs: number): boolean {
    const claim = this.#claims.get(id)
    return claim !== undefined && claim.holder !== holder && nowMs - claim.atMs < CLAIM_MS
  }

  /** The later claim wins: it was made because the first one took too long. */
  claim(id: EnvelopeId, holder: object, nowMs: number): void {
    this.#claims.set(id, { holder, atMs: nowMs })
  }

  release(id: EnvelopeId, holder: object): void {
    if (this.#claims.get(id)?.holder === holder) this.#claims.delete(id)
  }
}
