/**
 * W9: how soon a node is there, and what memory it takes while nothing happens, beside bare Node.
 *
 * *Start*: process to `ready`, with an identity that exists, on a LAN with nobody else. *Idle*: resident memory after a
 * minute on one LAN, of each of three nodes that see each other; V8 collects when it likes, nothing makes it. The
 * baseline of that is a Node with one timer, as old.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { Person, withStreet } from '../checks/people.ts'
import { type BenchOptions, figuresOf, type Report } from './figure.ts'
import { memoryMbOf } from './proc.ts'
import { bareNodeMs } from './programs.ts'

const RUNS = 5
const IDLE_S = 60

/** Runs the bench. */
export async function w9(report: Report, { runs = RUNS, seconds = IDLE_S }: BenchOptions): Promise<void> {
  await start(report, runs)
  await idle(report, seconds)
}

async function start(report: Report, runs: number): Promise<void> {
  await withStreet('w9', async ({ lab, lan1, root }) => {
    const person = new Person('a', await lab.addNode('a'), root)
    await person.space.join(lan1)
    await person.up()
    await person.down()
    const [times, bare]: [number[], number[]] = [[], []]
    for (let i = 0; i < runs; i++) {
      const began = performance.now()
      await person.up()
      times.push(person.node.readyAtMs - began)
      await person.down()
      bare.push(await bareNodeMs(person.space))
    }
    const baselines = { 'bare Node starts and ends': bare }
    for (const figure of figuresOf({ bench: 'W9', metric: 'process to ready', unit: 'ms', values: times, baselines })) report(figure)
  })
}

async function idle(report: Report, seconds: number): Promise<void> {
  await withStreet('w9', async ({ lab, lan1, root }) => {
    const people = await Promise.all(['a', 'b', 'c'].map(async (name) => new Person(name, await lab.addNode(name), root)))
    for (const { space } of people) await space.join(lan1)
    const bare = (await lab.addNode('bare')).start([process.execPath, '-e', 'setInterval(() => {}, 1e6)'])
    await Promise.all(people.map((person) => person.up()))
    await sleep(seconds * 1_000)
    const peers = await Promise.all(people.map(async ({ api }) => (await api.status()).peers))
    const values = await Promise.all(people.map(({ node }) => memoryMbOf(node.process.pid)))
    const baselines = { 'bare Node': [await memoryMbOf(bare.pid)] }
    const metric = `RSS after ${seconds} s with ${Math.min(...peers)} peers`
    for (const figure of figuresOf({ bench: 'W9', metric, unit: 'MB', values, baselines })) report(figure)
    await Promise.all(people.map((person) => person.down()))
  })
}
