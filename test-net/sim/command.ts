/**
 * Runs a scenario with one seed or many.
 *
 *   npm run sim -- FILE --seed N         one run
 *     --seeds COUNT    that many, from seed N on
 *     --nodes N        another number of nodes than the file says
 *     --json           nothing but JSON on the standard output
 *     --report FILE    writes a page about the (last) run
 *     --break WHAT     a build without one of its checks: duplicate-check, quota, expiry, retraction-signature
 *     --journal        every line of what happens, on the standard error
 *
 * Ends with one line, {"seed","ok","failed":[…],"nodeHours","cpuMs"}, and exit code 0 or 1; 2 for wrong usage.
 * For each failing seed one command is printed that runs it again, on the standard error.
 */
import { writeFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { BREAKS, type Break, brokenBuild } from './builds.ts'
import { renderReport } from './report.ts'
import { readScenario, type Scenario } from './scenario.ts'
import { type Outcome, runScenario } from './world.ts'

/** Where lines go. */
export interface Output {
  readonly out: (line: string) => void
  readonly err: (line: string) => void
}

interface Words {
  readonly file: string
  readonly seed: number
  readonly seeds: number
  readonly nodes: number | undefined
  readonly isJson: boolean
  readonly report: string | undefined
  readonly broken: Break | undefined
  readonly isVerbose: boolean
}

/** Runs the command; says the exit code. */
export async function simulate(args: readonly string[], output: Output): Promise<0 | 1 | 2> {
  let words: Words
  let scenario: Scenario
  try {
    words = readWords(args)
    scenario = await readScenario(words.file)
  } catch (error) {
    output.err(error instanceof Error ? error.message : String(error))
    return 2
  }
  if (words.nodes !== undefined) scenario = { ...scenario, nodes: words.nodes }
  const outcomes: Outcome[] = []
  for (let seed = words.seed; seed < words.seed + words.seeds; seed++) {
    const outcome = await runScenario(scenario, seed, {
      ...(words.broken === undefined ? {} : { build: brokenBuild(words.broken) }),
      ...(words.isVerbose ? { onLine: output.err } : {}),
    })
    outcomes.push(withoutSeries(outcome))
    tell(outcome, words, output)
    if (words.report !== undefined) await writeFile(words.report, renderReport(scenario, outcome))
  }
  if (outcomes.length > 1) output.out(JSON.stringify(sumOf(outcomes)))
  return outcomes.every(isOk) ? 0 : 1
}

/** @throws Error in words for people */
function readWords(args: readonly string[]): Words {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      seed: { type: 'string', default: '1' },
      seeds: { type: 'string', default: '1' },
      nodes: { type: 'string' },
      json: { type: 'boolean', default: false },
      report: { type: 'string' },
      break: { type: 'string' },
      journal: { type: 'boolean', default: false },
    },
  })
  const [file, ...others] = positionals
  if (file === undefined || others.length > 0)
    throw new Error('usage: npm run sim -- FILE --seed N [--nodes N] [--seeds COUNT] [--json] [--report FILE] [--break WHAT]')
  const broken = BREAKS.find((name) => name === values.break)
  if (values.break !== undefined && broken === undefined) throw new Error(`--break takes one of: ${BREAKS.join(', ')}`)
  return {
    file,
    seed: wholeNumber('--seed', values.seed, 0),
    seeds: wholeNumber('--seeds', values.seeds, 1),
    nodes: values.nodes === undefined ? undefined : wholeNumber('--nodes', values.nodes, 2),
    isJson: values.json,
    report: values.report,
    broken,
    isVerbose: values.journal,
  }
}

function wholeNumber(name: string, text: string, least: number): number {
  const number = Number(text)
  if (!Number.isSafeInteger(number) || number < least) throw new Error(`${name} takes a whole number from ${least} on, not "${text}"`)
  return number
}

function tell(outcome: Outcome, words: Words, { out, err }: Output): void {
  const { counts, hash, failures } = outcome
  if (!words.isJson) {
    out(`seed ${outcome.seed}: ${counts.acknowledged} messages, ${counts.shown} shown, ${counts.delivered} known to be delivered; run ${hash.slice(0, 16)}`)
    for (const { check, atMs, what } of failures) out(`  ${check} at ${(atMs / 3_600_000).toFixed(2)} h: ${what}`)
  }
  if (failures.length > 0) err(`run it again: ${replayOf(outcome.seed, words)}`)
  out(JSON.stringify(lineOf(outcome)))
}

/** The one command that runs a seed again. */
function replayOf(seed: number, { file, nodes, broken }: Words): string {
  const more = [...(nodes === undefined ? [] : [`--nodes ${nodes}`]), ...(broken === undefined ? [] : [`--break ${broken}`])]
  return ['npm run sim --', file, `--seed ${seed}`, ...more].join(' ')
}

function lineOf(outcome: Outcome): Record<string, unknown> {
  const { seed, hash, nodeHours, cpuMs, counts, failures, failureCounts } = outcome
  const failed = [...failureCounts].map(([check, count]) => ({ check, count, what: failures.find((failure) => failure.check === check)?.what }))
  const { acknowledged, shown, delivered } = counts
  return { seed, ok: isOk(outcome), failed, nodeHours: rounded(nodeHours), cpuMs: Math.round(cpuMs), acknowledged, shown, delivered, hash }
}

function sumOf(outcomes: readonly Outcome[]): Record<string, unknown> {
  const failing = outcomes.filter((outcome) => !isOk(outcome))
  const sum = (part: (outcome: Outcome) => number): number => outcomes.reduce((whole, outcome) => whole + part(outcome), 0)
  return {
    seed: outcomes[0]?.seed,
    seeds: outcomes.length,
    ok: failing.length === 0,
    failed: failing.map(({ seed, failureCounts }) => ({ seed, checks: [...failureCounts.keys()] })),
    nodeHours: rounded(sum(({ nodeHours }) => nodeHours)),
    cpuMs: Math.round(sum(({ cpuMs }) => cpuMs)),
    acknowledged: sum(({ counts }) => counts.acknowledged),
  }
}

/** For a sum over a thousand seeds, what only a report needs is let go. */
function withoutSeries(outcome: Outcome): Outcome {
  return { ...outcome, samples: [], latenciesMs: [] }
}

function isOk({ failures }: Outcome): boolean {
  return failures.length === 0
}

function rounded(hours: number): number {
  return Math.round(hours * 10) / 10
}
