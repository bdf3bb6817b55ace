import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import type { Connection, Stream } from '@libp2p/interface'
import { peerIdFromString } from '@libp2p/peer-id'
import { MAX_FRAME_BYTES } from '#mesh/ports'
import { systemClock } from '#node/crypto'
import { DEFAULT_HOST_LIMITS, type Host } from '#node/host'
import { streamLink } from '#node/protocols'
import { startTestHost } from '../host/test-host.ts'
import { QUIC_LIMITS } from './paced-quic.ts'

const PROTOCOL = '/test/quic/1'
const LOOPBACK = '/ip4/127.0.0.1/udp/0/quic-v1'
/** What neither side has to know about the other's limit. */
const MANY = { maxInboundStreams: 100, maxOutboundStreams: 100 }

describe('QUIC', () => {
  let a: Host
  let b: Host
  let connection: Connection
  let arrived: PromiseWithResolvers<[Stream, Connection]>

  before(async function () {
    ;[a, b] = await Promise.all([startHost(1), startHost(2)])
    if (a.transports['quic'] !== 'on') return this.skip() // its binary does not exist for every machine
  })

  async function connect(): Promise<void> {
    await a.dial(b.addresses.slice(0, 1), AbortSignal.timeout(3_000))
    const [found] = a.libp2p.getConnections(peerIdFromString(b.device))
    assert.ok(found)
    connection = found
    arrived = Promise.withResolvers()
    await b.libp2p.handle(PROTOCOL, (stream, from) => arrived.resolve([stream, from]), { force: true, ...MANY })
  }

  beforeEach(connect)

  afterEach(() => a.hangUp(b.device))

  after(() => Promise.all([a.stop(), b.stop()]))

  it('lets a sender wait for a reader who is slow, with little kept, and loses nothing', async () => {
    const from = await connection.newStream(PROTOCOL, MANY)
    const [to, back] = await arrived.promise
    const [sender, reader] = [streamLink(from, connection), streamLink(to, back)]
    const total = 200
    let sent = 0
    const sending = (async () => {
      for (; sent < total; sent++) await sender.send(new Uint8Array(MAX_FRAME_BYTES).fill(sent))
      await sender.close()
    })()
    do await standstill(() => sent)
    while (to.readStatus !== 'paused') // a busy machine stands still as well
    assert.ok(sent * MAX_FRAME_BYTES < 2 * 1_024 * 1_024, `${sent} frames were taken`)
    assert.deepEqual([to.status, to.readStatus], ['open', 'paused'])
    let read = 0
    for await (const frame of reader.frames()) assert.equal(frame[0], read++ & 0xff)
    await sending
    assert.equal(read, total)
  })

  it('tells streams apart that have one number in the two directions', async () => {
    const arrivedAtA = Promise.withResolvers<Stream>()
    await a.libp2p.handle(PROTOCOL, (stream) => arrivedAtA.resolve(stream), { force: true, ...MANY })
    await connection.newStream(PROTOCOL, MANY)
    const [to, back] = await arrived.promise
    const others = [await back.newStream(PROTOCOL, MANY), await arrivedAtA.promise]
    const ended = [to, ...others].map((stream) => new Promise((resolve) => stream.addEventListener('close', resolve, { once: true })))
    await b.hangUp(a.device)
    await Promise.all(ended)
  })

  it('ends every stream of a connection that ends, also one that is paused', async () => {
    // Upstream forgets about half of them, so one would prove little.
    for (let round = 0; round < 8; round++) {
      await connect()
      await connection.newStream(PROTOCOL, MANY)
      const [to] = await arrived.promise
      const ended = new Promise((resolve) => to.addEventListener('close', resolve, { once: true }))
      if (round % 2 === 0) to.pause()
      await a.hangUp(b.device)
      await ended
    }
  })

  it('bounds what a stream keeps', async () => {
    const from = await connection.newStream(PROTOCOL, MANY)
    const [to] = await arrived.promise
    const MiB = 1_024 * 1_024
    assert.deepEqual([from.maxReadBufferLength, from.maxWriteBufferLength, to.maxReadBufferLength, to.maxWriteBufferLength], [MiB, MiB, MiB, MiB])
  })

  it('gives up an address where nobody answers, and goes on with the next one', async () => {
    const silent = createSocket('udp4').bind(0, '127.0.0.1')
    try {
      await once(silent, 'listening')
      await a.hangUp(b.device)
      const nowhere = `/ip4/127.0.0.1/udp/${silent.address().port}/quic-v1/p2p/${b.device}`
      assert.equal(await a.dial([nowhere, ...b.addresses.slice(0, 1)], AbortSignal.timeout(5_000)), b.device)
    } finally {
      silent.close()
    }
  })

  it('grants so many streams and not one more; who waits for another gives up when told to', async () => {
    let opened = 0
    const open = async (): Promise<void> => {
      for (; opened <= QUIC_LIMITS.maxConcurrentStreamLimit; opened++) await connection.newStream(PROTOCOL, { ...MANY, signal: AbortSignal.timeout(500) })
    }
    await assert.rejects(open(), { name: 'TimeoutError' })
    assert.ok(opened <= QUIC_LIMITS.maxConcurrentStreamLimit && opened >= QUIC_LIMITS.maxConcurrentStreamLimit - 4, String(opened))
    assert.equal(connection.status, 'open')
  })
})

function startHost(number: number): Promise<Host> {
  return startTestHost(number, { listen: [LOOPBACK], limits: { ...DEFAULT_HOST_LIMITS, inboundPerSecond: 1_000, addressTimeoutMs: 300 } })
}

/** Waits until a value has not changed for a while. */
async function standstill(value: () => number): Promise<void> {
  for (let before = Number.NaN; before !== value(); ) {
    before = value()
    await systemClock.sleep(60)
  }
}
