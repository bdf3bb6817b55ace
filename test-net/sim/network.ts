/**
 * Who is linked with whom: in the place of discovery, dialling and the keeper of links of a real node. Two
 * machines in reach of each other have one link, opened again with growing pauses when it ends; links to
 * devices that broke the rules stay closed for a while. What is out of reach is noticed late.
 */
import { crc32 } from 'node:zlib'
import type { DeviceId } from '#mesh/ids'
import type { Journal } from './journal.ts'
import type { Machine } from './machine.ts'
import type { Scheduler, Timer } from './scheduler.ts'
import type { Seeded } from './seeded.ts'
import { makeWire, type Wire } from './wire.ts'

/** What links are like; each draws its own from these. */
export interface LinkOptions {
  /** One way, ms. */
  readonly delayMs: readonly [number, number]
  readonly bytesPerMs: readonly [number, number]
  /** Probability that a frame breaks its link. */
  readonly breaks: number
  /** Probability that a frame stands still for a while, and for how long, ms. */
  readonly stalls: number
  readonly stallMs: readonly [number, number]
  /** Probability that both sides dial at once, which gives two links for a while. */
  readonly twins: number
  /** Until somebody notices that the other side is gone, ms. */
  readonly noticeMs: readonly [number, number]
}

/** What a network needs. */
export interface NetworkDeps {
  readonly scheduler: Scheduler
  readonly journal: Journal
  readonly random: Seeded
  /** Sees every frame. */
  readonly onFrame: (from: Machine, to: Machine, frame: Uint8Array) => void
  /** Attaching a link threw, which it never should. */
  readonly onFailure: (error: unknown) => void
}

/** From "in reach" to an open link, ms: discovery, dialling, handshake. */
const DIAL_MS: readonly [number, number] = [20, 400]
/** First and longest pause before a link is opened again, as the keeper of links has them, ms. */
const RETRY_MIN_MS = 500
const RETRY_MAX_MS = 60_000
/** A link that lived so long starts again with the short pause, ms. */
const SETTLED_MS = 30_000

interface Pair {
  readonly machines: readonly [Machine, Machine]
  readonly random: Seeded
  /** How many contacts say that the two are in reach of each other now. */
  reach: number
  wires: Set<Wire>
  pauseMs: number
  dialling: Timer | undefined
}

/** See the head of this file. */
export class Network {
  readonly #deps: NetworkDeps
  #options: LinkOptions
  readonly #pairs = new Map<string, Pair>()
  readonly #pairsOf = new Map<Machine, Set<Pair>>()
  /** How many others each is linked with: asked for every envelope on every link. */
  readonly #linked = new Map<Machine, number>()
  readonly #byDevice = new Map<DeviceId, Machine>()
  #isSevered: (a: Machine, b: Machine) => boolean = () => false

  constructor(deps: NetworkDeps, options: LinkOptions) {
    this.#deps = deps
    this.#options = options
  }

  add(machine: Machine): void {
    this.#byDevice.set(machine.device, machine)
    this.#pairsOf.set(machine, new Set())
  }

  /** The machine behind a device. */
  machineOf(device: DeviceId): Machine | undefined {
    return this.#byDevice.get(device)
  }

  /** How many others this machine is linked with. */
  neighbours(machine: Machine): number {
    return this.#linked.get(machine) ?? 0
  }

  /** The two come into reach of each other; calls add up. */
  meet(a: Machine, b: Machine): void {
    const pair = this.#pair(a, b)
    if (++pair.reach > 1) return
    this.#deps.journal.note(`meet ${a.index} ${b.index}`)
    pair.pauseMs = RETRY_MIN_MS
    this.#dialSoon(pair, pair.random.between(DIAL_MS))
  }

  /** The two go out of reach. */
  part(a: Machine, b: Machine): void {
    const pair = this.#pair(a, b)
    if (--pair.reach > 0) return
    this.#deps.journal.note(`part ${a.index} ${b.index}`)
    this.#sever(pair)
  }

  /** Nothing passes between machines of which `isSevered` says so, from now on. */
  setPartition(isSevered: (a: Machine, b: Machine) => boolean): void {
    this.#isSevered = isSevered
    for (const pair of this.#pairs.values()) {
      if (isSevered(...pair.machines)) this.#sever(pair)
      else if (this.#canLink(pair) && pair.wires.size === 0) this.#dialSoon(pair, pair.random.between(DIAL_MS))
    }
  }

  /** Nobody is in reach of anybody for now, links are good from now on, and nothing is cut off. */
  heal(): void {
    this.#options = { ...this.#options, breaks: 0, stalls: 0, twins: 0 }
    this.#isSevered = () => false
    for (const pair of this.#pairs.values()) {
      pair.reach = 0
      this.#sever(pair)
    }
  }

  /** A machine can be reached from now on, or has lost its power. */
  onPower(machine: Machine, isOn: boolean): void {
    for (const pair of this.#pairsOf.get(machine) ?? []) {
      if (isOn) {
        pair.pauseMs = RETRY_MIN_MS
        this.#dialSoon(pair, pair.random.between(DIAL_MS))
        continue
      }
      for (const wire of pair.wires) wire.silence(pair.machines[0] === machine ? 0 : 1)
      this.#sever(pair)
    }
  }

  #pair(a: Machine, b: Machine): Pair {
    const [first, second] = a.index < b.index ? [a, b] : [b, a]
    const name = `${first.index} ${second.index}`
    let pair = this.#pairs.get(name)
    if (pair === undefined) {
      pair = { machines: [first, second], random: this.#deps.random.fork(name), reach: 0, wires: new Set(), pauseMs: RETRY_MIN_MS, dialling: undefined }
      this.#pairs.set(name, pair)
      for (const machine of pair.machines) this.#pairsOf.get(machine)?.add(pair)
    }
    return pair
  }

  #canLink({ machines: [a, b], reach }: Pair): boolean {
    return reach > 0 && a.carriage !== undefined && b.carriage !== undefined && !this.#isSevered(a, b)
  }

  #dialSoon(pair: Pair, ms: number): void {
    if (pair.dialling !== undefined) this.#deps.scheduler.cancel(pair.dialling)
    pair.dialling = this.#deps.scheduler.in(ms, () => {
      pair.dialling = undefined
      this.#dial(pair)
    })
  }

  #dial(pair: Pair): void {
    const [a, b] = pair.machines
    if (pair.wires.size > 0 || !this.#canLink(pair)) return
    if (a.isBanned(b.device) || b.isBanned(a.device)) {
      this.#retry(pair)
      return
    }
    const isTwin = pair.random.isTrue(this.#options.twins)
    this.#open(pair)
    if (isTwin) this.#open(pair)
  }

  #open(pair: Pair): void {
    const { scheduler, journal } = this.#deps
    const { machines, random } = pair
    const [a, b] = machines
    journal.note(`link ${a.index} ${b.index}`)
    const openedMs = scheduler.nowMs
    const wire = makeWire(
      { scheduler, onFrame: (from, to, frame) => this.#onFrame(pair, from, to, frame), onArrival: (to) => this.#byDevice.get(to)?.stir() },
      [a.device, b.device],
      { delayMs: random.between(this.#options.delayMs), bytesPerMs: random.between(this.#options.bytesPerMs) },
    )
    if (pair.wires.size === 0) this.#count(pair, 1)
    pair.wires.add(wire)
    const ended = Promise.all([a.attach(wire.ends[0]), b.attach(wire.ends[1])])
    ended.then(
      () => {
        if (!pair.wires.delete(wire)) return // cut, not ended
        journal.note(`end ${a.index} ${b.index}`)
        if (scheduler.nowMs - openedMs > SETTLED_MS) pair.pauseMs = RETRY_MIN_MS
        if (pair.wires.size > 0) return
        this.#count(pair, -1)
        this.#retry(pair)
      },
      (error: unknown) => this.#deps.onFailure(error),
    )
  }

  #retry(pair: Pair): void {
    pair.pauseMs = Math.min(2 * pair.pauseMs, RETRY_MAX_MS)
    this.#dialSoon(pair, pair.pauseMs * (0.5 + pair.random.unit()))
  }

  #sever(pair: Pair): void {
    if (pair.dialling !== undefined) this.#deps.scheduler.cancel(pair.dialling)
    pair.dialling = undefined
    for (const wire of pair.wires) wire.cut(pair.random.between(this.#options.noticeMs))
    if (pair.wires.size > 0) this.#count(pair, -1)
    pair.wires.clear()
  }

  #count({ machines }: Pair, change: 1 | -1): void {
    for (const machine of machines) this.#linked.set(machine, this.neighbours(machine) + change)
  }

  #onFrame(pair: Pair, from: DeviceId, to: DeviceId, frame: Uint8Array): 'break' | number {
    const [sender, receiver] = [this.#byDevice.get(from), this.#byDevice.get(to)]
    if (sender === undefined || receiver === undefined) return 'break'
    this.#deps.onFrame(sender, receiver, frame)
    sender.stir()
    this.#deps.journal.note(`frame ${sender.index} ${receiver.index} ${frame.length} ${crc32(frame)}`)
    const { breaks, stalls, stallMs } = this.#options
    if (pair.random.isTrue(breaks)) return 'break'
    return pair.random.isTrue(stalls) ? pair.random.between(stallMs) : 0
  }
}
