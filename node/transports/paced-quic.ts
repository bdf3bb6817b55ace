/**
 * libp2p's QUIC with limits, and with streams that stop reading when they are paused.
 *
 * `@chainsafe/libp2p-quic` 2.1 ignores `pause()`: it reads on, until the buffer of the stream is above its
 * limit and the stream is aborted with everything in it. A reader that is slow for a moment loses its link,
 * where TCP lets the sender wait. So the native streams are given to libp2p-quic behind a gate: while a
 * stream is paused nothing more is read from it, its window closes, and it is the sender who keeps the rest.
 *
 * It also ignores the signal of whoever opens a stream or dials. A peer that grants no streams would hold him for as
 * long as it likes, and with him the end of the program; an address where nobody answers would hold every dial of
 * its peer for 30 s. Here the signal ends the wait.
 *
 * And when the other side hangs up, it forgets about half of the open streams: they never close. Here they do.
 *
 * The gate needs what libp2p-quic hands to the upgrader (`muxerFactory.init.connection`). Should that look
 * different one day, streams are as unpaced as upstream makes them, and the spec beside this file fails.
 */
import type { QuicComponents, QuicOptions } from '@chainsafe/libp2p-quic'
import type { Connection, Logger, Stream, StreamMuxer, StreamMuxerFactory, Transport, Upgrader } from '@libp2p/interface'

/** What one QUIC connection may cost. The defaults are 256 streams, 10 MB for each and 15 MB in all, times 64 connections. */
export const QUIC_LIMITS = {
  /** A connection that says nothing for so long is dead, and so is a handshake, ms; the default of 10 s ends it at a short fading of the radio. */
  maxIdleTimeout: 30_000,
  /** Between signs of life, ms: two may be lost. */
  keepAliveInterval: 10_000,
  /** Streams the other side may have open; as yamux. */
  maxConcurrentStreamLimit: 32,
  /** Bytes in flight on one stream; as yamux. */
  maxStreamData: 512 * 1_024,
  /** Bytes in flight on all streams of a connection: eight paused ones do not yet stop the others. */
  maxConnectionData: 4 * 1_024 * 1_024,
} as const satisfies Partial<QuicOptions>

/** Bytes a stream keeps for a reader that is not there yet, and for a peer that does not read; as over TCP. */
const MAX_BUFFER_BYTES = 1_024 * 1_024

/** A stream of the native library, as far as libp2p-quic uses it. */
interface NativeStream {
  id(): string
  read(bytes: number): Promise<Uint8Array | null>
  write(bytes: Uint8Array): Promise<void>
  finishWrite(): Promise<void>
  resetWrite(): Promise<void>
  stopRead(): Promise<void>
}

/** A connection of the native library, as far as the muxer of libp2p-quic uses it. */
interface NativeConnection {
  id(): string
  inboundStream(): Promise<NativeStream>
  outboundStream(): Promise<NativeStream>
}

/** What libp2p-quic makes muxers of. */
interface QuicMuxerFactory extends StreamMuxerFactory {
  readonly init: { readonly connection: NativeConnection; readonly logger: Logger }
  readonly constructor: new (init: QuicMuxerFactory['init']) => StreamMuxerFactory
}

/** Takes the place of `quic(options)`; `make` is that function, which exists only where its binary loads. */
export function pacedQuic(make: (options: Partial<QuicOptions>) => (components: QuicComponents) => Transport): (components: QuicComponents) => Transport {
  const makeTransport = make(QUIC_LIMITS)
  return (components) => {
    const transport = makeTransport(components)
    const dial = transport.dial.bind(transport)
    const createListener = transport.createListener.bind(transport)
    transport.dial = (address, options) => unlessAborted(dial(address, { ...options, upgrader: paced(options.upgrader) }), options.signal)
    transport.createListener = (options) => createListener({ ...options, upgrader: paced(options.upgrader) })
    return transport
  }
}

/** An upgrader that puts the gate under the muxer of each connection. */
function paced(upgrader: Upgrader): Upgrader {
  return {
    upgradeOutbound: (connection, options) => upgrader.upgradeOutbound(connection, { ...options, ...pacedFactory(options?.muxerFactory) }),
    upgradeInbound: (connection, options) => upgrader.upgradeInbound(connection, { ...options, ...pacedFactory(options?.muxerFactory) }),
    createInboundAbortSignal: (signal) => upgrader.createInboundAbortSignal(signal),
    getConnectionEncrypters: () => upgrader.getConnectionEncrypters(),
    getStreamMuxers: () => upgrader.getStreamMuxers(),
  }
}

function pacedFactory(factory: StreamMuxerFactory | undefined): { muxerFactory?: StreamMuxerFactory } {
  if (factory === undefined) return {}
  return { muxerFactory: isQuic(factory) ? behindGate(factory) : factory }
}

function isQuic(factory: StreamMuxerFactory): factory is QuicMuxerFactory {
  if (!('init' in factory) || typeof factory.init !== 'object' || factory.init === null) return false
  const { connection } = factory.init as Partial<QuicMuxerFactory['init']>
  return typeof connection?.inboundStream === 'function' && typeof connection.outboundStream === 'function'
}

/** The same factory over a connection whose streams wait while they are paused. */
function behindGate(factory: QuicMuxerFactory): StreamMuxerFactory {
  const { connection, logger } = factory.init
  return {
    protocol: factory.protocol,
    createStreamMuxer(maConn) {
      const late: { muxer?: StreamMuxer } = {}
      // Each direction counts its streams from 0.
      const find = (id: string, direction: Stream['direction']): Stream | undefined =>
        late.muxer?.streams.find((stream) => stream.id === id && stream.direction === direction)
      const open = new Set<Stream>()
      const gated = (native: NativeStream, direction: Stream['direction']): NativeStream => new GatedStream(native, (id) => find(id, direction), open)
      const muxer = new factory.constructor({
        logger,
        connection: {
          id: () => connection.id(),
          inboundStream: async () => gated(await connection.inboundStream(), 'inbound'),
          outboundStream: async () => gated(await connection.outboundStream(), 'outbound'),
        },
      }).createStreamMuxer(maConn)
      const createStream = muxer.createStream.bind(muxer)
      muxer.createStream = (options) => unlessAborted(createStream(options), options?.signal)
      late.muxer = muxer
      maConn.addEventListener('close', () => {
        for (const stream of open) stream.abort(new Error('the connection ended'))
      })
      return muxer
    },
  }
}

/** The stream or connection once it is open, or the reason of the signal; one that opens too late is given back. */
async function unlessAborted<T extends Stream | Connection>(opening: T | Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return opening
  const aborted = Promise.withResolvers<never>()
  const onAbort = (): void => aborted.reject(signal.reason)
  if (signal.aborted) onAbort()
  else signal.addEventListener('abort', onAbort, { once: true })
  try {
    return await Promise.race([opening, aborted.promise])
  } catch (error) {
    void Promise.resolve(opening).then(
      (late) => late.abort(new Error('nobody waits for it any more')),
      () => {}, // the connection ended: there is nothing to give back
    )
    throw error
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}

/** A native stream that is not read while the libp2p stream above it is paused. */
class GatedStream implements NativeStream {
  readonly #native: NativeStream
  readonly #find: (id: string) => Stream | undefined
  /** Those of the connection that have not ended. */
  readonly #open: Set<Stream>
  #stream: Stream | undefined
  #wake: (() => void) | undefined

  constructor(native: NativeStream, find: (id: string) => Stream | undefined, open: Set<Stream>) {
    this.#native = native
    this.#find = find
    this.#open = open
  }

  id(): string {
    return this.#native.id()
  }

  async read(bytes: number): Promise<Uint8Array | null> {
    // The first read comes from the constructor of the stream, before anybody can know it.
    await Promise.resolve()
    const stream = this.#owner()
    while (stream?.readStatus === 'paused') await new Promise<void>((resolve) => (this.#wake = resolve))
    return this.#native.read(bytes)
  }

  write(bytes: Uint8Array): Promise<void> {
    return this.#native.write(bytes)
  }

  finishWrite(): Promise<void> {
    return this.#native.finishWrite()
  }

  // libp2p-quic awaits neither of these; on a connection that is gone they fail, and there is nothing to reset.
  resetWrite(): Promise<void> {
    return this.#native.resetWrite().catch(() => {})
  }

  stopRead(): Promise<void> {
    return this.#native.stopRead().catch(() => {})
  }

  /** The stream above this one. Nothing is dispatched when a stream is resumed, so its methods are listened to. */
  #owner(): Stream | undefined {
    if (this.#stream !== undefined) return this.#stream
    const stream = this.#find(this.id())
    if (stream === undefined) return undefined
    this.#stream = stream
    this.#open.add(stream)
    stream.maxReadBufferLength = MAX_BUFFER_BYTES
    stream.maxWriteBufferLength = MAX_BUFFER_BYTES
    const resume = stream.resume.bind(stream)
    const closeRead = stream.closeRead.bind(stream)
    const wake = (): void => this.#wake?.()
    stream.resume = () => {
      resume()
      wake()
    }
    stream.closeRead = async (options) => {
      const closed = closeRead(options)
      wake()
      await closed
    }
    const onClose = (): void => {
      this.#open.delete(stream)
      wake()
    }
    stream.addEventListener('close', onClose, { once: true })
    return stream
  }
}
