import { copyBytes } from '#mesh/codec'
import type { DeviceId, EnvelopeId } from '#mesh/ids'
import type { CarriedIds, Loan } from './carried.ts'
import type { HelloFrame } from './frames.ts'
import type { KeyedIds } from './keyed-ids.ts'
import { ALIKE_IDS, ALIKE_SIZE_RATIO, LOAN_MS, MAX_GROWTH, MAX_SIZE_RATIO, MAX_STEPS, RECONCILE_MS, SCARCE_COPIES_DEVICES } from './limits.ts'
import { violation } from './offers.ts'
import { encodeBusy, Initiator, keyOfOpen, Responder } from './riblt/index.ts'

/** Who says the first word. */
export type Role = 'begins' | 'answers'

/**
 * Who begins to reconcile, by what both sides said in their HELLO; `undefined` when offering everything is
 * better: one side does not know how, or has so little that nearly all differs, or copies are so scarce that
 * stores differ for good, unless both are large and nearly of one size. The larger store begins, because it has its hashes ready and the other one has not.
 */
export function roleOf(ours: HelloFrame, theirs: HelloFrame, device: DeviceId, peer: DeviceId): Role | undefined {
  if (ours.held === undefined || theirs.held === undefined) return undefined
  const [fewer, more] = [Math.min(ours.held, theirs.held), Math.max(ours.held, theirs.held)]
  const isScarce = Math.min(ours.knownDevices, theirs.knownDevices) >= SCARCE_COPIES_DEVICES
  if (isScarce && (fewer < ALIKE_IDS || more > ALIKE_SIZE_RATIO * fewer)) return undefined
  if (more > MAX_SIZE_RATIO * fewer) return undefined
  if (ours.held !== theirs.held) return ours.held > theirs.held ? 'begins' : 'answers'
  return device < peer ? 'begins' : 'answers'
}

/** What a reconciliation needs from its session. */
export interface ReconciliationDeps {
  readonly carried: CarriedIds
  readonly peer: DeviceId
  readonly role: Role
  /** The days that both sides keep, by what we know. */
  readonly days: readonly number[]
  /** Ids that the peer holds, as it says. */
  readonly peerHolds: number
  readonly monotonic: () => number
  /** Owns work that nobody awaits; a failure ends the session. */
  readonly run: (work: () => Promise<void>) => void
  /** There may be something to send. */
  readonly ring: () => void
  /** The peer has none of these. */
  readonly lacks: (ids: readonly EnvelopeId[]) => void
  /** Nothing came of it: everything is to be offered. */
  readonly giveUp: () => void
}

/**
 * How one session finds out what the peer lacks: the exchange of `riblt/`, from the first word until all is looked
 * up. Whatever goes wrong without being a lie ends in {@link ReconciliationDeps.giveUp}.
 */
export class Reconciliation {
  readonly #deps: ReconciliationDeps
  readonly #outbox: Uint8Array[] = []
  #initiator: Initiator | undefined
  #responder: Responder | undefined
  #ids: KeyedIds | undefined
  #loan: Loan | undefined
  /** Until when the index is lent to the peer. */
  #lentUntilMs = Number.POSITIVE_INFINITY
  readonly #ending = new AbortController()
  #isOpened = false
  #isOver = false
  /** Items that the peer lacks and that were not looked up yet, as pairs of words. */
  #lacking: Int32Array[] = []
  #progressMs: number

  constructor(deps: ReconciliationDeps) {
    this.#deps = deps
    this.#progressMs = deps.monotonic()
    if (deps.role === 'begins') deps.run(() => this.#begin())
  }

  /** True when everything is known, or nothing will be. */
  get isOver(): boolean {
    return this.#isOver
  }

  /** Takes a message; ignored when it is over. @throws MeshError (peer) when it has no shape, comes out of turn or lies */
  receive(message: Uint8Array): void {
    if (this.#isOver) return
    this.#progressMs = this.#deps.monotonic()
    if (this.#deps.role === 'begins') this.#answered(message)
    else if (this.#isOpened) this.#heard(message)
    else this.#open(message)
  }

  /** The next message to be sent, if there is one now; and looks up some more of what the peer lacks. */
  next(): Uint8Array | undefined {
    if (this.#isOver) return this.#outbox.shift()
    const message = this.#outbox.shift() ?? this.#initiator?.next() ?? this.#responder?.next()
    this.#lookUp()
    if (message !== undefined) this.#progressMs = this.#deps.monotonic()
    else if (this.#isSaid()) this.close()
    return message
  }

  /** Time went by: gives up on a peer that says nothing, or talks for too long about an index that others wait for. */
  tick(nowMs: number): void {
    if (!this.#isOver && (nowMs - this.#progressMs > RECONCILE_MS || nowMs > this.#lentUntilMs)) this.#giveUp()
  }

  /** Ends it, whatever is left. */
  close(): void {
    this.#isOver = true
    this.#initiator?.close()
    this.#responder?.close()
    this.#initiator = undefined
    this.#responder = undefined
    this.#ids = undefined
    this.#lacking = []
    this.#ending.abort()
    this.#loan?.giveBack()
  }

  async #begin(): Promise<void> {
    const ids = await this.#deps.carried.own()
    if (this.#isOver) return
    this.#ids = ids
    this.#initiator = new Initiator(ids.index, this.#deps.days)
    this.#deps.ring()
  }

  #answered(message: Uint8Array): void {
    if (this.#initiator === undefined) throw violation('the peer answers before it was asked')
    const asked = this.#initiator.receive(message)
    if (asked !== undefined) this.#lacking.push(asked)
    if (this.#initiator.outcome === 'busy') this.#giveUp()
  }

  /** The first message: its key is all that is looked at before our ids are hashed with it. */
  #open(message: Uint8Array): void {
    const key = copyBytes(keyOfOpen(message))
    const open = copyBytes(message)
    this.#isOpened = true
    this.#deps.run(() => this.#answer(key, open))
  }

  async #answer(key: Uint8Array, open: Uint8Array): Promise<void> {
    const { carried, peer, days, peerHolds, ring } = this.#deps
    const loan = await carried.under(key, peer, this.#ending.signal)
    if (this.#isOver) {
      loan?.giveBack()
      return
    }
    this.#progressMs = this.#deps.monotonic()
    if (loan === undefined) {
      this.#outbox.push(encodeBusy())
      this.#giveUp()
    } else {
      this.#loan = loan
      this.#lentUntilMs = this.#progressMs + LOAN_MS
      this.#ids = loan.ids
      this.#responder = new Responder({ indexFor: () => loan.ids.index, days, maxItems: 2 * peerHolds + MAX_GROWTH })
      this.#heard(open)
    }
    ring()
  }

  #heard(message: Uint8Array): void {
    if (this.#responder === undefined) throw violation('the peer does not wait for an answer')
    const isKnown = this.#responder.differences !== undefined
    const answer = this.#responder.receive(message)
    if (answer !== undefined) this.#outbox.push(answer)
    const { differences } = this.#responder
    if (!isKnown && differences !== undefined) this.#lacking.push(differences.localOnly)
  }

  /** A part at a time: a large difference must not keep others from their turn. */
  #lookUp(): void {
    const pairs = this.#lacking[0]
    if (pairs === undefined || this.#ids === undefined) return
    const ids: EnvelopeId[] = []
    for (let at = 0; at < Math.min(pairs.length, 2 * MAX_STEPS); at += 2) {
      const id = this.#ids.find(pairs[at] ?? 0, pairs[at + 1] ?? 0)
      if (id !== undefined) ids.push(id)
    }
    if (pairs.length > 2 * MAX_STEPS) this.#lacking[0] = pairs.subarray(2 * MAX_STEPS)
    else this.#lacking.shift()
    if (this.#lacking.length > 0) this.#deps.ring()
    this.#deps.lacks(ids)
  }

  #isSaid(): boolean {
    if (this.#lacking.length > 0) return false
    if (this.#initiator !== undefined) return this.#initiator.outcome !== 'open' && !this.#initiator.isAsking
    return this.#responder !== undefined && this.#responder.outcome !== 'open'
  }

  #giveUp(): void {
    this.close()
    this.#deps.giveUp()
    this.#deps.ring()
  }
}
