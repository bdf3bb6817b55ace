/**
 * W3: from a link that comes back to the message shown.
 *
 * B's cable is pulled at the bridge, A writes (the answer is `queued`: it is on A's disk), the cable is put back. Time
 * counts from then, until B's `watch` has the message, and until A's has that it is delivered. *Direct*: A and B on
 * one LAN. *Over a carrier*: A and C on one, C and B on another; C has signed for the message before B comes back.
 *
 * After a *short* outage both ends still believe in their connection, and TCP sends again when it likes. A *long* one
 * lasts until the neighbour has noticed that B is gone; B itself need not have. Of two devices the one with the smaller
 * id opens the stream between them, so it matters which of them was away: both are measured. Such outages take half a
 * minute each, so half as many runs have to do.
 *
 * Baseline: over the same cable, after a short outage, a bare `node:net` client that dials every 50 ms, and a server
 * that has one line of 300 characters for it. It has a lucky and an unlucky time: when the kernel is just asking for the
 * neighbour's hardware address (ARP), it asks again only a second later, whoever dials meanwhile.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { eventually, introduce, Person, withStreet } from '../checks/people.ts'
import type { Lan, NetLab, NodeSpace } from '../netns/index.ts'
import { Arrivals } from './arrivals.ts'
import { type BenchOptions, figuresOf, type Report } from './figure.ts'
import { said, startProgram } from './programs.ts'

const RUNS = 5
/** Less than the quarter of a minute between two pings that find dead connections. */
const SHORT_MS = 5_000
const PATIENCE_MS = 90_000
const PORT = 7_700
const TEXT_CHARACTERS = 300
const HOST_OF_A = '169.254.1.1'
/** On B's side. */
const HOST_OF_C = '169.254.2.3'

type Outage = 'short' | 'long'

/** The people, and the neighbour that B's cable leads to. */
interface Street {
  readonly a: Person
  readonly b: Person
  readonly neighbour: Person
  /** The neighbour's address on B's cable, for the baseline. */
  readonly host: string
}

interface Times {
  readonly shown: number[]
  readonly delivered: number[]
}

/** Runs the bench. */
export async function w3(report: Report, { runs = RUNS }: BenchOptions): Promise<void> {
  await withPair(async ({ a, b }) => {
    const street = { a, b, neighbour: a, host: HOST_OF_A }
    const baselines = await rawTimes(street, runs)
    tell(report, 'direct, short outage', await measure(street, 'short', runs), baselines)
    const [opener, other] = a.node.ready.device < b.node.ready.device ? [a, b] : [b, a]
    const half = Math.ceil(runs / 2)
    const otherWasAway = { ...street, a: opener, neighbour: opener, b: other }
    tell(report, 'direct, long outage of who does not open the stream', await measure(otherWasAway, 'long', half), baselines)
    const openerWasAway = { ...street, a: other, neighbour: other, b: opener }
    tell(report, 'direct, long outage of who opens the stream', await measure(openerWasAway, 'long', half), baselines)
  })
  await withPair(async ({ a, b, lab, lan1, lan2, root }) => {
    const c = new Person('c', await lab.addNode('c'), root)
    await c.space.join(lan1, { ipv4: '169.254.1.3/24' })
    await b.space.leave()
    await c.space.join(lan2, { interface: 'eth1', ipv4: `${HOST_OF_C}/24` })
    await b.space.join(lan2, { ipv4: '169.254.2.2/24' })
    await c.up()
    const street = { a, b, neighbour: c, host: HOST_OF_C }
    const baselines = await rawTimes(street, runs)
    tell(report, 'over a carrier, short outage', await measure(street, 'short', runs), baselines)
    await c.down()
  })
}

/** Two people on one LAN who know each other. */
async function withPair(work: (pair: { a: Person; b: Person; lab: NetLab; lan1: Lan; lan2: Lan; root: string }) => Promise<void>): Promise<void> {
  await withStreet('w3', async ({ lab, lan1, lan2, root }) => {
    const [a, b] = [new Person('a', await lab.addNode('a'), root), new Person('b', await lab.addNode('b'), root)]
    await a.space.join(lan1, { ipv4: `${HOST_OF_A}/24` })
    await b.space.join(lan1, { ipv4: '169.254.1.2/24' })
    await Promise.all([a.up(), b.up()])
    await introduce(a, b)
    await a.api.send({ to: 'b', text: 'the first carries the card' })
    await isIdle(a)
    await work({ a, b, lab, lan1, lan2, root })
    await Promise.all([a.down(), b.down()])
  })
}

function tell(report: Report, what: string, times: Times, baselines: Readonly<Record<string, readonly number[]>>): void {
  const figure = (metric: string, values: readonly number[]): void => {
    for (const one of figuresOf({ bench: 'W3', metric: `${what}: ${metric}`, unit: 'ms', values, baselines })) report(one)
  }
  figure('link up to shown', times.shown)
  figure('link up to delivered', times.delivered)
}

async function rawTimes({ neighbour, b, host }: Street, runs: number): Promise<Record<string, number[]>> {
  const times: number[] = []
  for (let i = 0; i < runs; i++) times.push(await raw(neighbour.space, b.space, host))
  return { 'node:net, dialling every 50 ms': times }
}

async function measure(street: Street, outage: Outage, runs: number): Promise<Times> {
  const { a, b } = street
  const times: Times = { shown: [], delivered: [] }
  const [atB, atA] = [new Arrivals(b), new Arrivals(a)]
  for (let i = 0; i < runs; i++) {
    await isLinked(street)
    await b.space.plug(false)
    await over(street, outage)
    const text = `${outage}, from ${a.name}, ${i} `.padEnd(TEXT_CHARACTERS, 'x')
    const { id } = await a.api.send({ to: b.name, text })
    if (street.neighbour !== a) await isCarried(a, id)
    const up = performance.now()
    await b.space.plug(true)
    times.shown.push((await atB.shown(text, PATIENCE_MS)) - up)
    times.delivered.push((await atA.delivered(id, PATIENCE_MS)) - up)
  }
  await Promise.all([atB.stop(), atA.stop()])
  return times
}

/** Waits until the outage has lasted. */
async function over({ neighbour, b }: Street, outage: Outage): Promise<void> {
  if (outage === 'short') return sleep(SHORT_MS)
  const device = b.node.ready.device
  await eventually(
    'the neighbour noticed that B is gone',
    async () => ((await neighbour.api.peers()).some((peer) => peer.device === device) ? undefined : true),
    PATIENCE_MS,
  )
}

async function isLinked({ a, b, neighbour }: Street): Promise<void> {
  await eventually('all are linked', async () => {
    const seenBy = await Promise.all([...new Set([a, neighbour])].map(async ({ api }) => (await api.peers()).map(({ device }) => device)))
    const [ofA = [], ofNeighbour = ofA] = seenBy
    return ofNeighbour.includes(b.node.ready.device) && ofA.includes((neighbour === a ? b : neighbour).node.ready.device) ? true : undefined
  })
  await isIdle(a)
}

async function isIdle(a: Person): Promise<void> {
  await eventually('A has nothing to deliver', async () => ((await a.api.outbox()).length === 0 ? true : undefined))
}

async function isCarried(a: Person, id: string): Promise<void> {
  await eventually('C has signed for it', async () => ((await a.api.outbox()).some((one) => one.id === id && one.state === 'carried') ? true : undefined))
}

/** The same cable, a short outage, nothing but TCP. */
async function raw(from: NodeSpace, to: NodeSpace, host: string): Promise<number> {
  const server = startProgram(from, 'raw-reconnect.ts', ['serve', host, PORT])
  await said(server, 'ready', PATIENCE_MS)
  await to.plug(false)
  const client = startProgram(to, 'raw-reconnect.ts', ['fetch', host, PORT])
  await said(client, 'ready', PATIENCE_MS)
  await sleep(SHORT_MS)
  const up = performance.now()
  await to.plug(true)
  await said(client, 'tries', PATIENCE_MS)
  const tookMs = performance.now() - up
  await server.stop()
  return tookMs
}
