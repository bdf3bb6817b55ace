/**
 * People who carry sticks: a bundle is written at one machine and read at another one later, unless the stick
 * is lost on the way or has gone bad. What the second machine has for the first travels with the next stick.
 */
import { spawn } from '#mesh/runtime'
import type { Machine } from './machine.ts'
import type { Scenario } from './scenario.ts'
import type { Scheduler } from './scheduler.ts'
import type { Seeded } from './seeded.ts'
import type { Witness } from './witness.ts'

type Couriers = NonNullable<Scenario['couriers']>

/** What couriers need. */
export interface CourierDeps {
  readonly scheduler: Scheduler
  readonly random: Seeded
  readonly witness: Witness
  /** Between whom sticks are carried. */
  readonly machines: readonly Machine[]
}

/** Bytes that a machine reads of a stick at once. */
const CHUNK_BYTES = 4_096

/** Lets couriers come and go until `untilMs`; who has nobody to write to carries as well. */
export function startCouriers(deps: CourierDeps, options: Couriers, untilMs: number): void {
  for (let i = 0; i < options.count; i++) walk(deps, options, deps.random.fork(`courier ${i}`), undefined, untilMs)
}

/** From one machine to the next one, again and again: what was read at one goes on from there. */
function walk(deps: CourierDeps, options: Couriers, random: Seeded, at: Machine | undefined, untilMs: number): void {
  const { scheduler, machines } = deps
  scheduler.in(random.exponential(options.every), () => {
    if (scheduler.nowMs >= untilMs) return
    const from = at ?? random.pick(machines)
    const to = random.pick(machines.filter((machine) => machine !== from))
    const carriedMs = random.between(options.carry)
    watched(deps, from, async () => {
      const stick = await from.exportBundle()
      if (stick === undefined || random.isTrue(options.lost)) return
      const bytes = worn(stick, options.damaged, random)
      scheduler.in(carriedMs, () => watched(deps, to, () => to.importBundle(chunksOf(bytes))))
    })
    scheduler.in(carriedMs, () => walk(deps, options, random, to, untilMs))
  })
}

function watched({ witness }: CourierDeps, machine: Machine, work: () => Promise<void>): void {
  spawn(work, (error) => witness.onLogged(machine, 'warn', 'a stick could not be used', { error }))
}

/** Each block of the medium is good, or has a bit that is wrong. */
function worn(pieces: readonly Uint8Array[], damaged: number, random: Seeded): Uint8Array {
  const whole = Buffer.concat(pieces)
  for (let at = 0; at < whole.length; at += CHUNK_BYTES) {
    if (!random.isTrue(damaged)) continue
    const wrong = at + random.below(Math.min(CHUNK_BYTES, whole.length - at))
    whole[wrong] = (whole[wrong] ?? 0) ^ (1 << random.below(8))
  }
  return new Uint8Array(whole)
}

async function* chunksOf(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += CHUNK_BYTES) yield bytes.subarray(at, at + CHUNK_BYTES)
}
