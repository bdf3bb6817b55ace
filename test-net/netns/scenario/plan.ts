/**
 * What happens in a run, drawn from the seed before anything starts. The parts of the simulator draw it, with the
 * same numbers: who knows whom, who meets whom, who writes what, whose power fails and who is cut off are those of
 * the simulated run of the same seed.
 */
import { readFile } from 'node:fs/promises'
import { startFaults } from '../../sim/faults.ts'
import { type Contact, contactsOf } from '../../sim/movement.ts'
import type { Scenario } from '../../sim/scenario.ts'
import { Scheduler } from '../../sim/scheduler.ts'
import { Seeded } from '../../sim/seeded.ts'
import { befriend, everybodyWrites } from '../../sim/traffic.ts'
import { MARKER } from '../../sim/witness.ts'

/** One thing that happens. Nodes are numbers from 0 on. */
export type Action =
  | { readonly kind: 'meet' | 'part'; readonly a: number; readonly b: number }
  /** Who is not in the same half cannot reach each other; without halves everybody can again. */
  | { readonly kind: 'halves'; readonly halves: readonly boolean[] | undefined }
  /** `full`: nothing can be written to the node's disk, until it is `free` again. */
  | { readonly kind: 'cut' | 'restore' | 'full' | 'free'; readonly node: number }
  | { readonly kind: 'write'; readonly from: number; readonly to: number; readonly text: string }

/** What happens when, in ms of the scenario. */
export type Timed = Action & { readonly atMs: number }

/** Two people who know each other. */
export interface Friendship {
  readonly a: number
  readonly b: number
  /** Only `a` has the other's card; `b` accepts when the request has come. */
  readonly isRequest: boolean
}

/** A run before it happens. */
export interface Plan {
  readonly nodes: number
  readonly friendships: readonly Friendship[]
  /** Nodes that are written to and are never on. */
  readonly absent: ReadonlySet<number>
  /** By their time. */
  readonly actions: readonly Timed[]
  /** Pairs in reach of each other when the faults have ended: as at the end of the scenario when all are connected then, all of them otherwise. */
  readonly settlePairs: readonly (readonly [number, number])[]
}

/** What a machine is while a plan is drawn: somebody to whom things happen. */
class Drawn {
  readonly index: number
  readonly name: string
  readonly friends: Drawn[] = []
  readonly isOn = true
  readonly wallMs = 0
  readonly #note: (action: Action) => void
  #isFull = false

  constructor(index: number, note: (action: Action) => void) {
    this.index = index
    this.name = `${MARKER}-${index}` // what the machines of the simulator are called: their names are part of what is drawn
    this.#note = note
  }

  powerCut(): void {
    this.#note({ kind: 'cut', node: this.index })
  }

  powerOn(): void {
    this.#note({ kind: 'restore', node: this.index })
  }

  /** Disks that are full exist here, disks with errors do not; see `fit.ts`. */
  failDisk(failure: 'EIO' | 'ENOSPC' | undefined): void {
    const isFull = failure === 'ENOSPC'
    if (isFull !== this.#isFull) this.#note({ kind: isFull ? 'full' : 'free', node: this.index })
    this.#isFull = isFull
  }

  /** Not here; see `fit.ts`. */
  jumpClock(): void {}
}

/** Draws a run. @throws Error when a trace cannot be read */
export async function drawPlan(scenario: Scenario, seed: number): Promise<Plan> {
  const { nodes, duration, movement, traffic, faults } = scenario
  const random = new Seeded(`${scenario.name} ${seed}`)
  const scheduler = new Scheduler()
  const actions: Timed[] = []
  const note = (action: Action): void => {
    actions.push({ ...action, atMs: scheduler.nowMs })
  }
  const everybody = Array.from({ length: nodes }, (_, i) => new Drawn(i, note))
  const absent = new Set(random.fork('absent').shuffled(everybody).slice(0, traffic.absent))
  const present = everybody.filter((one) => !absent.has(one))
  const requests = new Set<string>()
  befriend(everybody, traffic, random.fork('friends'), (first, other) => requests.add(`${first.index} ${other.index}`))
  const trace = movement.kind === 'trace' ? await readFile(movement.file, 'utf8') : ''
  const contacts = contactsOf(movement, nodes, duration, random.fork('movement'), trace)
  for (const { a, b, startMs, endMs } of contacts) {
    scheduler.at(startMs, () => note({ kind: 'meet', a, b }))
    if (endMs < duration) scheduler.at(endMs, () => note({ kind: 'part', a, b }))
  }
  const write = (from: Drawn, to: Drawn, text: string): void => note({ kind: 'write', from: from.index, to: to.index, text })
  everybodyWrites({ scheduler, random: random.fork('writing'), write }, present, { ...traffic, untilMs: Math.min(traffic.until ?? duration, duration) })
  const halves = (isSevered: (a: Drawn, b: Drawn) => boolean): void => {
    const [first] = everybody
    const sides = everybody.map((one) => first !== undefined && isSevered(first, one))
    note({ kind: 'halves', halves: sides.includes(true) ? sides : undefined })
  }
  startFaults({ scheduler, random: random.fork('faults'), network: { setPartition: halves }, machines: present }, faults, duration)
  await scheduler.runUntil(duration)
  return {
    nodes,
    friendships: friendshipsOf(everybody, requests),
    absent: new Set([...absent].map(({ index }) => index)),
    actions,
    settlePairs: settlePairs(contacts, nodes, duration),
  }
}

function friendshipsOf(everybody: readonly Drawn[], requests: ReadonlySet<string>): Friendship[] {
  const pairs = everybody.flatMap(({ index, friends }) => friends.filter((other) => other.index > index).map((other) => [index, other.index] as const))
  return pairs.map(([one, other]) => {
    const [a, b] = requests.has(`${other} ${one}`) ? [other, one] : [one, other]
    return { a, b, isRequest: requests.has(`${a} ${b}`) }
  })
}

function settlePairs(contacts: readonly Contact[], nodes: number, durationMs: number): (readonly [number, number])[] {
  const last = contacts.filter(({ endMs }) => endMs >= durationMs).map(({ a, b }) => [a, b] as const)
  if (isConnected(last, nodes)) return last
  return Array.from({ length: nodes }, (_, a) => Array.from({ length: nodes - 1 - a }, (__, i) => [a, a + 1 + i] as const)).flat()
}

/** Whether everybody can be reached from everybody, over others. */
function isConnected(pairs: readonly (readonly [number, number])[], nodes: number): boolean {
  const reached = new Set([0])
  for (let before = 0; before < reached.size; ) {
    before = reached.size
    for (const [a, b] of pairs) {
      if (reached.has(a)) reached.add(b)
      if (reached.has(b)) reached.add(a)
    }
  }
  return reached.size === nodes
}
