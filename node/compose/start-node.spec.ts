/** Two whole nodes on loopback, each in a directory of its own; nothing leaves this machine. */
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type NodeOptions, nodeOptions } from '#node/config'
import type { RunningNode, WatchEvent } from '#node/control'
import { systemClock } from '#node/crypto'
import { startNode } from './start-node.ts'

describe('a node that starts', () => {
  let root: string
  let running: RunningNode[]

  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'qpq-start-'))
    running = []
  })

  afterEach(async () => {
    for (const node of running) await node.stop()
    await rm(root, { recursive: true, force: true })
  })

  function optionsOf(name: string, peers: readonly string[] = []): NodeOptions {
    const flags = { name, listen: ['/ip4/127.0.0.1/tcp/0'], peers, controlPort: 'off', discovery: false } as const
    return nodeOptions(join(root, name), {}, flags, { level: 'error', write: () => {} })
  }

  async function start(options: NodeOptions): Promise<RunningNode> {
    const node = await startNode(options)
    running.push(node)
    return node
  }

  it('tells its own process what arrived before anybody watched, to the first who watches and to nobody else', async () => {
    const a = await start(optionsOf('a'))
    const first = await start(optionsOf('b'))
    const [cardOfA, cardOfB] = await Promise.all([a.api.contactCard({}), first.api.contactCard({})])
    await a.api.contactAdd({ card: cardOfB.card, as: 'b' })
    await first.api.contactAdd({ card: cardOfA.card, as: 'a' })
    await first.stop()
    const { id } = await a.api.send({ to: 'b', text: 'early' })

    const isDelivered = seen(a, (event) => event.event === 'state' && event.id === id && event.state === 'delivered')
    const b = await start(optionsOf('b', a.ready.listen))
    await isDelivered
    assert.deepEqual(
      (await b.api.log({ to: 'a' })).map(({ text }) => text),
      ['early'],
    )
    assert.deepEqual(
      (await b.api.search({ query: 'EARLY in:a' })).messages.map(({ text, fromPetname, hits }) => ({ text, fromPetname, hits })),
      [{ text: 'early', fromPetname: 'a', hits: [[0, 5]] }],
    )
    const { settings } = await b.api.privacy()
    assert.deepEqual(
      settings.flatMap(({ code, protects }) => (protects ? [] : [code])),
      ['verified', 'bridges', 'history', 'passphrase'],
    )
    assert.deepEqual(await textsUntilStopped(b), [['early'], []])
  })

  it('knows that its port is open from a peer that no discovery hears, and when it dials one again that is away', async () => {
    const b = await start(optionsOf('b'))
    const a = await start(optionsOf('a', b.ready.listen))
    await seen(b, (event) => event.event === 'peer' && event.up)
    const { findings } = await b.api.doctor()
    const port = /tcp\/(\d+)/.exec(b.ready.listen[0] ?? '')?.[1] ?? ''
    assert.ok(findings.some(({ level, message }) => level === 'ok' && message === `One neighbour got through to TCP port ${port}.`))

    await a.api.contactAdd({ card: (await b.api.contactCard({})).card, as: 'b' })
    await b.stop()
    await seen(a, (event) => event.event === 'peer' && !event.up)
    await a.api.send({ to: 'b', text: 'still there?' })
    const next = async (): Promise<string | undefined> => (await a.api.outbox())[0]?.nextAttemptAt
    let at = await next()
    for (; at === undefined; at = await next()) await systemClock.sleep(20) // it may be dialling just now
    const aheadMs = Date.parse(at) - systemClock.now()
    assert.ok(aheadMs > -1_000 && aheadMs < 90_000, String(aheadMs))
  })

  it('dials everybody when the outbox is flushed, however long the pause would be', async () => {
    const b = await start(optionsOf('b'))
    const [address = ''] = b.ready.listen
    const a = await start(optionsOf('a', [address]))
    const [cardOfA, cardOfB] = await Promise.all([a.api.contactCard({}), b.api.contactCard({})])
    await a.api.contactAdd({ card: cardOfB.card, as: 'b' })
    await b.api.contactAdd({ card: cardOfA.card, as: 'a' })
    await b.stop()
    const { id } = await a.api.send({ to: 'b', text: 'are you back?' })
    const missed = await a.api.outboxFlush({ to: 'b' })
    assert.deepEqual([missed.dialled, missed.reached, missed.peers], [1, 0, 0])
    assert.ok(missed.waiting >= 1)
    const isDelivered = seen(a, (event) => event.event === 'state' && event.id === id && event.state === 'delivered')
    await start({ ...optionsOf('b'), listen: [address.replace(/\/p2p\/.*/, '')] })
    await a.api.outboxFlush({})
    assert.equal((await a.api.peers()).length, 1)
    await isDelivered
  })

  it('parts from a person when that person is blocked, and again after a restart, when it meets them', async () => {
    const b = await start(optionsOf('b'))
    const optionsOfA = optionsOf('a', b.ready.listen)
    const a = await start(optionsOfA)
    const [cardOfA, cardOfB] = await Promise.all([a.api.contactCard({}), b.api.contactCard({})])
    await a.api.contactAdd({ card: cardOfB.card, as: 'b' })
    await b.api.contactAdd({ card: cardOfA.card, as: 'a' })
    const { id } = await a.api.send({ to: 'b', text: 'hello' })
    await seen(a, (event) => event.event === 'state' && event.id === id && event.state === 'delivered')

    const isGone = seen(a, (event) => event.event === 'peer' && !event.up)
    await a.api.contactBlock({ who: 'b' })
    await isGone
    await a.stop()

    const again = await start(optionsOfA)
    const ups: boolean[] = []
    await seen(again, (event) => {
      if (event.event === 'peer') ups.push(event.up)
      return event.event === 'peer' && !event.up
    })
    assert.deepEqual(ups, [true, false])
  })
})

/** Resolves at the first event that `isWanted`. */
async function seen(node: RunningNode, isWanted: (event: WatchEvent) => boolean): Promise<void> {
  const ended = new AbortController()
  for await (const event of node.api.watch(ended.signal)) if (isWanted(event)) ended.abort()
}

/** What two who begin to watch now are told until the node has stopped, the first and the second. */
async function textsUntilStopped(node: RunningNode): Promise<string[][]> {
  const ended = new AbortController()
  const watching = [texts(node, ended.signal), texts(node, ended.signal)]
  await node.stop()
  ended.abort()
  return Promise.all(watching)
}

async function texts(node: RunningNode, signal: AbortSignal): Promise<string[]> {
  const all: string[] = []
  for await (const event of node.api.watch(signal)) if (event.event === 'message' && event.direction === 'in') all.push(event.text)
  return all
}
