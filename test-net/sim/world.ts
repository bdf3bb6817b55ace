/** One run of a scenario: machines, links, people who write, faults, and the checks at the end. */
import { readFile } from 'node:fs/promises'
import type { Crypto } from '#mesh/ports'
import { limitsFor } from '#mesh/store'
import { fastestCrypto } from '#node/crypto'
import type { Alteration } from './alteration.ts'
import { auditEnd, auditStore } from './audit.ts'
import { startCouriers } from './couriers.ts'
import { fastCrypto } from './fast-crypto.ts'
import { drawClock, startFaults } from './faults.ts'
import { hostileAlteration, startDeeds } from './hostile.ts'
import { Journal } from './journal.ts'
import { Machine } from './machine.ts'
import type { MachineDeps } from './machine-deps.ts'
import { contactsOf } from './movement.ts'
import { Network } from './network.ts'
import { rememberingCrypto } from './remembering-crypto.ts'
import { HOSTILE_KINDS, type HostileKind, type Scenario } from './scenario.ts'
import { Scheduler } from './scheduler.ts'
import { Seeded } from './seeded.ts'
import { befriend, startWriting } from './traffic.ts'
import { type Failure, MARKER, type Sent, Witness } from './witness.ts'

/** Which signatures the nodes of a run make. */
export type CryptoKind = 'real' | 'fast'

/** What can be chosen beside the scenario. */
export interface RunOptions {
  /** Every honest machine runs this build instead of the good one. */
  readonly build?: Alteration
  /** Signatures on the curve, or simulated ones, which is the default: see `fast-crypto.ts`. */
  readonly crypto?: CryptoKind
  /** Hears every line of the journal. */
  readonly onLine?: (line: string) => void
}

/** A look at the whole, taken now and then. */
export interface Sample {
  readonly atMs: number
  readonly acknowledged: number
  readonly shown: number
  /** Copies of messages in all stores, their owners' included. */
  readonly copies: number
  readonly meanBytes: number
  readonly maxBytes: number
}

/** How it went. */
export interface Outcome {
  readonly seed: number
  /** Two runs with the same hash were the same. */
  readonly hash: string
  readonly failures: readonly Failure[]
  readonly failureCounts: ReadonlyMap<string, number>
  readonly nodeHours: number
  readonly cpuMs: number
  readonly counts: Witness['counts'] & { readonly acknowledged: number; readonly timers: number; readonly lines: number }
  readonly logged: ReadonlyMap<string, number>
  /** From writing to showing, ms, sorted. */
  readonly latenciesMs: readonly number[]
  readonly samples: readonly Sample[]
}

/** Looks at the whole in a run. */
const SAMPLES = 40
/** All meet one so many times at the end: messages come to him, go to their owners, and the receipts go the same way. */
const GATHERINGS = 4
/** Links that stand still for longer than this, ms, end sessions of honest nodes: some of it is spent on the frames before. */
const LONG_STALL_MS = 30_000
/** Machines are switched on within so long, ms. */
const BOOT_MS = 60_000

/** Runs a scenario. @throws Error when the simulator itself is wrong; what nodes do wrong is in the outcome */
export async function runScenario(scenario: Scenario, seed: number, options: RunOptions = {}): Promise<Outcome> {
  const startedCpu = process.cpuUsage()
  const real = await fastestCrypto()
  const world = new World(scenario, seed, options, options.crypto === 'real' ? rememberingCrypto(real) : fastCrypto(real))
  const trace = scenario.movement.kind === 'trace' ? await readFile(scenario.movement.file, 'utf8') : ''
  await world.run(trace)
  const { user, system } = process.cpuUsage(startedCpu)
  return world.outcome((user + system) / 1_000)
}

class World {
  readonly #scenario: Scenario
  readonly #seed: number
  readonly #random: Seeded
  readonly #scheduler = new Scheduler()
  readonly #journal: Journal
  readonly #network: Network
  readonly #witness: Witness
  readonly #machines: Machine[]
  readonly #hostile = new Set<Machine>()
  readonly #honest: Machine[]
  readonly #samples: Sample[] = []

  constructor(scenario: Scenario, seed: number, options: RunOptions, crypto: Crypto) {
    this.#scenario = scenario
    this.#seed = seed
    this.#random = new Seeded(`${scenario.name} ${seed}`)
    const scheduler = this.#scheduler
    const journal = new Journal(scheduler, options.onLine)
    this.#journal = journal
    const witness = new Witness({
      scheduler,
      journal,
      isHostile: (machine) => this.#hostile.has(machine),
      machineOf: (device) => network.machineOf(device),
      mayStall: scenario.links.stall[1] > LONG_STALL_MS,
    })
    this.#witness = witness
    const { links } = scenario
    const network: Network = new Network(
      {
        scheduler,
        journal,
        random: this.#random.fork('links'),
        onFrame: (from, to, frame) => witness.onFrame(from, to, frame),
        onFailure: (error) => witness.fail('internal', `a link could not be attached: ${String(error)}`),
      },
      {
        delayMs: links.delay,
        bytesPerMs: links.bandwidth,
        breaks: links.breaks,
        stalls: links.stalls,
        stallMs: links.stall,
        twins: links.twins,
        noticeMs: links.notice,
      },
    )
    this.#network = network
    this.#machines = this.#build(options, {
      scheduler,
      journal,
      crypto,
      observer: witness,
      neighbours: (machine) => network.neighbours(machine),
      onPower: (machine, isOn) => network.onPower(machine, isOn),
    })
    this.#honest = this.#machines.filter((machine) => !this.#hostile.has(machine))
  }

  async run(trace: string): Promise<void> {
    const { duration, settle, movement, nodes, traffic, couriers, faults } = this.#scenario
    const scheduler = this.#scheduler
    const random = this.#random
    const present = this.#present()
    befriend(this.#honest, traffic, random.fork('friends'), (first, other) => other.accepts.add(first.secrets.person.person))
    for (const machine of this.#machines) {
      if (present.has(machine)) scheduler.in(random.fork(`boot ${machine.index}`).unit() * BOOT_MS, () => machine.powerOn())
    }
    this.#move(contactsOf(movement, nodes, duration, random.fork('movement'), trace))
    const deps = { scheduler, random: random.fork('writing'), witness: this.#witness }
    startWriting(
      deps,
      this.#honest.filter((machine) => present.has(machine)),
      { ...traffic, untilMs: Math.min(traffic.until ?? duration, duration) },
    )
    const machines = [...present]
    if (couriers !== undefined) startCouriers({ scheduler, random: random.fork('couriers'), witness: this.#witness, machines }, couriers, duration)
    const repair = startFaults({ scheduler, random: random.fork('faults'), network: this.#network, machines }, faults, duration)
    for (let i = 1; i <= SAMPLES; i++) scheduler.at((duration * i) / SAMPLES, () => this.#look())
    await scheduler.runUntil(duration)
    repair()
    await this.#settle(
      machines.filter((machine) => !this.#hostile.has(machine)),
      settle,
    )
    this.#look()
    await this.#audit(machines.filter((machine) => !this.#hostile.has(machine)))
  }

  outcome(cpuMs: number): Outcome {
    const { failures, failureCounts, counts, sent, logged } = this.#witness
    const acknowledged = [...sent.values()].filter(({ id }) => id !== undefined)
    return {
      seed: this.#seed,
      hash: this.#journal.digest(),
      failures,
      failureCounts,
      nodeHours: this.#machines.reduce((sum, { upMs }) => sum + upMs, 0) / 3_600_000,
      cpuMs,
      counts: { ...counts, acknowledged: acknowledged.length, timers: this.#scheduler.fired, lines: this.#journal.count },
      logged,
      latenciesMs: acknowledged.flatMap(latencyOf).sort((a, b) => a - b),
      samples: this.#samples,
    }
  }

  #build(options: RunOptions, deps: MachineDeps): Machine[] {
    const { nodes, store, sync, faults } = this.#scenario
    const limits = limitsFor({
      maxBytes: store.maxBytes,
      maxEnvelopes: store.maxEnvelopes,
      maxTombstones: store.maxTombstones,
      retentionMs: store.retention,
      strangerShare: store.strangers,
    })
    const kinds = this.#hostileKinds()
    return Array.from({ length: nodes }, (_, index) => {
      const random = this.#random.fork(`machine ${index}`)
      const kind = kinds.get(index)
      const machine = new Machine(deps, {
        index,
        name: `${MARKER}-${index}`,
        random,
        clock: drawClock(faults.clocks, random.fork('clock')),
        disk: { syncMs: sync },
        limits,
        sweepMs: store.sweep,
        alterations: kind === undefined ? (options.build === undefined ? [] : [options.build]) : [hostileAlteration(kind, random.fork('deeds'))],
      })
      this.#network.add(machine)
      if (kind !== undefined) {
        this.#hostile.add(machine)
        const onFailure = (error: unknown): void => this.#witness.fail('simulator', `a hostile node failed: ${String(error)}`)
        startDeeds({ scheduler: deps.scheduler, crypto: deps.crypto, victims: () => this.#honest, onFailure }, machine, kind, random.fork('clocked deeds'))
      }
      return machine
    })
  }

  /** Which machines are hostile, by the seed: so they stand in other places in each run. */
  #hostileKinds(): Map<number, HostileKind> {
    const places = this.#random.fork('hostile').shuffled(Array.from({ length: this.#scenario.nodes }, (_, i) => i))
    const kinds = HOSTILE_KINDS.flatMap((kind) => new Array<HostileKind>(this.#scenario.hostile[kind] ?? 0).fill(kind))
    return new Map(kinds.flatMap((kind, i) => (places[i] === undefined ? [] : [[places[i], kind]])))
  }

  /** Everybody but those who are written to and never there. */
  #present(): Set<Machine> {
    const absent = new Set(this.#random.fork('absent').shuffled(this.#honest).slice(0, this.#scenario.traffic.absent))
    return new Set(this.#machines.filter((machine) => !absent.has(machine)))
  }

  #move(contacts: ReturnType<typeof contactsOf>): void {
    for (const { a, b, startMs, endMs } of contacts) {
      const [one, other] = [this.#machines[a], this.#machines[b]]
      if (one === undefined || other === undefined) continue
      this.#scheduler.at(startMs, () => this.#network.meet(one, other))
      this.#scheduler.at(endMs, () => this.#network.part(one, other))
    }
  }

  /**
   * Everybody is on and nothing fails; one meets all others in turn, several times, and whoever still waits for
   * a message meets its writer: the one in between may have no room. All meeting all would cost the square of it and tell the same.
   */
  async #settle(machines: readonly Machine[], settleMs: number): Promise<void> {
    const scheduler = this.#scheduler
    const [hub, ...others] = machines
    if (hub === undefined) return
    this.#journal.note('settling')
    this.#network.heal()
    for (const machine of this.#hostile) machine.powerCut()
    for (const machine of machines) machine.powerOn()
    const turnMs = settleMs / (others.length * (GATHERINGS + 1) + 1)
    await scheduler.runUntil(scheduler.nowMs + turnMs)
    const { counts } = this.#witness
    /** One round; true when somebody was shown something, whose receipt those who came before have not seen. */
    const gather = async (): Promise<boolean> => {
      const before = counts.shown
      for (const other of others) await this.#meet(hub, other, turnMs)
      return counts.shown !== before
    }
    let isNew = true
    for (let i = 0; i < GATHERINGS; i++) isNew = await gather()
    const waiting = [...this.#witness.sent.values()].filter(({ id, deliveredMs, to }) => id !== undefined && deliveredMs === undefined && machines.includes(to))
    const pairs = new Map(waiting.map(({ from, to }) => [`${from.index} ${to.index}`, [from, to] as const]))
    for (const [from, to] of pairs.values()) await this.#meet(from, to, turnMs)
    if (pairs.size > 0) for (let i = 0; i < 2; i++) isNew = await gather()
    for (let i = 0; isNew && i < GATHERINGS; i++) isNew = await gather()
  }

  async #meet(a: Machine, b: Machine, forMs: number): Promise<void> {
    this.#network.meet(a, b)
    await this.#scheduler.runUntil(this.#scheduler.nowMs + forMs)
    this.#network.part(a, b)
  }

  #audit(machines: readonly Machine[]): Promise<void> {
    return auditEnd(this.#witness, machines, { equal: this.#scenario.checks.equal })
  }

  #look(): void {
    const { nowMs } = this.#scheduler
    let copies = 0
    let maxBytes = 0
    let bytes = 0
    for (const machine of this.#honest) {
      const { carriage } = machine
      if (carriage === undefined) continue
      auditStore(this.#witness, machine, machine.wallMs, nowMs - machine.disturbedMs)
      for (const id of carriage.store.ids()) if (carriage.store.meta(id)?.kind === 'inbox') copies++
      const held = carriage.store.usage().bytes
      bytes += held
      maxBytes = Math.max(maxBytes, held)
    }
    const { sent, counts } = this.#witness
    let acknowledged = 0
    for (const { id } of sent.values()) if (id !== undefined) acknowledged++
    this.#samples.push({ atMs: nowMs, acknowledged, shown: counts.shown, copies, meanBytes: bytes / this.#honest.length, maxBytes })
  }
}

function latencyOf({ sentMs, shownMs }: Sent): number[] {
  return shownMs === undefined ? [] : [shownMs - sentMs]
}
