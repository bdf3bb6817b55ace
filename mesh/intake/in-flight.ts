import { equalBytes } from '#mesh/codec'
import type { Envelope } from '#mesh/envelope'
import type { EnvelopeId } from '#mesh/ids'

/**
 * Envelopes whose signature was checked and whose commit is still under way.
 *
 * Gossip brings the same envelope over several links within milliseconds: the second need not be checked
 * again, but only when all its bytes are the same, because the id does not cover the signature. It still
 * waits for its own transaction, so that nobody hears `duplicate` of something that is not durable.
 */
export class InFlight {
  readonly #flights = new Set<ReadonlyMap<EnvelopeId, Uint8Array>>()

  begin(): Map<EnvelopeId, Uint8Array> {
    const flight = new Map<EnvelopeId, Uint8Array>()
    this.#flights.add(flight)
    return flight
  }

  end(flight: ReadonlyMap<EnvelopeId, Uint8Array>): void {
    this.#flights.delete(flight)
  }

  isVerified(envelope: Envelope): boolean {
    for (const flight of this.#flights) {
      const bytes = flight.get(envelope.id)
      if (bytes !== undefined) return equalBytes(bytes, envelope.bytes)
    }
    return false
  }
}
