/**
 * Pulls the plug of A, B or C (SIGKILL) at random moments while A writes to B over C.
 *
 *   node test-net/checks/kills.ts [KILLS] [SEED] [--preload N] [--streets K]
 *
 * Whatever was answered `queued` arrives, and nothing is shown twice. Same seed, same choices; the
 * moments are real time and differ. With `--preload`, all three carry N more envelopes from the beginning.
 * With `--streets`, K such streets share the kills at the same time: most of a kill is waiting for a start.
 * Prints how long nodes took from their start to `ready`, and how long the store alone took to open after
 * a kill (tried on a copy after every tenth), then one JSON line.
 */
import assert from 'node:assert/strict'
import { cp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { randomBelow, silentLog } from '#mesh/ports'
import { Database, EnvelopeStore, STORE_PROFILES } from '#mesh/store'
import { seededRandom } from '#mesh/testing'
import { systemClock } from '#node/crypto'
import { openLevel } from '#node/storage'
import { eventually, introduce, Person, percentile, withStreet } from './people.ts'
import { preload } from './preload.ts'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { preload: { type: 'string', default: '0' }, streets: { type: 'string', default: '1' } },
})
const kills = Number(positionals[0] ?? 50)
const seed = positionals[1] ?? String(Date.now() % 100_000)
const preloaded = Number(values.preload)
const streets = Number(values.streets)
/** Longest pause between two kills, in ms: enough for sessions to start and not always enough for them to end. */
const MAX_PAUSE_MS = 1_500
/** A store is opened by this process, on a copy, after every so many kills. */
const REOPEN_EVERY = 10
/** A sign of life for whoever watches a long run. */
const TELL_EVERY = 100
/** Longest start that is waited for, in ms: a long run gives way to everything else on its machine. */
const START_MS = 300_000
/** Messages in one street: what one request for a log may ask for. */
const MAX_MESSAGES = 10_000
/** Between two messages, in ms, at least; in a long run as much as spreads {@link MAX_MESSAGES} over it, when a kill takes at least a second. */
const WRITE_EVERY_MS = 20
/** What waits after the last kill may take long when the stores are large, in ms. */
const LAST_MS = 900_000

const startsMs: number[] = []
const reopensMs: number[] = []
let killed = 0
const began = performance.now()

const counts = await Promise.all(
  Array.from({ length: streets }, (_, i) => street(Math.floor(kills / streets) + (i < kills % streets ? 1 : 0), i === 0 ? seed : `${seed}-${i}`)),
)
const acknowledged = counts.reduce((sum, count) => sum + count, 0)
const times = (list: readonly number[]) => ({
  runs: list.length,
  p50: Math.round(percentile(list, 0.5)),
  p99: Math.round(percentile(list, 0.99)),
  max: Math.round(Math.max(0, ...list)),
})
console.log(`kills: ${killed} kill -9 (seed ${seed}), ${acknowledged} acknowledged messages, all arrived, none twice`)
const seconds = Math.round((performance.now() - began) / 1_000)
console.log(
  JSON.stringify({
    check: 'kills',
    seed,
    kills: killed,
    acknowledged,
    lost: 0,
    twice: 0,
    preloaded,
    startMs: times(startsMs),
    reopenMs: times(reopensMs),
    seconds,
  }),
)

/** One street; says how many messages were acknowledged. */
async function street(share: number, streetSeed: string): Promise<number> {
  const acknowledgedHere: string[] = []
  await withStreet('kills', async ({ lab, lan1, lan2, root }) => {
    const random = seededRandom(streetSeed)
    const a = new Person('a', await lab.addNode('a'), root)
    const b = new Person('b', await lab.addNode('b'), root)
    const c = new Person('c', await lab.addNode('c'), root)
    const people = [a, b, c] as const
    await a.space.join(lan1)
    await b.space.join(lan2)
    await c.space.join(lan1, { interface: 'eth0' })
    await c.space.join(lan2, { interface: 'eth1' })
    if (preloaded > 0) await preload(people, preloaded)
    await Promise.all(people.map((person) => person.up(START_MS)))
    await introduce(a, b)

    const writing = new AbortController()
    const writer = write(a, acknowledgedHere, writing.signal, Math.max(WRITE_EVERY_MS, (share * 1_500) / MAX_MESSAGES))
    try {
      for (let kill = 0; kill < share; kill++) {
        await pause(randomBelow(random, MAX_PAUSE_MS))
        const victim = people[randomBelow(random, people.length)] ?? a
        await victim.kill()
        killed += 1
        if (killed % REOPEN_EVERY === 0) reopensMs.push(await reopen(victim.data))
        else await pause(randomBelow(random, 300))
        const started = performance.now()
        await victim.up(START_MS)
        startsMs.push(performance.now() - started)
        if (killed % TELL_EVERY === 0) console.log(`${killed} kills after ${Math.round((performance.now() - began) / 1_000)} s`)
      }
    } finally {
      writing.abort()
      await writer
    }
    await settled(a, b, acknowledgedHere, streetSeed)
    await Promise.all(people.map((person) => person.down()))
    assert.equal(new Set(b.shown).size, b.shown.length, `nothing is shown twice (seed ${streetSeed})`)
    assert.ok(acknowledgedHere.length >= share, `only ${acknowledgedHere.length} messages were written`)
  })
  return acknowledgedHere.length
}

/** Waits until all has arrived and its writer knows it. */
async function settled(a: Person, b: Person, texts: readonly string[], streetSeed: string): Promise<void> {
  const received = await eventually(
    `all of ${texts.length} acknowledged messages arrive (seed ${streetSeed})`,
    async () => {
      const log = await b.api.log({ to: a.name, limit: MAX_MESSAGES })
      const arrived = log.filter(({ direction }) => direction === 'in').map(({ text }) => text)
      const have = new Set(arrived)
      return texts.every((text) => have.has(text)) ? arrived : undefined
    },
    LAST_MS,
  )
  assert.equal(new Set(received).size, received.length, `nothing is in the log twice (seed ${streetSeed})`)
  await eventually('A knows that everything was delivered', async () => ((await a.api.outbox()).length === 0 ? true : undefined), LAST_MS)
}

/** How long the store of a node that was killed just now takes to open, in ms. */
async function reopen(data: string): Promise<number> {
  const copy = `${data}-copy`
  await cp(join(data, 'store'), copy, { recursive: true })
  const started = performance.now()
  const db = await Database.open(await openLevel(copy), { log: silentLog })
  const store = await EnvelopeStore.open(db, { clock: systemClock, log: silentLog }, STORE_PROFILES.pi)
  const tookMs = performance.now() - started
  assert.ok(store.usageOf('total').count >= preloaded, `${store.usageOf('total').count} of ${preloaded} envelopes are there after a kill`)
  await db.close()
  await rm(copy, { recursive: true, force: true })
  return tookMs
}

/** Writes as fast as a person never could, and starts again when the node is back. */
async function write(from: Person, texts: string[], signal: AbortSignal, everyMs: number): Promise<void> {
  for (let i = 0; !signal.aborted && i < MAX_MESSAGES; i++) {
    const text = `written ${i}`
    try {
      if (!from.isUp) throw new Error('down')
      await from.api.send({ to: 'b', text })
      texts.push(text)
    } catch {
      // Not acknowledged: it may or may not arrive, and nobody was promised anything.
      await pause(100)
    }
    await pause(everyMs)
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
