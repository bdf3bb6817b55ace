/**
 * Notices dead connections, with few bytes: a connection on which nothing was heard for a while is asked by a ping of
 * yamux (12 bytes), which the other side's muxer answers by itself, and ends when nothing at all comes back.
 *
 * libp2p's monitor opens a stream for every ping, negotiates a protocol on it and closes it: 14 frames, 28 TCP segments
 * with their acknowledgements, every 15 s from both sides, 30 kB a minute for a neighbour who says nothing (measured).
 * It also takes a connection for dead that is busy: its ping waits behind a megabyte on a slow link. QUIC has signs of
 * life of its own (see `node/transports`).
 */
import type { Connection } from '@libp2p/interface'
import type { Clock, Log } from '#mesh/ports'
import { type Runnable, spawn, type Task } from '#mesh/runtime'

const PING_PROTOCOL = '/ipfs/ping/1.0.0'

/** What a heartbeat needs. */
export interface HeartbeatDeps {
  readonly connections: () => readonly Connection[]
  readonly clock: Clock
  readonly log: Log
}

/** How patient it is. */
export interface HeartbeatTimes {
  /** A connection that says nothing for so long is asked, ms. */
  readonly silentMs: number
  /** Who is asked has so long to say anything, ms. */
  readonly answerMs: number
}

/** What is asked: the muxer of a connection, as yamux has it. */
interface Pinging {
  ping(): Promise<number>
  readonly maConn: { addEventListener(type: 'message', listener: () => void): void }
}

/** What is known of a connection; times by the monotonic clock. */
interface Pulse {
  heardMs: number
  /** Since when it is waited for anything to be heard. */
  askedMs: number | undefined
  /** A ping that was not answered, perhaps because the answer waits behind other things; there is no second one until it is. */
  isPinging: boolean
}

/** Looks in the time that is given to one who is silent: so much later than it could be a dead connection ends. */
const LOOKS = 5

/** See the head of this file. */
export class Heartbeat implements Runnable {
  readonly #deps: HeartbeatDeps
  readonly #times: HeartbeatTimes
  readonly #pulses = new WeakMap<Connection, Pulse>()
  #task: Task | undefined

  constructor(deps: HeartbeatDeps, times: HeartbeatTimes) {
    this.#deps = deps
    this.#times = times
  }

  async start(): Promise<void> {
    this.#task = spawn(
      (signal) => this.#run(signal),
      (error) => this.#deps.log.error('dead connections are no longer noticed', { error }),
    )
  }

  async stop(): Promise<void> {
    await this.#task?.stop()
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { clock, connections } = this.#deps
    while (!signal.aborted) {
      for (const connection of connections()) this.#look(connection)
      await clock.sleep(this.#times.silentMs / LOOKS, signal)
    }
  }

  #look(connection: Connection): void {
    const muxer = pinging(connection)
    if (muxer === undefined) return
    const { clock, log } = this.#deps
    const nowMs = clock.monotonic()
    const pulse = this.#pulseOf(connection, muxer)
    if (pulse.askedMs === undefined) {
      if (nowMs - pulse.heardMs < this.#times.silentMs) return
      pulse.askedMs = nowMs
      this.#ping(connection, muxer, pulse)
    } else if (nowMs - pulse.askedMs >= this.#times.answerMs) {
      log.debug('a connection is dead', { peer: connection.remotePeer.toString() })
      connection.abort(new Error('no sign of life'))
    }
  }

  #ping(connection: Connection, muxer: Pinging, pulse: Pulse): void {
    if (pulse.isPinging) return
    pulse.isPinging = true
    muxer.ping().then(
      (rttMs) => {
        connection.rtt = rttMs
        pulse.isPinging = false
      },
      () => {}, // the connection ends, and its pulse with it
    )
  }

  /** Of a new one nothing was heard yet: it is asked at once, so that the way to it is measured. */
  #pulseOf(connection: Connection, { maConn }: Pinging): Pulse {
    const known = this.#pulses.get(connection)
    if (known !== undefined) return known
    const pulse: Pulse = { heardMs: Number.NEGATIVE_INFINITY, askedMs: undefined, isPinging: false }
    this.#pulses.set(connection, pulse)
    maConn.addEventListener('message', () => {
      pulse.heardMs = this.#deps.clock.monotonic()
      pulse.askedMs = undefined
    })
    return pulse
  }
}

/** True when the other side of a connection answers in time; by a ping of the muxer, or where it has none by a stream that it grants. */
export async function isAlive(connection: Connection, patience: Patience): Promise<boolean> {
  const muxer = pinging(connection)
  if (muxer !== undefined) return isAnswered(connection, muxer, patience)
  const given = new AbortController()
  const tooLate = patience.clock.sleep(patience.ms, AbortSignal.any([patience.signal, given.signal])).then(() => given.abort())
  try {
    const stream = await connection.newStream(PING_PROTOCOL, { signal: given.signal })
    await stream.close({ signal: given.signal })
    return true
  } catch {
    return false
  } finally {
    given.abort()
    await tooLate
  }
}

/** How long an answer is waited for. */
export interface Patience {
  readonly ms: number
  readonly clock: Clock
  readonly signal: AbortSignal
}

/**
 * Yamux has one ping at a time, and takes the answer to one that was given up for a breach of the protocol: so none is
 * given up, and who asks meanwhile waits for the same answer.
 */
async function isAnswered(connection: Connection, muxer: Pinging, { ms, clock, signal }: Patience): Promise<boolean> {
  const enough = new AbortController()
  const answer = muxer.ping().then(
    (rttMs) => {
      connection.rtt = rttMs
      return true
    },
    () => false, // the connection ends
  )
  const tooLate = clock.sleep(ms, AbortSignal.any([signal, enough.signal])).then(() => false)
  try {
    return await Promise.race([answer, tooLate])
  } finally {
    enough.abort()
    await tooLate
  }
}

/** The muxer behind a connection, when it can ping. libp2p does not show it; a spec notices when that changes. */
function pinging(connection: Connection): Pinging | undefined {
  if (!('muxer' in connection)) return undefined
  const muxer = connection.muxer as Partial<Pinging> | undefined
  return typeof muxer?.ping === 'function' && typeof muxer.maConn?.addEventListener === 'function' ? (muxer as Pinging) : undefined
}
