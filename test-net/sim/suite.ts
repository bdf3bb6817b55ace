/**
 * What every change has to pass: 200 seeds that stay the same, spread over the scenarios in their short
 * variants, and builds without one of their checks, each of which must be caught.
 */
import { readdir } from 'node:fs/promises'
import { basename, join, relative } from 'node:path'
import { BREAKS, caughtBy } from './builds.ts'
import { runPool } from './pool.ts'
import { type Result, replayOf, type Task } from './seed.ts'

const FOLDER = join(import.meta.dirname, '../scenarios')

/** Seeds of each scenario: the cheap ones often, and each that has something of its own. */
const SEEDS: Readonly<Record<string, number>> = {
  rough: 56,
  'bad-company': 30,
  'power-cuts': 20,
  clocks: 20,
  'two-islands': 15,
  line: 15,
  hostile: 10,
  'old-mail': 10,
  'long-silence': 8,
  crowd: 4,
  couriers: 4,
  'waypoints-week': 4,
  'week-50': 4,
}
/** Each so many seeds run with real signatures. */
const REAL_EVERY = 10
/** Where broken builds are looked for, and how many seeds they may need. */
const BREAKABLE = 'bad-company'
const MAX_SEEDS_TO_CATCH = 20

/** All scenario files, as paths from here; without traces when these are not there. */
export async function scenarioFiles(): Promise<string[]> {
  const names = (await readdir(FOLDER)).filter((name) => name.endsWith('.yaml')).sort()
  const withTraces = process.env['QPQ_VECTORS'] === undefined ? names.filter((name) => name !== 'conference.yaml') : names
  return withTraces.map(fileOf)
}

/** Runs it, and tells one line for each scenario. True when every check held, and every broken build was caught. */
export async function runCiSuite(jobs: number, { out, err }: { out: (line: string) => void; err: (line: string) => void }): Promise<boolean> {
  const results = new Map<string, Result[]>()
  const caught = new Map<string, Result>()
  let failed = 0
  await runPool([...goodTasks()], { jobs }, (result) => {
    const { task } = result
    const name = basename(task.file, '.yaml')
    const all = results.get(name) ?? []
    results.set(name, [...all, result])
    if (result.failed.length > 0) failed++
    for (const { check, what } of result.failed) err(`${check}: ${what}; run it again: ${replayOf(task)}`)
    if (all.length + 1 === SEEDS[name]) out(lineOf(name, [...all, result]))
  })
  await runPool(brokenTasks(caught), { jobs }, (result) => {
    const { broken } = result.task
    if (broken === undefined || caught.has(broken)) return
    if (result.failed.some(({ check }) => check === caughtBy(broken))) caught.set(broken, result)
  })
  let escaped = 0
  for (const what of BREAKS) {
    const result = caught.get(what)
    if (result === undefined) escaped++
    out(
      `a build without its ${what}: ${result === undefined ? 'NOT CAUGHT' : `caught with seed ${result.task.seed}: ${wordsOf(result)}; ${replayOf(result.task)}`}`,
    )
  }
  const count = [...results.values()].reduce((sum, all) => sum + all.length, 0)
  out(`${count} seeds, ${failed} failed`)
  return failed === 0 && escaped === 0
}

/** The longest first, so that no process is left with them at the end. */
function goodTasks(): Task[] {
  const names = Object.keys(SEEDS).reverse()
  return names.flatMap((name) =>
    Array.from(
      { length: SEEDS[name] ?? 0 },
      (_, i): Task => ({ file: fileOf(name), seed: i + 1, isShort: true, crypto: i % REAL_EVERY === 0 ? 'real' : 'fast' }),
    ),
  )
}

/** One seed after the other for each build that no seed has caught so far. */
function* brokenTasks(caught: ReadonlyMap<string, Result>): Generator<Task> {
  for (let seed = 1; seed <= MAX_SEEDS_TO_CATCH; seed++) {
    for (const broken of BREAKS) if (!caught.has(broken)) yield { file: fileOf(BREAKABLE), seed, isShort: true, broken }
  }
}

function fileOf(name: string): string {
  return relative('.', join(FOLDER, name.endsWith('.yaml') ? name : `${name}.yaml`))
}

function lineOf(name: string, all: readonly Result[]): string {
  const sum = (part: (result: Result) => number): number => all.reduce((whole, result) => whole + part(result), 0)
  const failed = all.filter((result) => result.failed.length > 0).length
  const [hours, cpuS, messages] = [sum(({ nodeHours }) => nodeHours), sum(({ cpuMs }) => cpuMs) / 1_000, sum(({ acknowledged }) => acknowledged)]
  return `${name}: ${all.length} seeds, ${failed} failed; ${messages} messages, ${hours.toFixed(0)} node-hours in ${cpuS.toFixed(1)} CPU-seconds`
}

function wordsOf({ failed }: Result): string {
  return failed.map(({ check }) => check).join(', ')
}
