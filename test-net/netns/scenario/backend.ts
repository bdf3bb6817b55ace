/** `npm run sim -- FILE --seed N --backend netns`: a scenario on real processes, in real time. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readScenario, type Scenario } from '../../sim/scenario.ts'
import { withLab } from '../index.ts'
import { explainMissing } from '../preflight.ts'
import { type Failure, judge, type Told, type Written } from './checks.ts'
import { fitOf, speedOf } from './fit.ts'
import { drawPlan, type Plan } from './plan.ts'
import { Village } from './village.ts'

/** Which runs. */
export interface NetnsTask {
  readonly file: string
  readonly seed: number
  /** As many seeds, one after the other. */
  readonly seeds: number
  /** Another number of nodes than the file says. */
  readonly nodes: number | undefined
  readonly isShort: boolean
  readonly isJson: boolean
  readonly isVerbose: boolean
  /** Seconds of the scenario for each real second. */
  readonly speed: number | undefined
}

/** Where lines go. */
interface Output {
  readonly out: (line: string) => void
  readonly err: (line: string) => void
}

/** One seed. */
interface Outcome {
  readonly failures: readonly Failure[]
  readonly nodeHours: number
  readonly cpuMs: number
  readonly counts: Readonly<Record<'acknowledged' | 'refused' | 'shown' | 'delivered' | 'cuts', number>>
}

const TOOLS = ['ip', 'nft', 'tc'] as const

/** Runs the seeds; says the exit code: 1 when a check failed, 2 when the scenario or this machine does not allow it. */
export async function simulateOnNodes(task: NetnsTask, output: Output): Promise<0 | 1 | 2> {
  const read = await readScenario(task.file, { isShort: task.isShort, isNetns: true })
  const scenario = task.nodes === undefined ? read : { ...read, nodes: task.nodes }
  const { refusals, notes } = fitOf(scenario)
  const obstacle = explainMissing(TOOLS)
  if (refusals.length > 0) {
    for (const { code, message } of refusals) output.err(`${code}: ${message}`)
    return 2
  }
  if (obstacle !== undefined) {
    output.err(obstacle)
    return 2
  }
  for (const note of notes) output.err(`note: ${note}`)
  let isOk = true
  for (let seed = task.seed; seed < task.seed + task.seeds; seed++) isOk = (await runSeed(task, scenario, seed, output)) && isOk
  return isOk ? 0 : 1
}

/** The one command that runs a seed again. */
export function replayOfNetns({ file, nodes, isShort, speed }: Pick<NetnsTask, 'file' | 'nodes' | 'isShort' | 'speed'>, seed: number): string {
  const words = ['npm run sim --', file, `--seed ${seed}`, '--backend netns']
  if (isShort) words.push('--short')
  if (nodes !== undefined) words.push(`--nodes ${nodes}`)
  if (speed !== undefined) words.push(`--speed ${speed}`)
  return words.join(' ')
}

async function runSeed(task: NetnsTask, scenario: Scenario, seed: number, { out, err }: Output): Promise<boolean> {
  const startedMs = performance.now()
  const root = await mkdtemp(join(tmpdir(), `qpq-netns-${scenario.name}-${seed}-`))
  const speed = speedOf(scenario, task.speed)
  const journal: string[] = []
  const onLine = (line: string): void => {
    journal.push(line)
    if (task.isVerbose) err(line)
  }
  const { failures, nodeHours, cpuMs, counts } = await tryThrough(scenario, seed, { root, speed, onLine })
  const failed = [...Map.groupBy(failures, ({ check }) => check)].map(([check, all]) => ({ check, count: all.length, what: all[0]?.what ?? '' }))
  const seconds = Math.round((performance.now() - startedMs) / 1_000)
  if (!task.isJson) {
    out(
      `${scenario.name}, seed ${seed}, on ${scenario.nodes} processes: ${counts.acknowledged} messages, ${counts.shown} shown, ${counts.delivered} known to be delivered, ${counts.cuts} power cuts, ${seconds} s`,
    )
    for (const { check, count, what } of failed) out(`  ${check}, ${count} times, first: ${what}`)
  }
  if (failed.length > 0) {
    await writeFile(join(root, 'journal.log'), `${journal.join('\n')}\n`)
    err(`data directories and logs: ${root}`)
    err(`run it again: ${replayOfNetns(task, seed)}`)
  } else await rm(root, { recursive: true, force: true })
  out(JSON.stringify({ seed, ok: failed.length === 0, failed, nodeHours, cpuMs, ...counts, scenario: scenario.name, backend: 'netns', speed, seconds }))
  return failed.length === 0
}

/** A run that breaks is a run that failed: what is there is kept. */
async function tryThrough(...args: Parameters<typeof liveThrough>): Promise<Outcome> {
  try {
    return await liveThrough(...args)
  } catch (error) {
    const what = error instanceof Error ? error.message : String(error)
    return { failures: [{ check: 'internal', what }], nodeHours: 0, cpuMs: 0, counts: { acknowledged: 0, refused: 0, shown: 0, delivered: 0, cuts: 0 } }
  }
}

async function liveThrough(scenario: Scenario, seed: number, how: { root: string; speed: number; onLine: (line: string) => void }): Promise<Outcome> {
  const plan = await drawPlan(scenario, seed)
  const mustArrive = arrivalsOf(plan)
  return withLab(
    'sim',
    async (lab) => {
      const village = await Village.create(lab, { scenario, plan, seed, ...how })
      const told = await toldBy(village, mustArrive)
      for (const { name, errors } of village.residents) if (errors.length > 0) await writeFile(join(how.root, `${name}.log`), `${errors.join('\n')}\n`)
      const { written, residents, refused } = village
      const delivered = told.flatMap(({ logs }) => [...logs.values()].flat()).filter(({ direction, state }) => direction === 'out' && state === 'delivered')
      const sum = (of: (resident: (typeof residents)[number]) => number): number => residents.reduce((all, resident) => all + of(resident), 0)
      return {
        failures: [...village.failures, ...judge({ told, written, meant: plan.actions.filter((action) => action.kind === 'write'), mustArrive })],
        nodeHours: Math.round(sum(({ upMs }) => upMs) / 3_600) / 1_000,
        cpuMs: Math.round(sum((resident) => resident.cpuMs)),
        counts: {
          acknowledged: written.length,
          refused,
          shown: sum(({ shown }) => shown.length),
          delivered: delivered.length,
          cuts: plan.actions.filter(({ kind }) => kind === 'cut').length,
        },
      }
    },
    TOOLS,
  )
}

async function toldBy(village: Village, mustArrive: (written: Written) => boolean): Promise<Told[]> {
  try {
    await village.open()
    await village.live()
    await village.settle(mustArrive)
    return await village.close()
  } finally {
    await village.abandon()
  }
}

/** What has to arrive: everything that is not for somebody who is never there. At the end all are connected, over others at least. */
function arrivalsOf({ absent }: Plan): (written: Written) => boolean {
  return ({ to }) => !absent.has(to)
}
