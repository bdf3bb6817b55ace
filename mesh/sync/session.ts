/**
 * One exchange with one neighbour over one link, from HELLO until the link ends.
 *
 * Both sides do the same. After the two HELLOs each sends what the other owns, and offers the rest; what
 * arrives later is sent or offered at once. The state between frames is in `books.ts`, decisions are
 * plain functions, `sender.ts` writes; this class reads, and ends the session when the peer breaks the
 * rules, stalls, or the link is lost. Nothing of a session outlives it: the next one begins from what is
 * stored, which is why an interruption at any frame neither loses nor repeats anything.
 */
import type { Passage } from '#mesh/envelope'
import { isMeshError, MeshError } from '#mesh/errors'
import type { EnvelopeId } from '#mesh/ids'
import type { Link } from '#mesh/ports'
import { Bell, spawn, type Task } from '#mesh/runtime'
import { Books, type Greeted, type Shared } from './books.ts'
import { confirm, recordCustody } from './custody-book.ts'
import { isPassing } from './decisions.ts'
import { admit, arriving, settle } from './door.ts'
import { takeForwarded } from './forwards.ts'
import { ALL_CARRIED, type CarriedEnvelope, decodeFrame, type Frame, type Refusal, type TakenFrame } from './frames.ts'
import { ANSWER_MS, FORWARDED_PER_TICK, MAX_FORWARDED, MAX_FRAMES_AT_DOOR, MAX_STRAY_IDS, STALL_MS, TOO_FAST_MS } from './limits.ts'
import { violation } from './offers.ts'
import { Sender } from './sender.ts'
import { ownWaiting } from './walks.ts'

export class Session {
  readonly books: Books
  readonly startedMs: number
  readonly #link: Link
  readonly #shared: Shared
  readonly #atDoor = new Set<Task>()
  readonly #doorBell = new Bell()
  /** The passage of the envelope that the next frame brings; not its empty bytes, a view that would keep the whole frame. */
  #large: Passage | undefined
  #isPeerSynced = false
  #isOver = false
  readonly #ending = new AbortController()
  #strayIds = 0
  #forwardedFrames = 0
  #isSending = false
  #lastProgressMs: number

  constructor(shared: Shared, link: Link) {
    this.#shared = shared
    this.#link = link
    this.books = new Books(shared, link)
    this.startedMs = shared.deps.clock.now()
    this.#lastProgressMs = shared.deps.clock.monotonic()
  }

  /** True once the peer has said that all it knew at the beginning was offered. */
  get isPeerSynced(): boolean {
    return this.#isPeerSynced
  }

  /** Runs until the link ends; never rejects. */
  async run(): Promise<void> {
    const { books } = this
    const sender = new Sender(books, (bytes) => this.#transmit(bytes))
    const sending = spawn(
      (signal) => sender.run(signal),
      (error) => this.#end(error),
    )
    for await (const bytes of this.#framesUntilLost()) {
      try {
        await this.#receive(bytes)
      } catch (error) {
        this.#end(error)
      }
      if (this.#isOver) break
    }
    this.#end(new MeshError('MESH_LINK_CLOSED', 'the link ended'))
    const stopped = sending.stop()
    books.bell.ring()
    await stopped
    books.greeted?.reconciliation?.close()
    this.#shared.deps.encounters.parted(books.greeted?.addresses ?? [])
    for (const task of this.#atDoor) await task.done
    for (const id of books.incoming.outstanding) this.#shared.claims.release(id, books)
  }

  /** Ends the session after what was sent has left. */
  async close(): Promise<void> {
    this.#over()
    await this.#link.close()
  }

  /** Something arrived in the store, or another session gave up what it was fetching. */
  wake(): void {
    this.books.bell.ring()
  }

  /** Time went by: repeats what was put off, and ends a session that makes no progress. */
  tick(): void {
    const { clock } = this.#shared.deps
    const nowMs = clock.monotonic()
    const { greeted, putOff, incoming, outgoing, bell } = this.books
    greeted?.reconciliation?.tick(nowMs)
    const due = putOff.due(nowMs)
    if (due !== undefined && greeted !== undefined) this.#tryAgain(due, greeted)
    if (due !== undefined || incoming.hasWaiting || outgoing.wanted.length > 0) bell.ring()
    this.#strayIds = Math.max(0, this.#strayIds - 1)
    this.#forwardedFrames = Math.max(0, this.#forwardedFrames - FORWARDED_PER_TICK)
    const idleMs = nowMs - this.#lastProgressMs
    const isOwed = greeted === undefined || this.#isSending
    if ((isOwed && idleMs > STALL_MS) || (outgoing.isOwed && idleMs > ANSWER_MS)) {
      this.#end(new MeshError('MESH_PEER_STALLED', 'the peer makes no progress', { detail: { idleMs } }))
    }
  }

  /** Something changed: what the peer had no room for is tried again at once. With `all`, so is what was written here and it has not confirmed. */
  hurry(all: boolean): void {
    const { deps } = this.#shared
    const { putOff, greeted, link } = this.books
    putOff.hurry(deps.clock.monotonic())
    if (all && greeted !== undefined) this.#tryAgain({ ids: [...ownWaiting(deps, link.peer)].map(({ id }) => id), all: false }, greeted)
    this.tick()
    this.books.bell.ring()
  }

  #tryAgain(due: { ids: EnvelopeId[]; all: boolean }, { addresses, pushes, offers }: Greeted): void {
    for (const id of due.ids) {
      const address = this.#shared.deps.store.meta(id)?.address
      if (address !== undefined) (addresses.has(address) ? pushes : offers).again(id)
    }
    if (!due.all) return
    pushes.walkAgain()
    offers.walkAgain()
  }

  async *#framesUntilLost(): AsyncGenerator<Uint8Array> {
    try {
      yield* this.#link.frames()
    } catch (error) {
      this.#lost(error)
    }
  }

  async #transmit(bytes: Uint8Array): Promise<void> {
    const { clock } = this.#shared.deps
    this.#isSending = true
    try {
      await this.#link.send(bytes)
    } catch (error) {
      this.#lost(error)
      throw error
    }
    this.#isSending = false
    this.#lastProgressMs = clock.monotonic()
    this.#shared.counters.framesOut++
    this.#shared.counters.bytesOut += bytes.length
  }

  async #receive(bytes: Uint8Array): Promise<void> {
    this.#lastProgressMs = this.#shared.deps.clock.monotonic()
    this.#shared.counters.framesIn++
    this.#shared.counters.bytesIn += bytes.length
    const frame = decodeFrame(bytes)
    if ((frame.type === 'hello') !== (this.books.greeted === undefined)) throw violation('HELLO comes first, and once')
    if ((frame.type === 'large') !== (this.#large !== undefined)) throw violation('a LARGE frame follows its announcement, and nothing else does')
    await this.#handle(frame)
  }

  /** Waits only at the door; whatever has to be answered is written down for the sender. */
  async #handle(frame: Frame): Promise<void> {
    const { books } = this
    const { clock } = this.#shared.deps
    switch (frame.type) {
      case 'hello': {
        await this.#shared.deps.onMeeting?.()
        const { addresses } = books.greet(frame, (work) => this.#aside(work))
        this.#shared.deps.encounters.met(addresses)
        this.#shared.deps.onGreeted?.(this.#link.peer, addresses)
        break
      }
      case 'offer':
        books.incoming.offered(frame.offers, clock.monotonic())
        break
      case 'want':
        books.outgoing.want(frame.ids)
        for (const [i, id] of frame.ids.entries()) books.noteServing(id, frame.utilities?.[i] ?? 0)
        break
      case 'envelopes':
        await this.#envelopes(frame.envelopes)
        break
      case 'large': {
        const passage = this.#large
        this.#large = undefined
        if (passage !== undefined) await this.#admit([{ ...passage, bytes: frame.bytes }])
        break
      }
      case 'taken':
        await this.#taken(frame)
        break
      case 'forwarded':
        if (++this.#forwardedFrames <= MAX_FORWARDED) await this.#atTheDoor(() => takeForwarded(books, frame))
        break
      case 'refused':
        this.#refused(frame.refusals)
        break
      case 'synced':
        if (this.#isPeerSynced) throw violation('SYNCED comes once')
        this.#isPeerSynced = true
        break
      case 'reconcile':
        if (frame.scope !== ALL_CARRIED || books.greeted?.reconciliation === undefined) throw violation('the peer reconciles what was not agreed on')
        books.greeted.reconciliation.receive(frame.message)
    }
    books.bell.ring()
  }

  async #envelopes(envelopes: readonly CarriedEnvelope[]): Promise<void> {
    const last = envelopes.at(-1)
    if (last?.bytes.length === 0) this.#large = { hops: last.hops, copies: last.copies, ageS: last.ageS }
    const here = last?.bytes.length === 0 ? envelopes.slice(0, -1) : envelopes
    if (here.length > 0) await this.#admit(here)
  }

  async #admit(envelopes: readonly CarriedEnvelope[]): Promise<void> {
    const batch = arriving(this.books, envelopes)
    await this.#atTheDoor(async () => {
      const isTooFast = await admit(this.books, batch)
      if (isTooFast) await this.#shared.deps.clock.sleep(TOO_FAST_MS, this.#ending.signal)
    })
  }

  async #taken(taken: TakenFrame): Promise<void> {
    const confirmed = confirm(this.books, taken)
    if (confirmed.length > 0) await this.#atTheDoor(() => recordCustody(this.books, taken, confirmed))
  }

  /** Starts work on the store, and waits first while too much of it is under way: then the link makes the peer wait. */
  async #atTheDoor(work: () => Promise<void>): Promise<void> {
    while (this.#atDoor.size >= MAX_FRAMES_AT_DOOR && !this.#isOver) await this.#doorBell.heard()
    this.#aside(work)
  }

  /** Starts work that the session waits for when it ends. */
  #aside(work: () => Promise<void>): void {
    const task = spawn(
      async () => {
        try {
          await work()
        } finally {
          this.#atDoor.delete(task)
          this.#doorBell.ring()
        }
      },
      (error) => this.#end(error),
    )
    this.#atDoor.add(task)
  }

  /** What the peer does not take, and what it cannot give us after all. */
  #refused(refusals: readonly Refusal[]): void {
    const { books } = this
    const nowMs = this.#shared.deps.clock.monotonic()
    for (const { id, reason } of refusals) {
      const isGiven = books.outgoing.settle(id) !== undefined || this.#isPushed(id)
      if (isGiven && isPassing(reason)) books.putOff.add(id, nowMs)
      if (!isGiven) settle(books, id)
      if (!isGiven && ++this.#strayIds > MAX_STRAY_IDS) throw violation('the peer refuses and takes back without end')
    }
  }

  #isPushed(id: EnvelopeId): boolean {
    const address = this.#shared.deps.store.meta(id)?.address
    return address !== undefined && (this.books.greeted?.addresses.has(address) ?? false)
  }

  /** The link is gone; nobody is to blame. */
  #lost(error: unknown): void {
    if (this.#isOver) return
    this.#shared.deps.log.debug('a link was lost', { peer: this.#link.peer, error })
    this.#over()
    this.#link.abort(new MeshError('MESH_LINK_CLOSED', 'the link was lost', { cause: error }))
  }

  /** Ends the session because of `error`; the first reason counts. */
  #end(error: unknown): void {
    if (this.#isOver) return
    const { log, onOffence } = this.#shared.deps
    const reason = error instanceof Error ? error : new MeshError('MESH_INTERNAL', 'a session failed', { cause: error })
    const fields = { peer: this.#link.peer, error: reason }
    if (isMeshError(reason) && reason.blame === 'peer') {
      this.#shared.counters.offences++
      log.info('a session was ended because of what the peer did', fields)
      onOffence?.(this.#link.peer, reason)
    } else if (!isMeshError(reason, 'MESH_LINK_CLOSED')) log.warn('a session failed', fields)
    this.#over()
    this.#link.abort(reason)
  }

  #over(): void {
    this.#isOver = true
    this.#ending.abort()
    this.#doorBell.ring()
    this.books.bell.ring()
  }
}
