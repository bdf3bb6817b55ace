/**
 * Measures what people notice: how soon a node is there, what it costs while idle, how fast signatures are
 * checked, how long a message takes on one LAN.
 *
 *   npm run bench                 all of it, for people
 *   npm run bench -- start --json one of: start idle verify latency W1 W2 W7; one JSON line per figure
 *
 * Real nodes in network namespaces (root, iproute2). Nothing is asserted: machines are shared and noisy.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { portableCrypto } from '#mesh/crypto'
import type { Crypto } from '#mesh/ports'
import { nodeCrypto, sodiumCrypto } from '#node/crypto'
import { introduce, median, Person, percentile, withStreet } from '../checks/people.ts'
import { w1 } from './w1.ts'
import { w2 } from './w2.ts'
import { w7 } from './w7.ts'

/** One figure. */
interface Figure {
  readonly bench: string
  readonly metric: string
  readonly value: number
  readonly unit: string
  readonly baseline?: string
  readonly baselineValue?: number
  readonly ratio?: number
  readonly runs: number
}

const IDLE_MS = 60_000
const MESSAGES = 500
const STARTS = 5
const VERIFY_MS = 1_500

const BENCHES: Readonly<Record<string, (report: (figure: Figure) => void) => Promise<void>>> = { start, idle, verify, latency, W1: w1, W2: w2, W7: w7 }

const words = process.argv.slice(2)
const isJson = words.includes('--json')
const chosen = words.filter((word) => !word.startsWith('--'))
for (const name of chosen.length > 0 ? chosen : Object.keys(BENCHES)) {
  const bench = BENCHES[name]
  if (bench === undefined) {
    process.stderr.write(`there is no bench "${name}"; there are ${Object.keys(BENCHES).join(', ')}\n`)
    process.exit(2)
  }
  await bench(print)
}

function print(figure: Figure): void {
  const { bench, metric, value, unit, baseline, baselineValue, ratio, runs } = figure
  const compared = baseline === undefined ? '' : `  (${baseline}: ${rounded(baselineValue ?? 0)} ${unit}, ratio ${rounded(ratio ?? 0)})`
  console.log(isJson ? JSON.stringify(figure) : `${bench} ${metric}: ${rounded(value)} ${unit}${compared}, ${runs} runs`)
}

/** Start of the process to `ready`, with an identity that exists, beside bare Node that starts and ends. */
async function start(report: (figure: Figure) => void): Promise<void> {
  await withStreet('bench', async ({ lab, lan1, root }) => {
    const person = new Person('a', await lab.addNode('a'), root)
    await person.space.join(lan1)
    await person.up()
    await person.down()
    const times: number[] = []
    const bare: number[] = []
    for (let i = 0; i < STARTS; i++) {
      const began = performance.now()
      await person.up()
      times.push(person.node.readyAtMs - began)
      await person.down()
      bare.push(await bareNodeMs())
    }
    report(compare('start', 'process to ready, median', median(times), 'ms', 'bare Node starts and ends', median(bare), STARTS))
  })
}

/** Memory after a minute with two peers, beside a Node that does nothing. */
async function idle(report: (figure: Figure) => void): Promise<void> {
  await withStreet('bench', async ({ lab, lan1, root }) => {
    const people = await Promise.all(['a', 'b', 'c'].map(async (name) => new Person(name, await lab.addNode(name), root)))
    for (const { space } of people) await space.join(lan1)
    const bare = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1e6)'], { stdio: 'ignore' })
    try {
      await Promise.all(people.map((person) => person.up()))
      await new Promise((resolve) => setTimeout(resolve, IDLE_MS))
      const [first] = people
      const { rssBytes, peers } = (await first?.api.status()) ?? { rssBytes: 0, peers: 0 }
      report(compare('idle', `RSS after 60 s with ${peers} peers`, rssBytes / 1e6, 'MB', 'bare Node', await rssOf(bare), 1))
    } finally {
      bare.kill('SIGKILL')
      await Promise.all(people.map((person) => person.down()))
    }
  })
}

/** Signatures checked per second by each implementation, over 400 bytes by 64 authors. */
async function verify(report: (figure: Figure) => void): Promise<void> {
  const oracle = nodeCrypto()
  const cases = Array.from({ length: 64 }, (_, i) => {
    const seed = new Uint8Array(32).fill(i)
    const message = new Uint8Array(400).fill(i)
    return { key: oracle.ed25519PublicKey(seed), message, signature: oracle.ed25519Sign(seed, message) }
  })
  const rate = (crypto: Crypto): number => {
    const rates = Array.from({ length: 5 }, () => {
      const until = performance.now() + VERIFY_MS / 5
      const began = performance.now()
      let checks = 0
      while (performance.now() < until) {
        const { key, message, signature } = cases[checks % cases.length] ?? { key: new Uint8Array(), message: new Uint8Array(), signature: new Uint8Array() }
        if (!crypto.ed25519Verify(key, message, signature)) throw new Error('a good signature was refused')
        checks += 1
      }
      return (checks * 1_000) / (performance.now() - began)
    })
    return median(rates)
  }
  const base = rate(oracle)
  for (const crypto of [await sodiumCrypto(), oracle, portableCrypto()]) {
    report(compare('verify', crypto.name, crypto === oracle ? base : rate(crypto), 'checks/s', 'node:crypto', base, 5))
  }
}

/** From the call of `send` on A to the message among B's events, on one LAN. */
async function latency(report: (figure: Figure) => void): Promise<void> {
  await withStreet('bench', async ({ lab, lan1, root }) => {
    const a = new Person('a', await lab.addNode('a'), root)
    const b = new Person('b', await lab.addNode('b'), root)
    await a.space.join(lan1)
    await b.space.join(lan1)
    await Promise.all([a.up(), b.up()])
    await introduce(a, b)
    const watching = new AbortController()
    const arrived = new Map<string, (at: number) => void>()
    const watcher = (async () => {
      for await (const event of b.api.watch(watching.signal)) if (event.event === 'message') arrived.get(event.text)?.(performance.now())
    })()
    const times: number[] = []
    for (let i = 0; i < MESSAGES; i++) {
      const text = `message ${i}`
      const { promise, resolve } = Promise.withResolvers<number>()
      arrived.set(text, resolve)
      const began = performance.now()
      await a.api.send({ to: 'b', text })
      times.push((await promise) - began)
    }
    watching.abort()
    await watcher
    await Promise.all([a.down(), b.down()])
    report({ bench: 'latency', metric: 'send to log, p50', value: percentile(times, 0.5), unit: 'ms', runs: MESSAGES })
    report({ bench: 'latency', metric: 'send to log, p99', value: percentile(times, 0.99), unit: 'ms', runs: MESSAGES })
  })
}

function compare(bench: string, metric: string, value: number, unit: string, baseline: string, baselineValue: number, runs: number): Figure {
  return { bench, metric, value, unit, baseline, baselineValue, ratio: value / baselineValue, runs }
}

function rounded(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toFixed(2)
}

function bareNodeMs(): Promise<number> {
  const began = performance.now()
  const bare = spawn(process.execPath, ['-e', ''], { stdio: 'ignore' })
  return new Promise((resolve) => bare.once('close', () => resolve(performance.now() - began)))
}

/** Resident megabytes of a process. */
async function rssOf(child: ChildProcess): Promise<number> {
  const status = await readFile(`/proc/${child.pid}/status`, 'utf8')
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1] ?? 0) / 1_000
}
