/**
 * People behind more than one hop: LANs joined by IP routers that pass on unicast only, so that nobody
 * hears anybody of another LAN. A and B hold each other's card without an address, find each other
 * through the nodes between them, talk directly, and go on talking when those are gone. Where nothing is
 * passed on, A still learns from the DHT where B says to be.
 *
 *   node test-net/checks/dht.ts [--lives 2] [--only router|static|line|apart] [--off]
 *
 * The time from `ready` of the last node until A has a direct connection with B is reported (median), not
 * asserted. With `--off` nobody has a DHT, and the check has to fail: there is no other way.
 */
import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { parseCardUri } from '#mesh/identity'
import type { PeerInfo } from '#node/control'
import { nodeCrypto } from '#node/crypto'
import { type Lan, type NetLab, type NodeSpace, run, withLab } from '../netns/index.ts'
import { eventually, introduce, median, Person } from './people.ts'

/** A row of LANs, 10.7.1.0/24 to 10.7.n.0/24, with a router between each two. */
interface Row {
  readonly a: NodeSpace
  readonly b: NodeSpace
  /** Where the nodes between A and B are. */
  readonly between: readonly NodeSpace[]
  /** What `up` of B is given besides. */
  readonly argsOfB: readonly string[]
  /** Where B is, as A has to see it. */
  readonly addressOfB: string
}

/** The longest that A and B may take to find each other, in ms: all runs together stay below 90 s. */
const FIND_TIMEOUT_MS = 40_000
const PORT = 7717

/** LANs in a row; router i has .254 on LAN i and .1 on LAN i + 1. A is on the first, B on the last. */
async function rowOf(
  lab: NetLab,
  name: string,
  length: number,
  isForwarding = true,
): Promise<Omit<Row, 'between' | 'argsOfB'> & { routers: NodeSpace[]; lans: Lan[] }> {
  const lans: Lan[] = []
  for (let i = 1; i <= length; i++) lans.push(await lab.addLan(`${name}-lan${i}`))
  const [first, last] = [lans[0], lans.at(-1)]
  assert.ok(first && last)
  const [a, b] = [await lab.addNode(`${name}-a`), await lab.addNode(`${name}-b`)]
  const routers = await Promise.all(lans.slice(1).map((_, i) => lab.addNode(`${name}-r${i + 1}`)))
  const addressOfB = `10.7.${length}.10`
  await Promise.all([
    a.join(first, { ipv4: '10.7.1.10/24' }),
    b.join(last, { ipv4: `${addressOfB}/24` }),
    ...routers.flatMap((router, i) =>
      lans.slice(i, i + 2).map((lan, side) => router.join(lan, { interface: `eth${side}`, ipv4: side === 0 ? `10.7.${i + 1}.254/24` : `10.7.${i + 2}.1/24` })),
    ),
  ])
  await a.route('10.7.0.0/16', '10.7.1.254')
  await b.route('10.7.0.0/16', `10.7.${length}.1`)
  for (const [i, router] of routers.entries()) {
    if (isForwarding) await router.forward()
    for (let lan = 1; lan <= i; lan++) await router.route(`10.7.${lan}.0/24`, `10.7.${i + 1}.1`)
    for (let lan = i + 3; lan <= length; lan++) await router.route(`10.7.${lan}.0/24`, `10.7.${i + 2}.254`)
  }
  for (const { namespace } of [a, b, ...routers]) assert.equal(await run('ip', '-n', namespace, 'route', 'show', 'default'), '', 'there is no way out')
  return { a, b, routers, lans, addressOfB }
}

const ROWS: Readonly<Record<string, (lab: NetLab) => Promise<Row>>> = {
  /** C is on the router, and LAN discovery shows it to both. */
  async router(lab) {
    const { routers, ...row } = await rowOf(lab, 'router', 2)
    return { ...row, between: routers, argsOfB: [] }
  },
  /** C is a neighbour of A; B was told where C is. */
  async static(lab) {
    const { routers: _, lans, ...row } = await rowOf(lab, 'static', 2)
    const c = await lab.addNode('static-c')
    assert.ok(lans[0])
    await c.join(lans[0], { ipv4: '10.7.1.20/24' })
    await c.route('10.7.0.0/16', '10.7.1.254')
    return { ...row, between: [c], argsOfB: ['--peer', `/ip4/10.7.1.20/tcp/${PORT}`] }
  },
  /** A – C1 – C2 – C3 – B: each knows its neighbours only. */
  async line(lab) {
    const { routers, ...row } = await rowOf(lab, 'line', 4)
    return { ...row, between: routers, argsOfB: [] }
  },
  /** C is between A and B, but passes nothing on. */
  async apart(lab) {
    const { routers, ...row } = await rowOf(lab, 'apart', 2, false)
    return { ...row, between: routers, argsOfB: [] }
  },
}

/** Makes A and B contacts while nobody can be reached from outside: there is no address on their cards. */
async function introduceWithoutAddresses(row: Row, root: string): Promise<void> {
  const alone = ['--no-discovery', '--listen', '/ip4/127.0.0.1/tcp/0']
  const [a, b] = [new Person('a', row.a, root, alone), new Person('b', row.b, root, alone)]
  await Promise.all([a.up(), b.up()])
  await introduce(a, b)
  for (const [one, other] of [
    [a, b],
    [b, a],
  ] as const) {
    const { card } = await one.api.contactCard({ who: other.name })
    assert.deepEqual(parseCardUri(nodeCrypto(), card).hints, [], `${one.name} knows no address of ${other.name}`)
  }
  await Promise.all([a.down(), b.down()])
}

const connection = async (one: Person, other: Person): Promise<PeerInfo | undefined> =>
  (await one.api.peers()).find(({ device }) => device === other.node.ready.device)

async function say(from: Person, to: Person, text: string): Promise<void> {
  const { id } = await from.api.send({ to: to.name, text })
  await eventually(`"${text}" is delivered`, async () => ((await from.log(to)).find((message) => message.id === id)?.state === 'delivered' ? true : undefined))
  assert.ok((await to.log(from)).some((message) => message.id === id && message.text === text))
}

interface People {
  readonly a: Person
  readonly b: Person
  readonly between: readonly Person[]
}

/** Starts everybody, those between first. Returns when the last one was ready. */
async function start({ a, b, between }: People): Promise<number> {
  await Promise.all(between.map((c) => c.up()))
  await Promise.all([a.up(), b.up()])
  return Math.max(a.node.readyAtMs, b.node.readyAtMs)
}

/** One life of all nodes; returns how long A and B took to find each other, in ms. */
async function oneLife(row: Row, people: People): Promise<number> {
  const { a, b, between } = people
  const readyAtMs = await start(people)
  const direct = await eventually('A has a connection with B', () => connection(a, b), FIND_TIMEOUT_MS)
  const tookMs = performance.now() - readyAtMs
  const place = `/ip4/${row.addressOfB}/${direct.direction === 'inbound' ? '' : `tcp/${PORT}/`}`
  assert.ok(direct.address.startsWith(place), `A sees B at ${direct.address}, and not at ${place}`)
  await say(a, b, 'through the routers')

  await Promise.all(between.map((c) => c.kill()))
  await eventually('A and B have nobody else', async () => ((await a.api.peers()).length === 1 && (await b.api.peers()).length === 1 ? true : undefined))
  await say(a, b, 'without those between us')
  await say(b, a, 'neither back')
  await Promise.all([a.down(), b.down()])
  return tookMs
}

/** One life in which A and B cannot reach each other: returns how long A took to read in the DHT where B is, in ms. */
async function lifeApart(people: People): Promise<number> {
  const { a, b, between } = people
  const readyAtMs = await start(people)
  const isFound = (line: string): boolean => line.includes('somebody was found') && line.includes(b.node.ready.device)
  await eventually('A reads where B is', async () => (a.node.process.errors.some(isFound) ? true : undefined), FIND_TIMEOUT_MS)
  const tookMs = performance.now() - readyAtMs
  assert.equal(await connection(a, b), undefined, 'nobody passes anything on')
  await Promise.all([a, b, ...between].map((one) => one.down()))
  return tookMs
}

/** All lives in one row of LANs; returns their times, in ms. */
async function check(name: string, row: Row, root: string, args: readonly string[]): Promise<number[]> {
  const people = {
    a: new Person('a', row.a, root, name === 'apart' ? [...args, '--log-level', 'debug'] : args),
    b: new Person('b', row.b, root, [...args, ...row.argsOfB]),
    between: row.between.map((space, i) => new Person(`c${i + 1}`, space, root, args)),
  }
  if (name === 'apart') return [Math.round(await lifeApart(people))]
  const times: number[] = []
  const lives = name === 'static' ? 1 : Number(values.lives)
  for (let i = 0; i < lives; i++) times.push(Math.round(await oneLife(row, people)))
  return times
}

const { values } = parseArgs({
  options: { lives: { type: 'string', default: '2' }, only: { type: 'string' }, off: { type: 'boolean', default: false } },
})
const root = await mkdtemp(join(tmpdir(), 'qpq-check-'))
try {
  await withLab('dht', async (lab) => {
    const config = join(root, 'config.yaml')
    await writeFile(config, `discovery: {dht: ${!values.off}}\n`)
    const timesMs: Record<string, number[]> = {}
    for (const [name, build] of Object.entries(ROWS)) {
      if (values.only !== undefined && values.only !== name) continue
      const row = await build(lab)
      if (Object.keys(timesMs).length === 0) await introduceWithoutAddresses(row, root)
      timesMs[name] = await check(name, row, root, ['--config', config])
    }
    const { apart = [], ...connected } = timesMs
    const all = Object.values(connected).flat()
    const figure = {
      check: 'dht',
      ok: true,
      lives: all.length,
      medianMs: median(all),
      maxMs: Math.max(...all),
      timesMs: connected,
      recordReadAfterMs: apart[0],
    }
    process.stdout.write(`${JSON.stringify(figure)}\n`)
  })
} finally {
  await rm(root, { recursive: true, force: true })
}
