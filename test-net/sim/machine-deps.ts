import type { Crypto } from '#mesh/ports'
import type { StoreLimits } from '#mesh/store'
import type { Alteration } from './alteration.ts'
import type { DiskOptions } from './disk.ts'
import type { Journal } from './journal.ts'
import type { Machine } from './machine.ts'
import type { ClockFault } from './node-clock.ts'
import type { Observer } from './observer.ts'
import type { Scheduler } from './scheduler.ts'
import type { Seeded } from './seeded.ts'

/** What all machines of a run share. */
export interface MachineDeps {
  readonly scheduler: Scheduler
  readonly journal: Journal
  readonly crypto: Crypto
  readonly observer: Observer
  /** Machines that are linked with this one. */
  readonly neighbours: (machine: Machine) => number
  /** The machine has started and may be dialled, or has lost its power. */
  readonly onPower: (machine: Machine, isOn: boolean) => void
}

/** What makes this machine another than the next one. */
export interface MachineOptions {
  readonly index: number
  readonly name: string
  readonly random: Seeded
  readonly clock: ClockFault
  readonly disk: DiskOptions
  readonly limits: StoreLimits
  readonly sweepMs: number
  readonly alterations: readonly Alteration[]
}
