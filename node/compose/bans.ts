import type { Address, DeviceId } from '#mesh/ids'
import type { Clock } from '#mesh/ports'

/** How long a device that broke the rules stays out, ms: long enough to stop a flood, short enough to forgive a bug that was fixed. */
const BAN_MS = 5 * 60_000
/** Devices remembered for each of the two reasons; keys are free, so this is memory's bound, and the oldest go first. */
const MAX_BANS = 1_000

interface Ban {
  readonly untilMs: number
  /** The inbox of somebody blocked that the device collects for. */
  readonly inbox?: Address
}

/** Devices that are kept out for a while: because they broke the rules, or because somebody is blocked. The one says nothing of the other. */
export class Bans {
  readonly #clock: Clock
  readonly #offenders = new Map<DeviceId, Ban>()
  readonly #unwanted = new Map<DeviceId, Ban>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Keeps out a device that broke the rules, or that collects for `inbox`, whose owner is blocked. */
  add(device: DeviceId, inbox?: Address): void {
    const bans = inbox === undefined ? this.#offenders : this.#unwanted
    const untilMs = this.#clock.monotonic() + BAN_MS
    bans.delete(device)
    bans.set(device, inbox === undefined ? { untilMs } : { untilMs, inbox })
    const oldest = bans.keys().next()
    if (bans.size > MAX_BANS && oldest.done !== true) bans.delete(oldest.value)
  }

  /** Lets those in again whose inboxes nobody blocks any more; who broke the rules stays out. */
  lift(isBlocked: (inbox: Address) => boolean): void {
    for (const [device, { inbox }] of this.#unwanted) if (inbox !== undefined && !isBlocked(inbox)) this.#unwanted.delete(device)
  }

  has(device: DeviceId): boolean {
    return this.#isOn(this.#offenders, device) || this.#isOn(this.#unwanted, device)
  }

  #isOn(bans: Map<DeviceId, Ban>, device: DeviceId): boolean {
    const ban = bans.get(device)
    if (ban === undefined) return false
    if (ban.untilMs > this.#clock.monotonic()) return true
    bans.delete(device)
    return false
  }
}
