import { addressOfKey } from '#mesh/envelope'
import type { Address, DeviceId } from '#mesh/ids'
import type { Link } from '#mesh/ports'
import { isGrantValid, type Plan, planFor } from '#mesh/routing'
import { Bell } from '#mesh/runtime'
import type { EnvelopeMeta } from '#mesh/store'
import { Answers, PutOff } from './answers.ts'
import type { Arrivals } from './arrivals.ts'
import type { Claims } from './claims.ts'
import type { ExchangeDeps } from './deps.ts'
import { Feed } from './feed.ts'
import type { HelloFrame } from './frames.ts'
import { IncomingOffers, OutgoingOffers } from './offers.ts'
import { walkOthers, walkOwned } from './walks.ts'

/** What all sessions of a node share. */
export interface Shared {
  readonly deps: ExchangeDeps
  readonly arrivals: Arrivals
  readonly claims: Claims
  readonly counters: SyncCounters
}

/** What sync has done since the start of the node. */
export interface SyncCounters {
  framesIn: number
  framesOut: number
  bytesIn: number
  bytesOut: number
  envelopesIn: number
  envelopesOut: number
  /** Sessions that were ended because the peer broke the protocol. */
  offences: number
}

/** What is known of the other side from its HELLO, and what is left to send to it. */
export interface Greeted {
  /** The peer's wall clock minus ours when its HELLO arrived, in ms. */
  readonly clockOffsetMs: number
  readonly knownDevices: number
  /** Addresses that the peer may collect for, by grants that were checked. */
  readonly addresses: ReadonlySet<Address>
  /** What the peer owns: sent without asking. */
  readonly pushes: Feed
  /** Everything else: offered. */
  readonly offers: Feed
}

/** Everything one session remembers; bounded by `SESSION_MEMORY_BYTES`. */
export class Books {
  readonly shared: Shared
  readonly link: Link
  /** What we collect for, as shown in our HELLO: only this may come without an offer. */
  readonly ownAddresses: ReadonlySet<Address>
  readonly incoming = new IncomingOffers()
  readonly outgoing = new OutgoingOffers()
  readonly answers = new Answers()
  readonly putOff = new PutOff()
  /** Rings when the sender may have something to do. */
  readonly bell = new Bell()
  greeted: Greeted | undefined

  constructor(shared: Shared, link: Link) {
    this.shared = shared
    this.link = link
    this.ownAddresses = new Set(shared.deps.grants().map(({ inboxKey }) => addressOfKey(inboxKey)))
  }

  /** Takes the peer's HELLO: its grants are checked against the device that the link has proven. */
  greet(hello: HelloFrame): Greeted {
    const { deps, arrivals } = this.shared
    const nowMs = deps.clock.now()
    const addresses = new Set<Address>()
    for (const grant of hello.grants) {
      if (isGrantValid(deps.crypto, grant, this.link.peer, nowMs)) addresses.add(addressOfKey(grant.inboxKey))
    }
    this.greeted = {
      clockOffsetMs: hello.nowMs - nowMs,
      knownDevices: hello.knownDevices,
      addresses,
      pushes: new Feed(arrivals, () => walkOwned(deps.store, addresses)),
      offers: new Feed(arrivals, () => walkOthers(deps.store, addresses)),
    }
    return this.greeted
  }

  /** What routing says about an envelope and this peer. */
  plan(meta: EnvelopeMeta): Plan {
    const { deps } = this.shared
    const peer: DeviceId = this.link.peer
    return planFor({
      meta,
      peer,
      peerOwns: this.greeted?.addresses.has(meta.address) ?? false,
      arrivedFrom: meta.from,
      neighbours: deps.knownDevices(),
      peerHasCustody: deps.ledger.hasCustody(meta.id, peer),
    })
  }
}
