import { classByteOf } from '#mesh/envelope'
import type { EnvelopeId } from '#mesh/ids'
import { MAX_FRAME_BYTES } from '#mesh/ports'
import { custodyMessage, type Plan } from '#mesh/routing'
import type { EnvelopeMeta } from '#mesh/store'
import type { Books, Greeted } from './books.ts'
import { custodyEnd, judgeOffer, passageOf } from './decisions.ts'
import type { Feed } from './feed.ts'
import { ALL_CARRIED, CARRIED_OVERHEAD_BYTES, type CarriedEnvelope, ENVELOPES_HEAD_BYTES, encodeFrame, type Frame } from './frames.ts'
import { isBeyond } from './horizon.ts'
import { MAX_OFFER_BYTES, MAX_OFFER_IDS, MAX_STEPS } from './limits.ts'
import type { OwnOffer } from './offers.ts'

/** An envelope that was chosen for the next frame. */
interface Chosen {
  readonly meta: EnvelopeMeta
  readonly copies: number
}

/**
 * The writing half of a session: one loop that sends what is due, waits where the link makes it wait,
 * and sleeps until the bell rings. Each round gives a turn to answers, to what the peer owns, to what it
 * asked for and to one more offer, so that none of them starves another.
 *
 * The reading half never waits for this one. So two nodes that both send as fast as they can cannot
 * wait for each other; what each has to answer is bounded by the windows of the other (`offers.ts`).
 */
export class Sender {
  readonly #books: Books
  readonly #transmit: (bytes: Uint8Array) => Promise<void>
  #held: EnvelopeId | undefined
  #isSyncedSent = false

  constructor(books: Books, transmit: (bytes: Uint8Array) => Promise<void>) {
    this.#books = books
    this.#transmit = transmit
  }

  async run(signal: AbortSignal): Promise<void> {
    await this.#send(this.#books.hello)
    while (!signal.aborted) {
      const greeted = this.#books.greeted
      if (greeted === undefined) await this.#books.bell.heard()
      else if (!(await this.#round(greeted))) await this.#rest(greeted, signal)
    }
  }

  async #round(greeted: Greeted): Promise<boolean> {
    const answered = (await this.#sendAnswers()) || (await this.#sendForwarded(greeted))
    const pushed = await this.#sendPushes(greeted.pushes)
    const reconciled = await this.#sendReconciling(greeted)
    const served = await this.#sendWanted()
    const offered = await this.#sendOffer(greeted.offers)
    return answered || pushed || reconciled || served || offered
  }

  /** Nothing to send: goes on with a long walk after others had a turn, or waits for the bell. */
  async #rest(greeted: Greeted, signal: AbortSignal): Promise<void> {
    const { bell, outgoing, shared, shy } = this.#books
    const { pushes, offers, reconciliation } = greeted
    if (pushes.hasNews || (outgoing.hasRoom && (offers.hasNews || !shy.isEmpty))) return
    if (!pushes.isIdle || (outgoing.hasRoom && !offers.isIdle)) {
      await bell.heardWithin(shared.deps.clock, 0, signal)
      return
    }
    if (!this.#isSyncedSent && offers.isIdle && shy.isEmpty && reconciliation?.isOver !== false) {
      this.#isSyncedSent = true
      await this.#send({ type: 'synced' })
      return
    }
    await bell.heard()
  }

  async #sendAnswers(): Promise<boolean> {
    const { incoming, answers, shared } = this.#books
    const { clock } = shared.deps
    const utilities = new Map<EnvelopeId, number>()
    const answer = incoming.answer(clock.monotonic(), (offer) => {
      if (offer.serving !== undefined) utilities.set(offer.id, shared.deps.encounters.utilityFor(offer.serving.address))
      return judgeOffer(this.#books, offer)
    })
    if (answer !== undefined) {
      for (const id of answer.want) shared.claims.claim(id, this.#books, clock.monotonic())
      const asked = utilities.size === 0 ? {} : { utilities: answer.want.map((id) => utilities.get(id) ?? 0) }
      await this.#send({ type: 'want', ids: answer.want, ...asked })
      for (const id of answer.carried) answers.keep({ id, untilMs: custodyEnd(this.#books, id) })
    }
    if (answers.isEmpty) return answer !== undefined
    for (const { untilMs, ids } of answers.takeKept()) {
      const signature = shared.deps.sign(custodyMessage(this.#books.link.peer, untilMs, ids))
      await this.#send({ type: 'taken', untilMs, ids, signature })
    }
    const refusals = answers.takeRefusals()
    if (refusals.length > 0) await this.#send({ type: 'refused', refusals })
    return true
  }

  /** One receipt of somebody who has envelopes that came from the peer. */
  async #sendForwarded({ takesForwarded }: Greeted): Promise<boolean> {
    const { shared, link } = this.#books
    const receipt = takesForwarded ? shared.forwards.take(link.peer) : undefined
    if (receipt !== undefined) await this.#send({ type: 'forwarded', ...receipt })
    return receipt !== undefined
  }

  /** One frame of what the peer owns. */
  async #sendPushes(feed: Feed): Promise<boolean> {
    const { store } = this.#books.shared.deps
    const chosen: Chosen[] = []
    const room = new FrameRoom()
    for (let id = this.#held ?? feed.next(); id !== undefined; id = feed.next()) {
      this.#held = undefined
      const meta = store.meta(id)
      if (meta === undefined || meta.kind === 'receipt' || this.#books.plan(meta).kind !== 'send') continue
      if (this.#books.isShared(meta)) {
        this.#books.shy.add(meta)
        continue
      }
      if (!room.take(meta.size)) {
        this.#held = id
        break
      }
      chosen.push({ meta, copies: meta.copies })
    }
    if (chosen.length === 0) return false
    await this.#sendEnvelopes(chosen)
    return true
  }

  async #sendReconciling({ reconciliation }: Greeted): Promise<boolean> {
    const message = reconciliation?.next()
    if (message === undefined) return false
    await this.#send({ type: 'reconcile', scope: ALL_CARRIED, message })
    return true
  }

  /** One frame of what the peer asked for, as long as it has not had its share of this minute; what it owns is not counted. */
  async #sendWanted(): Promise<boolean> {
    const { outgoing, answers, shared, link } = this.#books
    const { store } = shared.deps
    const hasShare = shared.served.has(link.peer)
    const chosen: Chosen[] = []
    const room = new FrameRoom()
    let count = 0
    for (const { id, copies } of outgoing.wanted) {
      const meta = store.meta(id)
      if (!hasShare && !this.#isOwned(meta)) break
      if (meta !== undefined && !room.take(meta.size)) break
      count++
      if (meta === undefined) answers.refuse({ id, reason: 'gone' })
      else chosen.push({ meta, copies })
    }
    if (count === 0) return false
    outgoing.served(count)
    for (const { meta, copies } of chosen) outgoing.handedOver(meta.id, copies)
    shared.served.take(
      link.peer,
      chosen.reduce((sum, { meta }) => sum + (this.#isOwned(meta) ? 0 : meta.size), 0),
    )
    const missing = await this.#sendEnvelopes(chosen)
    for (const id of missing) {
      outgoing.settle(id)
      answers.refuse({ id, reason: 'gone' })
    }
    return true
  }

  #isOwned(meta: EnvelopeMeta | undefined): boolean {
    return meta !== undefined && meta.kind !== 'receipt' && (this.#books.greeted?.addresses.has(meta.address) ?? false)
  }

  /** Sends what still is in the store; returns what is not. */
  async #sendEnvelopes(chosen: readonly Chosen[]): Promise<EnvelopeId[]> {
    const { deps, counters } = this.#books.shared
    const bytes = await Promise.all(chosen.map(({ meta }) => deps.store.bytes(meta.id)))
    const envelopes: CarriedEnvelope[] = []
    const missing: EnvelopeId[] = []
    chosen.forEach(({ meta, copies }, i) => {
      const found = bytes[i]
      if (found === undefined) missing.push(meta.id)
      else envelopes.push({ ...passageOf(meta, copies, deps.clock.now()), bytes: found })
    })
    counters.envelopesOut += envelopes.length
    for (const { meta } of chosen) if (meta.own) deps.ledger.noteAttempt(meta.id)
    const [first] = envelopes
    if (first === undefined) return missing
    if (envelopes.length === 1 && ENVELOPES_HEAD_BYTES + CARRIED_OVERHEAD_BYTES + first.bytes.length > MAX_FRAME_BYTES) {
      await this.#send({ type: 'envelopes', envelopes: [{ ...first, bytes: new Uint8Array(0) }] })
      await this.#send({ type: 'large', bytes: first.bytes })
    } else await this.#send({ type: 'envelopes', envelopes })
    return missing
  }

  async #sendOffer(feed: Feed): Promise<boolean> {
    const { outgoing, shared, shy } = this.#books
    if (!outgoing.hasRoom) return false
    const offers: OwnOffer[] = []
    let bytes = 0
    for (let looked = 0; looked < MAX_STEPS && offers.length < MAX_OFFER_IDS && bytes < MAX_OFFER_BYTES - MAX_FRAME_BYTES; looked++) {
      const owned = shy.next()
      const id = owned ?? feed.next()
      if (id === undefined) break
      const meta = shared.deps.store.meta(id)
      const plan = meta === undefined ? undefined : this.#books.plan(meta)
      const copies = plan === undefined || meta === undefined ? 0 : owned !== undefined && plan.kind === 'send' ? meta.copies : this.#copiesToOffer(meta, plan)
      if (meta === undefined || copies === 0) continue
      const serving = plan?.kind === 'offer' && plan.least !== undefined ? { serving: { address: meta.address, least: plan.least } } : {}
      offers.push({ id, classByte: classByteOf(meta), size: meta.size, tell: meta.own, copies, ...serving })
      bytes += meta.size
    }
    if (offers.length === 0) return false
    outgoing.opened(offers)
    await this.#send({ type: 'offer', offers })
    return true
  }

  /** None for what is kept, or sent without asking, or older than what the peer keeps. Receipts go to everybody, but their writer has them. */
  #copiesToOffer(meta: EnvelopeMeta, plan: Plan): number {
    if (plan.kind === 'send') return meta.kind === 'receipt' ? meta.copies : 0
    const horizon = this.#books.greeted?.horizon
    if (plan.kind === 'keep' || (!meta.own && horizon !== undefined && isBeyond(horizon, meta.stamp))) return 0
    return plan.copies
  }

  #send(frame: Frame): Promise<void> {
    return this.#transmit(encodeFrame(frame))
  }
}

/** How much of a frame is left. The first envelope always fits: when it is too large it travels alone. */
class FrameRoom {
  #left = MAX_FRAME_BYTES - ENVELOPES_HEAD_BYTES
  #isEmpty = true

  take(size: number): boolean {
    const needed = size + CARRIED_OVERHEAD_BYTES
    if (needed > this.#left && !this.#isEmpty) return false
    this.#isEmpty = false
    this.#left -= needed
    return true
  }
}
