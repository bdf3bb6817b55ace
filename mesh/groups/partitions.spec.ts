import assert from 'node:assert/strict'
import { runPartitions } from '../testing/group-partitions.ts'

describe('a group under partitions, restarts and partial deliveries', () => {
  for (const { nodes, steps, seeds } of [
    { nodes: 2, steps: 60, seeds: [1, 2, 3] },
    { nodes: 3, steps: 80, seeds: [11, 12, 13] },
    { nodes: 7, steps: 120, seeds: [1, 29, 34, 114, 252] },
    { nodes: 12, steps: 300, seeds: [321] },
  ]) {
    it(`converges, loses nothing and leaks nothing with ${nodes} devices, seeds ${seeds.join(', ')}`, async function () {
      this.timeout(60_000)
      for (const seed of seeds) assert.deepEqual((await runPartitions(seed, { nodes, steps })).failed, [], `seed ${seed}`)
    })
  }
})
