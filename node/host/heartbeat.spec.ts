import assert from 'node:assert/strict'
import type { Connection } from '@libp2p/interface'
import { silentLog } from '#mesh/ports'
import { type FakeClock, fakeClock, settle } from '#mesh/testing'
import { systemClock } from '#node/crypto'
import { Heartbeat, isAlive } from './heartbeat.ts'
import { startTestHost } from './test-host.ts'

const TIMES = { silentMs: 15_000, answerMs: 10_000 }

/** A connection whose muxer answers, or does not. */
class FakeConnection {
  readonly remotePeer = 'somebody'
  readonly muxer: { ping: () => Promise<number>; maConn: EventTarget }
  readonly maConn = new EventTarget()
  pings = 0
  aborted: string | undefined
  rtt: number | undefined
  answers = true

  constructor() {
    this.muxer = { maConn: this.maConn, ping: () => this.#ping() }
  }

  hear(): void {
    this.maConn.dispatchEvent(new Event('message'))
  }

  abort(error: Error): void {
    this.aborted = error.message
  }

  async #ping(): Promise<number> {
    this.pings++
    if (!this.answers) return new Promise(() => {})
    this.hear()
    return 7
  }
}

describe('the heartbeat of connections', () => {
  let clock: FakeClock
  let connection: FakeConnection
  let heartbeat: Heartbeat

  beforeEach(async () => {
    clock = fakeClock()
    connection = new FakeConnection()
    const connections = (): Connection[] => (connection.aborted === undefined ? [connection as unknown as Connection] : [])
    heartbeat = new Heartbeat({ connections, clock, log: silentLog }, TIMES)
    await heartbeat.start()
    await settle()
  })

  afterEach(async () => {
    await heartbeat.stop()
    assert.equal(clock.sleepers, 0)
  })

  it('measures the way at once, and asks again only after a silence', async () => {
    assert.deepEqual([connection.pings, connection.rtt], [1, 7])
    await clock.advance(10_000)
    assert.equal(connection.pings, 1)
    await clock.advance(60_000)
    assert.ok(connection.pings >= 4 && connection.pings <= 6, String(connection.pings))
    const before = connection.pings
    for (let i = 0; i < 60; i++) {
      connection.hear()
      await clock.advance(1_000)
    }
    assert.equal(connection.pings, before, 'who speaks is not asked')
  })

  it('ends a connection on which nothing comes back, within half a minute', async () => {
    connection.answers = false
    await clock.advance(14_000)
    assert.equal(connection.aborted, undefined)
    await clock.advance(16_000)
    assert.equal(connection.aborted, 'no sign of life')
  })

  it('leaves a busy connection alone whose answer waits behind other things', async () => {
    connection.answers = false
    await clock.advance(5_000)
    for (let i = 0; i < 20; i++) {
      connection.hear()
      await clock.advance(20_000)
    }
    assert.equal(connection.aborted, undefined)
    assert.equal(connection.pings, 2, 'nothing piles up behind a ping that is never answered')
    await clock.advance(30_000)
    assert.equal(connection.aborted, 'no sign of life', 'it still ends when nothing is heard at all')
  })
})

describe('a sign of life', () => {
  it('comes from a real connection, without a stream, and from none that is silent', async () => {
    const hosts = await Promise.all([startTestHost(1), startTestHost(2)])
    const [a, b] = hosts
    try {
      const { signal } = new AbortController()
      await a.dial(b.addresses, signal)
      const [connection] = a.libp2p.getConnections()
      assert.ok(connection)
      connection.newStream = () => assert.fail('libp2p shows its muxer no longer')
      assert.equal(await isAlive(connection, { ms: 5_000, clock: systemClock, signal }), true)
      assert.equal(typeof connection.rtt, 'number')
      const silent = new FakeConnection()
      silent.answers = false
      assert.equal(await isAlive(silent as unknown as Connection, { ms: 1, clock: systemClock, signal }), false)
    } finally {
      await Promise.all(hosts.map((host) => host.stop()))
    }
  })
})
