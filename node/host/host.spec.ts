import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { isMeshError } from '#mesh/errors'
import { type DeviceId, deviceIdOf } from '#mesh/ids'
import { settle } from '#mesh/testing'
import { nodeCrypto } from '#node/crypto'
import type { Host, HostOptions, PeerEvent } from './host.ts'
import { DEFAULT_HOST_LIMITS } from './limits.ts'
import { startTestHost } from './test-host.ts'

const crypto = nodeCrypto()

describe('a host', () => {
  const running: Host[] = []
  const sockets: Socket[] = []

  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.destroy()
    await Promise.all(running.splice(0).map((host) => host.stop()))
  })

  async function start(number: number, options: Partial<HostOptions> = {}, blocked = new Set<DeviceId>()): Promise<Host> {
    const host = await startTestHost(number, { isBlocked: (device) => blocked.has(device), ...options })
    running.push(host)
    return host
  }

  it('knows its peers by the device that their handshake proves, on both sides', async () => {
    const [a, b] = [await start(1), await start(2)]
    assert.equal(await dial(a, b), b.device)
    const [seen] = a.peers()
    assert.deepEqual([seen?.device, seen?.direction, seen?.transport], [b.device, 'outbound', 'tcp'])
    await until(b, a.device, true)
    assert.deepEqual(
      b.peers().map(({ device, direction }) => [device, direction]),
      [[a.device, 'inbound']],
    )
  })

  it('says once that a peer came and once that it went, until nobody asks any more', async () => {
    const [a, b] = [await start(1), await start(2)]
    const events: PeerEvent[] = []
    const unsubscribe = a.subscribe((event) => events.push(event))
    await dial(a, b)
    const isGone = until(a, b.device, false)
    await a.hangUp(b.device)
    await isGone
    unsubscribe()
    await dial(a, b)
    assert.deepEqual(
      events.map(({ device, isUp }) => [device, isUp]),
      [
        [b.device, true],
        [b.device, false],
      ],
    )
    assert.match(events[0]?.address ?? '', /^\/ip4\/127\.0\.0\.1\/tcp\//)
  })

  it('survives a listener that fails, and tells the others', async () => {
    const [a, b] = [await start(1), await start(2)]
    let isTold = false
    a.subscribe(() => {
      throw new Error('a listener failed')
    })
    a.subscribe(() => {
      isTold = true
    })
    await dial(a, b)
    await settle()
    assert.ok(isTold)
  })

  it('does not dial a device that is blocked, does not let it in, and hangs up on request', async () => {
    const blocked = new Set<DeviceId>()
    const [a, b] = [await start(1, {}, blocked), await start(2)]
    await dial(b, a)
    await until(a, b.device, true)
    blocked.add(b.device)
    const isGone = until(b, a.device, false)
    await a.hangUp(b.device)
    await isGone
    await assert.rejects(dial(a, b))
    const refused = a.refusals['blocked'] ?? 0
    // The dialler has finished its handshake before it is refused: it may see a connection that ends at once.
    await dial(b, a).then(
      () => until(b, a.device, false),
      () => {},
    )
    assert.ok(!a.isConnected(b.device))
    assert.equal(a.refusals['blocked'], refused + 1)
  })

  it('refuses an address where another device answers than the one that was named', async () => {
    const [a, b] = [await start(1), await start(2)]
    const [address = ''] = b.addresses
    await assert.rejects(a.dial([address.replace(b.device, deviceOf(3))], AbortSignal.timeout(3_000)))
    assert.ok(!a.isConnected(b.device))
  })

  it('gives up a dial when it is told to', async () => {
    const a = await start(1)
    await assert.rejects(a.dial(['/ip4/127.0.0.1/tcp/9'], AbortSignal.abort()))
  })

  it('says so when its port is taken, whether it was given as a number or as an address', async () => {
    const taken = createServer().listen(0, '0.0.0.0')
    await once(taken, 'listening')
    const address = taken.address()
    const port = typeof address === 'object' && address !== null ? address.port : 0
    const isInUse = (error: unknown): boolean => isMeshError(error, 'NODE_PORT_IN_USE')
    try {
      await assert.rejects(start(1, { port, listen: [] }), isInUse)
      await assert.rejects(start(2, { listen: [`/ip4/127.0.0.1/tcp/${port}`] }), isInUse)
    } finally {
      taken.close()
    }
  })

  it('lets in so many connections from one address and not one more', async () => {
    const limits = { ...DEFAULT_HOST_LIMITS, maxPerAddress: 2 }
    const a = await start(1, { limits })
    const others = [await start(2), await start(3), await start(4)]
    for (const one of others.slice(0, 2)) {
      const isUp = until(a, one.device, true)
      await dial(one, a)
      await isUp
    }
    await assert.rejects(dial(others[2] ?? a, a))
    assert.deepEqual([a.peers().length, a.refusals['per-address']], [2, 1])
  })

  it('ends handshakes that do not go on', async () => {
    const a = await start(1, { limits: { ...DEFAULT_HOST_LIMITS, inboundHandshakeMs: 200 } })
    const port = Number(a.addresses[0]?.split('/')[4])
    const silent = connect(port, '127.0.0.1')
    sockets.push(silent)
    await once(silent, 'connect')
    silent.on('error', () => {}) // a reset ends it as well
    silent.resume()
    await new Promise((resolve) => silent.once('close', resolve))
    assert.equal(a.peers().length, 0)
  })
})

function seed(number: number): Uint8Array {
  return new Uint8Array(32).fill(number)
}

function deviceOf(number: number): DeviceId {
  return deviceIdOf(crypto.ed25519PublicKey(seed(number)))
}

async function dial(from: Host, to: Host): Promise<DeviceId | undefined> {
  return from.dial(to.addresses.slice(0, 1), AbortSignal.timeout(30_000))
}

/** Resolves when `device` is, or is not, connected. */
async function until(host: Host, device: DeviceId, isUp: boolean): Promise<void> {
  if (host.isConnected(device) === isUp) return
  await new Promise<void>((resolve) => {
    const unsubscribe = host.subscribe((event) => {
      if (event.device !== device || event.isUp !== isUp) return
      unsubscribe()
      resolve()
    })
  })
}
