/**
 * W6: what it costs to have ten neighbours who say nothing.
 *
 * Eleven real nodes on one LAN, each connected to all others, and nobody writes. One of them is measured, minute after
 * minute, once discovery has calmed down: processor time (in ticks of 10 ms), resident memory at the end of each
 * minute (nothing makes V8 collect), bytes that cross its interface both ways, with all headers and everybody's
 * multicasts.
 *
 * Baselines, in the same minutes: a node alone on a LAN; a bare Node that holds ten TCP connections with keep-alive.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { eventually, Person, withStreet } from '../checks/people.ts'
import type { NetLab, NodeSpace } from '../netns/index.ts'
import { type BenchOptions, figuresOf, type Report } from './figure.ts'
import { cpuMsOf, memoryMbOf, wireBytesOf } from './proc.ts'
import { said } from './programs.ts'

const RUNS = 3
const SECONDS = 60
const PEERS = 10
/** Discovery asks with pauses that grow to a minute; after this long, those that remain are long. */
const SETTLE_MS = 25_000
/** A dozen nodes start on two processors. */
const START_MS = 120_000
const PORT = 7_700
const MINUTE_MS = 60_000
/** As often as nodes ping each other, in ms. */
const KEEP_ALIVE_MS = 15_000
/** When the programs of the baseline end by themselves, in ms. */
const LIFE_MS = 1_800_000
const SERVE = `setTimeout(() => process.exit(1), ${LIFE_MS})
  const server = require('node:net').createServer((socket) => socket.setKeepAlive(true, ${KEEP_ALIVE_MS}).on('error', () => socket.destroy()))
  server.listen(${PORT}, '169.254.9.2', () => console.log('{"ready":1}'))`
const HOLD = `setTimeout(() => process.exit(1), ${LIFE_MS})
  let open = 0
  for (let i = 0; i < ${PEERS}; i++) {
    const socket = require('node:net').connect(${PORT}, '169.254.9.2', () => ++open === ${PEERS} && console.log('{"connections":${PEERS}}'))
    socket.setKeepAlive(true, ${KEEP_ALIVE_MS})
  }`

/** What is measured: a process and the interface that is its own. */
interface Subject {
  readonly pid: number | undefined
  readonly space: NodeSpace
}

/** What one subject took in one run; times and bytes for each minute. */
interface Cost {
  readonly cpuMs: number
  readonly rssMb: number
  readonly bytes: number
}

/** Runs the bench. */
export async function w6(report: Report, { runs = RUNS, seconds = SECONDS }: BenchOptions): Promise<void> {
  await withStreet('w6', async ({ lab, lan1, lan2, root }) => {
    const people = await Promise.all(Array.from({ length: PEERS + 1 }, async (_, i) => new Person(`n${i}`, await lab.addNode(`n${i}`), root)))
    const [first = new Person('nobody', await lab.addNode('nobody'), root)] = people
    for (const { space } of people) await space.join(lan1)
    const alone = new Person('alone', await lab.addNode('alone'), root)
    await alone.space.join(lan2)
    const raw = await holder(lab)
    await Promise.all([...people, alone].map((person) => person.up(START_MS)))
    await eventually('the first has all others', async () => ((await first.api.status()).peers >= PEERS ? true : undefined), START_MS)
    await sleep(SETTLE_MS)

    const subjects = [{ pid: first.node.process.pid, space: first.space }, { pid: alone.node.process.pid, space: alone.space }, raw]
    const costs: Cost[][] = []
    for (let i = 0; i < runs; i++) costs.push(await costsOf(subjects, seconds))
    const { peers } = await first.api.status()
    if (peers < PEERS) throw new Error(`only ${peers} peers were left in the end`)
    tell(report, costs)
    await Promise.all([...people, alone].map((person) => person.down()))
  })
}

function tell(report: Report, costs: ReadonlyArray<readonly Cost[]>): void {
  const of = (subject: number, key: keyof Cost): number[] => costs.map((run) => run[subject]?.[key] ?? Number.NaN)
  const figure = (metric: string, unit: string, key: keyof Cost): void => {
    const baselines = { 'the same node without peers': of(1, key), [`bare Node, ${PEERS} TCP connections`]: of(2, key) }
    for (const one of figuresOf({ bench: 'W6', metric: `${PEERS} idle peers: ${metric}`, unit, values: of(0, key), baselines })) report(one)
    const values = of(0, key).map((value, i) => (value - (of(1, key)[i] ?? Number.NaN)) / PEERS)
    for (const one of figuresOf({ bench: 'W6', metric: `each idle peer, above a node without peers: ${metric}`, unit, values })) report(one)
  }
  figure('CPU for each minute', 'ms', 'cpuMs')
  figure('RSS', 'MB', 'rssMb')
  figure('bytes for each minute, both ways', 'B', 'bytes')
}

async function costsOf(subjects: readonly Subject[], seconds: number): Promise<Cost[]> {
  const look = () => Promise.all(subjects.map(async ({ pid, space }) => ({ cpuMs: await cpuMsOf(pid), bytes: await bytesOf(space) })))
  const before = await look()
  const began = performance.now()
  await sleep(seconds * 1_000)
  const after = await look()
  const share = MINUTE_MS / (performance.now() - began)
  const rss = await Promise.all(subjects.map(({ pid }) => memoryMbOf(pid)))
  return after.map(({ cpuMs, bytes }, i) => ({
    cpuMs: (cpuMs - (before[i]?.cpuMs ?? Number.NaN)) * share,
    bytes: (bytes - (before[i]?.bytes ?? Number.NaN)) * share,
    rssMb: rss[i] ?? Number.NaN,
  }))
}

async function bytesOf(space: NodeSpace): Promise<number> {
  const { rx, tx } = await wireBytesOf(space, 'eth0')
  return rx + tx
}

/** A bare Node with connections to another one, on a LAN of their own; plain JavaScript, since what strips types takes memory. */
async function holder(lab: NetLab): Promise<Subject> {
  const lan = await lab.addLan('bare')
  const [space, other] = [await lab.addNode('holder'), await lab.addNode('other')]
  await space.join(lan, { ipv4: '169.254.9.1/24' })
  await other.join(lan, { ipv4: '169.254.9.2/24' })
  await said(other.start([process.execPath, '-e', SERVE]), 'ready', START_MS)
  const program = space.start([process.execPath, '-e', HOLD])
  await said(program, 'connections', START_MS)
  return { pid: program.pid, space }
}
