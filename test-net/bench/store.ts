/**
 * Measures the store of one node without a network.
 *
 *   node test-net/bench/store.ts receive [count = 10000]    received, verified and durable, from one link
 *   node test-net/bench/store.ts reopen [count = 100000]    opening it again, after kill -9 and after an orderly end
 *   node test-net/bench/store.ts evict [count = 250000]     what steady traffic costs a full store, in memory
 *
 * Each run is a process of its own with a fresh directory on the disk of the working directory's `TMPDIR`.
 * Prints one JSON line per figure, as `npm run bench -- --json` does.
 */
import { spawnSync } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { decodeEnvelope, signEnvelope } from '#mesh/envelope'
import { type DeviceId, deviceIdOf, envelopeIdOf } from '#mesh/ids'
import { Intake, type Received } from '#mesh/intake'
import { silentLog } from '#mesh/ports'
import { Database, EnvelopeStore, STORE_PROFILES } from '#mesh/store'
import { fastestCrypto, systemClock, systemRandom } from '#node/crypto'
import { openLevel } from '#node/storage'
import { MAX_FRAMES_AT_DOOR } from '../../mesh/sync/limits.ts'
import { anAddress, anArrival, aSeed } from '../../mesh/testing/builders.ts'
import { memoryStore } from '../../mesh/testing/memory-store.ts'
import { median } from '../checks/people.ts'

const RUNS = 5
const AUTHORS = 64
const PAYLOAD_BYTES = 300
/** Envelopes that one frame of 64 KiB holds. */
const FRAME_ENVELOPES = 150

const [first = '', second, third = ''] = process.argv.slice(2)
const steps: Readonly<Record<string, () => Promise<void> | void>> = {
  receive: () => receive(Number(second ?? 10_000)),
  reopen: () => reopen(Number(second ?? 100_000)),
  evict: () => evict(Number(second ?? 250_000)),
  '--receive': () => receiveOnce(String(second), Number(third)),
  '--fill': () => fill(String(second), Number(third.split('.')[0]), third.endsWith('.kill')),
  '--open': () => openOnce(String(second)),
}
const step = steps[first]
if (step === undefined) {
  process.stderr.write('what? receive, reopen or evict\n')
  process.exit(2)
}
await step()

async function receive(count: number): Promise<void> {
  const runs = await inFreshDirs(RUNS, (dir) => child('--receive', dir, String(count)))
  for (const metric of ['store', 'CPU']) print(`W1 store, ${count} x ${PAYLOAD_BYTES} B: ${metric}`, runs, metric)
}

async function reopen(count: number): Promise<void> {
  for (const end of ['kill', 'stop']) {
    const opened = await inFreshDirs(1, (dir) => {
      child('--fill', dir, `${count}.${end}`)
      return Array.from({ length: RUNS }, () => child('--open', dir))
    })
    const runs = opened.flat()
    print(`reopen ${count} after ${end}`, runs, 'open')
    print(`reopen ${count} after ${end}: CPU`, runs, 'CPU')
    print(`bytes of memory per envelope after ${end}`, runs, 'bytes')
  }
}

function print(name: string, runs: readonly Record<string, number>[], metric: string): void {
  const values = runs.map((run) => run[metric] ?? Number.NaN)
  console.log(JSON.stringify({ bench: 'store', metric: name, value: median(values), all: values, unit: metric === 'bytes' ? 'B' : 'ms', runs: values.length }))
}

async function inFreshDirs<T>(count: number, run: (dir: string) => T): Promise<T[]> {
  const results: T[] = []
  for (let i = 0; i < count; i++) {
    const dir = await mkdtemp(join(tmpdir(), 'qpq-bench-'))
    try {
      results.push(run(dir))
    } finally {
      await rm(dir, { recursive: true, force: true })
    }
  }
  return results
}

/** Runs this file again; the figures are its last line. */
function child(...args: string[]): Record<string, number> {
  const { stdout, status, signal } = spawnSync(process.execPath, ['--no-warnings', '--expose-gc', fileURLToPath(import.meta.url), ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
    encoding: 'utf8',
  })
  if (status !== 0 && signal !== 'SIGKILL') throw new Error(`${args.join(' ')} ended with ${status ?? signal}`)
  const line = stdout.trim().split('\n').at(-1) ?? ''
  return line === '' ? {} : (JSON.parse(line) as Record<string, number>)
}

/** The store alone, without door, signatures and disk: what is put into a full one, beside what is put into one with room. */
async function evict(count: number): Promise<void> {
  const { db, store } = await memoryStore({ limits: { ...STORE_PROFILES.pi, maxEnvelopes: count, maxBytes: 1e12 } })
  const crypto = await fastestCrypto()
  const put = async (some: number, hours: number): Promise<number> => {
    const [template] = frames(crypto, 1)
    const envelope = decodeEnvelope(template?.[0]?.bytes ?? new Uint8Array(0))
    let took = 0
    for (let at = 0; at < some; at += FRAME_ENVELOPES) {
      const envelopes = Array.from({ length: FRAME_ENVELOPES }, (_, i) => ({
        ...envelope,
        id: envelopeIdOf(systemRandom.bytes(32)),
        lifetimeS: 3_600 * (1 + ((at + i) % hours)) + ((at * 31) % 3_600),
      }))
      const began = performance.now()
      await db.transaction((tx) => {
        for (const one of envelopes) if (store.makeRoom(tx, one.bytes.length, one.priority, false)) store.put(tx, one, anArrival())
      })
      took += performance.now() - began
    }
    return (1_000 * took) / some
  }
  for (const hours of [700, 1]) {
    const room = await put(count, hours)
    await put(count / 10, hours)
    const full = await put(count / 10, hours)
    const of = `${count} envelopes that expire within ${hours} h`
    for (const [name, value] of [
      ['with room', room],
      ['full', full],
    ] as const) {
      console.log(JSON.stringify({ bench: 'store', metric: `put, store of ${of}, ${name}`, value, unit: 'µs', runs: 1 }))
    }
  }
}

async function open(dir: string): Promise<{ db: Database; store: EnvelopeStore }> {
  const db = await Database.open(await openLevel(join(dir, 'store')), { log: silentLog })
  return { db, store: await EnvelopeStore.open(db, { clock: systemClock, log: silentLog }, STORE_PROFILES.pi) }
}

async function door(dir: string, link: number) {
  const crypto = await fastestCrypto()
  const { db, store } = await open(dir)
  const rested = { perSecond: 1e9, burst: 1e9 }
  const deps = { db, store, crypto, clock: systemClock, isOwned: () => false, isFriend: () => true, isFriendsKey: () => true }
  const intake = new Intake(deps, { rates: { link: rested, author: rested, scope: rested } })
  return { crypto, db, intake, link: deviceIdOf(aSeed(link)) }
}

function* frames(crypto: Awaited<ReturnType<typeof fastestCrypto>>, count: number): Iterable<Received[]> {
  let made = 0
  while (made < count) {
    const frame: Received[] = []
    for (; frame.length < FRAME_ENVELOPES && made < count; made++) {
      const payload = new Uint8Array(PAYLOAD_BYTES)
      new DataView(payload.buffer).setUint32(0, made)
      const { bytes } = signEnvelope(crypto, aSeed(made % AUTHORS), {
        priority: 'normal',
        kind: 'inbox',
        address: anAddress(made % AUTHORS),
        stamp: { ms: Date.now(), counter: made & 0xffff },
        lifetimeS: 20 * 86_400,
        payload,
      })
      frame.push({ bytes, passage: { hops: 1, copies: 4, ageS: 0 } })
    }
    yield frame
  }
}

/** One frame after the other, a few of them at the door at once, as one session delivers them. */
async function receiveOnce(dir: string, count: number): Promise<void> {
  const { crypto, db, intake, link } = await door(dir, 1)
  const ready = [...frames(crypto, count)]
  const cpuBefore = process.cpuUsage()
  const began = performance.now()
  let accepted = 0
  const atDoor = new Set<Promise<void>>()
  for (const frame of ready) {
    const judged = intake.receiveAll(frame, link).then((verdicts) => {
      for (const { kind } of verdicts) accepted += kind === 'accept' ? 1 : 0
      atDoor.delete(judged)
    })
    atDoor.add(judged)
    await (atDoor.size < MAX_FRAMES_AT_DOOR ? turn() : Promise.race(atDoor))
  }
  await Promise.all(atDoor)
  const took = performance.now() - began
  const { user, system } = process.cpuUsage(cpuBefore)
  if (accepted !== count) throw new Error(`${accepted} of ${count} were accepted`)
  await db.close()
  console.log(JSON.stringify({ store: took, CPU: (user + system) / 1_000 }))
}

async function fill(dir: string, count: number, isKilled: boolean): Promise<void> {
  const { crypto, db, intake } = await door(dir, 1)
  let at = 0
  for (const frame of frames(crypto, count)) {
    const link: DeviceId = deviceIdOf(aSeed(1_000 + (at++ % 8)))
    for (const { kind } of await intake.receiveAll(frame, link)) if (kind !== 'accept') throw new Error(`an envelope was not accepted: ${kind}`)
  }
  if (isKilled) process.kill(process.pid, 'SIGKILL')
  await db.close()
}

async function openOnce(dir: string): Promise<void> {
  globalThis.gc?.()
  const before = process.memoryUsage()
  const cpuBefore = process.cpuUsage()
  const began = performance.now()
  const { store } = await open(dir)
  const took = performance.now() - began
  const { user, system } = process.cpuUsage(cpuBefore)
  globalThis.gc?.()
  const after = process.memoryUsage()
  const { envelopes } = store.usage()
  const bytes = (after.heapUsed + after.arrayBuffers - before.heapUsed - before.arrayBuffers) / envelopes
  console.log(JSON.stringify({ open: took, CPU: (user + system) / 1_000, bytes, envelopes }))
  process.kill(process.pid, 'SIGKILL')
}
