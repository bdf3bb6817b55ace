/** What many seeds have shown, as JSON and as one page. */
import { writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { escaped } from './report.ts'
import { pageOf, type Result, replayOf } from './seed.ts'

/** Sums over runs. */
export interface Sum {
  readonly seed: number | undefined
  readonly seeds: number
  readonly ok: boolean
  readonly failed: readonly { readonly scenario: string; readonly seed: number; readonly checks: readonly string[]; readonly replay: string }[]
  readonly nodeHours: number
  readonly cpuMs: number
  readonly nodeHoursPerCpuMinute: number
  readonly acknowledged: number
}

/** All of them together. */
export function sumOf(results: readonly Result[]): Sum {
  const sum = (part: (result: Result) => number): number => results.reduce((whole, result) => whole + part(result), 0)
  const failing = results.filter(({ failed }) => failed.length > 0)
  const [nodeHours, cpuMs] = [Math.round(10 * sum((result) => result.nodeHours)) / 10, sum((result) => result.cpuMs)]
  return {
    seed: results[0]?.task.seed,
    seeds: results.length,
    ok: failing.length === 0,
    failed: failing.map(({ task, scenario, failed }) => ({ scenario, seed: task.seed, checks: failed.map(({ check }) => check), replay: replayOf(task) })),
    nodeHours,
    cpuMs,
    nodeHoursPerCpuMinute: Math.round(nodeHours / Math.max(cpuMs / 60_000, 1e-9)),
    acknowledged: sum((result) => result.acknowledged),
  }
}

/** Writes `summary.json` and `index.html` into a folder. */
export async function writeSummary(folder: string, results: readonly Result[], tookMs: number): Promise<void> {
  const scenarios = Map.groupBy(results, ({ scenario }) => scenario)
  const sums = [...scenarios].map(([scenario, of]) => ({ scenario, ...sumOf(of) }))
  const whole = { ...sumOf(results), tookS: Math.round(tookMs / 1_000), scenarios: sums }
  await writeFile(join(folder, 'summary.json'), `${JSON.stringify(whole, undefined, 2)}\n`)
  await writeFile(join(folder, 'index.html'), pageAbout(results, sums, tookMs))
}

function pageAbout(results: readonly Result[], sums: readonly (Sum & { scenario: string })[], tookMs: number): string {
  const failing = results.filter(({ failed }) => failed.length > 0)
  const rows = sums.map(
    ({ scenario, seeds, failed, nodeHours, nodeHoursPerCpuMinute, acknowledged }) =>
      `<tr><td>${escaped(scenario)}</td><td>${seeds}</td><td>${failed.length}</td><td>${acknowledged}</td><td>${nodeHours.toFixed(0)}</td><td>${nodeHoursPerCpuMinute}</td></tr>`,
  )
  const items = failing.map(({ task, scenario, failed }) => {
    const checks = failed.map(({ check, count, what }) => `<li>${escaped(check)}, ${count} times: ${escaped(what ?? '')}</li>`)
    return `<li>${link(task, scenario)}<br><code>${escaped(replayOf(task))}</code><ul>${checks.join('')}</ul></li>`
  })
  const looks = results.filter(({ task, failed }) => failed.length === 0 && task.pages?.always === true).map(({ task, scenario }) => link(task, scenario))
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>${results.length} seeds, ${failing.length} failed</title>
<style>body{font:15px/1.5 system-ui,sans-serif;max-width:860px;margin:2em auto;padding:0 1em;color:#222}td,th{padding:0 1em 0 0;text-align:left}</style></head>
<body><h1>${results.length} seeds, ${failing.length} failed</h1><p>In ${(tookMs / 60_000).toFixed(1)} minutes.</p>
<table><tr><th>scenario</th><th>seeds</th><th>failed</th><th>messages</th><th>node-hours</th><th>node-hours per CPU-minute</th></tr>${rows.join('')}</table>
${items.length === 0 ? '' : `<h2>What failed</h2><ul>${items.join('')}</ul>`}
${looks.length === 0 ? '' : `<h2>Runs to look at</h2><p>${looks.join(', ')}</p>`}
</body></html>
`
}

function link(task: Result['task'], scenario: string): string {
  const name = `${scenario}, seed ${task.seed}`
  return task.pages === undefined ? escaped(name) : `<a href="${escaped(basename(pageOf(task, scenario)))}">${escaped(name)}</a>`
}
