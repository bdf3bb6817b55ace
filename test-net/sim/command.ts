/**
 * Runs a scenario with one seed or many.
 *
 *   npm run sim -- FILE --seed N         one run
 *     --seeds COUNT    that many, from seed N on
 *     --nodes N        another number of nodes than the file says
 *     --short          the short variant that the file has for everyday
 *     --jobs N         over so many processes
 *     --minutes N      no seed begins after so long
 *     --out FOLDER     summary.json, index.html, and a page about each seed that fails and the first of each scenario
 *     --json           nothing but JSON on the standard output
 *     --report FILE    writes a page about the (last) run
 *     --break WHAT     a build without one of its checks: duplicate-check, quota, expiry, retraction-signature
 *     --crypto WHICH   fast (simulated signatures, the default) or real
 *     --journal        every line of what happens, on the standard error
 *     --backend netns  on real processes in network namespaces, in real time; `../netns/scenario/backend.ts`
 *     --speed F        there: so many seconds of the scenario in a real one
 *   npm run sim -- --nightly MINUTES [FILE…]   the scenarios in turn, all of them without a FILE, seed after seed until the time is over
 *   npm run sim -- --suite ci                  200 seeds of all scenarios, and the broken builds
 *
 * Ends with one line, {"seed","ok","failed":[…],"nodeHours","cpuMs"}, and exit code 0 or 1; 2 for wrong usage.
 * For each failing seed one command is printed that runs it again, on the standard error.
 */
import { mkdir } from 'node:fs/promises'
import { simulateOnNodes } from '../netns/scenario/backend.ts'
import { runPool } from './pool.ts'
import { readScenario } from './scenario.ts'
import { type Result, replayOf, runSeed, type Task } from './seed.ts'
import { runCiSuite, scenarioFiles } from './suite.ts'
import { sumOf, writeSummary } from './summary.ts'
import { readWords, type Words } from './words.ts'

/** Where lines go. */
export interface Output {
  readonly out: (line: string) => void
  readonly err: (line: string) => void
}

/** Runs the command; says the exit code. */
export async function simulate(args: readonly string[], output: Output): Promise<0 | 1 | 2> {
  let words: Words
  let files: readonly string[]
  try {
    words = readWords(args)
    files = words.files.length > 0 ? words.files : await scenarioFiles()
    if (words.suite === undefined) for (const file of files) await readScenario(file, { ...words, isNetns: words.backend === 'netns' })
  } catch (error) {
    output.err(error instanceof Error ? error.message : String(error))
    return 2
  }
  const [only] = files
  if (words.backend === 'netns' && only !== undefined) return simulateOnNodes({ ...words, file: only }, output)
  if (words.suite !== undefined) return (await runCiSuite(words.jobs, output)) ? 0 : 1
  if (words.out !== undefined) await mkdir(words.out, { recursive: true })
  const startedMs = performance.now()
  const results: Result[] = []
  const onResult = (result: Result): void => {
    results.push(result)
    tell(result, words, output)
  }
  await runAll(tasksOf(files, words), words, output, onResult)
  const sum = sumOf(results)
  if (words.out !== undefined) await writeSummary(words.out, results, performance.now() - startedMs)
  if (words.seeds !== 1) output.out(JSON.stringify(sum))
  return sum.ok ? 0 : 1
}

/** In this process, unless there are several. */
async function runAll(tasks: Iterable<Task>, words: Words, { err }: Output, onResult: (result: Result) => void): Promise<void> {
  const withinMs = words.minutes === undefined ? Number.POSITIVE_INFINITY : words.minutes * 60_000
  if (words.jobs > 1) {
    await runPool(tasks, { jobs: words.jobs, withinMs }, onResult)
    return
  }
  const untilMs = performance.now() + withinMs
  for (const task of tasks) {
    if (performance.now() >= untilMs) return
    onResult(await runSeed(task, words.isVerbose ? err : undefined))
  }
}

function* tasksOf(files: readonly string[], { seed: first, seeds, nodes, isShort, crypto, broken, report, out }: Words): Generator<Task> {
  for (let seed = first; seed < first + seeds; seed++) {
    for (const file of files) {
      yield {
        file,
        seed,
        ...(nodes === undefined ? {} : { nodes }),
        ...(isShort ? { isShort } : {}),
        ...(crypto === undefined ? {} : { crypto }),
        ...(broken === undefined ? {} : { broken }),
        ...(report === undefined ? {} : { report }),
        ...(out === undefined ? {} : { pages: { folder: out, always: seed === first } }),
      }
    }
  }
}

function tell(result: Result, words: Words, { out, err }: Output): void {
  const { task, scenario, failed, acknowledged, shown, delivered, hash } = result
  if (!words.isJson) {
    out(`${scenario}, seed ${task.seed}: ${acknowledged} messages, ${shown} shown, ${delivered} known to be delivered; run ${hash.slice(0, 16)}`)
    for (const { check, count, atMs, what } of failed) out(`  ${check}, ${count} times, first at ${((atMs ?? 0) / 3_600_000).toFixed(2)} h: ${what}`)
  }
  if (failed.length > 0) err(`run it again: ${replayOf(task)}`)
  out(JSON.stringify(lineOf(result)))
}

function lineOf({ task, scenario, failed, nodeHours, cpuMs, acknowledged, shown, delivered, hash }: Result): Record<string, unknown> {
  const { seed } = task
  return { seed, ok: failed.length === 0, failed, nodeHours, cpuMs, acknowledged, shown, delivered, scenario, hash }
}
