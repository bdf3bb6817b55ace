import assert from 'node:assert/strict'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { parseScenario, readScenario } from './scenario.ts'

const SCENARIOS = join(import.meta.dirname, '../scenarios')
const SMALL = 'name: small\nnodes: 2\nduration: 1h\nmovement: { kind: static }\n'

describe('a scenario', () => {
  it('fills in what is not said, and reads times in the units people use', () => {
    const { duration, links, movement, traffic, store } = parseScenario(`${SMALL}links: { delay: [250ms, 1.5s] }\nstore: { retention: 2d }\n`)
    assert.equal(duration, 3_600_000)
    assert.deepEqual(links.delay, [250, 1_500])
    assert.equal(links.breaks, 0)
    assert.deepEqual(movement, { kind: 'static', topology: 'line' })
    assert.equal(traffic.friends, 3)
    assert.equal(store.retention, 2 * 86_400_000)
  })

  it('is refused for a key that is not known, by its name and place', () => {
    assert.throws(() => parseScenario(`${SMALL}lnks: {}\n`), /lnks/)
    assert.throws(() => parseScenario(`${SMALL}faults: { power: { every: 1h, off: [1s, 2s], shar: 1 } }\n`), /shar/)
  })

  it('is refused for times without a unit, shares above one, and movements that there are not', () => {
    assert.throws(() => parseScenario(SMALL.replace('1h', '3600')), /duration/)
    assert.throws(() => parseScenario(`${SMALL}links: { breaks: 2 }\n`), /breaks/)
    assert.throws(() => parseScenario(SMALL.replace('static', 'teleport')), /movement/)
  })

  it('has a short variant with what the file says for it, and is itself where it says nothing', () => {
    const text = `${SMALL}short: { duration: 5m, traffic: { perDay: 7 } }\n`
    assert.deepEqual([parseScenario(text).duration, parseScenario(text).traffic.perDay], [3_600_000, 10])
    const short = parseScenario(text, { isShort: true })
    assert.deepEqual([short.duration, short.traffic.perDay, short.nodes], [300_000, 7, 2])
    assert.throws(() => parseScenario(`${SMALL}short: { lenght: 5m }\n`, { isShort: true }), /lenght/)
  })

  it('can be read, each of those that come with the project', async () => {
    const before = process.env['QPQ_VECTORS']
    process.env['QPQ_VECTORS'] = '/nowhere'
    try {
      const files = (await readdir(SCENARIOS)).filter((file) => file.endsWith('.yaml'))
      assert.ok(files.length >= 6)
      for (const file of files) await readScenario(join(SCENARIOS, file), { isShort: true })
      for (const file of files) assert.equal(`${(await readScenario(join(SCENARIOS, file))).name}.yaml`, file)
    } finally {
      if (before === undefined) delete process.env['QPQ_VECTORS']
      else process.env['QPQ_VECTORS'] = before
    }
  })
})
