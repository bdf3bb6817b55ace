import { addressOfKey } from '#mesh/envelope'
import { MeshError } from '#mesh/errors'
import type { Address, DeviceId, EnvelopeId } from '#mesh/ids'
import { TokenBuckets } from '#mesh/intake'
import type { Link } from '#mesh/ports'
import { BestSeen } from '#mesh/routing'
import { type Runnable, spawn, type Task } from '#mesh/runtime'
import { Arrivals } from './arrivals.ts'
import type { Shared, SyncCounters } from './books.ts'
import { CarriedIds } from './carried.ts'
import { Claims } from './claims.ts'
import type { ExchangeDeps } from './deps.ts'
import { Forwards } from './forwards.ts'
import { MAX_ARRIVALS, SERVED_BYTES_PER_MINUTE, TICK_MS } from './limits.ts'
import { Session } from './session.ts'
import { Surroundings } from './surroundings.ts'
import { TakenBack } from './taken-back.ts'

/** What can be tuned. */
export interface ExchangeOptions {
  /** Sessions at the same time; 64 by default, as many as the host has connections (DESIGN §10). */
  readonly maxSessions?: number
  /** Late arrivals that are remembered for all sessions. */
  readonly maxArrivals?: number
  /** Bytes of envelopes that one peer is given in a minute of what it asked for; by default what suits a Pi. */
  readonly servedBytesPerMinute?: number
}

/** One session, for `peers` and `doctor`. */
export interface SessionInfo {
  readonly peer: DeviceId
  readonly address: string
  /** See `Link.mesh`. */
  readonly mesh: string
  /** By our wall clock. */
  readonly sinceMs: number
  /** The peer's wall clock minus ours, in ms; `undefined` until its HELLO. Off by up to half a round trip. */
  readonly clockOffsetMs: number | undefined
  /** How many devices the peer has heard of. */
  readonly knownDevices: number | undefined
  /** Addresses that the peer has proven to collect for. */
  readonly addresses: readonly Address[]
  /** True once the peer has offered everything it had at the beginning. */
  readonly isSynced: boolean
}

/** A younger link to the same device ends the older one only when that is older than this: two may be dialled at once. In ms. */
const TWIN_MS = 10_000
/** How long a session may take to send its rest when the node stops, in ms. */
const CLOSE_MS = 2_000

/**
 * Exchanges envelopes with every neighbour that is linked, one session each.
 *
 * It knows no sockets: whoever opens a link (libp2p, a test) attaches it. It knows no contents: what goes
 * where is routing's, what comes in is the intake's. New envelopes reach every session by the events of
 * the store, without polling.
 */
export class Exchange implements Runnable {
  readonly #shared: Shared
  readonly #maxSessions: number
  readonly #sessions = new Map<Session, Link>()
  /** Sessions that have not ended, also such as have lost their link. */
  readonly #running = new Set<Promise<void>>()
  #isStopped = false
  #unsubscribe: (() => void) | undefined
  #ticking: Task | undefined

  constructor(deps: ExchangeDeps, options: ExchangeOptions = {}) {
    this.#maxSessions = options.maxSessions ?? 64
    const ownAddresses = new Set(deps.grants().map(({ inboxKey }) => addressOfKey(inboxKey)))
    const served = options.servedBytesPerMinute ?? SERVED_BYTES_PER_MINUTE.pi
    this.#shared = {
      deps,
      arrivals: new Arrivals(options.maxArrivals ?? MAX_ARRIVALS),
      claims: new Claims(),
      takenBack: new TakenBack(),
      hasOthers: (peer, other) => this.#hasOthers(peer, other),
      forwards: new Forwards(() => this.#wakeAll()),
      best: new BestSeen(),
      carried: new CarriedIds(deps, (address) => ownAddresses.has(address)),
      surroundings: new Surroundings(deps),
      served: new TokenBuckets(deps.clock, { perSecond: served / 60, burst: served }),
      counters: { framesIn: 0, framesOut: 0, bytesIn: 0, bytesOut: 0, envelopesIn: 0, envelopesOut: 0, offences: 0 },
    }
  }

  /** What sync has done since the start. */
  get counters(): Readonly<SyncCounters> {
    return this.#shared.counters
  }

  async start(): Promise<void> {
    const { db, clock, log, encounters } = this.#shared.deps
    this.#unsubscribe = db.subscribe((event) => {
      this.#shared.carried.note(event)
      if (event.kind === 'envelope-removed') this.#shared.takenBack.removed(event.id, event.reason)
      if (event.kind !== 'envelope-stored') return
      this.#shared.arrivals.add(event.id)
      this.#wakeAll()
    })
    this.#ticking = spawn(
      async (signal) => {
        while (!signal.aborted) {
          await clock.sleep(TICK_MS, signal)
          encounters.tick()
          for (const session of this.#sessions.keys()) session.tick()
        }
      },
      (error) => log.error('the clock of the exchange stopped', { error }),
    )
  }

  /** Ends all sessions; what they were writing is written then, and no new one begins. */
  async stop(): Promise<void> {
    this.#isStopped = true
    this.#unsubscribe?.()
    await this.detachAll()
    await Promise.all(this.#running)
    await this.#ticking?.stop()
  }

  /** Runs a session on `link`; resolves when the link has ended. Never rejects. */
  async attach(link: Link): Promise<void> {
    if (this.#isStopped || this.#sessions.size >= this.#maxSessions) {
      link.abort(new MeshError('MESH_LINK_CLOSED', this.#isStopped ? 'this node stops' : 'this node has as many sessions as it can serve'))
      return
    }
    this.#endElderTwins(link)
    const session = new Session(this.#shared, link)
    this.#sessions.set(session, link)
    const running = session.run()
    this.#running.add(running)
    try {
      await running
    } finally {
      this.#running.delete(running)
      this.#sessions.delete(session)
      this.#wakeAll()
    }
  }

  /** Ends all sessions, politely at first. */
  async detachAll(): Promise<void> {
    await Promise.all([...this.#sessions].map(([session, link]) => this.#detach(session, link)))
  }

  /** Something changed, or somebody is in a hurry: pauses are over. With `all`, everything that was not confirmed is offered once more. */
  hurry(options: { all?: boolean } = {}): void {
    for (const session of this.#sessions.keys()) session.hurry(options.all === true)
  }

  /** Time until `id` is offered again to a peer that had no room for it, ms; `undefined` when nobody refused it for now. */
  nextOfferInMs(id: EnvelopeId): number | undefined {
    const due = [...this.#sessions.keys()].flatMap(({ books }) => books.putOff.dueMsOf(id) ?? [])
    return due.length === 0 ? undefined : Math.max(0, Math.min(...due) - this.#shared.deps.clock.monotonic())
  }

  /** The sessions there are. */
  sessions(): SessionInfo[] {
    return [...this.#sessions].map(([{ books, startedMs, isPeerSynced }, { peer, address, mesh = '' }]) => ({
      peer,
      address,
      mesh,
      sinceMs: startedMs,
      clockOffsetMs: books.greeted?.clockOffsetMs,
      knownDevices: books.greeted?.knownDevices,
      addresses: [...(books.greeted?.addresses ?? [])],
      isSynced: isPeerSynced,
    }))
  }

  #hasOthers(peer: DeviceId, other: DeviceId | undefined): boolean {
    for (const link of this.#sessions.values()) if (link.peer !== peer && link.peer !== other) return true
    return false
  }

  #wakeAll(): void {
    for (const session of this.#sessions.keys()) session.wake()
  }

  #endElderTwins({ peer }: Link): void {
    const nowMs = this.#shared.deps.clock.now()
    for (const [session, link] of this.#sessions) {
      if (link.peer === peer && nowMs - session.startedMs > TWIN_MS)
        link.abort(new MeshError('MESH_LINK_CLOSED', 'a younger link to the same device took over'))
    }
  }

  async #detach(session: Session, link: Link): Promise<void> {
    const waiting = new AbortController()
    await Promise.race([session.close(), this.#shared.deps.clock.sleep(CLOSE_MS, waiting.signal)])
    waiting.abort()
    link.abort(new MeshError('MESH_LINK_CLOSED', 'this node ends the session'))
  }
}
