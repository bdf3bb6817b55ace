import type { Clock } from '#mesh/ports'

/** How fast something may go on, and how much at once. */
export interface Rate {
  /** Tokens that come back each second. */
  readonly perSecond: number
  /** Tokens that a rested bucket holds. */
  readonly burst: number
}

/** The rates of the intake: one token is one envelope. */
export interface RateLimits {
  readonly link: Rate
  readonly author: Rate
  readonly scope: Rate
  /** What strangers write to this node, all together. */
  readonly knock: Rate
}

/**
 * A burst is what a carrier that was away for a month brings at once (10,000 messages and some); the
 * steady rate is what a person, a busy group or a house full of people writes, with a wide margin. Somebody who
 * knocks is known once his first message was read, and what he wrote before he was known fits into a smaller
 * burst: opening what strangers write costs up to 0.3 ms each on a desk, so it is at most a few % of one in the long run.
 */
export const DEFAULT_RATES: RateLimits = {
  link: { perSecond: 1_000, burst: 50_000 },
  author: { perSecond: 100, burst: 20_000 },
  scope: { perSecond: 100, burst: 20_000 },
  knock: { perSecond: 50, burst: 500 },
}

/** Keys of one kind that are remembered; about 160 bytes each. */
const MAX_KEYS = 4_096

interface Bucket {
  tokens: number
  atMs: number
}

/**
 * Token buckets for a bounded number of keys.
 *
 * When the memory is full, the key that was quiet for the longest time is forgotten and starts rested
 * when it comes again: whoever invents keys to make us forget still pays from his link's bucket.
 */
export class TokenBuckets {
  readonly #clock: Pick<Clock, 'monotonic'>
  readonly #rate: Rate
  readonly #maxKeys: number
  readonly #buckets = new Map<string, Bucket>()

  constructor(clock: Pick<Clock, 'monotonic'>, rate: Rate, maxKeys = MAX_KEYS) {
    this.#clock = clock
    this.#rate = rate
    this.#maxKeys = maxKeys
  }

  /** How many keys are remembered. */
  get size(): number {
    return this.#buckets.size
  }

  /** True when `key` has a token left; takes none. */
  has(key: string): boolean {
    const bucket = this.#buckets.get(key)
    return bucket === undefined || this.#tokens(bucket) >= 1
  }

  /** Takes `cost` tokens; what is missing becomes debt, at most one burst of it. */
  take(key: string, cost = 1): void {
    const { burst } = this.#rate
    const bucket = this.#buckets.get(key)
    const tokens = Math.max((bucket === undefined ? burst : this.#tokens(bucket)) - cost, -burst)
    this.#buckets.delete(key) // and to the end: the order of the map is the order of last use
    this.#buckets.set(key, { tokens, atMs: this.#clock.monotonic() })
    if (this.#buckets.size <= this.#maxKeys) return
    for (const oldest of this.#buckets.keys()) {
      this.#buckets.delete(oldest)
      return
    }
  }

  #tokens(bucket: Bucket): number {
    const restedS = (this.#clock.monotonic() - bucket.atMs) / 1_000
    return Math.min(this.#rate.burst, bucket.tokens + restedS * this.#rate.perSecond)
  }
}
