import assert from 'node:assert/strict'
import type { PeerId } from '@libp2p/interface'
import { peerIdFromString } from '@libp2p/peer-id'
import { deviceIdOf } from '#mesh/ids'
import { type Link, silentLog } from '#mesh/ports'
import { fakeClock, seededRandom, settle } from '#mesh/testing'
import { nodeCrypto, systemClock } from '#node/crypto'
import type { Host } from '#node/host'
import { testHost } from '../host/test-host.ts'
import { LinkKeeper, type LinkKeeperDeps, SYNC_PROTOCOL } from './link-keeper.ts'

const crypto = nodeCrypto()
/** Pauses between attempts shrink to a fiftieth. */
const hastyClock = { ...systemClock, sleep: (ms: number, signal?: AbortSignal) => systemClock.sleep(ms / 50, signal) }

/** A node with a keeper, and the links it was given. */
class Node {
  readonly host: Host
  readonly links: Link[] = []
  readonly frames: string[] = []
  keeper: LinkKeeper | undefined
  ended = 0
  #waiting: (() => void)[] = []

  constructor(number: number) {
    this.host = testHost(number)
  }

  async start(): Promise<this> {
    await this.host.start()
    const { libp2p, device } = this.host
    this.keeper = new LinkKeeper({ libp2p, device, clock: hastyClock, random: seededRandom(device), log: silentLog, attach: (link) => this.#attach(link) })
    await this.keeper.start()
    return this
  }

  async stop(): Promise<void> {
    await this.keeper?.stop()
    await this.host.stop()
  }

  /** Resolves once `isTrue`, looked at whenever something changes. */
  async until(isTrue: () => boolean): Promise<void> {
    while (!isTrue()) await new Promise<void>((resolve) => this.#waiting.push(resolve))
  }

  async #attach(link: Link): Promise<void> {
    this.links.push(link)
    this.#changed()
    try {
      for await (const frame of link.frames()) {
        this.frames.push(Buffer.from(frame).toString())
        this.#changed()
      }
    } finally {
      this.ended++
      this.#changed()
    }
  }

  #changed(): void {
    for (const wake of this.#waiting.splice(0)) wake()
  }
}

describe('the keeper of links, when a peer goes and comes back at once', () => {
  it('has one opener for it, and none after it stopped', async () => {
    const [first, second] = [1, 2].map((n) => deviceIdOf(crypto.ed25519PublicKey(new Uint8Array(32).fill(n)))).sort()
    assert.ok(first && second)
    const peer = peerIdFromString(second)
    const clock = fakeClock()
    const events = new EventTarget()
    let dials = 0
    // Only what a keeper touches: connected all the time, and no stream is ever granted.
    const libp2p = {
      handle: async () => {},
      unhandle: async () => {},
      addEventListener: events.addEventListener.bind(events),
      removeEventListener: events.removeEventListener.bind(events),
      getConnections: () => [
        connectionTo(peer, async () => {
          dials++
          throw new Error('not yet')
        }),
      ],
    } as unknown as LinkKeeperDeps['libp2p']
    const keeper = new LinkKeeper({ libp2p, device: first, clock, random: seededRandom('keeper'), log: silentLog, attach: async () => {} })
    await keeper.start()
    for (let i = 0; i < 3; i++) {
      await settle()
      events.dispatchEvent(new CustomEvent('peer:disconnect', { detail: peer }))
      events.dispatchEvent(new CustomEvent('peer:connect', { detail: peer }))
    }
    await settle()
    assert.deepEqual([dials, clock.sleepers], [4, 1])
    events.dispatchEvent(new CustomEvent('peer:connect', { detail: peer }))
    await settle()
    assert.equal(clock.sleepers, 1)
    await keeper.stop()
    assert.equal(clock.sleepers, 0)
  })
})

describe('the keeper of links, when there are two connections with a peer', () => {
  it('uses the newer one, and goes over to another one at once when that is closed', async () => {
    const [first, second] = [1, 2].map((n) => deviceIdOf(crypto.ed25519PublicKey(new Uint8Array(32).fill(n)))).sort()
    assert.ok(first && second)
    const peer = peerIdFromString(second)
    const asked: string[] = []
    const connections = [1, 2].map((open) => ({
      ...connectionTo(peer, async () => {
        asked.push(`${open}`)
        if (newer !== undefined) newer.status = 'closed'
        throw new Error('not now')
      }),
      timeline: { open },
    }))
    const [older, newer] = connections
    assert.ok(older && newer)
    const clock = fakeClock()
    const libp2p = {
      handle: async () => {},
      unhandle: async () => {},
      addEventListener: () => {},
      removeEventListener: () => {},
      getConnections: () => connections,
    } as unknown as LinkKeeperDeps['libp2p']
    const keeper = new LinkKeeper({ libp2p, device: first, clock, random: seededRandom('keeper'), log: silentLog, attach: async () => {} })
    await keeper.start()
    await settle()
    assert.deepEqual(asked, ['2', '1'])
    assert.equal(clock.sleepers, 1)
    await keeper.stop()
  })
})

describe('the keeper of links, when no stream is granted', () => {
  it('waits longer and longer, not by the clock of others, and not at all once something changed', async () => {
    const [first, second] = [1, 2].map((n) => deviceIdOf(crypto.ed25519PublicKey(new Uint8Array(32).fill(n)))).sort()
    assert.ok(first && second)
    const clock = fakeClock()
    const dials: number[] = []
    const libp2p = {
      handle: async () => {},
      unhandle: async () => {},
      addEventListener: () => {},
      removeEventListener: () => {},
      getConnections: () => [
        connectionTo(peerIdFromString(second), async () => {
          dials.push(clock.monotonic())
          throw new Error('not yet')
        }),
      ],
    } as unknown as LinkKeeperDeps['libp2p']
    const keeper = new LinkKeeper({ libp2p, device: first, clock, random: seededRandom('keeper'), log: silentLog, attach: async () => {} })
    await keeper.start()
    await clock.advance(300_000)
    const pauses = dials.slice(1).map((at, i) => at - (dials[i] ?? 0))
    assert.ok(dials.length < 16 && Math.max(...pauses) > 20_000 && new Set(pauses).size === pauses.length, pauses.join())
    const before = dials.length
    keeper.hurry()
    await settle()
    assert.equal(dials.length, before + 1)
    await clock.advance(5_000)
    assert.ok(dials.length >= before + 3, 'at once, and soon again')
    await keeper.stop()
  })
})

describe('the keeper of links', () => {
  /** `opener` has the smaller id of the two. */
  let opener: Node
  let other: Node

  beforeEach(async () => {
    const nodes = await Promise.all([new Node(1).start(), new Node(2).start()])
    nodes.sort((x, y) => (x.host.device < y.host.device ? -1 : 1))
    const [first, second] = nodes
    assert.ok(first && second)
    opener = first
    other = second
  })

  afterEach(() => Promise.all([opener.stop(), other.stop()]))

  it('has one link for a pair, whoever dialled, and frames go both ways', async () => {
    await connect(other, opener)
    await Promise.all([opener.until(() => opener.links.length > 0), other.until(() => other.links.length > 0)])
    await opener.links[0]?.send(Buffer.from('from the opener'))
    await other.links[0]?.send(Buffer.from('from the other'))
    await Promise.all([opener.until(() => opener.frames.length > 0), other.until(() => other.frames.length > 0)])
    assert.deepEqual([opener.frames, other.frames], [['from the other'], ['from the opener']])
    assert.deepEqual([opener.links.length, other.links.length, opener.keeper?.peers], [1, 1, [other.host.device]])
  })

  it('opens the link again when it ended and the connection did not', async () => {
    await connect(opener, other)
    await Promise.all([opener.until(() => opener.links.length === 1), other.until(() => other.links.length === 1)])
    other.links[0]?.abort(new Error('the session failed'))
    await Promise.all([opener.until(() => opener.links.length === 2), other.until(() => other.links.length === 2)])
    assert.deepEqual(other.keeper?.peers, [opener.host.device])
  })

  it('opens the link again after a peer went and came back, once', async () => {
    await connect(opener, other)
    for (let times = 2; times <= 4; times++) {
      await opener.until(() => opener.links.length === times - 1)
      await Promise.all([opener.host.hangUp(other.host.device), opener.until(() => opener.ended >= times - 1)])
      await connect(opener, other)
      await Promise.all([opener, other].map((node) => node.until(() => node.links.length === times)))
    }
    await systemClock.sleep(100)
    assert.deepEqual([other.links.length, opener.links.length], [4, 4])
    await opener.stop()
    assert.deepEqual(opener.keeper?.peers, [])
  })

  it('lets a second stream of the same peer replace the first', async () => {
    await connect(opener, other)
    await other.until(() => other.links.length === 1)
    await opener.host.libp2p.dialProtocol(peerIdFromString(other.host.device), SYNC_PROTOCOL)
    await other.until(() => other.links.length === 2 && other.ended === 1)
    assert.equal(other.keeper?.peers.length, 1)
  })

  it('refuses a stream from the side that has to wait', async () => {
    await connect(opener, other)
    await opener.until(() => opener.links.length === 1)
    const stream = await other.host.libp2p.dialProtocol(peerIdFromString(opener.host.device), SYNC_PROTOCOL)
    if (stream.status === 'open') await new Promise((resolve) => stream.addEventListener('close', resolve, { once: true }))
    assert.deepEqual([opener.links.length, opener.ended], [1, 0])
  })

  it('closes the stream of an exchange that returned without doing so', async () => {
    await connect(opener, other)
    await Promise.all([opener.until(() => opener.links.length === 1), other.until(() => other.links.length === 1)])
    await opener.links[0]?.close()
    await other.until(() => other.ended === 1)
    await opener.until(() => opener.links.length === 2)
    const [connection] = other.host.libp2p.getConnections()
    assert.equal(connection?.streams.filter(({ protocol, writeStatus }) => protocol === SYNC_PROTOCOL && writeStatus === 'writable').length, 1)
  })

  it('leaves nothing behind when it stops', async () => {
    await connect(opener, other)
    await Promise.all([opener.until(() => opener.links.length === 1), other.until(() => other.links.length === 1)])
    await Promise.all([opener.keeper?.stop(), other.keeper?.stop()])
    assert.deepEqual([opener.ended, other.ended, opener.keeper?.peers], [1, 1, []])
    assert.deepEqual(opener.host.libp2p.getProtocols().includes(SYNC_PROTOCOL), false)
  })
})

async function connect(from: Node, to: Node): Promise<void> {
  await from.host.dial(to.host.addresses.slice(0, 1), AbortSignal.timeout(30_000))
}

/** What a keeper touches of an open connection. */
function connectionTo(
  remotePeer: PeerId,
  newStream: () => Promise<never>,
): { remotePeer: PeerId; status: string; timeline: { open: number }; newStream: () => Promise<never> } {
  return { remotePeer, status: 'open', timeline: { open: 0 }, newStream }
}
