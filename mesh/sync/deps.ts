/**
 * What the exchange needs from the rest of a node, as narrow as it can be. The classes of `mesh/store`,
 * `mesh/intake` and `mesh/routing` fit; a test may put in something smaller.
 */

import type { MeshError } from '#mesh/errors'
import type { Address, DeviceId } from '#mesh/ids'
import type { Intake } from '#mesh/intake'
import type { Clock, Crypto, Log, Random } from '#mesh/ports'
import type { CollectGrant, CustodyLedger, Encounters } from '#mesh/routing'
import type { Database, EnvelopeStore } from '#mesh/store'

/** The commits and events of the store. */
export type SyncDatabase = Pick<Database, 'subscribe' | 'transaction'>
/** What is carried. */
export type SyncStore = Pick<EnvelopeStore, 'has' | 'meta' | 'ids' | 'byAddress' | 'confined' | 'bytes' | 'setCopies' | 'usage' | 'limits'>
/** The one door. */
export type SyncIntake = Pick<Intake, 'receiveAll'>
/** Who has promised to carry what. */
export type SyncLedger = Pick<CustodyLedger, 'ids' | 'has' | 'hasCustody' | 'isNews' | 'recordCustody' | 'noteAttempt'>

/** Everything an exchange works with. */
export interface ExchangeDeps {
  readonly db: SyncDatabase
  readonly store: SyncStore
  readonly intake: SyncIntake
  readonly ledger: SyncLedger
  readonly clock: Clock
  readonly log: Log
  readonly crypto: Crypto
  /** For the keys under which ids are hashed: nobody must foresee them. */
  readonly random: Random
  /** This device, as the other end of each link has proven it. */
  readonly device: DeviceId
  /** Signs with this device's key. */
  readonly sign: (message: Uint8Array) => Uint8Array
  /** What this device collects for; shown to every peer. */
  readonly grants: () => readonly CollectGrant[]
  /** Who is met how often: decides who gets the last copies. */
  readonly encounters: Pick<Encounters, 'met' | 'parted' | 'tick' | 'utilityFor' | 'recent'>
  /** How many devices this node has heard of: decides how copies spread. */
  readonly knownDevices: () => number
  /** Called when a peer has come, before anything is offered to it: what is of no use any more can go. Must not reject. */
  readonly onMeeting?: () => Promise<void>
  /** A peer has proven what it collects for; called once in each session. Must not throw. */
  readonly onGreeted?: (peer: DeviceId, addresses: ReadonlySet<Address>) => void
  /** A peer broke the rules and its session was ended: score it, block it. */
  readonly onOffence?: (peer: DeviceId, error: MeshError) => void
}
