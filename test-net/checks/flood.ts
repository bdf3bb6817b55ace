/**
 * One neighbour at line rate beside twenty honest ones who write a message a second each.
 *
 *   node test-net/checks/flood.ts [--quiet S] [--flood S] [--neighbours N] [--garbage] [--strict]
 *
 * The victim is a real node; its person sees messages arrive, and from their texts how long they took (written
 * → shown). First it is quiet, then the flooder sends valid envelopes of strangers to the victim's own inbox
 * (with `--garbage`: broken frames) as fast as the link takes them. At least 99.9 % of what honest neighbours
 * write must arrive; with `--strict`, in a p99 of at most twice the quiet one.
 */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { parseCardUri } from '#mesh/identity'
import { fastestCrypto } from '#node/crypto'
import type { NetLab, Running } from '../netns/index.ts'
import { Person, percentile, withStreet } from './people.ts'

const { values } = parseArgs({
  options: {
    quiet: { type: 'string', default: '30' },
    flood: { type: 'string', default: '60' },
    neighbours: { type: 'string', default: '20' },
    garbage: { type: 'boolean', default: false },
    strict: { type: 'boolean', default: false },
  },
})
/** The goals (issue 3). */
const DELIVERED_SHARE = 0.999
const P99_RATIO = 2
/** Neighbours in one namespace: a host lets eight connections of one address in. */
const PER_PLACE = 7
/** Envelopes that the flooder has signed beforehand; then it repeats itself. */
const POOL = 60_000
const FRAMES_EACH = 1_000_000
/** For what was written last to arrive, in ms. */
const LAST_MS = 15_000
const READY_MS = 120_000
/** Clock ticks of /proc in a second. */
const TICKS = 100
const VICTIM = '169.254.1.1'

interface Arrived {
  readonly neighbour: string
  readonly writtenMs: number
  readonly tookMs: number
}

await withStreet('flood', async ({ lab, lan1, root }) => {
  const victim = new Person('v', await lab.addNode('v'), root, ['--log-level', 'error'])
  await victim.space.join(lan1, { ipv4: `${VICTIM}/16` })
  await victim.up()
  const { card } = await victim.api.contactCard({})
  const arrived: Arrived[] = []
  const watching = new AbortController()
  const watcher = watch(victim, arrived, watching.signal)
  watcher.catch(() => {}) // told at the end, unless something else is told before

  const places: Running[] = []
  for (let left = Number(values.neighbours); left > 0; left -= PER_PLACE)
    places.push(await place(lab, lan1, victim, card, places.length, Math.min(left, PER_PLACE)))
  for (const neighbours of places) {
    for (const uri of await said<string[]>(neighbours, 'cards')) await victim.api.contactAdd({ card: uri, as: `n${uri.slice(-12)}` })
  }
  const offender = await attacker(lab, lan1, victim, card)
  for (const neighbours of places) neighbours.kill('SIGUSR2')
  for (const neighbours of places) await said<number>(neighbours, 'connected')
  await pause(2_000)

  const quiet = await phase(victim, Number(values.quiet))
  if (!values.garbage) offender().kill('SIGUSR2')
  else offender()
  const flood = await phase(victim, Number(values.flood))
  for (const neighbours of places) neighbours.kill('SIGTERM')
  const written = (await Promise.all(places.map((neighbours) => said<number>(neighbours, 'written')))).reduce((sum, some) => sum + some, 0)
  const flooder = offender()
  if (!values.garbage) flooder.kill('SIGTERM')
  const flooded = values.garbage ? undefined : await said<number>(flooder, 'sent')
  const deadline = performance.now() + LAST_MS
  while (arrived.length < written && performance.now() < deadline) await pause(100)
  const { counters, rssBytes, store } = await victim.api.status()
  watching.abort()
  await watcher

  const took = ({ fromMs, untilMs }: Phase): number[] =>
    arrived.filter(({ writtenMs }) => writtenMs >= fromMs && writtenMs < untilMs).map(({ tookMs }) => tookMs)
  const times = (part: Phase) => ({
    messages: took(part).length,
    p50Ms: percentile(took(part), 0.5),
    p99Ms: percentile(took(part), 0.99),
    cpuPercent: part.cpuPercent,
    rssMb: part.rssMb,
  })
  const line = {
    check: values.garbage ? 'flood-garbage' : 'flood',
    neighbours: Number(values.neighbours),
    written,
    delivered: arrived.length,
    share: arrived.length / written,
    quiet: times(quiet),
    flood: times(flood),
    flooded,
    rssMb: Math.round(rssBytes / 1_048_576),
    stored: store.envelopes,
    intake: Object.fromEntries(Object.entries(counters).filter(([name]) => name.startsWith('intake.') || name === 'sync.offences')),
  }
  console.log(JSON.stringify(line))
  for (const neighbours of places)
    for (const lost of neighbours.lines.filter((text) => text.startsWith('{"lost"'))) console.log(`an honest neighbour was cut off: ${lost}`)
  assert.ok(line.share >= DELIVERED_SHARE, `only ${arrived.length} of ${written} messages of honest neighbours arrived`)
  if (values.strict) assert.ok(line.flood.p99Ms <= P99_RATIO * line.quiet.p99Ms, `p99 went from ${line.quiet.p99Ms} to ${line.flood.p99Ms} ms`)
  await victim.down()
  console.log(
    `${line.check}: ${arrived.length} of ${written} honest messages arrived; p50/p99 ${line.quiet.p50Ms}/${line.quiet.p99Ms} ms when quiet, ${line.flood.p50Ms}/${line.flood.p99Ms} ms in the flood; processor ${quiet.cpuPercent} → ${flood.cpuPercent} %, memory ${quiet.rssMb} → ${flood.rssMb} MB`,
  )
})

interface Phase {
  readonly fromMs: number
  readonly untilMs: number
  readonly cpuPercent: number
  readonly rssMb: number
}

/** Lets some seconds go by, and says what they cost the victim. */
async function phase(victim: Person, seconds: number): Promise<Phase> {
  const fromMs = Date.now()
  const before = cpuMs(victim)
  await pause(seconds * 1_000)
  const untilMs = Date.now()
  const cpuPercent = Math.round((100 * (cpuMs(victim) - before)) / (untilMs - fromMs))
  const { rssBytes } = await victim.api.status()
  return { fromMs, untilMs, cpuPercent, rssMb: Math.round(rssBytes / 1_048_576) }
}

/** Processor time of a node so far, in ms: user and system, fields 14 and 15 of proc(5). */
function cpuMs({ node }: Person): number {
  const stat = readFileSync(`/proc/${node.process.pid}/stat`, 'utf8')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return ((Number(fields[11]) + Number(fields[12])) * 1_000) / TICKS
}

/** Notes each message as it is shown. */
async function watch(victim: Person, arrived: Arrived[], signal: AbortSignal): Promise<void> {
  for await (const event of victim.api.watch(signal)) {
    if (event.event !== 'message' || event.direction !== 'in') continue
    const [, neighbour = '', writtenMs = ''] = event.text.split(' ')
    arrived.push({ neighbour, writtenMs: Number(writtenMs), tookMs: Date.now() - Number(writtenMs) })
  }
}

/** A few neighbours in a namespace of their own. */
async function place(lab: NetLab, lan: Awaited<ReturnType<NetLab['addLan']>>, victim: Person, card: string, number: number, count: number): Promise<Running> {
  const space = await lab.addNode(`n${number}`)
  await space.join(lan, { ipv4: `169.254.2.${number + 1}/16` })
  const script = join(import.meta.dirname, 'flood-neighbours.ts')
  return space.start([process.execPath, '--no-warnings', script, VICTIM, '7717', victim.node.ready.device, card, String(count), `p${number}x`])
}

/** Makes the attacker; the first call of what it gives starts the process that throws garbage, the other one is ready by then. */
async function attacker(lab: NetLab, lan: Awaited<ReturnType<NetLab['addLan']>>, victim: Person, card: string): Promise<() => Running> {
  const space = await lab.addNode('x')
  await space.join(lan, { ipv4: '169.254.3.1/16' })
  const { device } = victim.node.ready
  const start = (script: string, ...args: string[]): Running =>
    space.start([process.execPath, '--no-warnings', join(import.meta.dirname, script), VICTIM, '7717', device, ...args])
  if (values.garbage) {
    let running: Running | undefined
    return () => (running ??= start('garbage-offender.ts', '1000000000', String(FRAMES_EACH), '1'))
  }
  const { inboxKey } = parseCardUri(await fastestCrypto(), card)
  const flooder = start('flooder.ts', Buffer.from(inboxKey).toString('base64url'), String(POOL))
  await said<number>(flooder, 'ready')
  return () => flooder
}

/** What a process says under a name, in a line of JSON. */
function said<T>(running: Running, name: string): Promise<T> {
  return running.waitFor(name, (line) => (line.startsWith(`{"${name}"`) ? (JSON.parse(line) as Record<string, T>)[name] : undefined), { timeoutMs: READY_MS })
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
