/** People who write to each other. */
import { spawn } from '#mesh/runtime'
import type { Machine } from './machine.ts'
import type { Scenario } from './scenario.ts'
import type { Scheduler } from './scheduler.ts'
import type { Seeded } from './seeded.ts'
import { MARKER, type Witness } from './witness.ts'

const DAY_MS = 86_400_000

/** Makes everybody the friend of some, and these of them; of some pairs only one has the other's card. */
export function befriend(machines: readonly Machine[], { friends, requests }: Pick<Scenario['traffic'], 'friends' | 'requests'>, random: Seeded): void {
  machines.forEach((machine, i) => {
    const others = machines.filter((other) => other !== machine && !machine.friends.includes(other))
    // The next one first: so that everybody is connected with everybody through friends.
    const next = machines[(i + 1) % machines.length]
    const chosen = [...others.filter((other) => other === next), ...random.shuffled(others.filter((other) => other !== next))]
    for (const other of chosen.slice(0, Math.max(0, friends - machine.friends.length))) {
      machine.friends.push(other)
      other.friends.push(machine)
      if (random.isTrue(requests)) other.accepts.add(machine.secrets.person.person)
    }
  })
}

/** Lets every machine's person write now and then, to somebody among their friends, until `untilMs`. */
export function startWriting(
  { scheduler, random, witness }: { scheduler: Scheduler; random: Seeded; witness: Witness },
  machines: readonly Machine[],
  { perDay, bytes, untilMs }: Pick<Scenario['traffic'], 'perDay' | 'bytes'> & { untilMs: number },
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
        const text = head + 'x'.repeat(Math.max(0, Math.floor(own.between(bytes)) - head.length))
        write(witness, machine, to, text)
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
