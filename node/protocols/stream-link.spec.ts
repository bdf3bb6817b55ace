import assert from 'node:assert/strict'
import type { Connection, Stream } from '@libp2p/interface'
import { peerIdFromString } from '@libp2p/peer-id'
import { isMeshError } from '#mesh/errors'
import { type Link, MAX_FRAME_BYTES } from '#mesh/ports'
import { systemClock } from '#node/crypto'
import type { Host } from '#node/host'
import { startTestHost } from '../host/test-host.ts'
import { streamLink } from './stream-link.ts'

const PROTOCOL = '/test/link/1'
const MiB = 1_024 * 1_024

/** Both ends of one stream. */
interface Ends {
  readonly a: Link
  readonly b: Link
  readonly streamA: Stream
  readonly streamB: Stream
}

describe('a stream as a link', () => {
  let hosts: Host[]

  before(async () => {
    hosts = await Promise.all([startTestHost(1), startTestHost(2)])
    await hosts[0]?.dial(hosts[1]?.addresses.slice(0, 1) ?? [], AbortSignal.timeout(30_000))
  })

  after(() => Promise.all(hosts.map((host) => host.stop())))

  async function open(stallMs = 30_000): Promise<Ends> {
    const [hostA, hostB] = hosts
    assert.ok(hostA && hostB)
    const arrived = Promise.withResolvers<[Stream, Connection]>()
    await hostB.libp2p.handle(PROTOCOL, (stream, connection) => arrived.resolve([stream, connection]), { force: true, maxInboundStreams: 32 })
    const [connection] = hostA.libp2p.getConnections(peerIdFromString(hostB.device))
    assert.ok(connection)
    const streamA = await connection.newStream(PROTOCOL, { maxOutboundStreams: 32 })
    const a = streamLink(streamA, connection, { stallMs })
    const [streamB, connectionB] = await arrived.promise
    return { a, b: streamLink(streamB, connectionB), streamA, streamB }
  }

  it('names the device that the handshake proved', async () => {
    const { a, b } = await open()
    assert.deepEqual([a.peer, b.peer], [hosts[1]?.device, hosts[0]?.device])
    a.abort(new Error('done'))
  })

  it('carries frames both ways, the smallest and the largest, in order', async () => {
    const { a, b } = await open()
    const sizes = [1, MAX_FRAME_BYTES, 2, MAX_FRAME_BYTES - 1, 300, 1]
    const send = async (link: Link): Promise<void> => {
      for (const size of sizes) await link.send(new Uint8Array(size).fill(size))
    }
    const receive = async (link: Link): Promise<number[]> => {
      const seen: number[] = []
      for await (const frame of link.frames()) {
        assert.ok(frame.every((byte) => byte === (frame.length & 0xff)))
        assert.equal(frame.constructor, Uint8Array, 'a Buffer behaves differently')
        if (seen.push(frame.length) === sizes.length) break
      }
      return seen
    }
    const [, , seenByA, seenByB] = await Promise.all([send(a), send(b), receive(a), receive(b)])
    assert.deepEqual([seenByA, seenByB], [sizes, sizes])
    a.abort(new Error('done'))
  })

  it('stops a sender whose peer does not read, with little kept on either side, and loses nothing when the peer reads at last', async () => {
    const { a, b, streamA, streamB } = await open()
    const total = 200
    let sent = 0
    const sending = (async () => {
      for (; sent < total; sent++) await a.send(new Uint8Array(MAX_FRAME_BYTES).fill(sent))
      await a.close()
    })()
    await standstill(() => sent)
    assert.ok(sent * MAX_FRAME_BYTES < 2 * MiB, `${sent} frames were taken`)
    assert.ok(streamA.writeBufferLength <= 3 * MAX_FRAME_BYTES, `${streamA.writeBufferLength} bytes wait to be sent`)
    assert.ok(streamB.readBufferLength <= MiB, `${streamB.readBufferLength} bytes wait to be read`)
    let read = 0
    for await (const frame of b.frames()) assert.equal(frame[0], read++ & 0xff)
    await sending
    assert.equal(read, total)
  })

  it('keeps a sender who is faster than the reader for as long as it takes, and little of what he sends', async () => {
    const { a, b, streamB } = await open()
    const count = 160
    const sending = (async () => {
      for (let i = 0; i < count; i++) await a.send(new Uint8Array(MAX_FRAME_BYTES).fill(i))
      await a.close()
    })()
    let [seen, most] = [0, 0]
    for await (const frame of b.frames()) {
      assert.equal(frame[0], seen++ & 0xff)
      most = Math.max(most, streamB.readBufferLength)
      await new Promise((resolve) => setTimeout(resolve, 3)) // the work that a frame makes
    }
    await sending
    assert.equal(seen, count)
    assert.ok(most <= MiB, `${most} bytes were kept`)
  })

  it('hands over what had arrived before the other side closed, however late it is read', async () => {
    const { a, b, streamB } = await open()
    const count = 9
    for (let i = 0; i < count; i++) void a.send(new Uint8Array(50_000).fill(i)).catch(() => {})
    await a.close()
    await standstill(() => streamB.readBufferLength)
    let read = 0
    for await (const frame of b.frames()) assert.deepEqual([frame.length, frame[0]], [50_000, read++])
    assert.equal(read, count)
  })

  it('ends with MESH_PEER_STALLED when the peer takes nothing for too long', async () => {
    const { a, b } = await open(150)
    const flood = async (): Promise<void> => {
      for (;;) await a.send(new Uint8Array(MAX_FRAME_BYTES))
    }
    await assert.rejects(flood(), (error) => isMeshError(error, 'MESH_PEER_STALLED'))
    await assert.rejects(a.send(Uint8Array.of(1)), (error) => isMeshError(error, 'MESH_PEER_STALLED') || isMeshError(error, 'MESH_LINK_CLOSED'))
    await assert.rejects(drain(b))
  })

  it('does not hand over frame after frame to a peer that opens its window by single bytes', async () => {
    const [connection] = hosts[0]?.libp2p.getConnections() ?? []
    assert.ok(connection)
    const trickle = new TricklingStream()
    const link = streamLink(trickle as unknown as Stream, connection, { stallMs: 200 })
    const flood = async (): Promise<void> => {
      for (;;) await link.send(new Uint8Array(MAX_FRAME_BYTES))
    }
    await assert.rejects(flood(), (error) => isMeshError(error, 'MESH_PEER_STALLED'))
    assert.ok(trickle.most <= 3 * MAX_FRAME_BYTES, `${trickle.most} bytes waited`)
  })

  it('ends when a length is garbage', async () => {
    const { a, b, streamA } = await open()
    streamA.send(Uint8Array.of(0xff, 0xff, 0xff, 0xff, 1, 2, 3))
    await assert.rejects(drain(b), (error) => isMeshError(error, 'MESH_FRAME_TOO_LARGE'))
    await assert.rejects(drain(a))
  })

  it('reads on through a flood of the smallest frames, which wait as bytes and not as objects', async () => {
    const { b, streamA, streamB } = await open()
    const smallest = Uint8Array.from({ length: 5 * 40_000 }, (_, at) => (at % 5 < 3 ? 0 : 1))
    streamA.send(smallest)
    await standstill(() => streamB.readBufferLength)
    let read = 0
    for await (const frame of b.frames()) {
      assert.equal(frame.length, 1)
      if (++read === 40_000) break
    }
    b.abort(new Error('done'))
  })

  it('does not take frames once it is closed, and closes twice without complaint', async () => {
    const { a, b } = await open()
    await a.close()
    await a.close()
    await assert.rejects(a.send(Uint8Array.of(1)), (error) => isMeshError(error, 'MESH_LINK_CLOSED'))
    await drain(b)
    await b.close()
  })

  it('gives the reason to the reader when it is aborted', async () => {
    const { a, b } = await open()
    const reading = drain(a)
    a.abort(new Error('enough'))
    await assert.rejects(reading, /enough/)
    await assert.rejects(drain(b), (error) => isMeshError(error, 'MESH_LINK_CLOSED'))
  })
})

/** A stream whose other side takes one byte at a time, and says each time that there is room. */
class TricklingStream extends EventTarget {
  status = 'open'
  writeStatus = 'writable'
  readableEnded = false
  writeBufferLength = 0
  most = 0

  send(bytes: Uint8Array): boolean {
    this.writeBufferLength += bytes.length
    this.most = Math.max(this.most, this.writeBufferLength)
    setTimeout(() => this.#drain(), 1)
    return false
  }

  abort(): void {
    this.status = 'aborted'
    this.writeStatus = 'closed'
  }

  #drain(): void {
    if (this.status !== 'open') return
    this.writeBufferLength -= 1
    this.dispatchEvent(new Event('drain'))
    setTimeout(() => this.#drain(), 1)
  }
}

async function drain(link: Link): Promise<void> {
  for await (const _ of link.frames());
}

/** Waits until a value has not changed for a while. */
async function standstill(value: () => number): Promise<void> {
  for (let before = Number.NaN; before !== value(); ) {
    before = value()
    await systemClock.sleep(60)
  }
}
