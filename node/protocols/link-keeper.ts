/**
 * Keeps exactly one long-lived sync link with every connected peer that speaks our protocol.
 *
 * Opening a stream for each message manages 260 a second, writing to one that is open 27,900 (measured).
 * So that two nodes do not open two, the device with the smaller id opens and the other one waits. A
 * second stream from the same peer replaces the first: the peer was restarted and knows nothing of it.
 */
import type { Connection, Libp2p, PeerId, Stream } from '@libp2p/interface'
import { peerIdFromString } from '@libp2p/peer-id'
import { isMeshError } from '#mesh/errors'
import { type DeviceId, parseDeviceId } from '#mesh/ids'
import { type Clock, type Link, type Log, type Random, randomBelow } from '#mesh/ports'
import { type Runnable, spawn, type Task } from '#mesh/runtime'
import { streamLink } from './stream-link.ts'

/** The exchange of envelopes (see mesh/sync). */
export const SYNC_PROTOCOL = '/qpq/sync/1'

/** What a keeper needs. */
export interface LinkKeeperDeps {
  readonly libp2p: Pick<Libp2p, 'handle' | 'unhandle' | 'addEventListener' | 'removeEventListener' | 'getConnections'>
  readonly device: DeviceId
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  /** Runs the exchange on a link; resolves when it has ended, for whatever reason. */
  readonly attach: (link: Link) => Promise<void>
  /** The mesh of a connection, see `Link.mesh`; the one without a name unless given. */
  readonly meshOf?: (remote: string, peer: DeviceId) => string
}

/** First and longest pause before a stream is opened again while the connection lives, ms. */
const RETRY_MIN_MS = 500
const RETRY_MAX_MS = 60_000
/** A link that lived so long starts again with the short pause, ms. */
const SETTLED_MS = 30_000
/** Negotiating a stream may take this long, ms. */
const OPEN_MS = 10_000

/** See the head of this file. */
export class LinkKeeper implements Runnable {
  readonly #deps: LinkKeeperDeps
  readonly #openers = new Map<DeviceId, Task>()
  readonly #links = new Map<DeviceId, Link>()
  readonly #attached = new Set<Promise<void>>()
  #hurry = new AbortController()
  #isStopped = false

  constructor(deps: LinkKeeperDeps) {
    this.#deps = deps
  }

  async start(): Promise<void> {
    const { libp2p } = this.#deps
    await libp2p.handle(SYNC_PROTOCOL, this.#onStream, { maxInboundStreams: 2, maxOutboundStreams: 2, runOnLimitedConnection: false })
    libp2p.addEventListener('peer:connect', this.#onConnect)
    libp2p.addEventListener('peer:disconnect', this.#onDisconnect)
    for (const { remotePeer } of libp2p.getConnections()) this.#open(remotePeer)
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    const { libp2p } = this.#deps
    libp2p.removeEventListener('peer:connect', this.#onConnect)
    libp2p.removeEventListener('peer:disconnect', this.#onDisconnect)
    await libp2p.unhandle(SYNC_PROTOCOL)
    const openers = [...this.#openers.values()].map((task) => task.stop())
    await Promise.all([...this.#links.values()].map((link) => link.close()))
    await Promise.all([...openers, ...this.#attached])
  }

  /** Peers with a live link. */
  get peers(): DeviceId[] {
    return [...this.#links.keys()]
  }

  /** Something changed: links that could not be opened are tried at once, and with the short pause after that. */
  hurry(): void {
    this.#hurry.abort()
    this.#hurry = new AbortController()
  }

  readonly #onConnect = (event: CustomEvent<PeerId>): void => this.#open(event.detail)

  readonly #onDisconnect = (event: CustomEvent<PeerId>): void => {
    const peer = deviceOf(event.detail)
    if (peer === undefined) return
    const opener = this.#openers.get(peer)
    this.#openers.delete(peer)
    void opener?.stop()
  }

  readonly #onStream = async (stream: Stream, connection: Connection): Promise<void> => {
    const peer = deviceOf(connection.remotePeer)
    if (this.#isStopped || peer === undefined || peer > this.#deps.device) {
      stream.abort(new Error('this device opens the link'))
      return
    }
    await this.#run(this.#linkOf(stream, connection, peer))
  }

  #open(peerId: PeerId): void {
    const peer = deviceOf(peerId)
    if (this.#isStopped || peer === undefined || peer < this.#deps.device || this.#openers.has(peer)) return
    const task = spawn(
      async (signal) => {
        try {
          await this.#keepOpen(peer, signal)
        } finally {
          // The peer may have gone and come back meanwhile, and has another opener then.
          if (this.#openers.get(peer) === task) this.#openers.delete(peer)
        }
      },
      (error) => this.#deps.log.warn('a link is no longer kept', { peer, error }),
    )
    this.#openers.set(peer, task)
  }

  async #keepOpen(peer: DeviceId, signal: AbortSignal): Promise<void> {
    const { clock, random, log } = this.#deps
    let pauseMs = RETRY_MIN_MS
    for (let connection = this.#newest(peer); connection !== undefined && !signal.aborted; connection = this.#newest(peer)) {
      const started = clock.monotonic()
      let hurry = this.#hurry.signal
      try {
        // Not by `dialProtocol`, which dials when the connection has just gone: at all addresses that libp2p ever heard, and other dials wait for that.
        const stream = await connection.newStream(SYNC_PROTOCOL, { signal: AbortSignal.any([signal, AbortSignal.timeout(OPEN_MS)]) })
        if (signal.aborted) stream.abort(new Error('the connection is gone'))
        else await this.#run(this.#linkOf(stream, connection, peer))
        hurry = this.#hurry.signal // what changed while the link was open is over
      } catch (error) {
        if (signal.aborted) return
        log.debug('a link could not be opened', { peer, error })
      }
      if (connection.status !== 'open' && this.#newest(peer) !== undefined) continue // another connection has taken over
      pauseMs = clock.monotonic() - started > SETTLED_MS ? RETRY_MIN_MS : Math.min(2 * pauseMs, RETRY_MAX_MS)
      await clock.sleep(pauseMs / 2 + randomBelow(random, pauseMs), AbortSignal.any([signal, hurry]))
      if (hurry.aborted) pauseMs = RETRY_MIN_MS
    }
  }

  /** The last connection that was made with a peer: when there are two, the older one may be dead. */
  #newest(peer: DeviceId): Connection | undefined {
    const open = this.#deps.libp2p.getConnections(peerIdFromString(peer)).filter(({ status }) => status === 'open')
    return open.sort((a, b) => b.timeline.open - a.timeline.open)[0]
  }

  #linkOf(stream: Stream, connection: Connection, peer: DeviceId): Link {
    return streamLink(stream, connection, { mesh: this.#deps.meshOf?.(connection.remoteAddr.toString(), peer) ?? '' })
  }

  /** Runs the exchange; the newest link of a peer is the one that counts. */
  async #run(link: Link): Promise<void> {
    this.#links.get(link.peer)?.abort(new Error('replaced by a newer link'))
    this.#links.set(link.peer, link)
    const attached = this.#attach(link)
    this.#attached.add(attached)
    await attached
    this.#attached.delete(attached)
    if (this.#links.get(link.peer) === link) this.#links.delete(link.peer)
  }

  async #attach(link: Link): Promise<void> {
    try {
      await this.#deps.attach(link)
      await link.close() // whoever forgets to, does not leave half a stream behind
    } catch (error) {
      this.#deps.log.debug('a link ended', { peer: link.peer, error, ...(isMeshError(error) ? { code: error.code } : {}) })
      link.abort(error instanceof Error ? error : new Error(String(error)))
    }
  }
}

/** The device behind a PeerId; `undefined` for keys other than Ed25519, which none of ours has. */
function deviceOf(peer: PeerId): DeviceId | undefined {
  try {
    return parseDeviceId(peer.toString())
  } catch (error) {
    if (isMeshError(error, 'MESH_BYTES_INVALID')) return undefined
    throw error
  }
}
