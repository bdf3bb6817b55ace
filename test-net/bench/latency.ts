/** From the call of `send` on A to the message among B's events, on one LAN. */
import { introduce, Person, withStreet } from '../checks/people.ts'
import { Arrivals, spreadOf } from './arrivals.ts'
import type { Report } from './figure.ts'

const MESSAGES = 500
const PATIENCE_MS = 30_000

/** Runs the bench once, with {@link MESSAGES} messages one after the other. */
export async function latency(report: Report): Promise<void> {
  await withStreet('bench', async ({ lab, lan1, root }) => {
    const a = new Person('a', await lab.addNode('a'), root)
    const b = new Person('b', await lab.addNode('b'), root)
    await a.space.join(lan1)
    await b.space.join(lan1)
    await Promise.all([a.up(), b.up()])
    await introduce(a, b)
    const arrivals = new Arrivals(b)
    const times: number[] = []
    for (let i = 0; i < MESSAGES; i++) {
      const began = performance.now()
      await a.api.send({ to: 'b', text: `message ${i}` })
      times.push((await arrivals.shown(`message ${i}`, PATIENCE_MS)) - began)
    }
    await arrivals.stop()
    await Promise.all([a.down(), b.down()])
    const { p50, p99 } = spreadOf(times)
    report({ bench: 'latency', metric: 'send to log, p50', value: p50, unit: 'ms', runs: MESSAGES })
    report({ bench: 'latency', metric: 'send to log, p99', value: p99, unit: 'ms', runs: MESSAGES })
  })
}
