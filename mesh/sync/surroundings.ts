import type { ExchangeDeps } from './deps.ts'
import { SURROUNDINGS_MS } from './limits.ts'

/**
 * How many devices there are around, as far as this node has heard; asked again after a second. Routing wants it for
 * each envelope and peer, and counting links and encounters each time cost a busy node with twenty neighbours most of
 * its time (measured).
 */
export class Surroundings {
  readonly #deps: Pick<ExchangeDeps, 'knownDevices' | 'encounters' | 'clock'>
  #devices = 0
  #untilMs = -Infinity

  constructor(deps: Pick<ExchangeDeps, 'knownDevices' | 'encounters' | 'clock'>) {
    this.#deps = deps
  }

  /** Devices seen or heard of, this one included. */
  get devices(): number {
    const { knownDevices, encounters, clock } = this.#deps
    const nowMs = clock.monotonic()
    if (nowMs >= this.#untilMs) {
      this.#devices = Math.max(knownDevices(), encounters.recent() + 1)
      this.#untilMs = nowMs + SURROUNDINGS_MS
    }
    return this.#devices
  }
}
