/** People who write to each other. */
import { spawn } from '#mesh/runtime'
import type { Machine } from './machine.ts'
import type { Scenario } from './scenario.ts'
import type { Scheduler } from './scheduler.ts'
import type { Seeded } from './seeded.ts'
import { MARKER, type Witness } from './witness.ts'

const DAY_MS = 86_400_000

/** Somebody who has friends. */
export interface Sociable<M> {
  readonly friends: M[]
}

/** Makes everybody the friend of some, and these of them. @param onlyOneKnows is told of pairs in which only the first has the other's card */
export function befriend<M extends Sociable<M>>(
  machines: readonly M[],
  { friends, requests }: Pick<Scenario['traffic'], 'friends' | 'requests'>,
  random: Seeded,
  onlyOneKnows: (first: M, other: M) => void,
): void {
  machines.forEach((machine, i) => {
    const others = machines.filter((other) => other !== machine && !machine.friends.includes(other))
    // The next one first: so that everybody is connected with everybody through friends.
    const next = machines[(i + 1) % machines.length]
    const chosen = [...others.filter((other) => other === next), ...random.shuffled(others.filter((other) => other !== next))]
    for (const other of chosen.slice(0, Math.max(0, friends - machine.friends.length))) {
      machine.friends.push(other)
      other.friends.push(machine)
      if (random.isTrue(requests)) onlyOneKnows(machine, other)
    }
  })
}

/** Lets every machine's person write now and then, to somebody among their friends, until `untilMs`. */
export function startWriting(
  { scheduler, random, witness }: { scheduler: Scheduler; random: Seeded; witness: Witness },
  machines: readonly Machine[],
  how: Habits,
): void {
  everybodyWrites({ scheduler, random, write: (from, to, text) => write(witness, from, to, text) }, machines, how)
}

/** How often and how much people write, and until when, in ms of the run. */
type Habits = Pick<Scenario['traffic'], 'perDay' | 'bytes'> & { untilMs: number }

/** Calls `write` whenever somebody writes. Who writes what to whom and when depends on the seed, the names and the friends alone. */
export function everybodyWrites<M extends Sociable<M> & { readonly name: string; readonly index: number }>(
  { scheduler, random, write }: { scheduler: Scheduler; random: Seeded; write: (from: M, to: M, text: string) => void },
  machines: readonly M[],
  { perDay, bytes, untilMs }: Habits,
): void {
  if (perDay === 0) return
  for (const machine of machines) {
    const own = random.fork(machine.name)
    let written = 0
    const writeLater = (): void => {
      scheduler.in(own.exponential(DAY_MS / perDay), () => {
        if (scheduler.nowMs >= untilMs) return
        const head = `${MARKER} ${machine.index}.${written++} `
        const to = own.pick(machine.friends)
        write(machine, to, head + 'x'.repeat(Math.max(0, Math.floor(own.between(bytes)) - head.length)))
        writeLater()
      })
    }
    if (machine.friends.length > 0) writeLater()
  }
}

function write(witness: Witness, from: Machine, to: Machine, text: string): void {
  if (!from.knows(to)) return // off, or not met yet
  const sent = witness.sends(from, to, text)
  spawn(
    async () => {
      const id = await from.send(to, text)
      if (id !== undefined) witness.acknowledged(sent, id)
    },
    (error) => witness.fail('internal', `sending from ${from.name}: ${String(error)}`),
  )
}
