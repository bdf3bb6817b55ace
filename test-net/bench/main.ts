/**
 * Measures what people notice, beside what others need for the same. Real nodes in network namespaces (root,
 * iproute2). Nothing is asserted: machines are shared and noisy. See HELP below for how to call it.
 */
import { parseArgs } from 'node:util'
import { type Bench, type Figure, tableRow } from './figure.ts'
import { latency } from './latency.ts'
import { note } from './programs.ts'
import { verify } from './verify.ts'
import { w1 } from './w1.ts'
import { w2 } from './w2.ts'
import { w3 } from './w3.ts'
import { w4 } from './w4.ts'
import { w5 } from './w5.ts'
import { w6 } from './w6.ts'
import { w7 } from './w7.ts'
import { w8 } from './w8.ts'
import { w9 } from './w9.ts'

const BENCHES: Readonly<Record<string, { readonly run: Bench; readonly what: string }>> = {
  W1: { run: w1, what: '10,000 messages over one carrier to somebody who is away (3 runs)' },
  W2: { run: w2, what: 'two stores of 100,000 envelopes of which 1 % differ' },
  W3: { run: w3, what: 'a link comes back, until the message is shown' },
  W4: { run: w4, what: 'three hops: one message, 1,000 messages, bytes' },
  W5: { run: w5, what: '100,000 envelopes stored, kill -9, time to the first answer' },
  W6: { run: w6, what: 'ten neighbours who say nothing (3 runs)' },
  W7: { run: w7, what: 'people who carry messages about: a trace of contacts ($QPQ_VECTORS)' },
  W8: { run: w8, what: 'groups of 2 to 100 members: adding, renewing, joining, messages' },
  W9: { run: w9, what: 'start to ready, and memory when idle' },
  verify: { run: verify, what: 'signatures checked per second' },
  latency: { run: latency, what: '`send` to shown, on one LAN' },
}

const HELP = `npm run bench -- NAME … [--json] [--runs N] [--seconds S]

${Object.entries(BENCHES)
  .map(([name, { what }]) => `  ${name.padEnd(8)} ${what}`)
  .join('\n')}
  all      all of these, one after the other; \`npm run bench -- all --json > FILE\` takes up to 20 minutes

  --json       one line per figure: bench, metric, value, unit, baseline, baselineValue, ratio, runs
  --runs N     medians of N runs; 5 unless said otherwise here
  --seconds S  how long nodes idle, each time (W6, W9: 60)

What is not installed (mosquitto, nncp) is left out with a note. Progress and notes go to the standard error.
`

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { json: { type: 'boolean' }, help: { type: 'boolean' }, runs: { type: 'string' }, seconds: { type: 'string' } },
})
if (values.help === true || positionals.length === 0) {
  process.stdout.write(HELP)
  process.exit(values.help === true ? 0 : 2)
}
const options = { ...counted('runs', values.runs), ...counted('seconds', values.seconds) }
for (const name of positionals.includes('all') ? Object.keys(BENCHES) : positionals) {
  const bench = BENCHES[name]
  if (bench === undefined) {
    note(`there is no bench "${name}"; there are ${Object.keys(BENCHES).join(', ')} and all`)
    process.exit(2)
  }
  const began = performance.now()
  try {
    await bench.run(print, options)
    note(`${name}: ${Math.round((performance.now() - began) / 1_000)} s`)
  } catch (error) {
    note(`${name} failed: ${error instanceof Error ? error.stack : String(error)}`)
    process.exitCode = 1 // and the others are measured all the same
  }
}

function counted(name: string, text: string | undefined): Record<string, number> {
  if (text === undefined) return {}
  const value = Number(text)
  if (Number.isSafeInteger(value) && value > 0) return { [name]: value }
  note(`--${name} takes a whole number above 0`)
  process.exit(2)
}

function print(figure: Figure): void {
  console.log(values.json === true ? JSON.stringify(figure) : tableRow(figure))
}
