/**
 * Kills a process that stores envelopes, again and again, and looks whether anything it had answered is gone.
 *
 *     node test-net/checks/store-kill.ts [kills = 20] [seed = 1]
 *
 * The child appends through transactions and prints each id when its transaction is answered; the parent
 * kills it with -9 after a random while, opens the store itself, and checks every id ever printed: bytes,
 * index row, and that the pair of rows written with it is whole. Prints one JSON line; exit code 0 or 1.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { type EnvelopeId, idBytes } from '#mesh/ids'
import { randomBelow, silentLog } from '#mesh/ports'
import { Database, EnvelopeStore, STORE_PROFILES, TABLES } from '#mesh/store'
import { openLevel } from '#node/storage'
import { anArrival, anEnvelope } from '../../mesh/testing/builders.ts'
import { fakeClock } from '../../mesh/testing/fake-clock.ts'
import { seededRandom } from '../../mesh/testing/seeded-random.ts'

/** Lives of the child, in ms: from the first commits to several write buffers. */
const MIN_LIFE_MS = 20
const MORE_LIFE_MS = 700
/** Transactions that wait at the same time, so that groups form. */
const WRITERS = 40

const [first = '20', second = '1'] = process.argv.slice(2)
if (first === '--child') await append(second)
else process.exitCode = await run(Number(first), Number(second))

async function open(dir: string): Promise<{ db: Database; store: EnvelopeStore }> {
  const db = await Database.open(await openLevel(dir), { log: silentLog })
  return { db, store: await EnvelopeStore.open(db, { clock: fakeClock(), log: silentLog }, STORE_PROFILES.relay) }
}

/** The child: stores for ever, and says only what was answered. */
async function append(dir: string): Promise<void> {
  const { db, store } = await open(dir)
  const run = process.hrtime.bigint()
  let made = 0
  const writer = async (): Promise<void> => {
    for (;;) {
      const payload = new Uint8Array(300)
      new DataView(payload.buffer).setBigUint64(0, run)
      new DataView(payload.buffer).setUint32(8, made++)
      const envelope = anEnvelope({ payload })
      await db.transaction((tx) => {
        store.put(tx, envelope, anArrival())
        tx.put(TABLES.outbox, idBytes(envelope.id), envelope.payload.slice(0, 12))
      })
      process.stdout.write(`${envelope.id}\n`)
    }
  }
  await Promise.all(Array.from({ length: WRITERS }, writer))
}

async function run(kills: number, seed: number): Promise<number> {
  const dir = await mkdtemp(join(tmpdir(), 'qpq-kill-'))
  const random = seededRandom(seed)
  const answered = new Set<EnvelopeId>()
  let lost = 0
  let half = 0
  let slowestMs = 0
  try {
    for (let kill = 0; kill < kills; kill++) {
      await live(dir, MIN_LIFE_MS + randomBelow(random, MORE_LIFE_MS), answered)
      const began = performance.now()
      const { db, store } = await open(dir)
      slowestMs = Math.max(slowestMs, performance.now() - began)
      for (const id of answered) if (!store.has(id)) lost++
      for (const id of store.ids()) {
        const [bytes, row] = await Promise.all([store.bytes(id), db.get(TABLES.outbox, idBytes(id))])
        if (bytes === undefined || row === undefined) half++
      }
      await db.close()
    }
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
  const isOk = lost === 0 && half === 0 && answered.size > 0
  process.stdout.write(
    `${JSON.stringify({ check: 'store-kill', seed, kills, answered: answered.size, lost, half, slowestOpenMs: Math.round(slowestMs), ok: isOk })}\n`,
  )
  return isOk ? 0 : 1
}

/** One life of the child: `lifeMs` from its first answer, then -9. What it printed until then was answered. */
async function live(dir: string, lifeMs: number, answered: Set<EnvelopeId>): Promise<void> {
  const child: ChildProcess = spawn(process.execPath, ['--no-warnings', fileURLToPath(import.meta.url), '--child', dir], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  if (child.stdout === null) throw new Error('the child has no output')
  const ended = once(child, 'close')
  const lines = createInterface({ input: child.stdout })
  let isFirst = true
  lines.on('line', (line) => {
    if (line.length !== 43) return // cut by the kill
    answered.add(line as EnvelopeId)
    if (isFirst) lines.emit('first')
    isFirst = false
  })
  await Promise.race([once(lines, 'first'), ended])
  await sleep(lifeMs)
  child.kill('SIGKILL')
  await ended
}
