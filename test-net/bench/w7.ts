/**
 * W7: how many messages arrive among people who carry them about, and how many others have to carry each.
 *
 * The contacts are those of 41 people at Infocom 2005 (Haggle trace, `$QPQ_VECTORS/traces/infocom05.dat`), the
 * first 24 hours. Messages are written by random people to random others during the first 21 hours. The plan is
 * that of `mesh/routing`, with its encounters; links are as fast as needed, so that routing alone counts. A
 * message that is handed to somebody else than its receiver has one relay more. Receipts travel to everybody met.
 *
 * Baselines in the same run: everybody carries everything (the oracle: no routing can deliver more), the same
 * with 50 places for the messages of others, only direct meetings, binary spray and wait.
 */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { INITIAL_COPIES } from '#mesh/envelope'
import { type Address, addressOf, type DeviceId, deviceIdOf, type EnvelopeId, envelopeIdOf } from '#mesh/ids'
import type { Clock } from '#mesh/ports'
import { BestSeen, Encounters, planFor } from '#mesh/routing'
import { type Contact, contactsOf } from '../sim/movement.ts'
import { Seeded } from '../sim/seeded.ts'

const PEOPLE = 41
const HOUR_MS = 3_600_000
const WINDOW_MS = 24 * HOUR_MS
const WRITTEN_UNTIL_MS = 21 * HOUR_MS
/** Routing was tuned on other seeds than these. */
const SEEDS = [101, 102, 103, 104, 105]
const START_MS = Date.UTC(2026, 0, 1)
/** Messages of a run, and places for those of others; with many messages places are short. */
const WORKLOADS = [
  { name: 'unlimited buffers', messages: 500, places: Number.POSITIVE_INFINITY },
  { name: '50-message buffers', messages: 1_000, places: 50 },
]

interface Message {
  readonly id: EnvelopeId
  readonly from: number
  readonly to: number
  readonly atMs: number
  deliveredMs: number | undefined
  relays: number
}

interface Copy {
  readonly message: Message
  readonly hops: number
  copies: number
  readonly arrivedFrom: DeviceId | undefined
  /** Who was given it, or gave it. */
  readonly given: Set<number>
}

interface Carrier {
  readonly index: number
  readonly device: DeviceId
  readonly inbox: Address
  readonly encounters: Encounters
  readonly best: BestSeen
  /** In the order in which they would end: the first goes first. */
  readonly copies: Map<Message, Copy>
  /** Copies of others' messages. */
  places: number
  readonly read: Set<Message>
  readonly near: Set<Carrier>
}

/** The copies that a peer gets; `undefined` for none. */
type Strategy = (a: Carrier, b: Carrier, copy: Copy, to: Carrier) => number | undefined

const STRATEGIES: Readonly<Record<string, Strategy>> = {
  qpq: planned,
  flooding: () => 1,
  'direct only': () => undefined,
  'spray and wait, 8 copies': (_a, _b, { copies }) => (copies > 1 ? Math.floor(copies / 2) : undefined),
}

interface Result {
  readonly delivered: number
  readonly relays: number
  readonly delayMs: number
}

type Report = (figure: {
  bench: string
  metric: string
  value: number
  unit: string
  baseline?: string
  baselineValue?: number
  ratio?: number
  runs: number
}) => void

/** Runs the bench; a sentence on the standard error when the trace is not there. */
export async function w7(report: Report): Promise<void> {
  const folder = process.env['QPQ_VECTORS']
  if (folder === undefined) {
    process.stderr.write('W7 needs the trace traces/infocom05.dat in the folder that QPQ_VECTORS names; it was left out\n')
    return
  }
  const contacts = merged(await traceOf(join(folder, 'traces', 'infocom05.dat')))
  for (const { name, messages, places } of WORKLOADS) {
    const of = (strategy: Strategy, room = places): Result => mean(SEEDS.map((seed) => run(contacts, strategy, { seed, messages, places: room })))
    const ours = of(planned)
    const others = Object.entries(STRATEGIES).filter(([, strategy]) => strategy !== planned)
    const baselines: [string, Result][] = [
      ['oracle', of(() => 1, Number.POSITIVE_INFINITY)],
      ...others.map(([baseline, strategy]): [string, Result] => [baseline, of(strategy)]),
    ]
    for (const [baseline, result] of baselines) {
      if (baseline === 'flooding' && places === Number.POSITIVE_INFINITY) continue // is the oracle
      const figure = (metric: string, unit: string, part: keyof Result): void => {
        const [value, baselineValue] = [ours[part], result[part]]
        report({
          bench: 'W7',
          metric: `${metric}, ${name}`,
          value,
          unit,
          baseline,
          baselineValue,
          ratio: baselineValue === 0 ? 0 : value / baselineValue,
          runs: SEEDS.length,
        })
      }
      figure('delivered in 24 h', '%', 'delivered')
      figure('relays for each delivery', 'relays', 'relays')
      figure('median delay', 'ms', 'delayMs')
    }
  }
}

/** What the node does: the peer takes what is offered to it, or only what it serves better. */
function planned(a: Carrier, b: Carrier, copy: Copy, to: Carrier): number | undefined {
  const { id } = copy.message
  const plan = planFor({
    meta: { kind: 'inbox', hops: copy.hops, copies: copy.copies, mayCross: true, own: false, mesh: '' },
    peer: b.device,
    peerOwns: false,
    arrivedFrom: copy.arrivedFrom,
    neighbours: Math.max(a.encounters.recent(), b.encounters.recent()) + 1,
    peerHasCustody: false,
    mesh: '',
    utility: Math.max(a.encounters.utilityFor(to.inbox), a.best.of(id, 0)),
  })
  if (plan.kind !== 'offer') return undefined
  const utility = b.encounters.utilityFor(to.inbox)
  if (utility < (plan.least ?? 0)) return undefined
  a.best.note(id, utility, a.encounters.utilityFor(to.inbox), 0)
  return plan.copies
}

function run(contacts: readonly Contact[], strategy: Strategy, options: { seed: number; messages: number; places: number }): Result {
  let nowMs = 0
  const clock: Pick<Clock, 'now'> = { now: () => START_MS + nowMs }
  const people = Array.from({ length: PEOPLE }, (_, i) => carrier(i, clock as Clock))
  const messages = written(options.seed, options.messages)
  const news: { at: Carrier; message: Message }[] = []

  const put = (at: Carrier, copy: Copy): void => {
    at.copies.set(copy.message, copy)
    news.push({ at, message: copy.message })
    if (copy.message.from !== at.index) at.places++
    for (const { message } of at.places > options.places ? at.copies.values() : []) {
      if (message.from === at.index) continue
      at.copies.delete(message)
      at.places--
      break
    }
  }
  const read = (at: Carrier, message: Message): void => {
    if (at.read.has(message)) return
    at.read.add(message)
    if (at.copies.delete(message) && message.from !== at.index) at.places--
    news.push({ at, message })
  }
  const give = (a: Carrier, b: Carrier, message: Message): void => {
    const copy = a.copies.get(message)
    if (a.read.has(message)) read(b, message)
    if (copy === undefined || b.read.has(message) || b.copies.has(message) || copy.given.has(b.index)) return
    if (message.to === b.index) {
      message.deliveredMs ??= nowMs
      read(b, message)
      return
    }
    const copies = strategy(a, b, copy, people[message.to] ?? b)
    if (copies === undefined) return
    message.relays++
    copy.copies = Math.max(1, copy.copies - copies)
    copy.given.add(b.index)
    put(b, { message, hops: copy.hops + 1, copies, arrivedFrom: a.device, given: new Set([a.index]) })
  }
  const tellAll = (a: Carrier, b: Carrier): void => {
    for (const message of [...a.read, ...a.copies.keys()]) give(a, b, message)
  }

  const events = [
    ...contacts.flatMap(({ a, b, startMs, endMs }) => [
      { atMs: startMs, act: () => pairOf(people, a, b, meet, tellAll) },
      { atMs: endMs, act: () => pairOf(people, a, b, part) },
    ]),
    ...messages.map((message) => ({
      atMs: message.atMs,
      act: () =>
        put(people[message.from] ?? carrier(0, clock as Clock), { message, hops: 0, copies: INITIAL_COPIES, arrivedFrom: undefined, given: new Set() }),
    })),
  ]
  for (const { atMs, act } of events.sort((x, y) => x.atMs - y.atMs)) {
    nowMs = atMs
    act()
    for (let first = news.pop(); first !== undefined; first = news.pop()) for (const other of first.at.near) give(first.at, other, first.message)
  }
  return resultOf(messages)
}

/** Each act in both directions, one after the other. */
function pairOf(people: readonly Carrier[], a: number, b: number, ...acts: ReadonlyArray<(one: Carrier, other: Carrier) => void>): void {
  const [one, other] = [people[a], people[b]]
  if (one === undefined || other === undefined) return
  for (const act of acts) {
    act(one, other)
    act(other, one)
  }
}

function meet(a: Carrier, b: Carrier): void {
  a.near.add(b)
  a.encounters.met([b.inbox])
}

function part(a: Carrier, b: Carrier): void {
  a.near.delete(b)
  a.encounters.parted([b.inbox])
}

function written(seed: number, count: number): Message[] {
  const random = new Seeded(`w7 ${seed}`)
  return Array.from({ length: count }, (_, i) => {
    const from = random.below(PEOPLE)
    const to = (from + 1 + random.below(PEOPLE - 1)) % PEOPLE
    return { id: envelopeIdOf(numbered(i, 32)), from, to, atMs: random.unit() * WRITTEN_UNTIL_MS, deliveredMs: undefined, relays: 0 }
  })
}

function carrier(i: number, clock: Clock): Carrier {
  const inbox = addressOf(numbered(i, 16))
  return {
    index: i,
    device: deviceIdOf(numbered(i, 32)),
    inbox,
    encounters: new Encounters(clock),
    best: new BestSeen(),
    copies: new Map(),
    places: 0,
    read: new Set(),
    near: new Set(),
  }
}

function numbered(i: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length)
  new DataView(bytes.buffer).setUint32(0, i)
  return bytes
}

function resultOf(messages: readonly Message[]): Result {
  const delays = messages.flatMap(({ atMs, deliveredMs }) => (deliveredMs === undefined ? [] : [deliveredMs - atMs])).sort((x, y) => x - y)
  const relays = messages.reduce((sum, message) => sum + message.relays, 0)
  return { delivered: (100 * delays.length) / messages.length, relays: relays / delays.length, delayMs: delays[Math.floor(delays.length / 2)] ?? 0 }
}

function mean(results: readonly Result[]): Result {
  const of = (part: keyof Result): number => results.reduce((sum, result) => sum + result[part], 0) / results.length
  return { delivered: of('delivered'), relays: of('relays'), delayMs: of('delayMs') }
}

/** People are those with numbers up to 41; the rest are strangers' phones that were seen in passing. */
async function traceOf(file: string): Promise<Contact[]> {
  const text = await readFile(file, 'utf8')
  const movement = { kind: 'trace', file, columns: 'a b start end', first: 1 } as const
  const contacts = contactsOf(movement, PEOPLE, Number.POSITIVE_INFINITY, new Seeded('w7'), text)
  const firstMs = contacts[0]?.startMs ?? 0
  return contacts.flatMap(({ a, b, startMs, endMs }) =>
    startMs - firstMs >= WINDOW_MS ? [] : [{ a, b, startMs: startMs - firstMs, endMs: Math.min(endMs - firstMs, WINDOW_MS) }],
  )
}

/** Contacts of one pair that overlap are one. */
function merged(contacts: readonly Contact[]): Contact[] {
  const last = new Map<string, Contact>()
  const whole: Contact[] = []
  for (const contact of contacts) {
    const [a, b] = [Math.min(contact.a, contact.b), Math.max(contact.a, contact.b)]
    const before = last.get(`${a} ${b}`)
    const isPart = before !== undefined && contact.startMs <= before.endMs
    const joined = { a, b, startMs: isPart ? before.startMs : contact.startMs, endMs: Math.max(contact.endMs, isPart ? before.endMs : 0) }
    if (isPart) whole.splice(whole.indexOf(before), 1)
    whole.push(joined)
    last.set(`${a} ${b}`, joined)
  }
  return whole
}
