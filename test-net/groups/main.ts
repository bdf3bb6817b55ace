/**
 * Groups under partitions of up to days, restarts and partial deliveries, seed after seed:
 *
 *   npm run sim:groups -- [--seed N] [--seeds COUNT] [--nodes N] [--steps N]
 *
 * The nodes vary from 2 to 12 with the seed when nothing is said. One line of JSON for each run that fails, one at the
 * end; for each failing seed the command that runs it again, on the standard error. Exit code 0 or 1.
 */
import { parseArgs } from 'node:util'
import { nodeMlsCrypto } from '#node/crypto'
import { fakeCrypto } from '../../mesh/testing/fake-crypto.ts'
import { type PartitionsResult, runPartitions } from '../../mesh/testing/group-partitions.ts'

const { values } = parseArgs({
  options: { seed: { type: 'string', default: '1' }, seeds: { type: 'string', default: '1' }, nodes: { type: 'string' }, steps: { type: 'string' } },
})

/** Steps for each device: long enough for each to be partitioned some times. */
const STEPS_PER_NODE = 20

const sum = { runs: 0, failed: 0, messages: 0, deliveries: 0, lostWithRemoved: 0, attempts: 0, forks: 0, commits: 0, resyncs: 0, mostEpochs: 0 }
const startedMs = performance.now()
for (let seed = Number(values.seed); seed < Number(values.seed) + Number(values.seeds); seed++) {
  const nodes = Number(values.nodes ?? 2 + (seed % 11))
  const steps = Number(values.steps ?? nodes * STEPS_PER_NODE)
  const crypto = fakeCrypto()
  const result = await runPartitions(seed, { nodes, steps, crypto, mls: (random) => nodeMlsCrypto(crypto, random) })
  add(result)
  if (result.failed.length === 0) continue
  console.log(JSON.stringify(result))
  console.error(`npm run sim:groups -- --seed ${seed} --nodes ${nodes} --steps ${steps}`)
}
console.log(JSON.stringify({ ...sum, ms: Math.round(performance.now() - startedMs) }))
process.exitCode = sum.failed === 0 ? 0 : 1

function add({ failed, messages, deliveries, lostWithRemoved, attempts, forks, commits, resyncs, epochsLeft }: PartitionsResult): void {
  sum.runs++
  sum.failed += failed.length === 0 ? 0 : 1
  sum.messages += messages
  sum.deliveries += deliveries
  sum.lostWithRemoved += lostWithRemoved
  sum.attempts += attempts
  sum.forks += forks
  sum.commits += commits
  sum.resyncs += resyncs
  sum.mostEpochs = Math.max(sum.mostEpochs, epochsLeft)
}
