import type { DeviceId } from '#mesh/ids'
import type { Clock } from '#mesh/ports'
import type { Candidate } from './candidate.ts'
import { DEFAULT_RATES, type RateLimits, TokenBuckets } from './token-buckets.ts'

/** What one bad signature costs its link, in tokens: fifty envelopes' worth, as checking is the dear part. */
const BAD_SIGNATURE_COST = 50

/**
 * What envelopes cost at the door: the buckets of their link, author and address.
 *
 * Known people have lanes of their own on each link and address, so that a flood of strangers uses up none of
 * theirs. Strangers who write to this node itself have the narrowest one: each of their envelopes is opened
 * before anybody knows what it is worth.
 */
export class Tolls {
  readonly #link: TokenBuckets
  readonly #author: TokenBuckets
  readonly #scope: TokenBuckets
  readonly #knock: TokenBuckets

  constructor(clock: Pick<Clock, 'monotonic'>, rates: Partial<RateLimits> = {}) {
    const { link, author, scope, knock } = { ...DEFAULT_RATES, ...rates }
    this.#link = new TokenBuckets(clock, link)
    this.#author = new TokenBuckets(clock, author)
    this.#scope = new TokenBuckets(clock, scope)
    this.#knock = new TokenBuckets(clock, knock)
  }

  /** True when every bucket that it counts against has a token left. */
  isOpen(candidate: Candidate, link: DeviceId | 'self'): boolean {
    const { author, address } = candidate.envelope
    return this.#link.has(laneOf(link, candidate)) && this.#author.has(author) && this.#scopeOf(candidate).has(laneOf(address, candidate))
  }

  /** For everything that is not a duplicate. */
  chargeLink(candidate: Candidate, link: DeviceId | 'self'): void {
    this.#link.take(laneOf(link, candidate))
  }

  /** For what is not even an envelope: charged as a stranger's. */
  chargeShapeless(link: DeviceId | 'self'): void {
    this.#link.take(laneOf(link))
  }

  chargeBadSignature(candidate: Candidate, link: DeviceId | 'self'): void {
    this.#link.take(laneOf(link, candidate), BAD_SIGNATURE_COST)
  }

  /** Once it is proven who wrote it: before that, anybody could spend the tokens of others. */
  chargeAuthor(candidate: Candidate, cost: number): void {
    const { author, address } = candidate.envelope
    this.#author.take(author, cost)
    this.#scopeOf(candidate).take(laneOf(address, candidate), cost)
  }

  #scopeOf({ isOwned, isKnown }: Candidate): TokenBuckets {
    return isOwned && !isKnown ? this.#knock : this.#scope
  }
}

function laneOf(key: string, candidate?: Candidate): string {
  return candidate?.isKnown === true ? key : `${key} strange`
}
