/**
 * W2: two nodes with 100,000 ids each, of which 1 % (500 on each side) are on one side only, find out which. Either
 * the differing ones lie anywhere in 30 days, or all in the newest; and once nothing differs. Messages are handed over
 * in memory: what is counted is their bytes and the processor time of each side, from id bytes to both differences.
 *
 * The side that begins has its symbols already, as a node does that keeps them; what making them costs is a figure of
 * its own. The side that answers begins with nothing but its ids. The baseline in the same run sends all ids, cut to
 * 8 bytes. Processor time is that of the whole process, garbage collector and compiler included. Three runs before the
 * five that count warm the compiler up; the very first one is reported as "first".
 */
import { randomBytes } from 'node:crypto'
import { ALL_DAYS, BATCH_ITEMS, encodeItems, Initiator, Responder, readItems, ScopeIndex } from '#mesh/sync/riblt'
import { median } from '../checks/people.ts'
import { w2Sessions } from './w2-sessions.ts'

/** One figure, as `npm run bench` prints it. */
interface W2Figure {
  readonly bench: string
  readonly metric: string
  readonly value: number
  readonly unit: string
  readonly baseline?: string
  readonly baselineValue?: number
  readonly ratio?: number
  readonly runs: number
}

const IDS = 100_000
const ONE_SIDED = 500
/** As many as the exchange will need, or a few more. */
const SYMBOLS = 1_500
const DAYS = 30
const WARM_UPS = 3
const RUNS = 5
const ID_BYTES = 32
const SHORT_BYTES = 8
const KEPT = ALL_DAYS.slice(0, DAYS)

type Shape = 'uniform' | 'newest' | 'equal'

/** The ids of one side, one after the other, and the day of each. */
interface Store {
  readonly ids: Uint8Array
  readonly days: Uint8Array
}

/** Figures of one run, by name; "list …" is that of the baseline. */
type Run = Record<string, number>

/** Runs the bench. @throws Error when a run finds anything but what differs */
export async function w2(report: (figure: W2Figure) => void): Promise<void> {
  for (const shape of ['uniform', 'newest', 'equal'] as const) {
    const first = oneRun(shape)
    for (let i = 1; i < WARM_UPS; i++) oneRun(shape)
    const runs = Array.from({ length: RUNS }, () => oneRun(shape))
    for (const metric of Object.keys(first)) {
      if (metric.startsWith('list ')) continue
      const value = median(runs.map((run) => run[metric] ?? 0))
      const unit = unitOf(metric)
      const plain = median(runs.map((run) => run[`list ${metric}`] ?? 0))
      const compared = first[`list ${metric}`] === undefined ? {} : { baseline: 'all ids, 8 bytes each', baselineValue: plain, ratio: value / plain }
      report({ bench: 'W2', metric: `${shape}: ${metric}`, value, unit, ...compared, runs: RUNS })
      if (metric.startsWith('CPU')) report({ bench: 'W2', metric: `${shape}: ${metric}, first`, value: first[metric] ?? 0, unit, runs: 1 })
    }
  }
  await w2Sessions(report)
}

function unitOf(metric: string): string {
  if (metric.startsWith('CPU')) return 'ms'
  return metric.startsWith('bytes') ? 'B' : metric
}

function oneRun(shape: Shape): Run {
  const [a, b] = twoStores(shape)
  const key = new Uint8Array(randomBytes(16))
  const begun = cpuMs()
  const ours = indexOf(key, a)
  const stream = ours.open(KEPT)
  stream.prepare(SYMBOLS)
  stream.close()
  const made = cpuMs() - begun
  const symbols = reconcile(ours, b, shape)
  return { ...symbols, 'CPU of making symbols anew': made, ...sendList(a, b, shape) }
}

/** One exchange by `mesh/sync/riblt`. */
function reconcile(ours: ScopeIndex, b: Store, shape: Shape): Run {
  const cpu = { a: 0, b: 0 }
  const bytes = { out: 0, back: 0 }
  let batches = 0
  let turns = 0
  const initiator = timed(cpu, 'a', () => new Initiator(ours, KEPT))
  const responder = new Responder({ indexFor: (key) => indexOf(key, b), days: KEPT })
  for (let message = timed(cpu, 'a', () => initiator.next()); message !== undefined; message = timed(cpu, 'a', () => initiator.next())) {
    const sent = message
    bytes.out += sent.length
    if (sent[0] === 5) batches++
    const answer = timed(cpu, 'b', () => responder.receive(sent))
    if (answer === undefined) continue
    turns++
    bytes.back += answer.length
    timed(cpu, 'a', () => initiator.receive(answer))
  }
  const { remoteOnly, localOnly } = responder.differences ?? { remoteOnly: new Int32Array(0), localOnly: new Int32Array(0) }
  assertFound(shape, remoteOnly.length / 2, localOnly.length / 2)
  const wants = timed(cpu, 'b', () => encodeItems(remoteOnly)).length
  const total = bytes.out + bytes.back
  return {
    bytes: total,
    'bytes from the one that begins': bytes.out,
    'bytes from the one that answers': bytes.back,
    'bytes with the wants': total + (shape === 'equal' ? 0 : wants),
    'CPU of the one that begins': cpu.a,
    'CPU of the one that answers': cpu.b,
    symbols: 64 * batches,
    'round trips': turns,
  }
}

/** The baseline: a sends all its ids, cut to 8 bytes, b compares. */
function sendList(a: Store, b: Store, shape: Shape): Run {
  const cpu = { a: 0, b: 0 }
  const messages = timed(cpu, 'a', () => {
    const pairs = shortIds(a)
    return Array.from({ length: Math.ceil(IDS / BATCH_ITEMS) }, (_, i) => encodeItems(pairs.subarray(2 * BATCH_ITEMS * i, 2 * BATCH_ITEMS * (i + 1))))
  })
  const found = timed(cpu, 'b', () => {
    const own = new Set(new BigInt64Array(shortIds(b).buffer))
    let remoteOnly = 0
    for (const message of messages) for (const item of new BigInt64Array(readItems(message).buffer)) if (!own.delete(item)) remoteOnly++
    return { remoteOnly, localOnly: own.size }
  })
  assertFound(shape, found.remoteOnly, found.localOnly)
  const bytes = messages.reduce((sum, message) => sum + message.length, 0)
  return {
    'list bytes': bytes,
    'list bytes with the wants': bytes + SHORT_BYTES * found.remoteOnly,
    'list CPU of the one that begins': cpu.a,
    'list CPU of the one that answers': cpu.b,
  }
}

function shortIds({ ids }: Store): Int32Array<ArrayBuffer> {
  const words = new Int32Array(ids.buffer, ids.byteOffset, ids.length / 4)
  const pairs = new Int32Array(2 * (ids.length / ID_BYTES))
  for (let row = 0; row < ids.length / ID_BYTES; row++) {
    pairs[2 * row] = words[(ID_BYTES / 4) * row] ?? 0
    pairs[2 * row + 1] = words[(ID_BYTES / 4) * row + 1] ?? 0
  }
  return pairs
}

function indexOf(key: Uint8Array, { ids, days }: Store): ScopeIndex {
  const index = new ScopeIndex(key, Math.ceil((1.05 * IDS) / DAYS))
  for (let row = 0; row < days.length; row++) index.add(days[row] ?? 0, ids, ID_BYTES * row, ID_BYTES * (row + 1))
  return index
}

/** Ids by age, the newest last; those of one side only are spread over all of them, or are the newest. */
function twoStores(shape: Shape): [a: Store, b: Store] {
  const stores = [0, 1].map(() => ({ ids: new Uint8Array(ID_BYTES * IDS), days: Uint8Array.from({ length: IDS }, (_, row) => (row * DAYS) / IDS) }))
  const shared = randomBytes(ID_BYTES * IDS)
  const isOneSided = (row: number): boolean => (shape === 'equal' ? false : shape === 'newest' ? row >= IDS - ONE_SIDED : row % (IDS / ONE_SIDED) === 0)
  for (const { ids } of stores) {
    ids.set(shared)
    for (let row = 0; row < IDS; row++) if (isOneSided(row)) ids.set(randomBytes(ID_BYTES), ID_BYTES * row)
  }
  const [a, b] = stores
  if (a === undefined || b === undefined) throw new Error('two stores were made')
  return [a, b]
}

function assertFound(shape: Shape, remoteOnly: number, localOnly: number): void {
  const expected = shape === 'equal' ? 0 : ONE_SIDED
  if (remoteOnly !== expected || localOnly !== expected) throw new Error(`found ${remoteOnly} and ${localOnly} instead of ${expected}`)
}

function timed<T>(cpu: { a: number; b: number }, side: 'a' | 'b', work: () => T): T {
  const begun = cpuMs()
  const result = work()
  cpu[side] += cpuMs() - begun
  return result
}

function cpuMs(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1_000
}
