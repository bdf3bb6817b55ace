import { chmod } from 'node:fs/promises'
import { createServer, type Server, type Socket } from 'node:net'
import { type RpcDeps, RpcSession } from './rpc-session.ts'
import { MAX_REQUEST_CHARACTERS } from './wire.ts'

/** Shells, a watcher or two and scripts; more at once is a runaway script. */
const MAX_CONNECTIONS = 64
/** Requests of one connection that may be under way; reading pauses above, so a client that never reads costs little. */
const MAX_IN_FLIGHT = 32
/** How long an answer that is on its way may take when the node stops, ms. */
const GOODBYE_MS = 500

/** The control API on a Unix socket: one JSON object per line, mode 0600. */
export class SocketServer {
  readonly #deps: RpcDeps
  readonly #server: Server
  readonly #sockets = new Set<Socket>()

  constructor(deps: RpcDeps) {
    this.#deps = deps
    this.#server = createServer({ allowHalfOpen: false }, (socket) => this.#serve(socket))
    this.#server.maxConnections = MAX_CONNECTIONS
  }

  async listen(path: string): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen({ path }, () => {
        this.#server.off('error', reject)
        resolve()
      })
    })
    await chmod(path, 0o600)
  }

  async close(): Promise<void> {
    if (!this.#server.listening) return
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()))
    for (const socket of this.#sockets) {
      socket.end()
      setTimeout(() => socket.destroy(), GOODBYE_MS).unref()
    }
    await closed
  }

  #serve(socket: Socket): void {
    this.#sockets.add(socket)
    const session = new RpcSession(this.#deps, { send: (text) => sendLine(socket, text) })
    const lines = new LineReader(MAX_REQUEST_CHARACTERS)
    let inFlight = 0
    const take = async (line: string) => {
      if (++inFlight >= MAX_IN_FLIGHT) socket.pause()
      await session.receive(line)
      if (--inFlight < MAX_IN_FLIGHT) socket.resume()
    }
    socket.setEncoding('utf8')
    socket.on('data', (chunk: string) => {
      const complete = lines.push(chunk)
      if (complete === undefined) {
        this.#deps.log.warn('a control connection sent an endless line')
        socket.destroy()
        return
      }
      for (const line of complete) void take(line)
    })
    socket.on('error', (error) => this.#deps.log.debug('a control connection broke', { error }))
    socket.on('close', () => {
      this.#sockets.delete(socket)
      void session.close()
    })
  }
}

/** Cuts a stream of text into lines of bounded length. */
export class LineReader {
  readonly #maxCharacters: number
  #rest = ''

  constructor(maxCharacters: number) {
    this.#maxCharacters = maxCharacters
  }

  /** The lines that `chunk` completed, without empty ones; `undefined` when one is too long. */
  push(chunk: string): string[] | undefined {
    const parts = (this.#rest + chunk).split('\n')
    this.#rest = parts.pop() ?? ''
    if (this.#rest.length > this.#maxCharacters || parts.some((line) => line.length > this.#maxCharacters)) return undefined
    return parts.filter((line) => line.trim() !== '')
  }
}

/** Writes one line; resolves when the socket can take more or is gone. */
export function sendLine(socket: Socket, text: string): Promise<void> {
  if (socket.destroyed || !socket.writable || socket.write(`${text}\n`)) return Promise.resolve()
  return new Promise((resolve) => {
    const done = () => {
      socket.off('drain', done)
      socket.off('close', done)
      resolve()
    }
    socket.on('drain', done)
    socket.on('close', done)
  })
}
