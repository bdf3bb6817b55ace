import assert from 'node:assert/strict'
import type { DeviceId } from '#mesh/ids'
import type { Host } from './host.ts'
import { startTestHost } from './test-host.ts'

describe('what connected peers know about where a host is', () => {
  const running: Host[] = []

  afterEach(async () => {
    await Promise.all(running.splice(0).map((host) => host.stop()))
  })

  async function start(number: number): Promise<Host> {
    const host = await startTestHost(number)
    running.push(host)
    return host
  }

  /** Connects two, until each has heard what the other one sees. */
  async function connect(from: Host, to: Host): Promise<void> {
    const identified = [from, to].map(({ libp2p }) => new Promise((resolve) => libp2p.addEventListener('peer:identify', resolve, { once: true })))
    await from.dial(to.addresses.slice(0, 1), AbortSignal.timeout(3_000))
    await Promise.all(identified)
  }

  const reached = (host: Host): Array<[DeviceId, boolean]> => host.viewsOfUs.map(({ device, hasReachedUs }) => [device, hasReachedUs])

  it('says of those who connected that they reached it, and of those it connected to that they may not', async () => {
    const [a, b, c] = [await start(1), await start(2), await start(3)]
    await connect(a, b)
    await connect(b, c)
    assert.deepEqual(
      new Map(reached(b)),
      new Map([
        [a.device, true],
        [c.device, false],
      ]),
    )
    assert.deepEqual(reached(a), [[b.device, false]])
  })

  it('names the address at which they see it: the one they dialled, or one with a port of the moment', async () => {
    const [a, b] = [await start(1), await start(2)]
    await connect(a, b)
    const [dialled = ''] = b.addresses
    assert.deepEqual(b.viewsOfUs[0]?.seenAt, [dialled.replace(/\/p2p\/.*/, '')])
    const [ofTheMoment = ''] = a.viewsOfUs[0]?.seenAt ?? []
    assert.match(ofTheMoment, /^\/ip4\/127\.0\.0\.1\/tcp\/\d+$/)
    assert.ok(!(a.addresses[0] ?? '').startsWith(ofTheMoment))
  })

  it('forgets who is gone', async () => {
    const [a, b] = [await start(1), await start(2)]
    await connect(a, b)
    const gone = new Promise((resolve) => b.libp2p.addEventListener('peer:disconnect', resolve, { once: true }))
    await a.hangUp(b.device)
    await gone
    assert.deepEqual(b.viewsOfUs, [])
  })
})
