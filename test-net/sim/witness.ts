/**
 * Sees everything that happens in a run, writes it into the journal, and speaks up when something happens that
 * must never happen: at that moment, with the machines and ids it is about. What can be judged only at the end
 * is in `audit.ts`.
 */
import type { ConversationEvent, MessageView } from '#mesh/conversations'
import { isMeshError, type MeshError } from '#mesh/errors'
import type { DeviceId, EnvelopeId } from '#mesh/ids'
import type { LogFields } from '#mesh/ports'
import type { MeshEvent } from '#mesh/store'
import type { Journal } from './journal.ts'
import type { Machine } from './machine.ts'
import type { Observer } from './observer.ts'
import type { Scheduler } from './scheduler.ts'

/** In every text and every name of a run: nobody may find it on a disk or a wire. */
export const MARKER = 'whispered'
const MARKER_BYTES = Buffer.from(MARKER)

/** A text that somebody tried to send. */
export interface Sent {
  readonly from: Machine
  readonly to: Machine
  readonly text: string
  readonly sentMs: number
  /** Known once the node has acknowledged it. */
  id: EnvelopeId | undefined
  shownMs: number | undefined
  deliveredMs: number | undefined
}

/** Something that must not happen, or must have happened. */
export interface Failure {
  /** Which check; a word that scripts can look for. */
  readonly check: string
  readonly atMs: number
  readonly what: string
}

/** Failures of one check that are kept; the others are counted. */
const MAX_FAILURES_EACH = 5
/** A full or broken disk is part of the plan; whoever else gives up is not. */
const EXPECTED_ERRORS: ReadonlySet<string> = new Set(['the store cannot write'])

interface Held {
  /** Envelopes that are here. */
  readonly ids: Set<EnvelopeId>
  /** Envelopes that were read or taken back here: they must not come again. */
  readonly gone: Set<EnvelopeId>
  readonly shown: Set<EnvelopeId>
  /** When each message arrived, since the machine was last switched on. */
  readonly arrived: Map<EnvelopeId, number>
}

/** What has been here for so long, ms, was read: only what is missing may be left out of the order. */
const READ_MS = 1_000
/** While a disk fails, and shortly after, arrived messages wait to be read, ms. */
const DISK_MS = 30_000

/** What a witness needs. */
export interface WitnessDeps {
  readonly scheduler: Scheduler
  readonly journal: Journal
  readonly isHostile: (machine: Machine) => boolean
  readonly machineOf: (device: DeviceId) => Machine | undefined
  /** Links stand still for so long that a session gives up. */
  readonly mayStall: boolean
}

/** See the head of this file. */
export class Witness implements Observer {
  readonly failures: Failure[] = []
  readonly failureCounts = new Map<string, number>()
  /** By text. */
  readonly sent = new Map<string, Sent>()
  /** What was logged, by its words, and how often. */
  readonly logged = new Map<string, number>()
  readonly counts = { stored: 0, removed: 0, evicted: 0, shown: 0, delivered: 0, frames: 0, frameBytes: 0, offences: 0 }
  readonly #scheduler: Scheduler
  readonly #journal: Journal
  readonly #held = new Map<Machine, Held>()
  readonly #isHostile: (machine: Machine) => boolean
  readonly #machineOf: (device: DeviceId) => Machine | undefined
  readonly #mayStall: boolean
  readonly #byId = new Map<EnvelopeId, Sent>()

  constructor(deps: WitnessDeps) {
    this.#scheduler = deps.scheduler
    this.#journal = deps.journal
    this.#isHostile = deps.isHostile
    this.#machineOf = deps.machineOf
    this.#mayStall = deps.mayStall
  }

  /** Notes that a check has failed. */
  fail(check: string, what: string): void {
    const count = (this.failureCounts.get(check) ?? 0) + 1
    this.failureCounts.set(check, count)
    this.#journal.note(`FAILED ${check} ${what}`)
    if (count <= MAX_FAILURES_EACH) this.failures.push({ check, atMs: this.#scheduler.nowMs, what })
  }

  /** Somebody tries to send. */
  sends(from: Machine, to: Machine, text: string): Sent {
    const sent: Sent = { from, to, text, sentMs: this.#scheduler.nowMs, id: undefined, shownMs: undefined, deliveredMs: undefined }
    this.sent.set(text, sent)
    return sent
  }

  /** The node has acknowledged a message: from now on it must not be lost. */
  acknowledged(sent: Sent, id: EnvelopeId): void {
    sent.id = id
    this.#byId.set(id, sent)
    this.#journal.note(`ack ${sent.from.index} ${id}`)
  }

  onStart(machine: Machine): void {
    if (machine.carriage === undefined) return
    const held = this.#heldBy(machine)
    held.ids.clear()
    held.arrived.clear()
    for (const id of machine.carriage.store.ids()) held.ids.add(id)
  }

  onEvent(machine: Machine, event: MeshEvent): void {
    if (event.kind === 'envelope-stored') this.#stored(machine, event.id)
    else if (event.kind === 'envelope-queued') this.#heldBy(machine).arrived.set(event.id, this.#scheduler.nowMs)
    else if (event.kind === 'envelope-removed') {
      const held = this.#heldBy(machine)
      held.ids.delete(event.id)
      if (event.reason === 'consumed' || event.reason === 'retracted') held.gone.add(event.id)
      if (event.reason === 'evicted') this.counts.evicted++
      this.counts.removed++
      this.#journal.note(`${event.reason} ${machine.index} ${event.id}`)
    } else if (event.kind === 'custody-taken') this.#journal.note(`custody ${machine.index} ${event.id}`)
  }

  onShown(machine: Machine, event: ConversationEvent): void {
    if (event.kind === 'message' && event.message.direction === 'in') this.#shown(machine, event.message)
    if (event.kind !== 'state') return
    this.#journal.note(`state ${machine.index} ${event.id} ${event.state}`)
    const sent = this.#byId.get(event.id)
    if (event.state !== 'delivered' || sent === undefined) return
    this.counts.delivered++
    sent.deliveredMs ??= this.#scheduler.nowMs
  }

  onLogged(machine: Machine, level: 'warn' | 'error', message: string, fields: LogFields | undefined): void {
    const error = fields?.['error']
    const code = isMeshError(error) ? error.code : error instanceof Error ? `${error.name}: ${error.message}` : ''
    const words = `${message}${code === '' ? '' : ` (${code})`}`
    this.logged.set(words, (this.logged.get(words) ?? 0) + 1)
    this.#journal.note(`log ${machine.index} ${words}`)
    if (level === 'error' && !EXPECTED_ERRORS.has(message) && !this.#isHostile(machine)) this.fail('gave-up', `${machine.name}: ${words}`)
    if (code.startsWith('TypeError') || code === 'MESH_INTERNAL') this.fail('internal', `${machine.name}: ${words}`)
  }

  onOffence(machine: Machine, peer: DeviceId, error: MeshError): void {
    this.counts.offences++
    const other = this.#machineOf(peer)
    this.#journal.note(`offence ${machine.index} ${other?.index} ${error.code}`)
    if (error.code === 'MESH_PEER_STALLED' && this.#mayStall) return
    if (other !== undefined && !this.#isHostile(other) && !this.#isHostile(machine))
      this.fail('honest-accused', `${machine.name} ended a session with ${other.name}: ${error.code}, ${error.message}`)
  }

  onWrite(machine: Machine, bytes: Uint8Array): void {
    if (holdsMarker(bytes)) this.fail('leak', `a text or a name is readable on the disk of ${machine.name}`)
  }

  onFrame(from: Machine, to: Machine, frame: Uint8Array): void {
    this.counts.frames++
    this.counts.frameBytes += frame.length
    if (holdsMarker(frame)) this.fail('leak', `a text or a name is readable between ${from.name} and ${to.name}`)
  }

  #stored(machine: Machine, id: EnvelopeId): void {
    const held = this.#heldBy(machine)
    this.counts.stored++
    this.#journal.note(`stored ${machine.index} ${id}`)
    if (this.#isHostile(machine)) return
    if (held.ids.has(id)) this.fail('stored-twice', `${machine.name} stored ${id}, which it held`)
    if (held.gone.has(id) && remembersAll(machine)) this.fail('came-back', `${machine.name} stored ${id}, which was read or taken back there`)
    const { carriage, wallMs } = machine
    const expiryMs = carriage?.store.meta(id)?.expiryMs ?? Number.POSITIVE_INFINITY
    if (expiryMs <= wallMs) this.fail('stored-expired', `${machine.name} stored ${id}, which had expired ${wallMs - expiryMs} ms ago`)
    held.ids.add(id)
  }

  #shown(machine: Machine, { id, text, parents }: MessageView): void {
    this.#journal.note(`shown ${machine.index} ${id}`)
    const { shown, arrived } = this.#heldBy(machine)
    const { nowMs } = this.#scheduler
    for (const parent of shown.has(id) || nowMs - machine.disturbedMs < DISK_MS ? [] : parents) {
      if (shown.has(parent) || (arrived.get(parent) ?? Number.POSITIVE_INFINITY) > nowMs - READ_MS) continue
      this.fail('causal-order', `${machine.name} was shown ${id} before ${parent}, which it follows and which was there`)
    }
    const sent = this.sent.get(text)
    if (shown.has(id)) this.fail('shown-twice', `${machine.name} was shown ${id} twice`)
    shown.add(id)
    if (sent === undefined || sent.to !== machine) {
      this.fail('not-written', `${machine.name} was shown ${id}, which nobody wrote to them`)
      return
    }
    this.counts.shown++
    sent.shownMs ??= this.#scheduler.nowMs
  }

  #heldBy(machine: Machine): Held {
    let held = this.#held.get(machine)
    if (held === undefined) {
      held = { ids: new Set(), gone: new Set(), shown: new Set(), arrived: new Map() }
      this.#held.set(machine, held)
    }
    return held
  }
}

/** True while no tombstone can have given way to another one: an owner may hold a quarter of them. */
function remembersAll({ carriage, limits }: Machine): boolean {
  return (carriage?.store.usage().tombstones ?? 0) < limits.maxTombstones / 5
}

function holdsMarker(bytes: Uint8Array): boolean {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).includes(MARKER_BYTES)
}
