import type { Clock } from '#mesh/ports'
import type { Scheduler, Timer } from './scheduler.ts'

/** What a machine's clock shows. */
export interface ClockFault {
  /** Wall clock minus true time at the start of the run, ms. */
  readonly offsetMs: number
  /** Parts per million that it runs too fast. */
  readonly driftPpm: number
}

/** True time at the start of every run, ms since 1970: a plausible moment in 2026. */
export const START_MS = 1_790_000_000_000
/** An idle ticker wakes up after this part of the time that nothing has happened. */
const IDLE_SHARE = 0.5
/** The longest that it sleeps while there are links, ms: below the 120 s after which a silent peer counts as stalled. */
const MAX_IDLE_MS = 60_000

/**
 * The clock of one node from one start of the machine to the next.
 *
 * One sleeper is treated apart: the exchange looks at its sessions every second, which for a year of idle
 * nodes is all that a simulation would do. Its ticks do nothing while nothing happens on a link, so they
 * come every second after something did, then ever more seldom, and not at all without a link.
 */
export class NodeClock implements Clock {
  readonly #scheduler: Scheduler
  readonly #fault: ClockFault
  readonly #bootMs: number
  #jumpMs = 0
  #isDead = false
  #ticker: { readonly signal: AbortSignal; readonly everyMs: number } | undefined
  #isWaitingForTicker = false
  #tick: { timer: Timer | undefined; sinceMs: number; resolve: () => void } | undefined
  #stirredMs = 0
  #links = 0

  constructor(scheduler: Scheduler, fault: ClockFault) {
    this.#scheduler = scheduler
    this.#fault = fault
    this.#bootMs = scheduler.nowMs
  }

  now(): number {
    const trueMs = this.#scheduler.nowMs
    // No operating system lets its clock be set to before 1970.
    return Math.max(0, Math.floor(START_MS + this.#fault.offsetMs + this.#jumpMs + trueMs * (1 + this.#fault.driftPpm / 1e6)))
  }

  monotonic(): number {
    return this.#scheduler.nowMs - this.#bootMs
  }

  /** The wall clock alone jumps, as NTP does it. */
  jump(ms: number): void {
    this.#jumpMs += ms
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted === true) return Promise.resolve()
    if (signal !== undefined && this.#isWaitingForTicker) this.#ticker = { signal, everyMs: ms }
    this.#isWaitingForTicker = false
    if (signal !== undefined && signal === this.#ticker?.signal) return this.#tickerSleep(signal)
    return new Promise((resolve) => {
      if (signal === undefined) {
        this.#scheduler.in(ms, () => this.#wake(resolve))
        return
      }
      const end = (): void => {
        this.#scheduler.cancel(timer)
        signal.removeEventListener('abort', end)
        this.#wake(resolve)
      }
      const timer = this.#scheduler.in(ms, end)
      signal.addEventListener('abort', end)
    })
  }

  /** Starts a part whose first sleep is a tick that idle nodes can do without. */
  async startTicker(start: () => Promise<void>): Promise<void> {
    this.#isWaitingForTicker = true
    await start()
  }

  /** Something happens on a link: ticks come every second again. */
  stir(): void {
    this.#stirredMs = this.#scheduler.nowMs
    const tick = this.#tick
    if (tick === undefined || this.#ticker === undefined) return
    if (tick.timer === undefined || tick.timer.atMs > this.#stirredMs + this.#ticker.everyMs) this.#scheduleTick(tick)
  }

  /** How many links the node has now. */
  setLinks(links: number): void {
    this.#links = links
    if (links > 0) this.stir()
  }

  /** The machine is off: nobody wakes up any more. */
  stop(): void {
    this.#isDead = true
    this.#tick = undefined
  }

  #wake(resolve: () => void): void {
    if (!this.#isDead) resolve()
  }

  #tickerSleep(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const end = (): void => {
        signal.removeEventListener('abort', end)
        if (this.#tick?.timer !== undefined) this.#scheduler.cancel(this.#tick.timer)
        this.#tick = undefined
        this.#wake(resolve)
      }
      signal.addEventListener('abort', end)
      this.#tick = { timer: undefined, sinceMs: this.#scheduler.nowMs, resolve: end }
      if (this.#links > 0) this.#scheduleTick(this.#tick)
    })
  }

  #scheduleTick(tick: { timer: Timer | undefined; sinceMs: number; resolve: () => void }): void {
    if (tick.timer !== undefined) this.#scheduler.cancel(tick.timer)
    const { nowMs } = this.#scheduler
    const everyMs = this.#ticker?.everyMs ?? 0
    const pauseMs = Math.min(Math.max(everyMs, (nowMs - this.#stirredMs) * IDLE_SHARE), MAX_IDLE_MS)
    // Ticks keep to full seconds since boot, whoever called: so they do not depend on how often somebody stirs.
    const since = nowMs - this.#bootMs
    tick.timer = this.#scheduler.at(this.#bootMs + Math.ceil((since + 1 + pauseMs - everyMs) / everyMs) * everyMs, tick.resolve)
  }
}
