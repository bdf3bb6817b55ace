/**
 * The control API over HTTP and WebSocket, on loopback only, for pages and programs that cannot open a
 * Unix socket. Every request proves three things before its body is read: that it names this address
 * (Host, against DNS rebinding), that no other site sent it (Origin), and that its sender can read a
 * file of this user (bearer token). There is no CORS and nothing changes by GET.
 */
import type { Socket } from 'node:net'
import websocket from '@fastify/websocket'
import fastify, { type FastifyInstance, type FastifyRequest } from 'fastify'
import type { WebSocket } from 'ws'
import { MeshError } from '#mesh/errors'
import { type RpcDeps, RpcSession } from './rpc-session.ts'
import { isToken } from './token.ts'
import { MAX_REQUEST_CHARACTERS, toWireError } from './wire.ts'

/** Open connections, WebSockets included: a page and a few programs. */
const MAX_CONNECTIONS = 32
/** Requests of one WebSocket that may be under way. */
const MAX_IN_FLIGHT = 32
/** A request that does not arrive within this time is somebody holding a connection open, ms. */
const REQUEST_MS = 10_000
/** How long an answer that is on its way may take when the node stops, ms. */
const GOODBYE_MS = 500
const HOST = '127.0.0.1'
/** What a page asks for as WebSocket subprotocol, beside `bearer.<token>`, since a page cannot set headers there. */
const SUBPROTOCOL = 'qpq.1'
const BEARER_PROTOCOL = 'bearer.'

export interface HttpServer {
  readonly url: string
  close(): Promise<void>
}

/** Listens on loopback. @throws the system's error when the port is taken */
export async function serveHttp(deps: RpcDeps, options: { port: number; token: string }): Promise<HttpServer> {
  const app = fastify({ bodyLimit: MAX_REQUEST_CHARACTERS, requestTimeout: REQUEST_MS, forceCloseConnections: true, routerOptions: { maxParamLength: 64 } })
  app.server.maxConnections = MAX_CONNECTIONS
  const sockets = new Set<Socket>()
  app.server.on('connection', (socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
  })
  let port = options.port
  app.addHook('onRequest', async (request) => admit(request, port, options.token))
  app.setErrorHandler(async (error, _request, reply) => {
    const wire = error instanceof MeshError ? toWireError(error) : undefined
    if (wire === undefined) deps.log.debug('a control request over HTTP was refused', { error })
    // A refused WebSocket would otherwise keep its connection.
    await reply
      .code(statusOf(error))
      .header('connection', 'close')
      .send({ jsonrpc: '2.0', id: null, error: wire ?? { code: -32_600, message: 'this request cannot be taken', data: { code: 'NODE_PARAMS_INVALID' } } })
  })
  await app.register(websocket, {
    options: { maxPayload: MAX_REQUEST_CHARACTERS, perMessageDeflate: false, handleProtocols: (offered) => (offered.has(SUBPROTOCOL) ? SUBPROTOCOL : false) },
  })
  routes(app, deps)
  try {
    await app.listen({ host: HOST, port })
  } catch (error) {
    await app.close()
    throw error
  }
  const address = app.server.address()
  port = typeof address === 'object' && address !== null ? address.port : port
  return { url: `http://${HOST}:${port}`, close: () => closeAll(app, sockets) }
}

/** Answers that are on their way leave; connections that linger, upgraded ones included, are cut. */
async function closeAll(app: FastifyInstance, sockets: ReadonlySet<Socket>): Promise<void> {
  const timer = setTimeout(() => {
    for (const socket of sockets) socket.destroy()
  }, GOODBYE_MS)
  try {
    await app.close()
  } finally {
    clearTimeout(timer)
  }
}

function routes(app: FastifyInstance, deps: RpcDeps): void {
  app.removeContentTypeParser('text/plain')
  app.removeContentTypeParser('application/json')
  // Only JSON is taken: a form of another site cannot send that without asking first, and asking (CORS) is not answered.
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (_request, body, done) => done(null, body))
  app.post('/rpc', async (request, reply) => {
    let answer = ''
    const send = async (text: string) => {
      answer = text
    }
    const session = new RpcSession(deps, { send }, { mayWatch: false })
    await session.receive(typeof request.body === 'string' ? request.body : '')
    await session.close()
    if (answer === '') return reply.code(204).send()
    return reply.header('content-type', 'application/json; charset=utf-8').header('cache-control', 'no-store').send(answer)
  })
  app.get('/ws', { websocket: true }, (socket) => serveSocket(socket, deps))
}

function serveSocket(socket: WebSocket, deps: RpcDeps): void {
  const session = new RpcSession(deps, { send: (text) => sendMessage(socket, text) })
  let inFlight = 0
  const take = async (text: string) => {
    if (++inFlight >= MAX_IN_FLIGHT) socket.pause()
    await session.receive(text)
    if (--inFlight < MAX_IN_FLIGHT) socket.resume()
  }
  socket.on('message', (data, isBinary) => {
    if (isBinary) socket.close(1003)
    else void take(Array.isArray(data) ? Buffer.concat(data).toString() : Buffer.from(data as Buffer).toString())
  })
  socket.on('error', (error) => deps.log.debug('a control WebSocket broke', { error }))
  socket.on('close', () => void session.close())
}

/** Resolves when the message has left for the kernel, or will never. */
function sendMessage(socket: WebSocket, text: string): Promise<void> {
  if (socket.readyState !== socket.OPEN) return Promise.resolve()
  return new Promise((resolve) => {
    socket.send(text, () => resolve())
  })
}

function admit(request: FastifyRequest, port: number, token: string): void {
  const names = [`127.0.0.1:${port}`, `localhost:${port}`]
  const { host, origin } = request.headers
  if (host === undefined || !names.includes(host.toLowerCase())) throw new MeshError('NODE_UNAUTHORIZED', 'this address does not answer to that host name')
  if (origin !== undefined && !names.some((name) => origin === `http://${name}`))
    throw new MeshError('NODE_UNAUTHORIZED', 'other sites may not speak to this node')
  if (!isToken(bearerOf(request), token)) {
    throw new MeshError('NODE_UNAUTHORIZED', 'the bearer token is missing or wrong', { hint: 'it is in the file control.token of the data directory' })
  }
}

function bearerOf(request: FastifyRequest): string | undefined {
  const header = request.headers.authorization
  if (header?.startsWith('Bearer ')) return header.slice('Bearer '.length)
  const offered = request.headers['sec-websocket-protocol']?.split(',').map((name) => name.trim())
  return offered?.find((name) => name.startsWith(BEARER_PROTOCOL))?.slice(BEARER_PROTOCOL.length)
}

function statusOf(error: unknown): number {
  if (error instanceof MeshError) return error.code === 'NODE_UNAUTHORIZED' ? 401 : 400
  const status = error instanceof Error && 'statusCode' in error ? Number(error.statusCode) : 500
  return status >= 400 && status < 600 ? status : 500
}
