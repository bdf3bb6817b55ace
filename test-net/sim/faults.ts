/** What goes wrong in a run, drawn from the seed; and what ends it. */

import type { Machine } from './machine.ts'
import { type ClockFault, START_MS } from './node-clock.ts'
import type { Scenario } from './scenario.ts'
import type { Scheduler } from './scheduler.ts'
import type { Seeded } from './seeded.ts'

type FaultOptions = Scenario['faults']

/** What can go wrong with a machine. */
export type Faulty = Pick<Machine, 'index' | 'powerCut' | 'powerOn' | 'failDisk' | 'jumpClock' | 'isOn' | 'wallMs'>

/** What faults work on. */
export interface FaultDeps<M extends Faulty> {
  readonly scheduler: Scheduler
  readonly random: Seeded
  readonly network: { setPartition(isSevered: (a: M, b: M) => boolean): void }
  readonly machines: readonly M[]
}

/** How wrong the clock of a machine goes. */
export function drawClock(options: FaultOptions['clocks'], random: Seeded): ClockFault {
  if (options === undefined) return { offsetMs: 0, driftPpm: 0 }
  const { skew, driftPpm, unset } = options
  if (random.isTrue(unset)) return { offsetMs: -START_MS, driftPpm: 0 }
  return { offsetMs: Math.round(random.between([-skew, skew])), driftPpm: random.between([-driftPpm, driftPpm]) }
}

/** Lets things go wrong until `untilMs`; returns how to end all of it then. */
export function startFaults<M extends Faulty>({ scheduler, random, network, machines }: FaultDeps<M>, options: FaultOptions, untilMs: number): () => void {
  const { partitions, power, disks, clocks } = options
  if (partitions !== undefined) {
    repeat(scheduler, random.fork('partitions'), partitions.every, untilMs, (own) => {
      const side = new Map(machines.map((machine) => [machine, own.isTrue(0.5)]))
      network.setPartition((a, b) => side.get(a) !== side.get(b))
      return { lasts: own.between(partitions.for), end: () => network.setPartition(() => false) }
    })
  }
  const chosen = (share: number, own: Seeded): M[] => machines.filter(() => own.isTrue(share))
  if (power !== undefined) {
    for (const machine of chosen(power.share, random.fork('power'))) {
      repeat(scheduler, random.fork(`power ${machine.index}`), power.every, untilMs, (own) => {
        machine.powerCut()
        return { lasts: own.between(power.off), end: () => machine.powerOn() }
      })
    }
  }
  if (disks !== undefined) {
    for (const machine of chosen(disks.share, random.fork('disks'))) {
      repeat(scheduler, random.fork(`disk ${machine.index}`), disks.every, untilMs, (own) => {
        machine.failDisk(own.pick(disks.kinds))
        return { lasts: own.between(disks.for), end: () => machine.failDisk(undefined) }
      })
    }
  }
  if (clocks !== undefined && clocks.unset > 0) setClocks(scheduler, random.fork('clocks'), machines, untilMs)
  const jumps = clocks?.jumps
  if (jumps !== undefined) {
    for (const machine of machines) {
      repeat(scheduler, random.fork(`jumps ${machine.index}`), jumps.every, untilMs, (own) => {
        machine.jumpClock(Math.round(own.between([-jumps.by, jumps.by])))
        return { lasts: 0, end: () => {} }
      })
    }
  }
  return () => {
    network.setPartition(() => false)
    for (const machine of machines) machine.failDisk(undefined)
  }
}

/** Half of the machines that began in 1970 hear the time once, in the first half of the run. */
function setClocks(scheduler: Scheduler, random: Seeded, machines: readonly Faulty[], untilMs: number): void {
  for (const machine of machines) {
    const atMs = random.unit() * (untilMs / 2)
    if (!random.isTrue(0.5)) continue
    scheduler.at(atMs, () => {
      const wrongMs = machine.wallMs - (START_MS + scheduler.nowMs)
      if (machine.isOn && Math.abs(wrongMs) > 365 * 86_400_000) machine.jumpClock(-wrongMs)
    })
  }
}

/** Something that begins now and then, lasts a while, and does not begin again before it has ended. */
function repeat(scheduler: Scheduler, random: Seeded, everyMs: number, untilMs: number, begin: (random: Seeded) => { lasts: number; end: () => void }): void {
  scheduler.in(random.exponential(everyMs), () => {
    if (scheduler.nowMs >= untilMs) return
    const { lasts, end } = begin(random)
    scheduler.at(Math.min(scheduler.nowMs + lasts, untilMs), () => {
      end()
      repeat(scheduler, random, everyMs, untilMs, begin)
    })
  })
}
