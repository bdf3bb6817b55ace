import type { DeviceId } from '#mesh/ids'
import type { Clock } from '#mesh/ports'

/** How long a device that broke the rules stays out, ms: long enough to stop a flood, short enough to forgive a bug that was fixed. */
const BAN_MS = 5 * 60_000
/** Devices remembered; keys are free, so this is memory's bound, and the oldest go first. */
const MAX_BANS = 1_000

/** Devices that are kept out for a while. */
export class Bans {
  readonly #clock: Clock
  readonly #until = new Map<DeviceId, number>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  add(device: DeviceId): void {
    this.#until.delete(device)
    this.#until.set(device, this.#clock.monotonic() + BAN_MS)
    const oldest = this.#until.keys().next()
    if (this.#until.size > MAX_BANS && oldest.done !== true) this.#until.delete(oldest.value)
  }

  has(device: DeviceId): boolean {
    const until = this.#until.get(device)
    if (until === undefined) return false
    if (until > this.#clock.monotonic()) return true
    this.#until.delete(device)
    return false
  }

  get size(): number {
    return this.#until.size
  }
}
