import { setTimeout as pause } from 'node:timers/promises'
import { MeshError } from '#mesh/errors'
import type { Log } from '#mesh/ports'
import type { Runnable } from '#mesh/runtime'
import type { NodeApi } from './api.ts'
import type { HttpServer } from './http-server.ts'
import type { RpcDeps } from './rpc-session.ts'
import { prepareSocket, removeSocket } from './socket-path.ts'
import { SocketServer } from './socket-server.ts'
import { openToken } from './token.ts'

export interface ControlServerDeps {
  readonly api: NodeApi
  readonly log: Log
}

export interface ControlServerOptions {
  /** The data directory; its lock ({@link lockData}) is held by the caller. */
  readonly dataDir: string
  /** The HTTP side; a port that nobody chose gives way to any free one when it is taken. */
  readonly http: { readonly port: number | 'off'; readonly isPortGiven: boolean }
}

/** Where a running server is reached. */
export interface ControlAddress {
  readonly socket: string
  readonly http?: string
}

/** How long requests that came before the end may take, ms. */
const GOODBYE_MS = 500

/** The control API of one node: a Unix socket always, HTTP and WebSocket on loopback unless they are off. */
export class ControlServer implements Runnable {
  readonly #deps: ControlServerDeps
  readonly #options: ControlServerOptions
  readonly #answering = new Set<Promise<void>>()
  #socket: SocketServer | undefined
  #http: HttpServer | undefined
  #address: ControlAddress | undefined

  constructor(deps: ControlServerDeps, options: ControlServerOptions) {
    this.#deps = deps
    this.#options = options
  }

  /** Known once `start` has resolved. */
  get address(): ControlAddress {
    if (this.#address === undefined) throw new MeshError('MESH_INTERNAL', 'the control server does not listen')
    return this.#address
  }

  async start(): Promise<void> {
    const { api, log } = this.#deps
    const { dataDir } = this.#options
    // zod and fastify are loaded here and not above: commands import this folder for its client.
    const { prepareCall, prepareJob } = await import('./methods.ts')
    const rpc: RpcDeps = { api, prepareCall, prepareJob, log, answering: this.#answering }
    this.#http = await this.#startHttp(rpc)
    try {
      const { path, isShort } = await prepareSocket(dataDir)
      if (isShort) log.info('the path of the data directory is too long for a socket; control.sock is a link', { socket: path })
      this.#socket = new SocketServer(rpc)
      await this.#socket.listen(path)
      this.#address = { socket: path, ...(this.#http === undefined ? {} : { http: this.#http.url }) }
    } catch (error) {
      await this.stop()
      throw error
    }
  }

  /** Whoever has asked, to end this node for instance, gets an answer first. */
  async stop(): Promise<void> {
    await Promise.race([Promise.all(this.#answering), pause(GOODBYE_MS, undefined, { ref: false })])
    await Promise.all([this.#socket?.close(), this.#http?.close()])
    if (this.#socket !== undefined) await removeSocket(this.#options.dataDir)
    this.#socket = undefined
    this.#http = undefined
  }

  async #startHttp(rpc: RpcDeps): Promise<HttpServer | undefined> {
    const { dataDir, http } = this.#options
    if (http.port === 'off') return undefined
    const [{ serveHttp }, token] = await Promise.all([import('./http-server.ts'), openToken(dataDir)])
    try {
      return await serveHttp(rpc, { port: http.port, token })
    } catch (error) {
      if (!isPortTaken(error)) throw error
      if (http.isPortGiven) throw portInUse(http.port, error)
      rpc.log.info('the default control port is taken; another one is used', { port: http.port })
      return serveHttp(rpc, { port: 0, token })
    }
  }
}

function isPortTaken(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'EADDRINUSE' || error.code === 'EACCES')
}

function portInUse(port: number, cause: unknown): MeshError {
  return new MeshError('NODE_PORT_IN_USE', `the control port ${port} is taken or not allowed`, {
    cause,
    detail: { port },
    hint: `choose another with --control-port, or leave it out and a free one is taken; \`ss -ltnp sport = :${port}\` shows who has it`,
  })
}
