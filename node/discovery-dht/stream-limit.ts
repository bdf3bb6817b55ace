/**
 * What one peer may ask of the DHT: kad-dht itself answers whatever comes, as fast as it comes.
 *
 * `libp2p.use` would be the place for this, but in libp2p 3.3 every inbound stream adds its handler to
 * the list of middlewares, for good: the second request is handled twice, and requests of our own are
 * answered by ourselves. So the handler is wrapped before it is registered.
 */
import type { Connection, Stream, StreamHandler, StreamMessageEvent } from '@libp2p/interface'
import type { Clock } from '#mesh/ports'
import { asking } from './asking.ts'

/** Requests that one peer may make at once, and regains each second: a lookup makes tens, a flood thousands. */
const BURST = 100
const PER_SECOND = 2
/** Peers remembered; the one that was silent longest is forgotten first. */
const MAX_PEERS = 256
/** Bytes of a request: a record of 1 KiB, its key twice, and room. */
const MAX_REQUEST_BYTES = 4_096
/** Bytes of an answer: twenty peers with sixteen addresses each, a record, and room; kad-dht would read 4 MiB, and dial all that it names. */
const MAX_ANSWER_BYTES = 32_768
/** Bytes of the varint in front of a message; three are 2 MiB. */
const MAX_PREFIX_BYTES = 3

/** Says whether a peer may ask once more. */
export class RequestBudget {
  readonly #clock: Pick<Clock, 'monotonic'>
  readonly #peers = new Map<string, { tokens: number; at: number }>()

  constructor(clock: Pick<Clock, 'monotonic'>) {
    this.#clock = clock
  }

  take(peer: string): boolean {
    const now = this.#clock.monotonic()
    const known = this.#peers.get(peer) ?? { tokens: BURST, at: now }
    const tokens = Math.min(BURST, known.tokens + ((now - known.at) / 1_000) * PER_SECOND)
    this.#peers.delete(peer)
    this.#peers.set(peer, { tokens: tokens < 1 ? tokens : tokens - 1, at: now })
    const oldest = this.#peers.keys().next()
    if (this.#peers.size > MAX_PEERS && oldest.done !== true) this.#peers.delete(oldest.value)
    return tokens >= 1
  }

  /** Peers remembered now. */
  get size(): number {
    return this.#peers.size
  }
}

/** Watches that a stream brings one message and nothing behind it: our kad-dht opens a stream for each. */
export class MessageMeter {
  readonly #maxBytes: number
  #prefix = 0
  #prefixBytes = 0
  #left: number | undefined

  constructor(maxBytes = MAX_REQUEST_BYTES) {
    this.#maxBytes = maxBytes
  }

  /** False when the message is too large or another one follows. */
  take(chunk: Uint8Array): boolean {
    let at = 0
    for (; this.#left === undefined && at < chunk.length; at++) {
      const byte = chunk[at] ?? 0
      this.#prefix += (byte & 0x7f) * 2 ** (7 * this.#prefixBytes)
      this.#prefixBytes += 1
      if (byte < 0x80) this.#left = this.#prefix
      else if (this.#prefixBytes >= MAX_PREFIX_BYTES) return false
    }
    if (this.#left === undefined) return true
    this.#left -= chunk.length - at
    return this.#prefix <= this.#maxBytes && this.#left >= 0
  }
}

/** The handler of the DHT behind its limits. */
export function limitRequests(handler: StreamHandler, budget: RequestBudget): StreamHandler {
  return (stream: Stream, connection: Connection) => {
    const peer = connection.remotePeer.toString()
    if (!budget.take(peer)) {
      stream.abort(new Error('too many requests'))
      return
    }
    limitMessage(stream, MAX_REQUEST_BYTES)
    return asking.run({ peer }, () => handler(stream, connection))
  }
}

/** A stream on which somebody is asked, with the limit of what is read from it. */
export function limitAnswer(stream: Stream): Stream {
  limitMessage(stream, MAX_ANSWER_BYTES)
  return stream
}

/** Listens before everybody else, so that what is too much reaches nobody. */
function limitMessage(stream: Stream, maxBytes: number): void {
  const meter = new MessageMeter(maxBytes)
  stream.addEventListener('message', (event: StreamMessageEvent) => {
    const chunk = event.data instanceof Uint8Array ? event.data : event.data.subarray()
    if (meter.take(chunk)) return
    event.stopImmediatePropagation()
    stream.abort(new Error('one small message for each stream'))
  })
}
