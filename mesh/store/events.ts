import type { Address, DeviceId, EnvelopeId, PersonId } from '#mesh/ids'

/**
 * `asked`, `ready`, `cancelled`: a comparison. `forged`: one whose messages were changed. The others are alarms: a verified
 * person uses a device that is new here, has revoked one, or has other keys for messages.
 */
export type TrustChange = 'asked' | 'ready' | 'cancelled' | 'forged' | 'new-device' | 'revoked-device' | 'new-keys'

/** Why an envelope is no longer here. */
export type RemovalReason = 'retracted' | 'expired' | 'evicted' | 'consumed' | 'withdrawn'

/** What was done to a message. */
export type MessageChange = 'edited' | 'deleted' | 'reacted' | 'viewed'

/** A past fact, with ids only; it leaves after the commit of the transaction that made it true. */
export type MeshEvent =
  | { readonly kind: 'envelope-stored'; readonly id: EnvelopeId; readonly address: Address; readonly from: DeviceId | undefined }
  /** Ours: it waits in the inbox queue for the content handler. */
  | { readonly kind: 'envelope-queued'; readonly id: EnvelopeId }
  | { readonly kind: 'envelope-removed'; readonly id: EnvelopeId; readonly reason: RemovalReason }
  | { readonly kind: 'custody-taken'; readonly id: EnvelopeId; readonly device: DeviceId }
  /** The owner of `address` acknowledged `ids` by the envelope `receipt`. */
  | { readonly kind: 'retracted'; readonly ids: readonly EnvelopeId[]; readonly receipt: EnvelopeId; readonly address: Address }
  | { readonly kind: 'message-added'; readonly conversation: PersonId; readonly id: EnvelopeId; readonly direction: 'in' | 'out' }
  | {
      readonly kind: 'message-state'
      readonly conversation: PersonId
      readonly id: EnvelopeId
      readonly state: 'queued' | 'carried' | 'delivered' | 'read' | 'expired' | 'withdrawn'
      /** Who or what backs the state: a device, or the receipt's envelope. */
      readonly by: string
    }
  /** What a message says or shows is not what it was; see `log`. */
  | { readonly kind: 'message-changed'; readonly conversation: PersonId; readonly id: EnvelopeId; readonly change: MessageChange }
  /** A disappearing message is no longer here. */
  | { readonly kind: 'message-gone'; readonly conversation: PersonId; readonly id: EnvelopeId }
  | { readonly kind: 'typing'; readonly conversation: PersonId; readonly isOn: boolean }
  /** How long messages last was said anew; see the settings of the conversation. */
  | { readonly kind: 'lifetime-changed'; readonly conversation: PersonId; readonly by: PersonId; readonly seconds: number }
  | { readonly kind: 'request-added'; readonly person: PersonId }
  | { readonly kind: 'contact-changed'; readonly person: PersonId }
  /** Something about how far a person can be trusted: a comparison (see `mesh/verification`), or an alarm (see `mesh/contacts`). */
  | { readonly kind: 'trust-changed'; readonly person: PersonId; readonly what: TrustChange }
  | { readonly kind: 'device-revoked'; readonly person: PersonId; readonly device: DeviceId }
