import type { Envelope, EnvelopeKind, Priority, Stamp } from '#mesh/envelope'
import type { Address, AuthorKey, DeviceId, EnvelopeId } from '#mesh/ids'
import { expiryWithin } from './time.ts'

/** What the index knows about a stored envelope; never changed in place. */
export interface EnvelopeMeta {
  readonly id: EnvelopeId
  readonly address: Address
  readonly author: AuthorKey
  readonly kind: EnvelopeKind
  /** False when its author does not want it bridged. */
  readonly mayCross: boolean
  /** The mesh it came in, kept for what must not leave it; else '' as for the mesh without a name. */
  readonly mesh: string
  readonly priority: Priority
  /** Bytes of the whole envelope. */
  readonly size: number
  readonly stamp: Stamp
  readonly lifetimeS: number
  /** Age that the passage claimed on arrival, in seconds. */
  readonly ageS: number
  /** By this machine's wall clock when it was stored; re-dated when the clock comes to life. */
  readonly firstSeenMs: number
  readonly expiryMs: number
  readonly hops: number
  /** Copies that this node may still hand out. */
  readonly copies: number
  /** The link it came over; `undefined` for this node's own. */
  readonly from: DeviceId | undefined
  /** Written on this node. */
  readonly own: boolean
  /** Never evicted: own mail and mail of contacts. */
  readonly pinned: boolean
  /** Counts against the stranger share. */
  readonly stranger: boolean
}

/** What the caller of `put` knows beyond the envelope itself. */
export interface Arrival {
  readonly hops: number
  readonly copies: number
  readonly ageS: number
  readonly from: DeviceId | undefined
  /** The mesh it came in; '' unless given. */
  readonly mesh?: string
  readonly own: boolean
  readonly pinned: boolean
  readonly stranger: boolean
}

/** What the index says about `envelope` when it is stored at `firstSeenMs`, in a store that keeps nothing longer than `retentionMs`. */
export function metaOf(envelope: Envelope, arrival: Arrival, firstSeenMs: number, retentionMs: number): EnvelopeMeta {
  const { id, address, author, kind, priority, mayCross, stamp, lifetimeS } = envelope
  const expiryMs = expiryWithin(envelope, firstSeenMs, arrival.ageS, retentionMs)
  const mesh = mayCross ? '' : (arrival.mesh ?? '')
  const size = envelope.bytes.length
  return { id, address, author, kind, priority, mayCross, size, stamp, lifetimeS, firstSeenMs, expiryMs, ...arrival, mesh }
}
