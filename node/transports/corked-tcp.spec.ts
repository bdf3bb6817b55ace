import assert from 'node:assert/strict'
import { Socket } from 'node:net'
import type { Connection } from '@libp2p/interface'
import { startTestHost } from '../host/test-host.ts'

describe('TCP', () => {
  /** What each socket was told, in order. */
  const told = new Map<Socket, string>()
  const note = (socket: Socket, what: string): unknown => told.set(socket, `${told.get(socket) ?? ''}${what} `)
  const { cork, uncork, write } = Socket.prototype

  before(() => {
    Object.assign(Socket.prototype, {
      cork(this: Socket) {
        note(this, 'cork')
        cork.call(this)
      },
      uncork(this: Socket) {
        note(this, 'uncork')
        uncork.call(this)
      },
      write(this: Socket, ...args: Parameters<typeof write>) {
        note(this, 'write')
        return write.apply(this, args)
      },
    })
  })

  after(() => Object.assign(Socket.prototype, { cork, uncork, write }))

  it('gives the pieces of a frame to the system at once', async () => {
    const hosts = await Promise.all([startTestHost(1), startTestHost(2)])
    const [a, b] = hosts
    try {
      await a.dial(b.addresses, AbortSignal.timeout(5_000))
      const [connection] = a.libp2p.getConnections() as (Connection & { muxer: { ping(): Promise<number> } })[]
      assert.ok(connection)
      told.clear()
      for (let i = 0; i < 10; i++) await connection.muxer.ping()
    } finally {
      await Promise.all(hosts.map((host) => host.stop()))
    }
    // The length of a frame of Noise and the frame are two pieces; ten pings and ten answers.
    const all = [...told.values()].join('; ')
    const pairs = all.match(/cork write write uncork/g) ?? []
    assert.ok(pairs.length >= 15, all)
  })
})
