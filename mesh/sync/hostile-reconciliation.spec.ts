import assert from 'node:assert/strict'
import { type DeviceId, deviceIdOf } from '#mesh/ids'
import { carry, idsOf, pool } from '../testing/carried-pool.ts'
import { settle } from '../testing/fake-clock.ts'
import { type MeshNode, meshNode, type Puppet, puppet, until } from '../testing/mesh-node.ts'
import { toyCrypto } from '../testing/toy-crypto.ts'
import type { Frame, HelloFrame } from './frames.ts'
import { LOAN_MS, RECONCILE_MS, USUAL_KEYS } from './limits.ts'
import { Digest } from './riblt/digest.ts'
import { decodeMessage, encodeMessage, type Message } from './riblt/messages.ts'
import { seededBytes } from './riblt/naive-twin.ts'
import { ALL_DAYS } from './riblt/scope-index.ts'
import { encodeItems, encodeSymbols } from './riblt/wire.ts'

const VIOLATION = 'MESH_PROTOCOL_VIOLATION'
const HELD = 200
const deviceOf = (seed: number): DeviceId => deviceIdOf(toyCrypto().ed25519PublicKey(new Uint8Array(32).fill(seed)))
const mallory: DeviceId = deviceOf(66)
/** By what it claims to hold, a peer makes the node answer or begin. */
const LARGER: HelloFrame = { type: 'hello', nowMs: 1_790_000_000_000, knownDevices: 3, grants: [], held: HELD + 50, keptDays: 30 }
const SMALLER: HelloFrame = { ...LARGER, held: HELD - 50 }
const OPEN: Extract<Message, { kind: 'open' }> = { kind: 'open', key: seededBytes(1, 16), days: ALL_DAYS, digest: digestOf(3) }
const said = (message: Message, scope = 0): Frame => ({ type: 'reconcile', scope, message: encodeMessage(message) })

describe('a peer that reconciles with bad intentions', () => {
  let node: MeshNode
  beforeEach(async () => {
    node = await meshNode('node')
    const absent = await meshNode('absent')
    await carry(node, pool(absent.address, HELD))
    await absent.stop()
  })
  afterEach(() => node.stop())

  const assertPunished = async (peer: Puppet, code = VIOLATION): Promise<void> => {
    await peer.ended
    assert.deepEqual(node.offences.splice(0), [code])
  }
  const hearsMessage = async (peer: Puppet): Promise<Message> => decodeMessage((await peer.hears('reconcile')).message)

  it('out of turn, about another scope, or without having said that it does, is cut off', async () => {
    const scripts: Frame[][] = [
      [said(OPEN)],
      [{ ...LARGER, held: HELD * 5 + 1 }, said(OPEN)],
      [{ type: 'hello', nowMs: 1, knownDevices: 3, grants: [] }, said(OPEN)],
      [LARGER, said(OPEN, 1)],
      [LARGER, said({ kind: 'done' })],
      [LARGER, said({ kind: 'ask', left: 0, body: encodeItems(new Int32Array(0)) })],
      [LARGER, said(OPEN), said(OPEN)],
      [SMALLER, said(OPEN)],
      [SMALLER, said({ kind: 'done' })],
      [SMALLER, said({ kind: 'credit', symbols: 128 })],
    ]
    for (const script of scripts) {
      const peer = puppet(node, mallory)
      await peer.say(...script)
      await assertPunished(peer)
    }
  })

  it('with garbage is cut off', async () => {
    for (let seed = 0; seed < 20; seed++) {
      for (const hello of [LARGER, SMALLER]) {
        const peer = puppet(node, mallory)
        await peer.say(hello, { type: 'reconcile', scope: 0, message: seededBytes(seed, 40).map((byte, i) => (i === 0 ? byte % 16 : byte)) })
        await peer.ended
        assert.equal(node.offences.splice(0).length, 1, `seed ${seed}`)
      }
    }
  })

  it('by claiming more than it said in its HELLO is cut off before anything is kept for it', async () => {
    for (const mode of ['symbols', 'list'] as const) {
      const peer = puppet(node, mallory)
      await peer.say(LARGER, said(OPEN))
      assert.equal((await hearsMessage(peer)).kind, 'days')
      await peer.say(said({ kind: 'plan', mode, days: ALL_DAYS, count: 500_000 }))
      await assertPunished(peer)
    }
  })

  it('by symbols that never decode is asked for its list, and offered everything when it does not give it', async () => {
    const peer = puppet(node, mallory)
    await peer.say(LARGER, said(OPEN))
    await hearsMessage(peer)
    await peer.say(said({ kind: 'plan', mode: 'symbols', days: ALL_DAYS, count: 300 }))
    for (let first = 0; ; first += 64) {
      const cells = new Int32Array(4 * 64).map((_, i) =>
        i % 4 === 3 ? Math.floor(600 / (first + Math.floor(i / 4) + 2)) : Math.imul(i + first + 1, 0x9e37_79b1),
      )
      await peer.say({ type: 'reconcile', scope: 0, message: encodeMessage({ kind: 'symbols', body: encodeSymbols({ first, setSize: 300 }, cells) }) })
      await settle()
      const last = peer.heard.filter((frame) => frame.type === 'reconcile').at(-1)
      if (last !== undefined && decodeMessage(last.message).kind === 'list') break
      assert.ok(first < 300)
    }
    await node.clock.advance(RECONCILE_MS + 2_000)
    await until(() => peer.heard.some(({ type }) => type === 'offer'))
    assert.deepEqual(node.offences, [])
  })

  it('by saying nothing is offered everything after a while', async () => {
    for (const hello of [LARGER, SMALLER]) {
      const peer = puppet(node, mallory)
      await peer.say(hello)
      await settle()
      assert.ok(!peer.heard.some(({ type }) => type === 'offer'))
      await node.clock.advance(RECONCILE_MS + 2_000)
      await answerOffers(peer)
      assert.equal(new Set(peer.heard.flatMap((frame) => (frame.type === 'offer' ? frame.offers.map(({ id }) => id) : []))).size, HELD)
      await peer.hears('synced')
      await peer.say(said({ kind: 'done' }), said({ kind: 'same' }), said({ kind: 'list' }))
      await settle()
      assert.deepEqual(node.offences, [], 'an answer that comes too late is no offence')
      peer.link.abort(new Error('enough'))
      await peer.ended
    }
  })

  it('by asking for what is not there gets nothing, and is cut off when it asks for more than there is', async () => {
    const invented = (count: number): Uint8Array => encodeItems(new Int32Array(seededBytes(9, 8 * count).buffer))
    for (const [count, isTooMuch] of [
      [HELD, false],
      [HELD + 1, true],
    ] as const) {
      const peer = puppet(node, mallory)
      await peer.say(SMALLER)
      assert.equal((await hearsMessage(peer)).kind, 'open')
      await peer.say(said({ kind: 'days', days: ALL_DAYS, digests: ALL_DAYS.map(() => digestOf(1)) }))
      assert.equal((await hearsMessage(peer)).kind, 'plan')
      await peer.say(said({ kind: 'done' }), said({ kind: 'ask', left: 0, body: invented(count) }))
      if (isTooMuch) await assertPunished(peer)
      else {
        await peer.hears('synced')
        assert.ok(!peer.heard.some(({ type }) => type === 'offer'))
        peer.link.abort(new Error('enough'))
        await peer.ended
      }
    }
  })

  it('by making us hash over and over is told that we are busy, after four times', async () => {
    const kinds: string[] = []
    for (let meeting = 0; meeting < 6; meeting++) {
      const peer = puppet(node, mallory)
      await peer.say(LARGER, said({ ...OPEN, key: seededBytes(meeting, 16) }))
      kinds.push((await hearsMessage(peer)).kind)
      peer.link.abort(new Error('enough'))
      await peer.ended
    }
    assert.deepEqual(kinds, ['days', 'days', 'days', 'days', 'busy', 'busy'])
    assert.deepEqual(node.offences, [])
    assert.equal(idsOf(node).length, HELD)
  })

  it('by lists that trickle keeps its places for five minutes, whatever it sends', async () => {
    const holders = await holdAll()
    const waiting = puppet(node, deviceOf(30))
    await waiting.say(LARGER, said({ ...OPEN, key: seededBytes(99, 16) }))
    await trickle(holders, RECONCILE_MS + 10_000)
    assert.ok(!waiting.heard.some(({ type }) => type === 'reconcile'))
    waiting.link.abort(new Error('enough'))
    await waiting.ended
    await trickle(holders, LOAN_MS)
    const next = puppet(node, deviceOf(31))
    await next.say(LARGER, said({ ...OPEN, key: seededBytes(98, 16) }))
    assert.equal((await hearsMessage(next)).kind, 'days')
    assert.deepEqual(node.offences, [], 'a slow list is no offence')
  })

  it('that waits for a place and drops its link is forgotten at once', async () => {
    await holdAll()
    for (let meeting = 0; meeting < 60; meeting++) {
      const peer = puppet(node, mallory)
      await peer.say(LARGER, said({ ...OPEN, key: seededBytes(1_000 + meeting, 16) }))
      await settle()
      peer.link.abort(new Error('gone'))
      await settle()
    }
    assert.equal(node.exchange.sessions().length, USUAL_KEYS)
  })

  /** Peers that hold all indexes there may be, and have announced long lists. */
  async function holdAll(): Promise<Puppet[]> {
    const holders: Puppet[] = []
    for (let i = 0; i < USUAL_KEYS; i++) {
      const peer = puppet(node, deviceOf(100 + i))
      await peer.say(LARGER, said({ ...OPEN, key: seededBytes(i, 16) }))
      assert.equal((await hearsMessage(peer)).kind, 'days')
      await peer.say(said({ kind: 'plan', mode: 'list', days: ALL_DAYS, count: 16_000 }))
      holders.push(peer)
    }
    return holders
  }

  /** Each says one item, often enough to be taken for alive. */
  async function trickle(holders: readonly Puppet[], ms: number): Promise<void> {
    for (let saidMs = 0; saidMs <= ms; saidMs += RECONCILE_MS - 10_000) {
      const nowMs = node.clock.now()
      for (const [i, peer] of holders.entries()) await peer.say(said({ kind: 'items', body: encodeItems(Int32Array.of(nowMs | 0, i + 1)) }))
      await node.clock.advance(RECONCILE_MS - 10_000)
      await settle()
    }
  }

  /** Wants nothing of what it is offered, until nothing more comes. */
  async function answerOffers(peer: Puppet): Promise<void> {
    for (let answered = 0; ; answered++) {
      await settle()
      if (peer.heard.filter(({ type }) => type === 'offer').length <= answered) return
      await peer.say({ type: 'want', ids: [] })
    }
  }
})

function digestOf(items: number): Digest {
  const digest = new Digest()
  for (let i = 0; i < items; i++) digest.add(i, 77)
  return digest
}
