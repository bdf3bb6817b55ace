import assert from 'node:assert/strict'
import { silentLog } from '#mesh/ports'
import { settle } from '#mesh/testing'
import { systemClock } from '#node/crypto'
import { isAlive } from './heartbeat.ts'
import type { Host } from './host.ts'
import { Revival, type RevivalDeps } from './revival.ts'
import { startTestHost } from './test-host.ts'

describe('a revival of connections', () => {
  let a: Host
  let b: Host
  let revival: Revival
  let revived: number
  /** Whether anybody answers. */
  let answers: boolean

  beforeEach(async () => {
    ;[a, b] = await Promise.all([startTestHost(1), startTestHost(2)])
    await a.dial(b.addresses, new AbortController().signal)
    revived = 0
    answers = true
  })

  afterEach(async () => {
    await revival.stop()
    await Promise.all([a.stop(), b.stop()])
  })

  function make(of: Host, deps: Partial<RevivalDeps> = {}): Revival {
    revival = new Revival({
      connections: () => of.libp2p.getConnections(),
      isAlive: async (connection, patience) => answers && isAlive(connection, patience),
      dialBeside: (connection, signal) => of.dialBeside(connection, signal),
      onRevived: () => {
        revived++
      },
      // A second is not waited for.
      clock: { ...systemClock, sleep: (ms, signal) => systemClock.sleep(ms / 20, signal) },
      log: silentLog,
      ...deps,
    })
    return revival
  }

  const idsOf = (host: Host): string[] => host.libp2p.getConnections().map(({ id }) => id)

  it('leaves those alone who answer', async () => {
    const before = idsOf(a)
    const { promise: looked, resolve } = Promise.withResolvers<boolean>()
    const deps: Partial<RevivalDeps> = {
      isAlive: async (connection, patience) => {
        const found = await isAlive(connection, patience)
        resolve(found)
        return found
      },
    }
    make(a, deps).check()
    assert.equal(await looked, true)
    await settle()
    assert.deepEqual([idsOf(a), revived], [before, 0])
  })

  it('puts a new connection in the place of one that keeps silent, and ends that afterwards', async () => {
    const [before] = idsOf(a)
    answers = false
    const isClosed = new Promise((resolve) => a.libp2p.addEventListener('connection:close', resolve, { once: true }))
    make(a).check()
    await isClosed
    await settle()
    const after = idsOf(a)
    assert.deepEqual([after.length, after.includes(before ?? ''), revived], [1, false, 1])
    assert.ok(a.isConnected(b.device), 'the peer was never without a connection')
  })

  it('does the same where the other one had dialled', async () => {
    answers = false
    const isClosed = new Promise((resolve) => b.libp2p.addEventListener('connection:close', resolve, { once: true }))
    await listensKnown(b, a)
    make(b).check()
    await isClosed
    assert.ok(b.isConnected(a.device))
  })

  it('keeps what is silent when nothing better can be had: the link may only be slow', async () => {
    const before = idsOf(a)
    answers = false
    let refused: Promise<unknown> = Promise.resolve()
    const dialled = new Promise<void>((resolve) => {
      make(a, {
        dialBeside: () => {
          resolve()
          refused = Promise.reject(new Error('nobody there'))
          return refused
        },
      }).check()
    })
    await dialled
    await settle()
    assert.deepEqual([idsOf(a), revived], [before, 0])
  })

  it('begins anew when the network changes during a look, and ends when it is stopped', async () => {
    answers = false
    let dials = 0
    const signals: AbortSignal[] = []
    const deps = {
      dialBeside: (_: unknown, signal: AbortSignal) => {
        dials++
        signals.push(signal)
        return silence(signal)
      },
    }
    make(a, deps).check()
    while (dials < 1) await systemClock.sleep(1)
    revival.check()
    while (dials < 2) await systemClock.sleep(1)
    assert.deepEqual(
      signals.map(({ aborted }) => aborted),
      [true, false],
    )
    await revival.stop()
    assert.ok(signals[1]?.aborted)
  })
})

/** Waits until `host` was told where `other` listens. */
async function listensKnown(host: Host, other: Host): Promise<void> {
  const [connection] = other.libp2p.getConnections()
  assert.ok(connection !== undefined)
  for (let i = 0; i < 1_000; i++) {
    const { addresses } = await host.libp2p.peerStore.get(other.libp2p.peerId).catch(() => ({ addresses: [] }))
    if (addresses.length > 0) return
    await systemClock.sleep(5)
  }
  assert.fail('identify did not tell')
}

/** Nothing comes until somebody gives up. */
function silence(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('given up')), { once: true }))
}
