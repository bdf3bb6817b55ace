/**
 * A libp2p stream as a `Link`: frames, back-pressure both ways, and an end to peers that stop reading.
 *
 * libp2p's own async iteration keeps whatever arrives until it is asked for; here the stream is paused
 * once a few frames wait, so that the peer's window closes and it is he who keeps the rest.
 */
import type { Connection, Stream, StreamCloseEvent, StreamMessageEvent } from '@libp2p/interface'
import { MeshError } from '#mesh/errors'
import { parseDeviceId } from '#mesh/ids'
import type { Link } from '#mesh/ports'
import { FrameDecoder, frameWithLength } from './frames.ts'

/** Frames that may wait for the reader, bytes; one more read of the socket may come on top. */
const PAUSE_ABOVE_BYTES = 256 * 1_024
/** A peer that takes nothing for so long has stalled, ms. */
const STALL_MS = 30_000
/** Time for what was sent to leave when a link is closed, ms. */
const CLOSE_MS = 5_000
/** The session has its own idea of an idle link; libp2p's two minutes would end every quiet one. ms, one day. */
const INACTIVITY_MS = 86_400_000

/** Wraps an open stream; `connection` has proven who the peer is. */
export function streamLink(stream: Stream, connection: Connection): Link {
  const reader = new FrameReader(stream)
  stream.inactivityTimeout = INACTIVITY_MS
  let queue: Promise<void> = Promise.resolve()
  const abort = (reason: Error): void => {
    reader.end(reason)
    stream.abort(reason)
  }
  return {
    peer: parseDeviceId(connection.remotePeer.toString()),
    address: connection.remoteAddr.toString(),
    send(frame) {
      const framed = frameWithLength(frame)
      queue = queue.then(() => sendNow(stream, framed, abort))
      return queue
    },
    frames: () => reader,
    async close() {
      reader.end()
      await stream.close({ signal: AbortSignal.timeout(CLOSE_MS) }).catch((error: unknown) => stream.abort(asError(error)))
    },
    abort,
  }
}

async function sendNow(stream: Stream, framed: Uint8Array, abort: (reason: Error) => void): Promise<void> {
  if (stream.writeStatus !== 'writable') throw closed()
  let canTakeMore: boolean
  try {
    canTakeMore = stream.send(framed)
  } catch (cause) {
    throw closed(cause)
  }
  if (canTakeMore) return
  try {
    await drained(stream, AbortSignal.timeout(STALL_MS))
  } catch (cause) {
    if (stream.writeStatus !== 'writable') throw closed(cause)
    const stalled = new MeshError('MESH_PEER_STALLED', 'the peer does not read what it is sent', { cause })
    abort(stalled)
    throw stalled
  }
}

function drained(stream: Stream, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const done = (error?: unknown): void => {
      stream.removeEventListener('drain', onDrain)
      stream.removeEventListener('close', onClose)
      signal.removeEventListener('abort', onAbort)
      if (error === undefined) resolve()
      else reject(asError(error))
    }
    const onDrain = (): void => done()
    const onClose = (): void => done(new Error('the stream ended'))
    const onAbort = (): void => done(new Error('no progress'))
    stream.addEventListener('drain', onDrain, { once: true })
    stream.addEventListener('close', onClose, { once: true })
    signal.addEventListener('abort', onAbort, { once: true })
  })
}

/** The frames of a stream, paused while the reader is behind. */
class FrameReader implements AsyncIterable<Uint8Array> {
  readonly #stream: Stream
  readonly #decoder = new FrameDecoder()
  readonly #frames: Uint8Array[] = []
  #bytes = 0
  #isEnded = false
  #reason: Error | undefined
  #wake: (() => void) | undefined

  constructor(stream: Stream) {
    this.#stream = stream
    stream.addEventListener('message', this.#onMessage)
    stream.addEventListener('close', this.#onClose, { once: true })
    stream.addEventListener('remoteCloseWrite', this.#onRemoteEnd, { once: true })
  }

  /** No more frames after those that wait; none at all after a reason. */
  end(reason?: Error): void {
    if (this.#isEnded) return
    this.#isEnded = true
    this.#reason = reason
    this.#stream.removeEventListener('message', this.#onMessage)
    this.#wake?.()
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    for (;;) {
      if (this.#reason !== undefined) throw this.#reason
      const frame = this.#frames.shift()
      if (frame !== undefined) {
        this.#bytes -= frame.length
        if (this.#bytes <= PAUSE_ABOVE_BYTES / 2 && this.#stream.readStatus === 'paused') this.#stream.resume()
        yield frame
      } else if (this.#isEnded) return
      else await this.#change()
    }
  }

  readonly #onMessage = (event: StreamMessageEvent): void => {
    try {
      const chunk = event.data instanceof Uint8Array ? event.data : event.data.subarray()
      for (const frame of this.#decoder.push(chunk)) {
        this.#frames.push(frame)
        this.#bytes += frame.length
      }
      if (this.#bytes > PAUSE_ABOVE_BYTES && this.#stream.readStatus === 'readable') this.#stream.pause()
      this.#wake?.()
    } catch (error) {
      this.end(asError(error))
      this.#stream.abort(asError(error))
    }
  }

  readonly #onClose = (event: StreamCloseEvent): void => this.end(event.error === undefined ? undefined : closed(event.error))

  readonly #onRemoteEnd = (): void => this.end()

  #change(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = () => {
        this.#wake = undefined
        resolve()
      }
    })
  }
}

function closed(cause?: unknown): MeshError {
  return new MeshError('MESH_LINK_CLOSED', 'the link is down', cause === undefined ? {} : { cause })
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error))
}
