/**
 * Throws garbage at a running node: mutated frames behind a proper handshake, length prefixes of 4 GiB,
 * and noise on the bare port, while an honest neighbour goes on writing.
 *
 *   node test-net/checks/garbage.ts [FRAMES]
 *
 * The node lives, throws every offender out, grows by less than 16 MB (garbage collected), and the honest neighbour is served.
 */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { eventually, introduce, Person, withStreet } from './people.ts'

const frames = Number(process.argv[2] ?? 100_000)
/** Frames that one identity sends before it is thrown out and the next one comes. */
const FRAMES_EACH = 1_000
const MAX_GROWTH_BYTES = 16 * 1_024 * 1_024
const COLLECT_ON_SIGNAL = join(import.meta.dirname, 'collect-on-signal.ts')
const OFFENDER = join(import.meta.dirname, 'garbage-offender.ts')

await withStreet('garbage', async ({ lab, lan1, root }) => {
  const a = new Person('a', await lab.addNode('a'), root)
  const victim = new Person('v', await lab.addNode('v'), root, ['--log-level', 'error'], { NODE_OPTIONS: `--import=${COLLECT_ON_SIGNAL}` })
  const offender = await lab.addNode('x')
  await a.space.join(lan1, { ipv4: '169.254.1.1/16' })
  await victim.space.join(lan1, { ipv4: '169.254.1.2/16' })
  await offender.join(lan1, { ipv4: '169.254.1.3/16' })
  await Promise.all([a.up(), victim.up()])
  await introduce(a, victim)

  const texts: string[] = []
  const writing = new AbortController()
  const writer = (async () => {
    while (!writing.signal.aborted) {
      const text = `honest ${texts.length}`
      await a.api.send({ to: 'v', text })
      texts.push(text)
      await pause(200)
    }
  })()

  const run = async (count: number, seed: number): Promise<{ sent: number; thrownOut: number; identities: number }> => {
    const process_ = offender.start([
      process.execPath,
      '--no-warnings',
      OFFENDER,
      '169.254.1.2',
      '7717',
      victim.node.ready.device,
      String(count),
      String(FRAMES_EACH),
      String(seed),
    ])
    const done = await process_.waitFor(
      'the offender is done',
      (line) => (line.startsWith('{"sent"') ? (JSON.parse(line) as { sent: number; thrownOut: number; identities: number }) : undefined),
      { timeoutMs: 300_000 },
    )
    await process_.ended
    return done
  }
  await run(Math.ceil(frames / 4), 1) // warm up: what the first offenders load stays loaded, and the heap finds its size
  const before = await settledRss(victim)
  const { sent, thrownOut, identities } = await run(frames, 2)
  const after = await settledRss(victim)
  writing.abort()
  await writer

  assert.ok(sent >= frames, `only ${sent} frames were sent`)
  assert.ok(thrownOut >= identities * 0.9, `${thrownOut} of ${identities} offenders were thrown out`)
  const received = await eventually('the honest neighbour was served', async () => {
    const log = (await victim.log(a)).filter(({ direction }) => direction === 'in').map(({ text }) => text)
    return log.length >= texts.length ? log : undefined
  })
  assert.deepEqual(received, texts)
  assert.ok(after - before < MAX_GROWTH_BYTES, `memory grew from ${before} to ${after} bytes`)
  const { counters } = await victim.api.status()
  assert.ok((counters['sync.offences'] ?? 0) > 0)
  await Promise.all([a.down(), victim.down()])
  console.log(
    `garbage: ${sent} frames by ${identities} identities, ${thrownOut} thrown out, memory ${((after - before) / 1_048_576).toFixed(1)} MB, ${texts.length} honest messages served meanwhile`,
  )
})

/** What is resident once the garbage is collected; the lowest of some looks, since work goes on meanwhile. */
async function settledRss(person: Person): Promise<number> {
  const looks: number[] = []
  for (let i = 0; i < 10; i++) {
    person.node.process.kill('SIGUSR2')
    await pause(500)
    looks.push((await person.api.status()).rssBytes)
  }
  return Math.min(...looks)
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
