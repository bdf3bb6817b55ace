import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { isMeshError, MeshError } from '#mesh/errors'
import { freePort } from './ports.ts'

describe('a free port', () => {
  const held: Array<() => Promise<void>> = []

  afterEach(async () => {
    for (const release of held.splice(0)) await release()
  })

  /** Holds a port for one use that was free for all of them. */
  async function holdTcp(host: string): Promise<number> {
    const port = await freePort(0, { udp: true })
    const server = createServer()
    server.listen({ port, host, ipv6Only: true })
    await once(server, 'listening')
    held.push(() => new Promise((resolve) => server.close(() => resolve())))
    return port
  }

  async function holdUdp(address: string): Promise<number> {
    const port = await freePort(0, { udp: true })
    const isV6 = address.includes(':')
    const socket = createSocket({ type: isV6 ? 'udp6' : 'udp4', ipv6Only: isV6 })
    socket.bind({ port, address })
    await once(socket, 'listening')
    held.push(() => new Promise((resolve) => socket.close(() => resolve())))
    return port
  }

  const refusalOf = async (port: number): Promise<MeshError> => {
    const error = await freePort(port, { udp: true }).then(
      () => undefined,
      (failure: unknown) => failure,
    )
    assert.ok(error instanceof MeshError && isMeshError(error, 'NODE_PORT_IN_USE'), String(error))
    return error
  }

  const takers = [
    { use: 'TCP over IPv4', hold: () => holdTcp('127.0.0.1'), command: /ss -lntp/ },
    { use: 'TCP over IPv6', hold: () => holdTcp('::1'), command: /ss -lntp/ },
    { use: 'UDP over IPv4', hold: () => holdUdp('127.0.0.1'), command: /ss -lnup/ },
    { use: 'UDP over IPv6', hold: () => holdUdp('::1'), command: /ss -lnup/ },
  ]
  for (const { use, hold, command } of takers) {
    it(`is none that another program has for ${use}, and that is said with the way to find the program`, async () => {
      const port = await hold()
      const { message, hint = '' } = await refusalOf(port)
      assert.ok(message.includes(String(port)) && message.includes(use), message)
      assert.match(hint, command)
      assert.match(hint, /--port/)
    })
  }

  it('may be taken for UDP where there is no QUIC', async () => {
    const port = await holdUdp('127.0.0.1')
    assert.equal(await freePort(port, { udp: false }), port)
  })

  it('is found when any will do, and can be had at once', async () => {
    const port = await freePort(0, { udp: true })
    assert.ok(port > 0)
    assert.equal(await freePort(port, { udp: true }), port)
  })
})
