import { connect, type Socket } from 'node:net'
import { MeshError } from '#mesh/errors'
import type {
  BundleExported,
  BundleExportParams,
  BundleImported,
  BundleStep,
  ContactInfo,
  DeviceInfo,
  DoctorReport,
  NodeApi,
  NodeIdentity,
  NodeStatus,
  OutboxCleared,
  OutboxFlushed,
  OutboxInfo,
  PeerInfo,
  WatchEvent,
} from './api.ts'
import { connectError, gone, timedOut } from './client-faults.ts'
import { EventStream } from './event-stream.ts'
import type { Amended, AmendParams, ConversationInfo, MessageApi, MessageInfo, SendParams, ThreadInfo } from './messages.ts'
import type { PrivacyReport } from './privacy-api.ts'
import type { SearchAnswer } from './search-api.ts'
import { findSocket } from './socket-path.ts'
import { LineReader } from './socket-server.ts'
import type { Verification, VerifyParams } from './trust-api.ts'
import { fromWireError, isRecord } from './wire.ts'

/** The largest answer taken, in characters: a log of 10,000 long messages stays below. */
const MAX_ANSWER_CHARACTERS = 512 * 1_048_576
/** How long a request may take unless somebody says otherwise, ms. */
const DEFAULT_TIMEOUT_MS = 30_000
/** Events that wait for a slow reader on this side; above, the socket is not read and the node counts what is lost. */
const MAX_WAITING_EVENTS = 256

type Queued = Awaited<ReturnType<MessageApi['send']>>

interface Pending {
  resolve(result: unknown): void
  reject(error: Error): void
}

/** The API of a node that runs in another process, over its Unix socket. */
export class ControlClient implements NodeApi {
  readonly #socket: Socket
  readonly #timeoutMs: number
  readonly #pending = new Map<number, Pending>()
  readonly #streams = new Map<number, EventStream>()
  readonly #closed: Promise<void>
  #nextId = 1

  private constructor(socket: Socket, timeoutMs: number) {
    this.#socket = socket
    this.#timeoutMs = timeoutMs
    const lines = new LineReader(MAX_ANSWER_CHARACTERS)
    socket.setEncoding('utf8')
    socket.on('data', (chunk: string) => {
      const complete = lines.push(chunk)
      if (complete === undefined) socket.destroy()
      else for (const line of complete) this.#take(line)
    })
    this.#closed = new Promise((resolve) => {
      socket.on('close', () => {
        this.#abandon()
        resolve()
      })
    })
    // A broken connection is always followed by 'close', which tells everybody who waits.
    socket.on('error', () => socket.destroy())
  }

  /** Connects to the node of a data directory. @throws MeshError `NODE_NOT_RUNNING`, `NODE_UNAUTHORIZED` */
  static async connect(dataDir: string, options: { timeoutMs?: number } = {}): Promise<ControlClient> {
    const timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS
    let path: string | undefined
    try {
      path = await findSocket(dataDir)
    } catch (error) {
      throw connectError(dataDir, error)
    }
    if (path === undefined) throw connectError(dataDir, undefined)
    const socket = connect({ path })
    await new Promise<void>((resolve, reject) => {
      const fail = (error: unknown) => {
        socket.destroy()
        reject(error instanceof MeshError ? error : connectError(dataDir, error))
      }
      socket.setTimeout(timeoutMs, () => fail(timedOut('the node does not answer', timeoutMs)))
      socket.once('error', fail)
      socket.once('connect', () => {
        socket.setTimeout(0)
        socket.off('error', fail)
        resolve()
      })
    })
    return new ControlClient(socket, timeoutMs)
  }

  status(): Promise<NodeStatus> {
    return this.#call('status')
  }
  id(): Promise<NodeIdentity> {
    return this.#call('id')
  }
  peers(): Promise<PeerInfo[]> {
    return this.#call('peers')
  }
  doctor(): Promise<DoctorReport> {
    return this.#call('doctor')
  }
  privacy(): Promise<PrivacyReport> {
    return this.#call('privacy')
  }
  down(): Promise<Record<string, never>> {
    return this.#call('down')
  }
  contactAdd(params: { card: string; as?: string }): Promise<ContactInfo> {
    return this.#call('contactAdd', params)
  }
  contactList(): Promise<ContactInfo[]> {
    return this.#call('contactList')
  }
  contactCard(params: { who?: string }): Promise<{ card: string }> {
    return this.#call('contactCard', params)
  }
  contactVerify(params: VerifyParams): Promise<Verification> {
    return this.#call('contactVerify', { ...params })
  }
  contactBlock(params: { who: string; unblock?: boolean }): Promise<ContactInfo> {
    return this.#call('contactBlock', params)
  }
  deviceList(): Promise<DeviceInfo[]> {
    return this.#call('deviceList')
  }
  deviceRevoke(params: { device: string }): Promise<DeviceInfo> {
    return this.#call('deviceRevoke', params)
  }
  send(params: SendParams): Promise<Queued> {
    return this.#call('send', { ...params })
  }
  reply(params: AmendParams & { text: string }): Promise<Queued> {
    return this.#call('reply', { ...params })
  }
  edit(params: AmendParams & { text: string }): Promise<Amended> {
    return this.#call('edit', { ...params })
  }
  delete(params: AmendParams): Promise<Amended> {
    return this.#call('delete', { ...params })
  }
  react(params: AmendParams & { emoji: string; undo?: boolean }): Promise<Amended> {
    return this.#call('react', { ...params })
  }
  thread(params: AmendParams): Promise<MessageInfo[]> {
    return this.#call('thread', { ...params })
  }
  threads(params: { to: string }): Promise<ThreadInfo[]> {
    return this.#call('threads', params)
  }
  read(params: AmendParams): Promise<MessageInfo> {
    return this.#call('read', { ...params })
  }
  typing(params: { to: string; on: boolean }): Promise<{ told: boolean }> {
    return this.#call('typing', params)
  }
  conversationGet(params: { who: string }): Promise<ConversationInfo> {
    return this.#call('conversationGet', params)
  }
  conversationSet(params: Parameters<MessageApi['conversationSet']>[0]): Promise<ConversationInfo> {
    return this.#call('conversationSet', params)
  }
  log(params: { to: string; since?: string; limit?: number }): Promise<MessageInfo[]> {
    return this.#call('log', params)
  }
  search(params: { query: string; limit?: number }): Promise<SearchAnswer> {
    return this.#call('search', params)
  }
  outbox(): Promise<OutboxInfo[]> {
    return this.#call('outbox')
  }
  outboxFlush(params: { to?: string; timeoutMs?: number }): Promise<OutboxFlushed> {
    return this.#call('outboxFlush', params)
  }
  outboxClear(params: { which?: string; dryRun?: boolean }): Promise<OutboxCleared> {
    return this.#call('outboxClear', params)
  }

  bundleExport(params: BundleExportParams, signal: AbortSignal): AsyncGenerator<BundleStep<BundleExported>> {
    return this.#stream('bundleExport', { ...params }, signal)
  }
  bundleImport(params: { files: string[] }, signal: AbortSignal): AsyncGenerator<BundleStep<BundleImported>> {
    return this.#stream('bundleImport', params, signal)
  }

  async *watch(signal: AbortSignal): AsyncGenerator<WatchEvent> {
    yield* this.#stream<WatchEvent>('watch', {}, signal)
    if (!signal.aborted) throw gone()
  }

  /** The node is the same program: what it streams has the type that the method promises. */
  async *#stream<T>(method: string, params: Readonly<Record<string, unknown>>, signal: AbortSignal): AsyncGenerator<T> {
    if (signal.aborted) return
    const { subscription } = await this.#call<{ subscription: number }>(method, params)
    const stream = this.#streamOf(subscription)
    const leave = () => stream.end()
    signal.addEventListener('abort', leave, { once: true })
    try {
      for (;;) {
        const event = await stream.next()
        if (event === undefined) break
        yield event as T
      }
    } finally {
      signal.removeEventListener('abort', leave)
      this.#streams.delete(subscription)
      if (!this.#socket.destroyed) this.#socket.write(`${JSON.stringify({ jsonrpc: '2.0', method: 'unwatch', params: { subscription } })}\n`)
      this.#socket.resume()
    }
  }

  /** Ends the connection. */
  async close(): Promise<void> {
    this.#socket.destroy()
    await this.#closed
  }

  /** Resolves when the connection has ended, whoever ended it. */
  get closed(): Promise<void> {
    return this.#closed
  }

  /** The node is the same program: what it answers has the type that the method promises. */
  async #call<T>(method: string, params: Readonly<Record<string, unknown>> = {}): Promise<T> {
    if (this.#socket.destroyed) throw gone()
    const id = this.#nextId++
    let timer: NodeJS.Timeout | undefined
    try {
      const result = await new Promise<unknown>((resolve, reject) => {
        this.#pending.set(id, { resolve, reject })
        timer = setTimeout(() => reject(timedOut('the node did not answer', this.#timeoutMs)), this.#timeoutMs)
        this.#socket.write(`${JSON.stringify({ jsonrpc: '2.0', id, method, params })}\n`)
      })
      return result as T
    } finally {
      clearTimeout(timer)
      this.#pending.delete(id)
    }
  }

  #take(line: string): void {
    const message = parse(line)
    if (!isRecord(message)) return
    if (typeof message['method'] === 'string') {
      this.#notice(message['method'], message['params'])
      return
    }
    const pending = typeof message['id'] === 'number' ? this.#pending.get(message['id']) : undefined
    if (pending === undefined) return
    if ('error' in message) pending.reject(fromWireError(message['error']))
    else pending.resolve(message['result'])
  }

  #notice(method: string, params: unknown): void {
    if (!isRecord(params) || typeof params['subscription'] !== 'number') return
    const stream = this.#streamOf(params['subscription'])
    if (method === 'watch.end' || method === 'stream.end') stream.end('error' in params ? fromWireError(params['error']) : undefined)
    else if ((method === 'watch.event' || method === 'stream.event') && stream.push(params['event']) > MAX_WAITING_EVENTS) this.#socket.pause()
  }

  /** Events can arrive in the same chunk as the answer that names their subscription, so whoever is first makes the stream. */
  #streamOf(subscription: number): EventStream {
    const known = this.#streams.get(subscription)
    if (known !== undefined) return known
    const made = new EventStream(() => this.#socket.resume())
    this.#streams.set(subscription, made)
    return made
  }

  #abandon(): void {
    for (const pending of this.#pending.values()) pending.reject(gone())
    for (const stream of this.#streams.values()) stream.end(gone())
  }
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}
