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

/** What may wait for the reader, bytes; one more read of the socket may come on top. */
const PAUSE_ABOVE_BYTES = 256 * 1_024
/** What a piece of it costs besides its bytes: a peer may send single bytes. */
const CHUNK_COST_BYTES = 256
/** What may wait for the peer while the next frame is handed over, bytes: one frame keeps the line busy. */
const KEEP_BYTES = 64 * 1_024
/** A peer that takes less than this in `stallMs` makes no progress, bytes. */
const PROGRESS_BYTES = 1_024
/** A peer that takes nothing for so long has stalled, ms. */
const STALL_MS = 30_000
/** Time for what was sent to leave when a link is closed, ms. */
const CLOSE_MS = 5_000
/** The session has its own idea of an idle link; libp2p's two minutes would end every quiet one. ms, one day. */
const INACTIVITY_MS = 86_400_000

/** What else is known of a link, and what tests tune. */
interface StreamLinkOptions {
  readonly stallMs?: number
  /** See `Link.mesh`. */
  readonly mesh?: string
}

/** Wraps an open stream; `connection` has proven who the peer is. */
export function streamLink(stream: Stream, connection: Connection, { stallMs = STALL_MS, mesh = '' }: StreamLinkOptions = {}): Link {
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
    mesh,
    send(frame) {
      const framed = frameWithLength(frame)
      queue = queue.then(() => sendNow(stream, framed, stallMs, abort))
      return queue
    },
    frames: () => reader,
    async close() {
      reader.end()
      await closeStream(stream, queue)
    },
    abort,
  }
}

/** Lets what is queued leave, says that no more comes, and gives the peer a while to do the same. */
async function closeStream(stream: Stream, queue: Promise<void>): Promise<void> {
  const signal = AbortSignal.timeout(CLOSE_MS)
  // Half a stream would count among the peer's few until he thinks of it; abort does nothing to one that is closed.
  signal.addEventListener('abort', () => stream.abort(new Error('the peer does not close')), { once: true })
  await queue.catch(() => {}) // whoever sent has been told; the abort above ends a queue that stands
  if (stream.status === 'open') await stream.close({ signal }).catch((error: unknown) => stream.abort(asError(error)))
}

async function sendNow(stream: Stream, framed: Uint8Array, stallMs: number, abort: (reason: Error) => void): Promise<void> {
  if (stream.writeStatus !== 'writable') throw closed()
  try {
    if (stream.send(framed)) return
  } catch (cause) {
    throw closed(cause)
  }
  try {
    await taken(stream, stallMs)
  } catch (cause) {
    if (stream.writeStatus !== 'writable') throw closed(cause)
    const stalled = new MeshError('MESH_PEER_STALLED', 'the peer does not read what it is sent', { cause })
    abort(stalled)
    throw stalled
  }
}

/**
 * Waits until the peer has taken most of what waits for it. A single `drain` is not enough: it comes with
 * each window the peer opens, however small, and the buffer would grow by a frame for each.
 */
async function taken(stream: Stream, stallMs: number): Promise<void> {
  let deadline = AbortSignal.timeout(stallMs)
  let before = stream.writeBufferLength
  do {
    await drained(stream, deadline)
    if (before - stream.writeBufferLength < PROGRESS_BYTES) continue
    before = stream.writeBufferLength
    deadline = AbortSignal.timeout(stallMs)
  } while (stream.writeBufferLength > KEEP_BYTES)
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
    if (stream.writeStatus !== 'writable' || signal.aborted) return done(new Error('the stream ended'))
    stream.addEventListener('drain', onDrain, { once: true })
    stream.addEventListener('close', onClose, { once: true })
    signal.addEventListener('abort', onAbort, { once: true })
  })
}

/**
 * The frames of a stream, paused while the reader is behind. What arrives is kept as it is and cut when
 * it is asked for. Data that libp2p still holds counts as well: the end comes after it.
 */
class FrameReader implements AsyncIterable<Uint8Array> {
  readonly #stream: Stream
  readonly #decoder = new FrameDecoder()
  #chunks: Uint8Array[] = []
  #waiting = 0
  #isEnded = false
  #isResuming = false
  #reason: Error | undefined
  #wake: (() => void) | undefined

  constructor(stream: Stream) {
    this.#stream = stream
    stream.addEventListener('message', this.#onMessage)
    stream.addEventListener('close', this.#onClose, { once: true })
    stream.addEventListener('end', this.#onEnd, { once: true })
    if (stream.readableEnded) this.#onEnd()
  }

  /** No more frames after those that wait; none at all after a reason. */
  end(reason?: Error): void {
    if (this.#isEnded) return
    this.#isEnded = true
    this.#reason = reason
    if (reason !== undefined) this.#chunks = []
    this.#stream.removeEventListener('message', this.#onMessage)
    this.#stream.removeEventListener('close', this.#onClose)
    this.#stream.removeEventListener('end', this.#onEnd)
    this.#wake?.()
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    for (;;) {
      if (this.#reason !== undefined) throw this.#reason
      const chunk = this.#chunks.shift()
      if (chunk !== undefined) yield* this.#cut(chunk)
      else if (this.#isEnded) return
      else await this.#change()
    }
  }

  *#cut(chunk: Uint8Array): Generator<Uint8Array> {
    try {
      for (const frame of this.#decoder.cut(chunk)) {
        yield frame
        if (this.#reason !== undefined) return
      }
    } catch (error) {
      this.end(asError(error))
      this.#stream.abort(asError(error))
      throw error
    }
    this.#waiting -= chunk.length + CHUNK_COST_BYTES
    if (this.#waiting <= PAUSE_ABOVE_BYTES / 2 && this.#stream.readStatus === 'paused') this.#resume()
  }

  /**
   * What libp2p kept comes while this runs, and may be too much at once. A stream that is paused from within `resume`
   * says that it is, and yet opens its window for ever: the peer fills its buffer until it breaks. So that comes after.
   */
  #resume(): void {
    this.#isResuming = true
    try {
      this.#stream.resume()
      this.#isResuming = false
      this.#pauseIfFull()
    } catch (cause) {
      this.end(closed(cause)) // the connection went away under the stream
    }
  }

  #pauseIfFull(): void {
    if (this.#waiting > PAUSE_ABOVE_BYTES && !this.#isResuming && this.#stream.readStatus === 'readable') this.#stream.pause()
  }

  readonly #onMessage = (event: StreamMessageEvent): void => {
    const chunk = plain(event.data instanceof Uint8Array ? event.data : event.data.subarray())
    this.#chunks.push(chunk)
    this.#waiting += chunk.length + CHUNK_COST_BYTES
    this.#pauseIfFull()
    this.#wake?.()
  }

  readonly #onClose = (event: StreamCloseEvent): void => {
    if (event.error !== undefined) this.end(closed(event.error))
    else if (this.#stream.readBufferLength === 0) this.end()
  }

  /** Comes before `close`, also when the stream was reset. */
  readonly #onEnd = (): void => {
    const { status } = this.#stream
    this.end(status === 'reset' || status === 'aborted' ? closed(new Error(`the stream was ${status}`)) : undefined)
  }

  #change(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = () => {
        this.#wake = undefined
        resolve()
      }
    })
  }
}

/** The same bytes, never as a Buffer, whose `slice` does not copy: whoever thinks it does changes what others read. */
function plain(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

function closed(cause?: unknown): MeshError {
  return new MeshError('MESH_LINK_CLOSED', 'the link is down', cause === undefined ? {} : { cause })
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error))
}
