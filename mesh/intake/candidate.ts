import type { Envelope } from '#mesh/envelope'
import type { EnvelopeId } from '#mesh/ids'
import type { Arrival } from '#mesh/store'

/** An envelope that passed everything that can be judged before the transaction. */
export interface Candidate {
  readonly envelope: Envelope
  readonly arrival: Arrival
  /** Sent to an address of this node. */
  readonly isOwned: boolean
  /** By somebody known, or to somebody known; or by the owner of the address, whose word is waited for. */
  readonly isKnown: boolean
  /** What it takes back, when it is a receipt. */
  readonly retracts: readonly EnvelopeId[]
}
