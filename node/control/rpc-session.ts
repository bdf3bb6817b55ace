import { MeshError } from '#mesh/errors'
import type { Log } from '#mesh/ports'
import { spawn, type Task } from '#mesh/runtime'
import type { NodeApi } from './api.ts'
import type { Call, Job } from './methods.ts'
import { WatchQueue } from './watch-feed.ts'
import { isRecord, type RequestId, RPC_INVALID_REQUEST, RPC_PARSE_ERROR, toWireError } from './wire.ts'

/** Streams that one connection may keep open. */
const MAX_WATCHES = 8

/** The way back to whoever asks. */
export interface RpcChannel {
  /** Hands one message over; resolves when more can be taken, or when the other side is gone. Never rejects. */
  send(text: string): Promise<void>
}

export interface RpcDeps {
  readonly api: NodeApi
  readonly prepareCall: (name: string, params: unknown) => Call
  readonly prepareJob: (name: string, params: unknown) => Job | undefined
  readonly log: Log
  /** Requests that have no answer yet, of all connections. */
  readonly answering: Set<Promise<void>>
}

/** One connection's requests and streams, whatever carries them. */
export class RpcSession {
  readonly #deps: RpcDeps
  readonly #channel: RpcChannel
  readonly #mayWatch: boolean
  readonly #watches = new Map<number, Task>()
  #nextWatch = 1
  #isClosed = false

  constructor(deps: RpcDeps, channel: RpcChannel, options: { mayWatch?: boolean } = {}) {
    this.#deps = deps
    this.#channel = channel
    this.#mayWatch = options.mayWatch ?? true
  }

  /** Takes one message; resolves when its answer was taken by the other side. Never rejects. */
  async receive(text: string): Promise<void> {
    const { answering } = this.#deps
    // Noted before it runs: what is asked for may be the end.
    const answered = Promise.resolve().then(() => this.#answer(text))
    answering.add(answered)
    await answered
    answering.delete(answered)
  }

  async #answer(text: string): Promise<void> {
    const request = parseRequest(text)
    if ('fault' in request) return this.#send({ id: null, error: request.fault })
    try {
      const result = await this.#run(request)
      if (request.id !== undefined) await this.#send({ id: request.id, result: result.value })
      result.after?.()
    } catch (error) {
      if (!(error instanceof MeshError) || error.blame === 'us') this.#deps.log.error('a control request failed', { method: request.method, error })
      if (request.id !== undefined) await this.#send({ id: request.id, error: toWireError(error) })
    }
  }

  /** Ends the streams of this connection. */
  async close(): Promise<void> {
    this.#isClosed = true
    await Promise.all([...this.#watches.values()].map((watch) => watch.stop()))
  }

  async #run(request: Request): Promise<{ value: unknown; after?: () => void }> {
    if (request.method === 'watch') return this.#watch()
    if (request.method === 'unwatch') {
      const subscription = isRecord(request.params) ? Number(request.params['subscription']) : Number.NaN
      await this.#watches.get(subscription)?.stop()
      return { value: {} }
    }
    const job = this.#deps.prepareJob(request.method, request.params)
    if (job !== undefined) return this.#begin(job)
    return { value: await this.#deps.prepareCall(request.method, request.params)(this.#deps.api) }
  }

  /** The events are taken from now on; they leave after the answer that names the subscription. */
  #watch(): { value: unknown; after: () => void } {
    const subscription = this.#subscription()
    const queue = new WatchQueue()
    const source = spawn(
      (signal) => this.#pump(subscription, queue, signal),
      (error) => this.#deps.log.error('a watch stream failed', { error }),
    )
    this.#watches.set(subscription, source)
    const after = () => {
      spawn(
        () => this.#forward(subscription, queue),
        (error) => this.#deps.log.warn('a watch stream could not be sent', { error }),
      )
    }
    return { value: { subscription }, after }
  }

  /** Long work: it begins after the answer that names its stream, goes as fast as its steps are taken, and ends with the connection. */
  #begin(job: Job): { value: unknown; after: () => void } {
    const subscription = this.#subscription()
    const after = () => {
      if (this.#isClosed) return
      const work = spawn(
        (signal) => this.#work(subscription, job, signal),
        (error) => this.#deps.log.error('a stream could not be sent', { error }),
      )
      this.#watches.set(subscription, work)
    }
    return { value: { subscription }, after }
  }

  async #work(subscription: number, job: Job, signal: AbortSignal): Promise<void> {
    const { api, log } = this.#deps
    try {
      for await (const event of job(api, signal)) {
        await this.#send({ method: 'stream.event', params: { subscription, event } })
        if (signal.aborted) return
      }
      await this.#send({ method: 'stream.end', params: { subscription } })
    } catch (error) {
      if (!(error instanceof MeshError) || error.blame === 'us') log.error('long work failed', { error })
      await this.#send({ method: 'stream.end', params: { subscription, error: toWireError(error) } })
    } finally {
      this.#watches.delete(subscription)
    }
  }

  #subscription(): number {
    if (!this.#mayWatch) throw new MeshError('NODE_METHOD_UNKNOWN', 'a single request cannot stream', { hint: 'use the WebSocket at /ws or the Unix socket' })
    if (this.#watches.size >= MAX_WATCHES) throw new MeshError('MESH_QUOTA_EXCEEDED', `one connection has at most ${MAX_WATCHES} streams`)
    return this.#nextWatch++
  }

  async #pump(subscription: number, queue: WatchQueue, signal: AbortSignal): Promise<void> {
    try {
      for await (const event of this.#deps.api.watch(signal)) queue.push(event)
    } finally {
      queue.end()
      this.#watches.delete(subscription)
    }
  }

  async #forward(subscription: number, queue: WatchQueue): Promise<void> {
    for await (const event of queue) {
      if (this.#isClosed) return
      await this.#send({ method: 'watch.event', params: { subscription, event } })
    }
    await this.#send({ method: 'watch.end', params: { subscription } })
  }

  async #send(message: Record<string, unknown>): Promise<void> {
    if (this.#isClosed) return
    await this.#channel.send(JSON.stringify({ jsonrpc: '2.0', ...message }))
  }
}

interface Request {
  readonly id: RequestId | undefined
  readonly method: string
  readonly params: unknown
}

function parseRequest(text: string): Request | { fault: unknown } {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return { fault: fault(RPC_PARSE_ERROR, 'this is not JSON') }
  }
  if (Array.isArray(value)) return { fault: fault(RPC_INVALID_REQUEST, 'batches are not taken; send one request after the other') }
  if (!isRecord(value) || value['jsonrpc'] !== '2.0' || typeof value['method'] !== 'string') {
    return { fault: fault(RPC_INVALID_REQUEST, 'this is not a JSON-RPC 2.0 request') }
  }
  const id = value['id']
  if (id !== undefined && id !== null && typeof id !== 'string' && typeof id !== 'number')
    return { fault: fault(RPC_INVALID_REQUEST, 'an id is a number or a text') }
  return { id, method: value['method'], params: value['params'] }
}

function fault(code: number, message: string): unknown {
  return { code, message, data: { code: 'NODE_PARAMS_INVALID' } }
}
