import type { Envelope, Passage } from '#mesh/envelope'
import type { ErrorCode } from '#mesh/errors'
import type { DeviceId } from '#mesh/ids'

/**
 * Why an envelope was not taken although nobody did anything wrong.
 *
 * `duplicate`, `retracted` and `expired` are final; `quota`, `rate` and `full` may pass another time.
 */
export type IgnoreReason = 'duplicate' | 'retracted' | 'expired' | 'quota' | 'rate' | 'hops' | 'full'

/** What became of an envelope: it is durable, it was not wanted, or its sender did something wrong. */
export type Verdict =
  | {
      readonly kind: 'accept'
      readonly envelope: Envelope
      /** Ours: it waits in the inbox queue. */
      readonly queued: boolean
    }
  | { readonly kind: 'ignore'; readonly reason: IgnoreReason }
  | { readonly kind: 'reject'; readonly code: ErrorCode }

/** Where bytes came from. The passage is unsigned and proves nothing. */
export interface Origin {
  readonly link: DeviceId | 'self'
  readonly passage: Passage
}

/** One envelope of a batch. */
export interface Received {
  readonly bytes: Uint8Array
  readonly passage: Passage
}
