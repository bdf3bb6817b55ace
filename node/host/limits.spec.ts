import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import type { Connection } from '@libp2p/interface'
import { peerIdFromString } from '@libp2p/peer-id'
import { systemClock } from '#node/crypto'
import type { Host } from './host.ts'
import { DEFAULT_HOST_LIMITS, type HostLimits, ROUTER_HOST_LIMITS } from './limits.ts'
import { startTestHost } from './test-host.ts'

const PROTOCOL = '/test/limits/1'

describe('the limits of a host', () => {
  const running: Host[] = []
  const sockets: Socket[] = []

  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.destroy()
    await Promise.all(running.splice(0).map((host) => host.stop()))
  })

  async function start(number: number, limits: Partial<HostLimits> = {}): Promise<Host> {
    const host = await startTestHost(number, { limits: { ...DEFAULT_HOST_LIMITS, ...limits } })
    running.push(host)
    return host
  }

  it('are those of the design', () => {
    const { maxConnections, maxPendingInbound, maxPerAddress, maxStreams, maxStreamWindowBytes, maxWriteBufferBytes } = DEFAULT_HOST_LIMITS
    assert.deepEqual([maxConnections, maxPendingInbound, maxPerAddress, maxStreams], [64, 8, 8, 32])
    assert.deepEqual([maxStreamWindowBytes, maxWriteBufferBytes], [512 * 1_024, 1_024 * 1_024])
    assert.equal(ROUTER_HOST_LIMITS.maxConnections, 24)
  })

  it('keep what may arrive in one window: a smaller read buffer would reset the streams of slow readers', () => {
    for (const limits of [DEFAULT_HOST_LIMITS, ROUTER_HOST_LIMITS]) assert.ok(limits.maxReadBufferBytes > limits.maxStreamWindowBytes)
  })

  it('let in so many connections in all and not one more', async () => {
    const host = await start(1, { maxConnections: 2 })
    const others = await Promise.all([start(2), start(3), start(4)])
    const results: string[] = []
    for (const other of others) results.push(await dial(other, host))
    assert.deepEqual([results, host.peers().length], [['up', 'up', 'refused'], 2])
  })

  it('let so many handshakes wait and not one more, until one of them is over', async () => {
    const host = await start(1, { maxPendingInbound: 2, inboundPerSecond: 1_000 })
    const port = Number(host.addresses[0]?.split('/')[4])
    const silent = [connect(port, '127.0.0.1'), connect(port, '127.0.0.1')]
    sockets.push(...silent)
    await Promise.all(silent.map((socket) => once(socket, 'connect')))
    const other = await start(2)
    assert.equal(await dial(other, host), 'refused')
    const ended = silent.map((socket) => once(socket.destroy(), 'close'))
    await Promise.all(ended)
    while ((await dial(other, host)) !== 'up') await systemClock.sleep(20)
  })

  it('are set on every stream, and bound their number', async () => {
    const [a, b] = await Promise.all([start(1, { maxStreams: 6 }), start(2)])
    assert.equal(await dial(a, b), 'up')
    const [connection]: Connection[] = a.libp2p.getConnections(peerIdFromString(b.device))
    assert.ok(connection)
    const many = { maxInboundStreams: 100, maxOutboundStreams: 100 }
    await b.libp2p.handle(PROTOCOL, () => {}, many)
    const stream = await connection.newStream(PROTOCOL, many)
    assert.deepEqual(
      [stream.maxReadBufferLength, stream.maxWriteBufferLength],
      [DEFAULT_HOST_LIMITS.maxReadBufferBytes, DEFAULT_HOST_LIMITS.maxWriteBufferBytes],
    )
    let opened = 1
    const open = async (): Promise<void> => {
      for (; opened <= 6; opened++) await connection.newStream(PROTOCOL, many)
    }
    await assert.rejects(open())
    assert.ok(opened <= 6, String(opened))
  })
})

/** Whether a dial ends in a connection that the other side keeps. */
async function dial(from: Host, to: Host): Promise<'up' | 'refused'> {
  try {
    await from.dial(to.addresses.slice(0, 1), AbortSignal.timeout(3_000))
    return 'up'
  } catch {
    return 'refused' // libp2p has many names for a connection that ended during its handshake
  }
}
