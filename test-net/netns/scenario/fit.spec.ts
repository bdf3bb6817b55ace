import assert from 'node:assert/strict'
import { parseScenario } from '../../sim/scenario.ts'
import { fitOf, MAX_NODES, speedOf } from './fit.ts'

const SMALL = 'name: small\nnodes: 3\nduration: 2h\nmovement: { kind: static }\n'
const codesOf = (more: string): string[] => fitOf(parseScenario(`${SMALL}${more}`)).refusals.map(({ code }) => code)

describe('a scenario on real processes', () => {
  it('runs for a minute unless the file or somebody says how fast', () => {
    assert.equal(speedOf(parseScenario(SMALL)), 120)
    const said = parseScenario(`${SMALL}netns: { speed: 30 }\n`, { isNetns: true })
    assert.equal(speedOf(said), 30)
    assert.equal(speedOf(said, 7), 7)
  })

  it('is not slowed down when it is shorter than a minute', () => {
    assert.equal(speedOf(parseScenario(SMALL.replace('2h', '20s'))), 1)
  })

  it('is what its file says for it under netns, which the simulator does not look at', () => {
    const text = `${SMALL}netns: { speed: 30, loss: 0.02, nodes: 2, traffic: { perDay: 7 } }\nshort: { duration: 1h, nodes: 5 }\n`
    const real = parseScenario(text, { isNetns: true, isShort: true })
    assert.deepEqual([real.nodes, real.duration, real.traffic.perDay, real.real.loss], [2, 3_600_000, 7, 0.02])
    assert.deepEqual([parseScenario(text).nodes, parseScenario(text).real.loss], [3, 0])
    assert.throws(() => parseScenario(`${SMALL}netns: { spede: 30 }\n`, { isNetns: true }), /spede/)
    assert.throws(() => parseScenario(`${SMALL}netns: { speed: -1 }\n`), /speed/)
  })

  it('is refused, by a code, for each thing that real processes cannot have', () => {
    assert.deepEqual(codesOf(''), [])
    assert.deepEqual(codesOf('hostile: { flood: 1, forge: 0 }\n'), ['hostile'])
    assert.deepEqual(codesOf('couriers: { every: 1h }\n'), ['couriers'])
    assert.deepEqual(codesOf('faults: { clocks: { jumps: { every: 1h, by: 1d } } }\n'), ['clock-jumps'])
    assert.deepEqual(codesOf('store: { retention: 1h }\n'), ['expiry'])
    assert.deepEqual(codesOf('store: { maxBytes: 200000 }\n'), ['store'])
  })

  it('is refused for more processes than this machine should start, with advice', () => {
    const crowd = { ...parseScenario(SMALL), nodes: MAX_NODES + 1 }
    const [refusal] = fitOf(crowd).refusals
    assert.equal(refusal?.code, 'too-many-nodes')
    assert.match(refusal?.message ?? '', /--nodes/)
    assert.deepEqual(fitOf({ ...crowd, nodes: MAX_NODES }).refusals, [])
  })

  it('is told what is left out of it', () => {
    const { refusals, notes } = fitOf(parseScenario(`${SMALL}links: { breaks: 0.1 }\nfaults: { disks: { every: 1h, for: [1s, 2s] }, clocks: { skew: 1h } }\n`))
    assert.deepEqual(refusals, [])
    for (const what of [/delay/, /breaks/, /disks/, /clocks/]) assert.ok(notes.some((note) => what.test(note)))
    assert.ok(!fitOf(parseScenario(SMALL)).notes.some((note) => /disks|clocks|breaks/.test(note)))
  })
})
