/**
 * Pulls the plug of A, B or C (SIGKILL) at random moments while A writes to B over C.
 *
 *   node test-net/checks/kills.ts [KILLS] [SEED]
 *
 * Whatever was answered `queued` arrives, and nothing is shown twice. Same seed, same choices; the
 * moments are real time and differ.
 */
import assert from 'node:assert/strict'
import { randomBelow } from '#mesh/ports'
import { seededRandom } from '#mesh/testing'
import { eventually, introduce, Person, withStreet } from './people.ts'

const kills = Number(process.argv[2] ?? 50)
const seed = process.argv[3] ?? String(Date.now() % 100_000)
/** Longest pause between two kills, in ms: enough for sessions to start and not always enough for them to end. */
const MAX_PAUSE_MS = 1_500

await withStreet('kills', async ({ lab, lan1, lan2, root }) => {
  const random = seededRandom(seed)
  const a = new Person('a', await lab.addNode('a'), root)
  const b = new Person('b', await lab.addNode('b'), root)
  const c = new Person('c', await lab.addNode('c'), root)
  await a.space.join(lan1)
  await b.space.join(lan2)
  await c.space.join(lan1, { interface: 'eth0' })
  await c.space.join(lan2, { interface: 'eth1' })
  await Promise.all([a.up(), b.up(), c.up()])
  await introduce(a, b)

  const acknowledged: string[] = []
  const writing = new AbortController()
  const writer = write(a, acknowledged, writing.signal)
  const people = [a, b, c] as const
  for (let kill = 0; kill < kills; kill++) {
    await pause(randomBelow(random, MAX_PAUSE_MS))
    const victim = people[randomBelow(random, people.length)] ?? a
    await victim.kill()
    await pause(randomBelow(random, 300))
    await victim.up()
  }
  writing.abort()
  await writer

  const received = await eventually(
    `all of ${acknowledged.length} acknowledged messages arrive (seed ${seed})`,
    async () => {
      const texts = (await b.log(a)).filter(({ direction }) => direction === 'in').map(({ text }) => text)
      const have = new Set(texts)
      return acknowledged.every((text) => have.has(text)) ? texts : undefined
    },
    120_000,
  )
  assert.equal(new Set(received).size, received.length, `nothing is in the log twice (seed ${seed})`)
  await eventually('A knows that everything was delivered', async () => ((await a.api.outbox()).length === 0 ? true : undefined), 120_000)
  await Promise.all([a.down(), b.down(), c.down()])
  assert.equal(new Set(b.shown).size, b.shown.length, `nothing is shown twice (seed ${seed})`)
  assert.ok(acknowledged.length >= kills, `only ${acknowledged.length} messages were written`)
  console.log(`kills: ${kills} kill -9 (seed ${seed}), ${acknowledged.length} acknowledged messages, all arrived, none twice`)
})

/** Writes as fast as a person never could, and starts again when the node is back. */
async function write(from: Person, acknowledged: string[], signal: AbortSignal): Promise<void> {
  for (let i = 0; !signal.aborted; i++) {
    const text = `written ${i}`
    try {
      if (!from.isUp) throw new Error('down')
      await from.api.send({ to: 'b', text })
      acknowledged.push(text)
    } catch {
      // Not acknowledged: it may or may not arrive, and nobody was promised anything.
      await pause(100)
    }
    await pause(20)
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
