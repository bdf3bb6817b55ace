/** One seed of one scenario, as it is asked for and as it is answered: plain values, which cross processes. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Break, brokenBuild } from './builds.ts'
import { renderReport } from './report.ts'
import { readScenario } from './scenario.ts'
import { type CryptoKind, type Outcome, runScenario } from './world.ts'

/** Which run. */
export interface Task {
  readonly file: string
  readonly seed: number
  /** Another number of nodes than the file says. */
  readonly nodes?: number
  /** The short variant of the scenario. */
  readonly isShort?: boolean
  readonly crypto?: CryptoKind
  /** A build without one of its checks. */
  readonly broken?: Break
  /** Where a page about the run goes. */
  readonly report?: string
  /** A folder for such pages: of each run that fails, or `always`. */
  readonly pages?: { readonly folder: string; readonly always: boolean }
}

/** How it went; `failed` holds each check once, with the first thing it said. */
export interface Result {
  readonly task: Task
  readonly scenario: string
  readonly failed: readonly { readonly check: string; readonly count: number; readonly atMs?: number; readonly what?: string }[]
  readonly nodeHours: number
  readonly cpuMs: number
  readonly acknowledged: number
  readonly shown: number
  readonly delivered: number
  readonly hash: string
}

/** Runs one seed. @throws Error for a scenario that cannot be read */
export async function runSeed(task: Task, onLine?: (line: string) => void): Promise<Result> {
  const read = await readScenario(task.file, { isShort: task.isShort ?? false })
  const scenario = task.nodes === undefined ? read : { ...read, nodes: task.nodes }
  const outcome = await runScenario(scenario, task.seed, {
    ...(task.crypto === undefined ? {} : { crypto: task.crypto }),
    ...(task.broken === undefined ? {} : { build: brokenBuild(task.broken) }),
    ...(onLine === undefined ? {} : { onLine }),
  })
  const isWanted = task.pages !== undefined && (task.pages.always || outcome.failures.length > 0)
  for (const file of [task.report, isWanted ? pageOf(task, scenario.name) : undefined]) {
    if (file !== undefined) await writeFile(file, renderReport(scenario, outcome))
  }
  return resultOf(task, scenario.name, outcome)
}

/** The one command that runs a seed again. */
export function replayOf({ file, seed, nodes, isShort, crypto, broken }: Task): string {
  const words = ['npm run sim --', file, `--seed ${seed}`]
  if (isShort === true) words.push('--short')
  if (nodes !== undefined) words.push(`--nodes ${nodes}`)
  if (crypto === 'real') words.push('--crypto real')
  if (broken !== undefined) words.push(`--break ${broken}`)
  return words.join(' ')
}

/** The page about a run, in the folder for pages. */
export function pageOf({ pages, seed }: Task, scenario: string): string {
  return join(pages?.folder ?? '.', `${scenario}-${seed}.html`)
}

function resultOf(task: Task, scenario: string, { failureCounts, failures, nodeHours, cpuMs, counts, hash }: Outcome): Result {
  const failed = [...failureCounts].map(([check, count]) => {
    const first = failures.find((failure) => failure.check === check)
    return { check, count, ...(first === undefined ? {} : { atMs: first.atMs, what: first.what }) }
  })
  const { acknowledged, shown, delivered } = counts
  return { task, scenario, failed, nodeHours: rounded(nodeHours), cpuMs: Math.round(cpuMs), acknowledged, shown, delivered, hash }
}

function rounded(hours: number): number {
  return Math.round(hours * 10) / 10
}
