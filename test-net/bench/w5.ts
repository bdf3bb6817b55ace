/**
 * W5: 100,000 envelopes stored, kill -9, and how long until the node serves a read again.
 *
 * The identity exists; the envelopes came through the door (`store.ts`), which was killed with the last of them. Each
 * run starts on a copy of what the kill left, in a namespace with one LAN and nobody on it. *First answer*: from the
 * start of the process to the answer of `status`, which must count all envelopes. *Reopen alone*: the store opened by
 * a process that does nothing else, without the start of that process.
 *
 * Baselines: the same node without envelopes; a bare classic-level of as many rows of the same size, killed the same
 * way, opened, one row read; bare Node, started and ended. Files are in the page cache for all of them.
 */
import { cp, mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { ControlClient } from '#node/control'
import { withStreet } from '../checks/people.ts'
import { type Lan, type NetLab, type NodeSpace, QpqNode } from '../netns/index.ts'
import { type BenchOptions, figuresOf, type Report } from './figure.ts'
import { bareNodeMs, ended, said, startProgram } from './programs.ts'

const ENVELOPES = 100_000
const RUNS = 5
/** A payload of 300 bytes with header and signature: what `store.ts` stores. */
const ROW_BYTES = 428
/** Signing, checking and storing all of them, on a busy machine. */
const FILL_MS = 180_000
const OPEN_MS = 30_000
/** Between two tries to reach a node that starts. */
const LOOK_MS = 1

interface Place {
  readonly space: NodeSpace
  readonly root: string
}

/** Runs the bench. @throws Error when an envelope is missing after the kill */
export async function w5(report: Report, { runs = RUNS }: BenchOptions): Promise<void> {
  await withStreet('w5', async ({ lab, lan1, root }) => {
    const place: Place = { space: await nodeOn(lab, lan1), root }
    const [empty, full, level] = ['empty', 'full', 'level'].map((name) => join(root, name)) as [string, string, string]
    await (await startNode(place, empty)).stop()
    await cp(empty, full, { recursive: true })
    await filled(place, 'store.ts', ['--fill', full, `${ENVELOPES}.kill`])
    await mkdir(level)
    await filled(place, 'bare-level.ts', ['fill', level, ENVELOPES, ROW_BYTES])

    const [ours, without, alone, rows, bare]: [Answer[], Answer[], Opened[], LevelRead[], number[]] = [[], [], [], [], []]
    for (let i = 0; i < runs; i++) {
      ours.push(await onCopy(full, (data) => firstAnswer(place, data, ENVELOPES)))
      without.push(await onCopy(empty, (data) => firstAnswer(place, data, 0)))
      alone.push(await onCopy(full, (data) => openStore(place, data)))
      rows.push(await onCopy(level, (dir) => readLevel(place, dir)))
      bare.push(await bareNodeMs(place.space))
    }
    const figure = (metric: string, unit: string, values: readonly number[], baselines: Readonly<Record<string, readonly number[]>>): void => {
      for (const one of figuresOf({ bench: 'W5', metric: `${ENVELOPES} envelopes, kill -9: ${metric}`, unit, values, baselines })) report(one)
    }
    figure('process to first answer', 'ms', ms(ours, 'answerMs'), {
      'the same node, no envelopes': ms(without, 'answerMs'),
      'bare classic-level, process to one row': ms(rows, 'processMs'),
      'bare Node starts and ends': bare,
    })
    figure('process to ready', 'ms', ms(ours, 'readyMs'), { 'the same node, no envelopes': ms(without, 'readyMs') })
    figure('store reopened, alone', 'ms', ms(alone, 'open'), { 'bare classic-level, open and read one row': ms(rows, 'readMs') })
    figure('store reopened, alone: CPU', 'ms', ms(alone, 'CPU'), {})
  })
}

interface Answer {
  readonly answerMs: number
  readonly readyMs: number
}

interface Opened {
  readonly open: number
  readonly CPU: number
}

interface LevelRead {
  readonly processMs: number
  readonly readMs: number
}

function ms<K extends string>(of: ReadonlyArray<Readonly<Record<K, number>>>, key: K): number[] {
  return of.map((one) => one[key])
}

/** A place on a LAN, for a node alone or for what it is compared with. */
async function nodeOn(lab: NetLab, lan: Lan): Promise<NodeSpace> {
  const space = await lab.addNode('a')
  await space.join(lan)
  return space
}

function startNode({ space }: Place, data: string): Promise<QpqNode> {
  return QpqNode.start(space, { data, name: 'a', args: ['--control-port', 'off', '--log-level', 'error'] })
}

/** Runs a program that fills a directory and then kills itself. */
async function filled({ space }: Place, file: string, args: readonly (string | number)[]): Promise<void> {
  const program = startProgram(space, file, args)
  const how = await ended(program, FILL_MS)
  if (how !== 'SIGKILL') throw new Error(`it ended with ${how}\n${program.tail()}`)
}

/** What a kill left, once more. */
async function onCopy<T>(from: string, work: (copy: string) => Promise<T>): Promise<T> {
  const copy = `${from}-copy`
  await cp(from, copy, { recursive: true })
  try {
    return await work(copy)
  } finally {
    await rm(copy, { recursive: true })
  }
}

async function firstAnswer(place: Place, data: string, expected: number): Promise<Answer> {
  const began = performance.now()
  const starting = startNode(place, data)
  starting.catch(() => {}) // told where it is awaited
  const client = await reached(data, began + OPEN_MS)
  try {
    const { store } = await client.status()
    const answerMs = performance.now() - began
    if (store.envelopes < expected) throw new Error(`${store.envelopes} envelopes were left of ${expected}`)
    const node = await starting
    const readyMs = node.readyAtMs - began
    await node.kill()
    return { answerMs, readyMs }
  } finally {
    await client.close()
  }
}

async function reached(data: string, deadlineMs: number): Promise<ControlClient> {
  for (;;) {
    try {
      return await ControlClient.connect(data)
    } catch (error) {
      if (performance.now() > deadlineMs) throw error
    }
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS))
  }
}

async function openStore({ space }: Place, data: string): Promise<Opened> {
  const { open = Number.NaN, CPU = Number.NaN, envelopes = 0 } = await answerOf(space, 'store.ts', ['--open', data], 'open')
  if (envelopes < ENVELOPES) throw new Error(`${envelopes} envelopes were left of ${ENVELOPES}`)
  return { open, CPU }
}

async function readLevel({ space }: Place, dir: string): Promise<LevelRead> {
  const began = performance.now()
  const { readMs = Number.NaN } = await answerOf(space, 'bare-level.ts', ['open', dir, ENVELOPES], 'readMs')
  return { processMs: performance.now() - began, readMs }
}

async function answerOf(space: NodeSpace, file: string, args: readonly (string | number)[], key: string): Promise<Record<string, number>> {
  const program = startProgram(space, file, args)
  const answer = await said(program, key, OPEN_MS)
  await ended(program, OPEN_MS)
  return answer
}
