import type { Clock } from '#mesh/ports'

/** A moment of a hybrid logical clock: 48 bits of milliseconds, 16 bits that count within one (Kulkarni et al. 2014). */
export interface Stamp {
  readonly ms: number
  readonly counter: number
}

/** Stamps before 2026 come from a machine without a clock; this software did not exist. */
export const PLAUSIBLE_SINCE_MS = 1_767_225_600_000
/** How far ahead an observed stamp may pull our clock, in ms (30 days, the longest lifetime): one wrong friend must not take us to the year 9999. */
const MAX_PULL_MS = 30 * 86_400_000
const MAX_COUNTER = 0xffff

/** Negative when `a` comes before `b`. */
export function compareStamps(a: Stamp, b: Stamp): number {
  return a.ms - b.ms || a.counter - b.counter
}

/** The first stamp after another. */
export function stampAfter({ ms, counter }: Stamp): Stamp {
  return counter < MAX_COUNTER ? { ms, counter: counter + 1 } : { ms: ms + 1, counter: 0 }
}

/** Gives stamps that always grow, close to the wall clock, whatever that clock does. */
export class HybridClock {
  readonly #clock: Clock
  #last: Stamp

  /** @param options.last the last stamp that was given or observed before a restart */
  constructor(deps: { clock: Clock }, options: { last?: Stamp } = {}) {
    this.#clock = deps.clock
    this.#last = options.last ?? { ms: 0, counter: 0 }
  }

  /** The last stamp given or observed; keep it with what was stamped. */
  get last(): Stamp {
    return this.#last
  }

  /** A stamp after every stamp before it. */
  next(): Stamp {
    const now = this.#clock.now()
    this.#last = now > this.#last.ms ? { ms: now, counter: 0 } : stampAfter(this.#last)
    return this.#last
  }

  /** Moves behind the stamp of somebody who was authenticated, unless it is absurdly far ahead. */
  observe(stamp: Stamp): void {
    if (stamp.ms > this.#clock.now() + MAX_PULL_MS) return
    if (compareStamps(stamp, this.#last) > 0) this.#last = stamp
  }
}
