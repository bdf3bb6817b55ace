/** The nodes of a scenario as real processes, and what happens to them. */
import type { ControlClient, MessageInfo } from '#node/control'
import type { Scenario } from '../../sim/scenario.ts'
import { Seeded } from '../../sim/seeded.ts'
import { MARKER } from '../../sim/witness.ts'
import type { NetLab } from '../index.ts'
import { Air } from './air.ts'
import type { Failure, Told, Written } from './checks.ts'
import { readableIn } from './leaks.ts'
import type { Plan, Timed } from './plan.ts'
import { Reach } from './reach.ts'
import { Resident } from './resident.ts'
import { Volume } from './volume.ts'

/** What a village is made of. */
export interface VillageOptions {
  readonly scenario: Scenario
  readonly plan: Plan
  readonly seed: number
  /** Folder of all data directories. */
  readonly root: string
  /** Seconds of the scenario for each real second. */
  readonly speed: number
  /** Hears what happens. */
  readonly onLine: (line: string) => void
}

/** Nodes that start at the same time: more only wait for each other on two processors. */
const STARTS_AT_ONCE = 3
/** Until somebody accepts a request, real ms at most. */
const ACCEPTED_WITHIN_MS = 3_000
/** Until all is delivered when nothing fails any more, real ms: a link is dialled again after a minute at the latest. */
const SETTLE_PATIENCE_MS = 150_000
const LOOK_EVERY_MS = 250
/** Messages of one conversation that a log is asked for: its limit. */
const LOG_LIMIT = 10_000

/** See the head of this file. */
export class Village {
  readonly written: Written[] = []
  /** What went wrong while it lasted. */
  readonly failures: Failure[] = []
  /** Writes that were not acknowledged: no promise. */
  refused = 0
  readonly residents: readonly Resident[]
  readonly #options: VillageOptions
  readonly #air: Air
  readonly #reach = new Reach()
  readonly #busy = new Set<Promise<void>>()
  readonly #accepts: Seeded
  /** By node; where disks do not fail there are none. */
  readonly #volumes = new Map<number, Volume>()
  readonly #startedMs = performance.now()

  private constructor(options: VillageOptions, lab: { spaces: ConstructorParameters<typeof Resident>[1][]; air: Air }) {
    this.#options = options
    this.#air = lab.air
    this.#accepts = new Seeded(`${options.scenario.name} ${options.seed}`).fork('accepts')
    this.residents = lab.spaces.map(
      (space, index) =>
        new Resident(index, space, options.root, {
          onDeath: (resident, how) => this.#onDeath(resident, `ended by itself: ${how}`),
          onRequest: (resident, person) => this.#accept(resident, person),
        }),
    )
  }

  /** Makes namespaces and links; nothing runs yet. */
  static async create(lab: NetLab, options: VillageOptions): Promise<Village> {
    const { scenario, plan, seed } = options
    const spaces = await Promise.all(Array.from({ length: plan.nodes }, (_, i) => lab.addNode(`n${i}`)))
    const rates = new Seeded(`${scenario.name} ${seed}`).fork('rates')
    const bytesPerS = spaces.map(() => rates.between(scenario.links.bandwidth) * 1_000)
    return new Village(options, { spaces, air: await Air.create(lab, spaces, { loss: scenario.real.loss, bytesPerS }) })
  }

  /** Starts everybody, and exchanges cards by hand. Who is never there is switched off again. */
  async open(): Promise<void> {
    const { plan } = this.#options
    const mayBeFull = new Set(plan.actions.flatMap((action) => (action.kind === 'full' ? [action.node] : [])))
    for (const { index, folder } of this.residents) {
      if (mayBeFull.has(index)) this.#volumes.set(index, await Volume.mount(folder))
    }
    const waiting = [...this.residents]
    const starter = async (): Promise<void> => {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) await next.up()
    }
    await Promise.all(Array.from({ length: STARTS_AT_ONCE }, starter))
    const cards = await Promise.all(this.residents.map((resident) => apiOf(resident).contactCard({})))
    for (const { a, b, isRequest } of plan.friendships) {
      await this.#add(a, b, cards)
      if (!isRequest) await this.#add(b, a, cards)
    }
    await Promise.all([...plan.absent].map((index) => this.#resident(index).stop()))
    this.#tell(`${plan.nodes} nodes run`)
  }

  /** Lets the plan happen. */
  async live(): Promise<void> {
    const { plan, speed } = this.#options
    const beginMs = performance.now()
    for (const action of plan.actions) {
      const waitMs = beginMs + action.atMs / speed - performance.now()
      if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs))
      await this.#do(action)
    }
    const leftMs = beginMs + this.#options.scenario.duration / speed - performance.now()
    if (leftMs > 0) await new Promise((resolve) => setTimeout(resolve, leftMs))
    await Promise.all(this.#busy)
  }

  /** Ends faults, switches everybody on, and waits until what has to arrive is known to have arrived, or for long enough. */
  async settle(mustArrive: (written: Written) => boolean): Promise<void> {
    const { plan } = this.#options
    await this.#air.change(this.#reach.settle(plan.settlePairs))
    for (const volume of this.#volumes.values()) await volume.free()
    const present = this.residents.filter(({ index }) => !plan.absent.has(index))
    await Promise.all(present.map((resident) => this.#switchOn(resident)))
    this.#tell('settling')
    const deadline = performance.now() + SETTLE_PATIENCE_MS
    while ((await this.#waiting(mustArrive)) > 0 && performance.now() < deadline) await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS))
    this.#tell(`settled, ${await this.#waiting(mustArrive)} wait`)
  }

  /** Asks all nodes what they have, and ends them. */
  async close(): Promise<Told[]> {
    return Promise.all(this.residents.map((resident) => this.#ask(resident)))
  }

  /** Leaves nothing behind but folders, also when a run broke; can be called twice. */
  async abandon(): Promise<void> {
    for (const [index, volume] of this.#volumes) {
      await this.#resident(index).kill()
      await volume.unmount()
    }
  }

  async #ask(resident: Resident): Promise<Told> {
    const { index, api, data } = resident
    const logs = new Map<number, MessageInfo[]>()
    let store: Told['store']
    let isAlive = this.#options.plan.absent.has(index)
    try {
      if (api !== undefined) {
        const known = new Set((await api.contactList()).map(({ person }) => person))
        const others = this.residents.filter(({ person }) => known.has(person))
        for (const other of others) logs.set(other.index, await api.log({ to: other.person, limit: LOG_LIMIT }))
        store = (await api.status()).store
        isAlive = resident.isRunning
      }
    } catch (error) {
      this.#fail('off', `${resident.name} does not answer at the end: ${String(error)}`)
    }
    await resident.stop()
    await this.#volumes.get(index)?.unmount()
    return { index, isAlive, lives: resident.lives, logs, shown: resident.shown, store, readable: await readableIn(data, MARKER) }
  }

  async #do(action: Timed): Promise<void> {
    switch (action.kind) {
      case 'meet':
      case 'part':
      case 'halves': {
        const change = this.#reach.apply(action)
        if (change.added.length + change.removed.length > 0) this.#tell(`${action.kind}: ${change.added.length} pairs more, ${change.removed.length} less`)
        return this.#air.change(change)
      }
      case 'cut':
        this.#tell(`cut n${action.node}`)
        return this.#later(this.#resident(action.node).kill())
      case 'restore':
        return this.#later(this.#switchOn(this.#resident(action.node)))
      case 'full':
        this.#tell(`disk full n${action.node}`)
        return this.#volumes.get(action.node)?.fill()
      case 'free':
        this.#tell(`disk free n${action.node}`)
        await this.#volumes.get(action.node)?.free()
        return this.#later(this.#switchOn(this.#resident(action.node), 'revive'))
      case 'write':
        return this.#later(this.#write(action.from, action.to, action.text))
    }
  }

  /** What takes a while goes on beside the plan; it never rejects. */
  #later(work: Promise<void>): void {
    const done = work.catch((error: unknown) => this.#fail('internal', String(error))).finally(() => this.#busy.delete(done))
    this.#busy.add(done)
  }

  async #switchOn(resident: Resident, how: 'up' | 'revive' = 'up'): Promise<void> {
    try {
      await resident[how]()
    } catch (error) {
      this.#onDeath(resident, `does not start: ${String(error)}`)
    }
  }

  /** Who has a full disk may end, and is started again when there is room; nobody else may. */
  #onDeath(resident: Resident, how: string): void {
    const volume = this.#volumes.get(resident.index)
    if (volume?.isTight !== true) {
      this.#fail('off', `${resident.name} ${how}`)
      return
    }
    this.#tell(`${resident.name}, whose disk is full, ${how}`)
    if (!volume.isFull) this.#later(this.#switchOn(resident, 'revive'))
  }

  /** Who is off does not write; what is not acknowledged was promised to nobody. */
  async #write(from: number, to: number, text: string): Promise<void> {
    const { api } = this.#resident(from)
    if (api === undefined) return
    try {
      const { id } = await api.send({ to: this.#resident(to).person, text })
      this.written.push({ id, from, to, text })
    } catch (error) {
      this.refused += 1
      this.#tell(`n${from} did not get rid of a message: ${String(error)}`)
    }
  }

  /** How many messages that must arrive are not known to have; who does not answer counts as one. */
  async #waiting(mustArrive: (written: Written) => boolean): Promise<number> {
    const expected = new Set(this.written.filter(mustArrive).map(({ id }) => id))
    const waiting = this.residents.map(async ({ api, name }) => {
      try {
        return ((await api?.outbox()) ?? []).filter(({ id }) => expected.has(id)).length
      } catch (error) {
        this.#tell(`${name} does not say what waits: ${String(error)}`)
        return 1
      }
    })
    return (await Promise.all(waiting)).reduce((sum, count) => sum + count, 0)
  }

  async #add(to: number, whom: number, cards: readonly { card: string }[]): Promise<void> {
    await apiOf(this.#resident(to)).contactAdd({ card: cards[whom]?.card ?? '', as: this.#resident(whom).name })
  }

  #accept(resident: Resident, person: string): void {
    const other = this.residents.find((one) => one.person === person)
    if (other === undefined) {
      this.#fail('not-written', `${resident.name} is asked by ${person}, whom nobody knows`)
      return
    }
    const accept = async (): Promise<void> => {
      await new Promise((resolve) => setTimeout(resolve, this.#accepts.unit() * ACCEPTED_WITHIN_MS))
      await resident.api?.contactAdd({ card: person, as: other.name })
    }
    this.#later(accept().catch((error: unknown) => this.#tell(`${resident.name} could not accept ${other.name} before its power failed: ${String(error)}`)))
  }

  #resident(index: number): Resident {
    const resident = this.residents[index]
    if (resident === undefined) throw new Error(`there is no node ${index}`)
    return resident
  }

  #fail(check: string, what: string): void {
    this.failures.push({ check, what })
    this.#tell(`FAILED ${check}: ${what}`)
  }

  #tell(line: string): void {
    this.#options.onLine(`${((performance.now() - this.#startedMs) / 1_000).toFixed(1)} s  ${line}`)
  }
}

function apiOf({ api, name }: Resident): ControlClient {
  if (api === undefined) throw new Error(`${name} is not running`)
  return api
}
