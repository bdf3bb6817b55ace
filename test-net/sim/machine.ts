/**
 * One simulated machine: a person's device with a disk, a clock and a switch. What runs on it is what runs on
 * a real node, put together by `node/compose/carriage.ts`; only libp2p is missing, whose place `network.ts` takes.
 *
 * A power cut ends everything between two promises: disk, clock and links of this run answer no more, so what
 * was running waits for ever and is collected as garbage. The next start finds what the disk has kept.
 */
import type { MessageView } from '#mesh/conversations'
import { cardUri } from '#mesh/identity'
import type { Address, DeviceId, EnvelopeId, PersonId } from '#mesh/ids'
import type { Link, Log, LogFields } from '#mesh/ports'
import { spawn } from '#mesh/runtime'
import { type StoreLimits, Sweeper } from '#mesh/store'
import type { Secrets } from '#node/keystore'
import { Bans } from '../../node/compose/bans.ts'
import { type Carriage, openCarriage } from '../../node/compose/carriage.ts'
import { Disk, type DiskFailure } from './disk.ts'
import { drawIdentity } from './identity.ts'
import type { MachineDeps, MachineOptions } from './machine-deps.ts'
import { type ClockFault, NodeClock, START_MS } from './node-clock.ts'

/** From one start to the next power cut. */
interface Run {
  readonly clock: NodeClock
  readonly bans: Bans
  carriage: Carriage | undefined
  links: number
}

/** From a request to its acceptance, ms. */
const ACCEPTED_AFTER_MS: readonly [number, number] = [10_000, 1_800_000]
/** After a jump by more than this, ms, a store waits for as long before it lets anything expire. */
const DAY_MS = 86_400_000
/** A node that could not start is started again by whoever watches over it, ms. */
const RESTART_MS = 10_000

/** See the head of this file. */
export class Machine {
  readonly index: number
  readonly name: string
  readonly secrets: Secrets
  readonly device: DeviceId
  /** The address of the person's inbox. */
  readonly inbox: Address
  /** The card link that others add. */
  readonly uri: string
  readonly disk: Disk
  readonly limits: StoreLimits
  /** Between two sweeps of the store, ms. */
  readonly sweepMs: number
  /** People this person adds as contacts. */
  readonly friends: Machine[] = []
  /** Those of them whose card this person has not: they write first, and are accepted. */
  readonly accepts = new Set<PersonId>()
  readonly #deps: MachineDeps
  readonly #options: MachineOptions
  #fault: ClockFault
  #run: Run | undefined
  #starts = 0
  /** When something last happened to the machine that its store needs time to get over, virtual ms. */
  disturbedMs = 0
  /** How long it has been on, ms, without the time since its last start. */
  #upMs = 0
  #startedMs = 0

  constructor(deps: MachineDeps, options: MachineOptions) {
    const { crypto } = deps
    this.#deps = deps
    this.#options = options
    this.#fault = options.clock
    this.index = options.index
    this.name = options.name
    this.limits = options.limits
    this.sweepMs = options.sweepMs
    const { secrets, card } = drawIdentity(crypto, options.random.fork('keys'), options.name)
    this.secrets = secrets
    this.device = secrets.device
    this.inbox = card.inbox
    this.uri = cardUri(card)
    this.disk = new Disk(
      { scheduler: deps.scheduler, random: options.random.fork('disk'), onWrite: (bytes) => deps.observer.onWrite(this, bytes) },
      options.disk,
    )
  }

  /** The running parts; `undefined` while the machine is off or still starting. */
  get carriage(): Carriage | undefined {
    return this.#run?.carriage
  }

  get isOn(): boolean {
    return this.#run !== undefined
  }

  /** Switches the machine on; it can be dialled when it has read its disk. */
  powerOn(): void {
    if (this.#run !== undefined) return
    const { scheduler, journal, observer, onPower } = this.#deps
    const clock = new NodeClock(scheduler, this.#fault)
    const run: Run = { clock, bans: new Bans(clock), carriage: undefined, links: 0 }
    this.#run = run
    this.#starts++
    this.#startedMs = scheduler.nowMs
    this.disturbedMs = scheduler.nowMs
    journal.note(`on ${this.index}`)
    spawn(
      async () => {
        const carriage = await this.#open(run)
        run.carriage = carriage
        await clock.startTicker(() => carriage.exchange.start())
        observer.onStart(this)
        onPower(this, true)
        await this.#addFriends(carriage)
      },
      (error) => {
        if (this.#run !== run) return
        observer.onLogged(this, 'warn', 'the machine did not start', { error })
        this.powerCut()
        scheduler.in(RESTART_MS, () => this.powerOn())
      },
    )
  }

  /** The plug is pulled. */
  powerCut(): void {
    const run = this.#run
    if (run === undefined) return
    this.#deps.journal.note(`off ${this.index}`)
    this.#upMs = this.upMs
    this.#run = undefined
    run.clock.stop()
    this.disk.cut()
    this.#deps.onPower(this, false)
  }

  /** The wall clock is set right or wrong by `ms`, now and for later starts. */
  jumpClock(ms: number): void {
    this.#fault = { ...this.#fault, offsetMs: this.#fault.offsetMs + ms }
    this.#run?.clock.jump(ms)
    this.disturbedMs = this.#deps.scheduler.nowMs + (Math.abs(ms) >= DAY_MS ? DAY_MS : 0)
    this.#deps.journal.note(`clock ${this.index} ${ms}`)
  }

  /** From now on the disk fails, or works again. */
  failDisk(failure: DiskFailure | undefined): void {
    this.disk.setFailure(failure)
    this.disturbedMs = this.#deps.scheduler.nowMs
    this.#deps.journal.note(`disk ${this.index} ${failure ?? 'works'}`)
  }

  /** How long the machine has been on so far, ms. */
  get upMs(): number {
    return this.#upMs + (this.#run === undefined ? 0 : this.#deps.scheduler.nowMs - this.#startedMs)
  }

  /** By this machine's wall clock, ms since 1970; the true time while it is off. */
  get wallMs(): number {
    return this.#run?.clock.now() ?? START_MS + this.#deps.scheduler.nowMs
  }

  /** True when the other one is among this person's contacts. */
  knows(other: Machine): boolean {
    return this.#run?.carriage?.contacts.get(other.secrets.person.person)?.state === 'contact'
  }

  isBanned(device: DeviceId): boolean {
    return this.#run?.bans.has(device) ?? false
  }

  /** Runs the exchange on a link; resolves when it has ended, and never when the power went. */
  async attach(link: Link): Promise<void> {
    const run = this.#run
    if (run?.carriage === undefined) return
    const altered = this.#options.alterations.reduce((inner, { link: wrap }) => wrap?.(inner) ?? inner, link)
    run.clock.setLinks(++run.links)
    await run.carriage.exchange.attach(altered)
    run.clock.setLinks(--run.links)
    await link.close()
  }

  /** A frame leaves or arrives. */
  stir(): void {
    this.#run?.clock.stir()
  }

  /** Sends a text; resolves with the id when the node has acknowledged it, with `undefined` when it refused, and never when the power went. */
  async send(to: Machine, text: string): Promise<EnvelopeId | undefined> {
    const carriage = this.#run?.carriage
    const contact = carriage?.contacts.get(to.secrets.person.person)
    if (carriage === undefined || contact?.state !== 'contact') return undefined
    const run = this.#run
    try {
      const { id } = await carriage.conversations.send(contact, text)
      return run === this.#run ? id : undefined
    } catch (error) {
      this.#deps.observer.onLogged(this, 'warn', 'a message was refused', { error })
      return undefined
    }
  }

  /** A stick with what this machine carries, in pieces; `undefined` while it is off. @throws MeshError when it cannot be written */
  async exportBundle(): Promise<Uint8Array[] | undefined> {
    const bundle = await this.#run?.carriage?.bundles.export()
    if (bundle === undefined) return undefined
    const pieces: Uint8Array[] = []
    for await (const { bytes } of bundle.pieces) pieces.push(bytes.slice())
    return pieces
  }

  /** Reads a stick, unless the machine is off. @throws MeshError for one of which nothing can be read */
  async importBundle(chunks: AsyncIterable<Uint8Array>): Promise<void> {
    const { bundles } = this.#run?.carriage ?? {}
    if (bundles === undefined) return
    for await (const _progress of bundles.import(chunks));
    this.#deps.journal.note(`stick ${this.index}`)
  }

  /** What this person sees of the conversation with another one. */
  async log(other: Machine, limit: number): Promise<MessageView[]> {
    return (await this.#run?.carriage?.conversations.log(other.secrets.person.person, { limit })) ?? []
  }

  async #open(run: Run): Promise<Carriage> {
    const { crypto, observer, neighbours, scheduler } = this.#deps
    const { random, limits, alterations } = this.#options
    const { clock } = run
    const isCurrent = (): boolean => this.#run === run
    const carriage = await openCarriage({
      level: this.disk.level(),
      hasRoom: async () => this.disk.hasRoom,
      secrets: this.secrets,
      crypto: alterations.reduce((inner, { crypto: wrap }) => wrap?.(inner) ?? inner, crypto),
      random: random.fork(`run ${this.#starts}`),
      clock,
      log: this.#log(isCurrent),
      profile: 'pi',
      limits,
      hints: () => [],
      knownDevices: () => neighbours(this) + 1,
      onOffence: (peer, error) => {
        if (!isCurrent()) return
        run.bans.add(peer)
        observer.onOffence(this, peer, error)
      },
    })
    for (const { carriage: alter } of alterations) alter?.(carriage)
    carriage.db.subscribe((event) => {
      if (isCurrent()) observer.onEvent(this, event)
    })
    carriage.conversations.subscribe((event) => {
      if (!isCurrent()) return
      observer.onShown(this, event)
      if (event.kind === 'request') scheduler.in(random.between(ACCEPTED_AFTER_MS), () => this.#accept(run, event.contact.person))
    })
    const sweeper = new Sweeper({ clock, log: this.#log(isCurrent), removeExpired: (limit) => carriage.store.removeExpired(limit) }, { everyMs: this.sweepMs })
    await sweeper.start()
    await carriage.conversations.start()
    await carriage.encounterBook.start()
    return carriage
  }

  /** Adds whom this person knows; a crash or a full disk in between leaves it to the next start. */
  async #addFriends({ contacts, conversations }: Carriage): Promise<void> {
    for (const { secrets, uri, name } of this.friends) {
      const { person } = secrets.person
      const state = contacts.get(person)?.state
      if (state === 'contact' || (this.accepts.has(person) && state !== 'request')) continue
      try {
        await conversations.addContact(this.accepts.has(person) ? person : uri, name)
      } catch (error) {
        this.#deps.observer.onLogged(this, 'warn', 'a contact could not be added', { error })
      }
    }
  }

  /** The person has read that somebody wants to talk, unless the power went meanwhile. */
  #accept(run: Run, person: PersonId): void {
    const { carriage } = run
    if (this.#run !== run || carriage === undefined || !this.accepts.has(person)) return
    spawn(
      () => this.#addFriends(carriage),
      (error) => this.#deps.observer.onLogged(this, 'error', 'nobody was accepted', { error }),
    )
  }

  #log(isCurrent: () => boolean): Log {
    const { observer } = this.#deps
    const say =
      (level: 'warn' | 'error') =>
      (message: string, fields?: LogFields): void => {
        if (isCurrent()) observer.onLogged(this, level, message, fields)
      }
    return { debug() {}, info() {}, warn: say('warn'), error: say('error') }
  }
}
