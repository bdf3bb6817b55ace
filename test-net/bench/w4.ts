/**
 * W4: a line A–C–D–B of real nodes, each link a LAN of its own; A and B never meet.
 *
 * *One message*: 100 texts of 300 characters, one after the other, each from the call of `send` on A to B's `watch`.
 * *Together*: 1,000 more, 64 at a time, from the first `send` to the last shown. *Bytes*: what crossed each link, both
 * ways, with all headers, from that first `send` until A has them all as delivered, for each of the 1,000: envelopes,
 * offers, custody receipts on their way back, B's receipts, and the multicasts of those seconds.
 *
 * Baseline: in the same namespaces, over the same links, TCP connections of bare `node:net` that store a whole frame
 * and pass it on; nothing is encrypted, signed, kept or acknowledged.
 */
import { eventually, introduce, Person, withStreet } from '../checks/people.ts'
import type { NodeSpace } from '../netns/index.ts'
import { Arrivals, spreadOf } from './arrivals.ts'
import { type BenchOptions, figuresOf, type Report } from './figure.ts'
import { wireBytesOf } from './proc.ts'
import { said, startProgram } from './programs.ts'

const RUNS = 5
const SINGLES = 100
const BATCH = 1_000
const AT_A_TIME = 64
const TEXT_CHARACTERS = 300
const PATIENCE_MS = 120_000
const PORT = 7_700
const LINKS = ['A–C', 'C–D', 'D–B'] as const

/** What one run found, of the nodes or of their baseline. */
interface Run {
  readonly p50: number
  readonly p99: number
  readonly perSecond: number
  /** For each message, by link. */
  readonly bytes: readonly number[]
}

/** The four places, and the interface of each that leads back to A (or, for A, on to C). */
interface Line {
  readonly a: NodeSpace
  readonly c: NodeSpace
  readonly d: NodeSpace
  readonly b: NodeSpace
}

/** Runs the bench. */
export async function w4(report: Report, { runs = RUNS }: BenchOptions): Promise<void> {
  const [ours, raw]: [Run[], Run[]] = [[], []]
  for (let i = 0; i < runs; i++) {
    await withStreet('w4', async ({ lab, lan1, lan2, root }) => {
      const lan3 = await lab.addLan('three')
      const line = { a: await lab.addNode('a'), c: await lab.addNode('c'), d: await lab.addNode('d'), b: await lab.addNode('b') }
      await line.a.join(lan1, { ipv4: '169.254.1.1/24' })
      await line.c.join(lan1, { ipv4: '169.254.1.2/24' })
      await line.c.join(lan2, { interface: 'eth1', ipv4: '169.254.2.1/24' })
      await line.d.join(lan2, { ipv4: '169.254.2.2/24' })
      await line.d.join(lan3, { interface: 'eth1', ipv4: '169.254.3.1/24' })
      await line.b.join(lan3, { ipv4: '169.254.3.2/24' })
      ours.push(await nodes(line, root))
      raw.push(await chain(line))
    })
  }
  const figure = (metric: string, unit: string, of: (run: Run) => number | undefined): void => {
    const valuesOf = (some: readonly Run[]): number[] => some.map((run) => of(run) ?? Number.NaN)
    const baselines = { 'node:net, framed copies': valuesOf(raw) }
    for (const one of figuresOf({ bench: 'W4', metric, unit, values: valuesOf(ours), baselines })) report(one)
  }
  figure(`one message over three hops, p50 of ${SINGLES}`, 'ms', ({ p50 }) => p50)
  figure(`one message over three hops, p99 of ${SINGLES}`, 'ms', ({ p99 }) => p99)
  figure(`${BATCH} messages over three hops`, 'messages/s', ({ perSecond }) => perSecond)
  LINKS.forEach((link, at) => {
    figure(`bytes for each message on ${link}, both ways`, 'B', ({ bytes }) => bytes[at])
  })
}

async function nodes(line: Line, root: string): Promise<Run> {
  const [a, b] = [new Person('a', line.a, root), new Person('b', line.b, root)]
  const carriers = [new Person('c', line.c, root), new Person('d', line.d, root)]
  await Promise.all([a, ...carriers, b].map((person) => person.up()))
  await introduce(a, b)
  await a.api.send({ to: 'b', text: 'the first carries the card' })
  await isDelivered(a)
  const arrivals = new Arrivals(b)
  const times: number[] = []
  for (let i = 0; i < SINGLES; i++) {
    const began = performance.now()
    await a.api.send({ to: 'b', text: textNo(i) })
    times.push((await arrivals.shown(textNo(i), PATIENCE_MS)) - began)
  }
  await isDelivered(a)
  arrivals.clear()
  const before = await bytesOf(line)
  const began = performance.now()
  let next = SINGLES
  const write = async (): Promise<void> => {
    while (next < SINGLES + BATCH) await a.api.send({ to: 'b', text: textNo(next++) })
  }
  await Promise.all(Array.from({ length: AT_A_TIME }, write))
  const last = await arrivals.countShown(BATCH, PATIENCE_MS)
  await isDelivered(a)
  const after = await bytesOf(line)
  await arrivals.stop()
  await Promise.all([a, ...carriers, b].map((person) => person.down()))
  return { ...spreadOf(times), perSecond: (BATCH * 1_000) / (last - began), bytes: perMessage(before, after) }
}

async function chain(line: Line): Promise<Run> {
  const sink = startProgram(line.b, 'raw-chain.ts', ['sink', '169.254.3.2', PORT])
  await said(sink, 'ready', PATIENCE_MS)
  const d = startProgram(line.d, 'raw-chain.ts', ['relay', '169.254.2.2', PORT, '169.254.3.2', PORT])
  await said(d, 'ready', PATIENCE_MS)
  const c = startProgram(line.c, 'raw-chain.ts', ['relay', '169.254.1.2', PORT, '169.254.2.2', PORT])
  await said(c, 'ready', PATIENCE_MS)
  const source = startProgram(line.a, 'raw-chain.ts', ['source', '169.254.1.2', PORT, SINGLES, BATCH])
  const singles = await said(sink, 'p50Ms', PATIENCE_MS)
  const before = await bytesOf(line)
  const batch = await said(sink, 'p50Ms', PATIENCE_MS, sink.lines.length)
  const after = await bytesOf(line)
  await Promise.all([source, c, d, sink].map((program) => program.stop()))
  const { p50Ms: p50 = Number.NaN, p99Ms: p99 = Number.NaN } = singles
  return { p50, p99, perSecond: BATCH / (batch['seconds'] ?? Number.NaN), bytes: perMessage(before, after) }
}

/** Bytes so far on each link. */
async function bytesOf(line: Line): Promise<number[]> {
  const ends: ReadonlyArray<readonly [NodeSpace, string]> = [
    [line.c, 'eth0'],
    [line.c, 'eth1'],
    [line.b, 'eth0'],
  ]
  return Promise.all(
    ends.map(async ([space, device]) => {
      const { rx, tx } = await wireBytesOf(space, device)
      return rx + tx
    }),
  )
}

function perMessage(before: readonly number[], after: readonly number[]): number[] {
  return after.map((bytes, at) => (bytes - (before[at] ?? Number.NaN)) / BATCH)
}

async function isDelivered(a: Person): Promise<void> {
  await eventually('A has everything as delivered', async () => ((await a.api.outbox()).length === 0 ? true : undefined), PATIENCE_MS)
}

function textNo(i: number): string {
  return `message ${i} `.padEnd(TEXT_CHARACTERS, 'x')
}
