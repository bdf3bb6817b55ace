/**
 * Runs the slow checks, each in a process of its own, and ends with one line of numbers.
 *
 *   node test-net/checks/all.ts netns    what needs network namespaces
 *   node test-net/checks/all.ts kill     what pulls the plug
 */
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'

const POWER_CUTS = join(import.meta.dirname, '../scenarios/power-cuts.yaml')
const SUITES: Readonly<Record<string, ReadonlyArray<readonly [script: string, ...args: string[]]>>> = {
  netns: [
    ['mdns-interop.ts'],
    ['interfaces.ts'],
    ['discovery.ts'],
    ['carry.ts'],
    ['carry.ts', 'relay'],
    ['bridge-storm.ts', '300'],
    ['capture.ts'],
    ['garbage.ts'],
    ['bad-input.ts'],
    ['dht.ts'],
    ['replay.ts', '100000'],
    ['stick.ts', '1500'],
    ['flood.ts', '--quiet', '5', '--flood', '15', '--neighbours', '7'],
    ['../sim/main.ts', POWER_CUTS, '--backend', 'netns', '--nodes', '4', '--speed', '200', '--seed', '1'],
  ],
  kill: [
    ['store-kill.ts', '20'],
    ['kills.ts', '50'],
  ],
}
/** The longest that one check may take, in ms. */
const CHECK_TIMEOUT_MS = 420_000

const suite = SUITES[process.argv[2] ?? '']
if (suite === undefined) {
  process.stderr.write(`which suite? ${Object.keys(SUITES).join(', ')}\n`)
  process.exit(2)
}
let failed = 0
for (const [script, ...args] of suite) {
  const started = performance.now()
  const { status, signal } = spawnSync(process.execPath, ['--no-warnings', join(import.meta.dirname, script), ...args], {
    stdio: 'inherit',
    timeout: CHECK_TIMEOUT_MS,
  })
  const seconds = ((performance.now() - started) / 1_000).toFixed(1)
  if (status !== 0) failed += 1
  console.log(`${status === 0 ? 'ok' : `FAILED (${status ?? signal})`}  ${script} ${args.join(' ')} (${seconds} s)`)
}
console.log(`${suite.length - failed} passed, ${failed} failed`)
process.exit(failed === 0 ? 0 : 1)
