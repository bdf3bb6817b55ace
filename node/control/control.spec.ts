import assert from 'node:assert/strict'
import { mkdir, mkdtemp, rm, stat } from 'node:fs/promises'
import { connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isMeshError } from '#mesh/errors'
import { silentLog } from '#mesh/ports'
import type { NodeApi, WatchEvent } from './api.ts'
import { ControlClient } from './client.ts'
import { type FakeApi, fakeApi } from './fake-api.ts'
import { ControlServer } from './server.ts'
import { findSocket } from './socket-path.ts'
import { openToken } from './token.ts'

const peerEvent = (device: string): WatchEvent => ({ event: 'peer', device, up: true, address: '/ip4/1.2.3.4' })

describe('the control socket', () => {
  let dir = ''
  let api: FakeApi
  let server: ControlServer
  let client: ControlClient

  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'control-'))
    await begin()
  })
  afterEach(async () => {
    await client.close()
    await server.stop()
    await rm(dir, { recursive: true })
  })
  async function begin(over: Partial<NodeApi> = {}) {
    api = fakeApi(over)
    server = new ControlServer({ api, log: silentLog }, { dataDir: dir, http: { port: 'off', isPortGiven: true } })
    await server.start()
    client = await ControlClient.connect(dir)
  }

  it('answers calls with their parameters', async () => {
    assert.equal((await client.status()).uptimeS, 5)
    assert.deepEqual(await client.send({ to: 'bob', text: 'hello\nthere' }), { id: 'id1', conversation: 'qpq1bob', state: 'queued' })
    assert.deepEqual(api.sent, [{ to: 'bob', text: 'hello\nthere' }])
  })

  it('answers who ended the node before it ends', async () => {
    let stopping: Promise<void> | undefined
    await server.stop()
    await begin({
      down: async () => {
        stopping = server.stop()
        return {}
      },
    })
    assert.deepEqual(await client.down(), {})
    await stopping
  })

  it('is private to its user', async () => {
    assert.equal((await stat(server.address.socket)).mode & 0o777, 0o600)
  })

  it('brings an error over with code, sentence, hint and detail', async () => {
    await assert.rejects(client.contactBlock({ who: 'eve' }), (error) => {
      assert.ok(isMeshError(error, 'MESH_CONTACT_UNKNOWN'))
      assert.equal(error.message, 'there is no contact "eve"')
      assert.equal(error.hint, 'see contact list')
      assert.deepEqual(error.detail, { candidates: 0 })
      return true
    })
  })

  it('keeps the inside of a fault inside', async () => {
    await assert.rejects(client.deviceRevoke({ device: 'x' }), (error) => isMeshError(error, 'MESH_INTERNAL') && !error.message.includes('secret'))
  })

  it('refuses parameters of the wrong shape and unknown ones by name', async () => {
    await assert.rejects(client.log({ to: 'bob', limit: 0 }), (error) => isMeshError(error, 'NODE_PARAMS_INVALID') && error.message.includes('"limit"'))
    const params = { to: 'bob', text: 'x', colour: 'red' }
    await assert.rejects(client.send(params), (error) => isMeshError(error, 'NODE_PARAMS_INVALID') && error.message.includes('colour'))
  })

  it('answers garbage with an error and goes on', async () => {
    const lines = await talk(
      server.address.socket,
      ['garbage', '[1]', '{"jsonrpc":"2.0","id":7,"method":"__proto__"}', '{"jsonrpc":"2.0","id":8,"method":"id"}'],
      4,
    )
    assert.deepEqual(
      lines.map((line) => line.error?.code),
      [-32700, -32600, -32601, undefined],
    )
  })

  it('ends a connection whose line never ends', async () => {
    const socket = connect(server.address.socket)
    const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()))
    socket.on('error', () => socket.destroy())
    socket.write('x'.repeat(600_000))
    await closed
    assert.equal((await client.id()).name, 'alice')
  })

  it('streams events until the reader leaves', async () => {
    const seen: string[] = []
    const ended = new AbortController()
    for await (const event of started(client.watch(ended.signal), () => {
      for (const name of ['a', 'b', 'c']) api.publish(peerEvent(name))
    })) {
      assert.ok(event.event === 'peer')
      seen.push(event.device)
      if (seen.length === 3) ended.abort()
    }
    assert.deepEqual(seen, ['a', 'b', 'c'])
  })

  it('tells a slow reader how many events are lost instead of keeping them', async () => {
    const ended = new AbortController()
    const total = 40_000
    let seen = 0
    let lost = 0
    for await (const event of started(client.watch(ended.signal), () => {
      for (let i = 0; i < total; i++) api.publish(peerEvent(`${i}`.repeat(40)))
    })) {
      if (event.event === 'lost') lost += event.count
      else seen++
      if (seen + lost === total) ended.abort()
    }
    assert.ok(lost > 30_000, `${lost} lost`)
  })

  it('tells who waits that the node has ended', async () => {
    await client.close()
    await server.stop()
    await begin({ status: () => new Promise(() => {}) })
    const waiting = assert.rejects(client.status(), (error) => isMeshError(error, 'NODE_NOT_RUNNING'))
    await server.stop()
    await waiting
  })

  it('gives up on a node that does not answer in time', async () => {
    await client.close()
    await server.stop()
    await begin({ status: () => new Promise(() => {}) })
    const hasty = await ControlClient.connect(dir, { timeoutMs: 20 })
    await assert.rejects(hasty.status(), (error) => isMeshError(error, 'NODE_TIMEOUT'))
    await hasty.close()
  })

  it('says that no node runs where none ever did, and where one stopped', async () => {
    await assert.rejects(
      ControlClient.connect(join(dir, 'nowhere')),
      (error) => isMeshError(error, 'NODE_NOT_RUNNING') && error.hint?.includes('qpq up') === true,
    )
    await client.close()
    await server.stop()
    await assert.rejects(ControlClient.connect(dir), (error) => isMeshError(error, 'NODE_NOT_RUNNING'))
  })

  it('works in a directory whose path is too long for a socket', async () => {
    const deep = join(dir, 'd'.repeat(120))
    await mkdir(deep)
    const far = new ControlServer({ api, log: silentLog }, { dataDir: deep, http: { port: 'off', isPortGiven: true } })
    await far.start()
    const there = await ControlClient.connect(deep)
    assert.equal((await there.id()).name, 'alice')
    await there.close()
    await far.stop()
    assert.equal(await findSocket(deep), undefined)
  })
})

describe('the control API over HTTP', () => {
  let dir = ''
  let token = ''
  let url = ''
  let server: ControlServer

  before(async () => {
    dir = await mkdtemp(join(tmpdir(), 'control-'))
    server = new ControlServer({ api: fakeApi(), log: silentLog }, { dataDir: dir, http: { port: 0, isPortGiven: true } })
    await server.start()
    url = server.address.http ?? ''
    token = await openToken(dir)
  })
  after(async () => {
    await server.stop()
    await rm(dir, { recursive: true })
  })
  const post = (headers: Record<string, string>, body = '{"jsonrpc":"2.0","id":1,"method":"id"}') =>
    fetch(`${url}/rpc`, { method: 'POST', body, headers: { 'content-type': 'application/json', authorization: `Bearer ${token}`, ...headers } })

  it('answers who has the token', async () => {
    const answer = await post({})
    assert.equal(answer.status, 200)
    assert.equal(JSON.parse(await answer.text()).result.name, 'alice')
    assert.equal(answer.headers.get('access-control-allow-origin'), null)
    assert.equal((await stat(join(dir, 'control.token'))).mode & 0o777, 0o600)
  })

  it('refuses a missing token, a wrong one, another origin and another host', async () => {
    assert.equal((await post({ authorization: '' })).status, 401)
    assert.equal((await post({ authorization: `Bearer ${token.slice(1)}A` })).status, 401)
    assert.equal((await post({ origin: 'http://evil.example' })).status, 401)
    assert.equal((await post({ origin: 'null' })).status, 401)
    assert.equal((await post({ origin: url })).status, 200)
    const port = Number(new URL(url).port)
    assert.match(
      await rawHttp(
        port,
        `POST /rpc HTTP/1.1\r\nHost: evil.example:${port}\r\nAuthorization: Bearer ${token}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`,
      ),
      /^HTTP\/1.1 401/,
    )
  })

  it('changes nothing by GET, takes only JSON, and not too much of it', async () => {
    assert.equal((await fetch(`${url}/rpc`, { headers: { authorization: `Bearer ${token}` } })).status, 404)
    assert.equal((await post({ 'content-type': 'text/plain' })).status, 415)
    assert.equal((await post({}, 'x'.repeat(300_000))).status, 413)
  })

  it('streams over a WebSocket to who offers the token as a subprotocol', async () => {
    const socket = new WebSocket(`${url.replace('http', 'ws')}/ws`, ['qpq.1', `bearer.${token}`])
    await new Promise((resolve, reject) => {
      socket.onopen = resolve
      socket.onerror = () => reject(new Error('refused'))
    })
    assert.equal(socket.protocol, 'qpq.1')
    const answer = new Promise<string>((resolve) => {
      socket.onmessage = (event) => resolve(String(event.data))
    })
    socket.send('{"jsonrpc":"2.0","id":1,"method":"watch"}')
    assert.deepEqual(JSON.parse(await answer).result, { subscription: 1 })
    socket.close()
  })

  it('refuses a WebSocket without the token', async () => {
    const socket = new WebSocket(`${url.replace('http', 'ws')}/ws`, ['qpq.1'])
    await new Promise<void>((resolve, reject) => {
      socket.onopen = () => reject(new Error('let in'))
      socket.onerror = () => resolve()
    })
  })

  it('says which port is taken when a person chose it, and takes another when nobody did', async () => {
    const other = createServer()
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve))
    const address = other.address()
    const port = typeof address === 'object' && address !== null ? address.port : 0
    const second = await mkdtemp(join(tmpdir(), 'control-'))
    const make = (isPortGiven: boolean) => new ControlServer({ api: fakeApi(), log: silentLog }, { dataDir: second, http: { port, isPortGiven } })
    await assert.rejects(make(true).start(), (error) => isMeshError(error, 'NODE_PORT_IN_USE') && error.detail['port'] === port)
    const giving = make(false)
    await giving.start()
    assert.notEqual(giving.address.http, `http://127.0.0.1:${port}`)
    await giving.stop()
    other.close()
    await rm(second, { recursive: true })
  })
})

/** Calls `begin` once the stream is being read: the first event is awaited before anything is published. */
async function* started(stream: AsyncIterable<WatchEvent>, begin: () => void): AsyncGenerator<WatchEvent> {
  const iterator = stream[Symbol.asyncIterator]()
  let next = iterator.next()
  // The subscription is a round trip over the socket; a second one behind it proves that it was taken.
  await new Promise((resolve) => setTimeout(resolve, 50))
  begin()
  for (;;) {
    const step = await next
    if (step.done === true) return
    yield step.value
    next = iterator.next()
  }
}

async function talk(path: string, lines: string[], answers: number): Promise<Array<{ error?: { code: number } }>> {
  const socket: Socket = connect(path)
  socket.setEncoding('utf8')
  socket.write(`${lines.join('\n')}\n`)
  let text = ''
  for await (const chunk of socket) {
    text += String(chunk)
    if (text.split('\n').length > answers) break
  }
  return text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
    .sort((a, b) => Number(a.id) - Number(b.id))
}

async function rawHttp(port: number, request: string): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  socket.setEncoding('utf8')
  socket.write(request)
  let text = ''
  for await (const chunk of socket) text += String(chunk)
  return text
}
