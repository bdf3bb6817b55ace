import assert from 'node:assert/strict'
import { parseScenario } from '../../sim/scenario.ts'
import { drawPlan } from './plan.ts'

const head = (nodes: number, movement: string): string => `name: drawn\nnodes: ${nodes}\nduration: 10h\nmovement: ${movement}\n`
const LINE = head(4, '{ kind: static, topology: line }')

describe('a plan for real processes', () => {
  it('is the same for the same seed, and another for another', async () => {
    const scenario = parseScenario(`${LINE}traffic: { perDay: 40, requests: 0.5 }\nfaults: { power: { every: 1h, off: [1m, 5m] } }\n`)
    const plan = await drawPlan(scenario, 3)
    assert.deepEqual(await drawPlan(scenario, 3), plan)
    assert.notDeepEqual((await drawPlan(scenario, 4)).actions, plan.actions)
  })

  it('is in the order of time, and each node is restored before its power fails again', async () => {
    const { actions } = await drawPlan(parseScenario(`${LINE}faults: { power: { every: 20m, off: [1m, 30m] } }\n`), 1)
    assert.ok(actions.every(({ atMs }, i) => atMs >= (actions[i - 1]?.atMs ?? 0) && atMs <= 36_000_000))
    for (let node = 0; node < 4; node++) {
      const kinds = actions.flatMap((action) => ((action.kind === 'cut' || action.kind === 'restore') && action.node === node ? [action.kind] : []))
      assert.ok(kinds.length > 10)
      assert.ok(kinds.every((kind, i) => kind === (i % 2 === 0 ? 'cut' : 'restore')))
    }
  })

  it('lets friends alone write to each other, nobody to himself, and who is absent not at all', async () => {
    const { actions, friendships, absent } = await drawPlan(
      parseScenario(`${head(6, '{ kind: static, topology: ring }')}traffic: { friends: 2, perDay: 60, absent: 1 }\n`),
      5,
    )
    assert.equal(absent.size, 1)
    const pairs = new Set(friendships.flatMap(({ a, b }) => [`${a} ${b}`, `${b} ${a}`]))
    const writes = actions.filter((action) => action.kind === 'write')
    assert.ok(writes.length > 50)
    assert.ok(writes.every(({ from, to }) => pairs.has(`${from} ${to}`) && !absent.has(from)))
    assert.equal(new Set(writes.map(({ text }) => text)).size, writes.length)
  })

  it('names each pair of friends once, and who of them has the card', async () => {
    const { friendships } = await drawPlan(parseScenario(`${head(8, '{ kind: static, topology: full }')}traffic: { friends: 3, requests: 0.5 }\n`), 2)
    assert.equal(new Set(friendships.map(({ a, b }) => `${Math.min(a, b)} ${Math.max(a, b)}`)).size, friendships.length)
    const asked = friendships.filter(({ isRequest }) => isRequest).length
    assert.ok(asked > 0 && asked < friendships.length)
  })

  it('settles in the topology when it connects all, and where everybody reaches everybody otherwise', async () => {
    const inLine = await drawPlan(parseScenario(LINE), 1)
    assert.deepEqual(inLine.settlePairs, [
      [0, 1],
      [1, 2],
      [2, 3],
    ])
    const apart = await drawPlan(parseScenario(head(4, '{ kind: islands, islands: 2, bridges: 0 }')), 1)
    assert.equal(apart.settlePairs.length, 6)
  })

  it('fills disks and frees them again, and leaves out what a real disk cannot be told to do', async () => {
    const disks = (kinds: string): string => `${LINE}faults: { disks: { every: 1h, for: [10m, 20m], kinds: [${kinds}] } }\n`
    const { actions } = await drawPlan(parseScenario(disks('ENOSPC')), 1)
    for (let node = 0; node < 4; node++) {
      const kinds = actions.flatMap((action) => ((action.kind === 'full' || action.kind === 'free') && action.node === node ? [action.kind] : []))
      assert.ok(kinds.length > 2)
      assert.ok(kinds.every((kind, i) => kind === (i % 2 === 0 ? 'full' : 'free')))
    }
    const none = await drawPlan(parseScenario(disks('EIO')), 1)
    assert.ok(!none.actions.some(({ kind }) => kind === 'full' || kind === 'free'))
  })

  it('cuts nodes into halves and puts them together again', async () => {
    const { actions } = await drawPlan(parseScenario(`${LINE}faults: { partitions: { every: 1h, for: [10m, 20m] } }\n`), 1)
    const halves = actions.flatMap((action) => (action.kind === 'halves' ? [action.halves] : []))
    assert.ok(halves.some((sides) => sides?.includes(true) && sides.includes(false)))
    assert.equal(halves.at(-1), undefined)
  })
})
