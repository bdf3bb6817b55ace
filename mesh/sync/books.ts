import { addressOfKey, HOP_LIMIT } from '#mesh/envelope'
import type { Address, DeviceId, EnvelopeId } from '#mesh/ids'
import type { TokenBuckets } from '#mesh/intake'
import type { Link } from '#mesh/ports'
import { type BestSeen, isGrantValid, type Plan, planFor } from '#mesh/routing'
import { Bell } from '#mesh/runtime'
import type { EnvelopeMeta } from '#mesh/store'
import { Answers, PutOff } from './answers.ts'
import type { Arrivals } from './arrivals.ts'
import { ByPriority } from './by-priority.ts'
import type { CarriedIds } from './carried.ts'
import type { Claims } from './claims.ts'
import { isOver, isSpent } from './decisions.ts'
import type { ExchangeDeps } from './deps.ts'
import { Feed } from './feed.ts'
import type { Forwards } from './forwards.ts'
import type { HelloFrame } from './frames.ts'
import { type Horizon, sharedDays } from './horizon.ts'
import { IncomingOffers, OutgoingOffers } from './offers.ts'
import { Reconciliation, roleOf } from './reconciliation.ts'
import type { Surroundings } from './surroundings.ts'
import type { TakenBack } from './taken-back.ts'
import { confined, ownWaiting, walkOthers, walkOwned } from './walks.ts'

const DAY_MS = 86_400_000
const MAX_U8 = 255
const MAX_U16 = 65_535

/** What all sessions of a node share. */
export interface Shared {
  readonly deps: ExchangeDeps
  readonly arrivals: Arrivals
  readonly claims: Claims
  readonly takenBack: TakenBack
  readonly forwards: Forwards
  readonly best: BestSeen
  readonly counters: SyncCounters
  readonly carried: CarriedIds
  readonly surroundings: Surroundings
  /** True when somebody is linked besides these two. */
  readonly hasOthers: (peer: DeviceId, other: DeviceId | undefined) => boolean
  /** Bytes that each peer may still be given of what it asked for. */
  readonly served: TokenBuckets
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
  /** True when the peer takes receipts between others. */
  readonly takesForwarded: boolean
  /** Addresses that the peer may collect for, by grants that were checked. */
  readonly addresses: ReadonlySet<Address>
  /** What the peer owns: sent without asking. */
  readonly pushes: Feed
  /** Everything else: offered. */
  readonly offers: Feed
  /** How far back both sides keep envelopes. */
  readonly horizon: Horizon
  /** Finds out what the peer lacks; without it the whole store is offered. */
  readonly reconciliation: Reconciliation | undefined
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
  readonly putOff: PutOff
  /** What the peer owns and others may be giving it as well: offered, so that it comes once. */
  readonly shy = new ByPriority()
  /** The first word of this side. */
  readonly hello: HelloFrame
  /** Rings when the sender may have something to do. */
  readonly bell = new Bell()
  greeted: Greeted | undefined

  constructor(shared: Shared, link: Link) {
    this.shared = shared
    this.link = link
    const { clock, grants, store } = shared.deps
    this.ownAddresses = new Set(grants().map(({ inboxKey }) => addressOfKey(inboxKey)))
    this.hello = {
      type: 'hello',
      nowMs: clock.now(),
      knownDevices: Math.min(shared.surroundings.devices, MAX_U16),
      grants: grants(),
      held: shared.carried.size,
      keptDays: Math.min(Math.ceil(store.limits.retentionMs / DAY_MS), MAX_U8),
      takesForwarded: true,
    }
    this.putOff = new PutOff(shared.deps.random)
  }

  /**
   * Takes the peer's HELLO: its grants are checked against the device that the link has proven.
   * @param run owns work that nobody awaits
   */
  greet(hello: HelloFrame, run: (work: () => Promise<void>) => void): Greeted {
    const { deps, arrivals } = this.shared
    const nowMs = deps.clock.now()
    const addresses = new Set<Address>()
    for (const grant of hello.grants) {
      if (isGrantValid(deps.crypto, grant, this.link.peer, nowMs)) addresses.add(addressOfKey(grant.inboxKey))
    }
    const clockOffsetMs = hello.nowMs - nowMs
    const horizon: Horizon = { keptDays: Math.min(hello.keptDays ?? 0, this.hello.keptDays ?? 0), nowMs, clockOffsetMs }
    const role = roleOf(this.hello, hello, deps.device, this.link.peer)
    const offers = new Feed(arrivals, () => walkOthers(deps.store, addresses), { walks: role === undefined })
    this.greeted = {
      clockOffsetMs,
      knownDevices: hello.knownDevices,
      takesForwarded: hello.takesForwarded === true,
      addresses,
      pushes: new Feed(arrivals, () => walkOwned(deps.store, addresses)),
      offers,
      horizon,
      reconciliation:
        role === undefined
          ? undefined
          : new Reconciliation({
              carried: this.shared.carried,
              peer: this.link.peer,
              role,
              days: sharedDays(horizon),
              peerHolds: hello.held ?? 0,
              monotonic: () => deps.clock.monotonic(),
              run,
              ring: () => this.bell.ring(),
              lacks: (ids) => offers.add(this.#carriedFor(ids)),
              giveUp: () => offers.walkAgain(),
            }),
    }
    if (role !== undefined) {
      offers.add(ownWaiting(deps, this.link.peer))
      offers.add(confined(deps.store)) // no part of what is reconciled
    }
    return this.greeted
  }

  /** What the peer lacks of `ids`, but for what waits to be delivered: that was offered at once. */
  *#carriedFor(ids: readonly EnvelopeId[]): Iterable<EnvelopeMeta> {
    const { store, ledger } = this.shared.deps
    for (const id of ids) {
      const meta = ledger.has(id) ? undefined : store.meta(id)
      if (meta !== undefined) yield meta
    }
  }

  /** What routing says about an envelope and this peer. */
  plan(meta: EnvelopeMeta): Plan {
    const { deps } = this.shared
    const peer: DeviceId = this.link.peer
    if (isOver(meta, deps.clock.now())) return { kind: 'keep', why: 'hop-limit' }
    const peerOwns = this.greeted?.addresses.has(meta.address) ?? false
    if (meta.kind === 'inbox' && !meta.own && !peerOwns && this.ownAddresses.has(meta.address)) return { kind: 'keep', why: 'owner-here' }
    return planFor({
      meta: isSpent(meta) ? { ...meta, hops: HOP_LIMIT } : meta,
      peer,
      peerOwns,
      arrivedFrom: meta.from,
      neighbours: Math.max(this.shared.surroundings.devices, this.greeted?.knownDevices ?? 0),
      mesh: this.link.mesh ?? '',
      peerHasCustody: deps.ledger.hasCustody(meta.id, peer),
      utility: Math.max(deps.encounters.utilityFor(meta.address), this.shared.best.of(meta.id, deps.clock.monotonic())),
    })
  }

  /**
   * True for what the peer owns and others who are linked may be giving it at the same time: neighbours of an author all
   * got their copy in the same moment. It is then offered first, for one round trip, instead of sent as often as there
   * are carriers. What is urgent is sent.
   */
  isShared({ own, from, priority }: EnvelopeMeta): boolean {
    return !own && (priority === 'normal' || priority === 'bulk') && this.shared.hasOthers(this.link.peer, from)
  }

  /** The peer takes a copy, and says how well it serves the address. */
  noteServing(id: EnvelopeId, utility: number): void {
    const { store, encounters, clock } = this.shared.deps
    const meta = utility === 0 ? undefined : store.meta(id)
    if (meta !== undefined) this.shared.best.note(id, utility, encounters.utilityFor(meta.address), clock.monotonic())
  }
}
