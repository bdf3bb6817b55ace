import type { Stamp } from '#mesh/envelope'
import type { DeviceId, PersonId } from '#mesh/ids'
import type { MlsEngine } from '#mesh/mls'
import type { Clock, Crypto, Log, Random } from '#mesh/ports'
import type { EntryId } from './ids.ts'

/** What a group stands on. */
export interface GroupDeps {
  readonly engine: MlsEngine
  readonly crypto: Crypto
  readonly random: Random
  readonly clock: Clock
  readonly log: Log
  readonly self: {
    readonly device: DeviceId
    readonly deviceSeed: Uint8Array
    /** The credential of this device for a leaf's signature key. */
    credential(leafKey: Uint8Array): Uint8Array
  }
  /** The next stamp of the hybrid clock. */
  readonly stamp: () => Stamp
  readonly times?: Partial<GroupTimes>
}

/** How long things wait, ms. */
export interface GroupTimes {
  /** What one rank waits longer than the one before it, until it commits what is due (GROUPS §7.4, R7): 3 s where links are fast. */
  readonly rankMs: number
  /** After this time a member says where it stands, when nothing else has said so. */
  readonly hereMs: number
  /** A member renews its keys after this time (R12). */
  readonly renewMs: number
  /** A member that cannot go on asks again after this time. */
  readonly resyncMs: number
}

/** As they are without a word. */
export const GROUP_TIMES: GroupTimes = { rankMs: 3_000, hereMs: 600_000, renewMs: 7 * 86_400_000, resyncMs: 3_600_000 }

/** What follows from something that was done or read: it has to become durable together with the group's rows. */
export type GroupOutput =
  /** To be sent to the address of this seed. */
  | { readonly kind: 'entry'; readonly payload: Uint8Array; readonly addressSeed: Uint8Array; readonly isUrgent: boolean }
  /** To be handed to these devices, sealed; the same for all of one commit. */
  | { readonly kind: 'invitation'; readonly to: readonly Invited[]; readonly packet: Uint8Array }
  /** To be handed to this device, sealed: what it asked for. */
  | { readonly kind: 'seals'; readonly device: DeviceId; readonly person: PersonId; readonly packet: Uint8Array }
  /** Somebody said something. */
  | { readonly kind: 'message'; readonly message: GroupMessage }
  /** Somebody said something that this device has no key for any more, or not yet had. */
  | { readonly kind: 'unreadable'; readonly id: EntryId; readonly device: DeviceId }

/** A device that a commit takes in. */
export interface Invited {
  readonly device: DeviceId
  readonly person: PersonId
  /** SHA-256 of the key package that was used. */
  readonly keyPackage: Uint8Array
}

/** What somebody said in a group. */
export interface GroupMessage {
  readonly id: EntryId
  readonly device: DeviceId
  readonly person: PersonId
  readonly stamp: Stamp
  /** Entries that its author had read last, of each device: what it follows. */
  readonly seq: number
  readonly content: Uint8Array
}
