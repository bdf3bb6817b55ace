/**
 * The books of one session about offers, in both directions, without any I/O.
 *
 * An OFFER names envelopes, exactly one WANT answers it, in order, with those that the other side wants;
 * they follow as ENVELOPES (or REFUSED "gone"), and each is answered with TAKEN or REFUSED. Both sides
 * count along: whoever asks for what was not offered, answers what was not asked, or offers more than
 * may be open, breaks the protocol.
 */
import { MeshError } from '#mesh/errors'
import type { EnvelopeId } from '#mesh/ids'
import type { Offer } from './frames.ts'
import { MAX_ANSWER_IDS, MAX_HANDED_OVER, MAX_OFFER_BYTES, MAX_OPEN_OFFERS, MAX_OPEN_WANTS, OFFER_PATIENCE_MS } from './limits.ts'

/** An error that ends a session and counts against the peer. */
export function violation(sentence: string, detail: Record<string, string | number | boolean> = {}): MeshError {
  return new MeshError('MESH_PROTOCOL_VIOLATION', sentence, { detail })
}

/** An offer as its sender remembers it: with the copies it would hand over. */
export interface OwnOffer extends Offer {
  readonly copies: number
}

/** What we offered, what of it the peer wants, and what it has not confirmed yet. */
export class OutgoingOffers {
  readonly #open: Array<Map<EnvelopeId, OwnOffer>> = []
  #wanted: OwnOffer[] = []
  readonly #handedOver = new Map<EnvelopeId, number>()
  readonly #maybeCarried = new Set<EnvelopeId>()

  /** True while another OFFER may be sent. */
  get hasRoom(): boolean {
    return this.#open.length < MAX_OPEN_OFFERS && this.#wanted.length + this.#handedOver.size < MAX_HANDED_OVER
  }

  /** Envelopes the peer wants and that were not sent yet. */
  get wanted(): readonly OwnOffer[] {
    return this.#wanted
  }

  /** True while the peer owes an answer: a WANT, or a TAKEN for what it was given. */
  get isOwed(): boolean {
    return this.#open.length > 0 || this.#handedOver.size > 0
  }

  opened(offers: readonly OwnOffer[]): void {
    this.#open.push(new Map(offers.map((offer) => [offer.id, offer])))
  }

  /** Takes a WANT. @throws MeshError `MESH_PROTOCOL_VIOLATION` when it asks for what its OFFER did not hold */
  want(ids: readonly EnvelopeId[]): void {
    const oldest = this.#open.shift()
    if (oldest === undefined) throw violation('the peer answered an offer that was not made')
    for (const id of ids) {
      const offer = oldest.get(id)
      if (offer === undefined) throw violation('the peer wants an envelope that was not offered to it')
      oldest.delete(id)
      this.#wanted.push(offer)
    }
    this.#wanted.sort((a, b) => (a.classByte >> 6) - (b.classByte >> 6)) // stable: what is more important goes first
    for (const { id, tell } of oldest.values()) if (tell) this.#expectCarried(id)
  }

  /** Forgets the first `count` of {@link wanted}: they were sent, or refused. */
  served(count: number): void {
    this.#wanted = this.#wanted.slice(count)
  }

  handedOver(id: EnvelopeId, copies: number): void {
    this.#handedOver.set(id, copies)
  }

  /** The peer answered for `id`: the copies it was given (0 when it carried it already), or `undefined` when nobody asked. */
  settle(id: EnvelopeId): number | undefined {
    const given = this.#handedOver.get(id)
    if (given !== undefined) {
      this.#handedOver.delete(id)
      return given
    }
    return this.#maybeCarried.delete(id) ? 0 : undefined
  }

  isExpected(id: EnvelopeId): boolean {
    return this.#handedOver.has(id) || this.#maybeCarried.has(id)
  }

  /** The answer to a flagged offer may never come (the peer does not carry it): the oldest give way. */
  #expectCarried(id: EnvelopeId): void {
    this.#maybeCarried.add(id)
    for (const oldest of this.#maybeCarried) {
      if (this.#maybeCarried.size <= MAX_ANSWER_IDS) return
      this.#maybeCarried.delete(oldest)
    }
  }
}

/** What to do about an envelope that the peer offers. `wait`: somebody else is sending it just now. */
export type OfferJudgement = 'want' | 'carried' | 'no' | 'wait'

/** What the peer offered, and what of it we asked for. */
export class IncomingOffers {
  readonly #waiting: Array<{ offers: readonly Offer[]; atMs: number }> = []
  readonly #windowOf = new Map<EnvelopeId, Set<EnvelopeId>>()
  #openWindows = 0

  /** Ids we asked for that have not come. */
  get outstanding(): Iterable<EnvelopeId> {
    return this.#windowOf.keys()
  }

  get hasOutstanding(): boolean {
    return this.#windowOf.size > 0
  }

  get hasWaiting(): boolean {
    return this.#waiting.length > 0
  }

  /** Takes an OFFER. @throws MeshError `MESH_PROTOCOL_VIOLATION` when it is too large, or too many are open */
  offered(offers: readonly Offer[], atMs: number): void {
    if (this.#waiting.length >= MAX_OPEN_OFFERS) throw violation('the peer offers without waiting for answers')
    let bytes = 0
    for (const { size } of offers) bytes += size
    if (bytes > MAX_OFFER_BYTES && offers.length > 1) throw violation('the peer offers too many bytes at once', { bytes })
    this.#waiting.push({ offers, atMs })
  }

  /** The answer to the oldest OFFER, once there is room for its envelopes and nobody else is sending one of them. */
  answer(nowMs: number, judge: (offer: Offer) => OfferJudgement): { want: EnvelopeId[]; carried: EnvelopeId[] } | undefined {
    const oldest = this.#waiting[0]
    if (oldest === undefined || this.#openWindows >= MAX_OPEN_WANTS) return undefined
    const isLate = nowMs - oldest.atMs >= OFFER_PATIENCE_MS
    const want = new Set<EnvelopeId>()
    const carried: EnvelopeId[] = []
    for (const offer of oldest.offers) {
      const judgement = judge(offer)
      if (judgement === 'wait' && !isLate) return undefined
      if (judgement === 'carried') carried.push(offer.id)
      else if (judgement !== 'no' && !this.#windowOf.has(offer.id)) want.add(offer.id)
    }
    this.#waiting.shift()
    if (want.size > 0) this.#openWindows++
    for (const id of want) this.#windowOf.set(id, want)
    return { want: [...want], carried }
  }

  isWanted(id: EnvelopeId): boolean {
    return this.#windowOf.has(id)
  }

  /** Notes that `id` came, or will not come. False when it was not asked for. */
  settle(id: EnvelopeId): boolean {
    const window = this.#windowOf.get(id)
    if (window === undefined) return false
    this.#windowOf.delete(id)
    window.delete(id)
    if (window.size === 0) this.#openWindows--
    return true
  }
}
