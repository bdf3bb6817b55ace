import type { DeviceId } from '#mesh/ids'
import type { Clock, Crypto, Log, Random } from '#mesh/ports'
import type { CollectGrant, CustodyLedger } from '#mesh/routing'
import type { Database } from '#mesh/store'
import type { SyncIntake, SyncStore } from '../deps.ts'

/** What bundles need of a node. */
export interface BundleDeps {
  readonly db: Pick<Database, 'transaction' | 'iterate' | 'get'>
  readonly store: SyncStore
  readonly intake: SyncIntake
  readonly ledger: Pick<CustodyLedger, 'isNews' | 'recordCustody' | 'noteAttempt'>
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly crypto: Crypto
  /** This device. */
  readonly device: DeviceId
  /** Signs with this device's key. */
  readonly sign: (message: Uint8Array) => Uint8Array
  /** What this device collects for. */
  readonly grants: () => readonly CollectGrant[]
  /** How many devices this node has heard of: decides how copies spread. */
  readonly knownDevices: () => number
}
