/** What a simulation is for: the same seed is the same run, a good build passes, and a broken one does not. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { type Break, brokenBuild } from './builds.ts'
import { renderReport } from './report.ts'
import { parseScenario, readScenario, type Scenario } from './scenario.ts'
import { type Outcome, runScenario } from './world.ts'

const TWO = parseScenario('name: two\nnodes: 2\nduration: 1h\nsettle: 5m\nmovement: { kind: static }\ntraffic: { perDay: 200 }')

const failed = ({ failureCounts }: Outcome): string[] => [...failureCounts.keys()]

describe('a simulated run', function () {
  this.timeout(60_000)
  let rough: Scenario
  let badCompany: Scenario

  before(async () => {
    rough = await readScenario(join(import.meta.dirname, '../scenarios/rough.yaml'), { isShort: true })
    badCompany = await readScenario(join(import.meta.dirname, '../scenarios/bad-company.yaml'), { isShort: true })
  })

  it('is the same, frame by frame, for the same seed, and another one for another seed', async () => {
    const [one, again, other] = [await runScenario(rough, 8), await runScenario(rough, 8), await runScenario(rough, 7, { crypto: 'real' })]
    assert.deepEqual(one.failures, [])
    assert.deepEqual(other.failures, [])
    assert.equal(one.hash, again.hash)
    assert.deepEqual(one.latenciesMs, again.latenciesMs)
    assert.notEqual(one.hash, other.hash)
    assert.ok(one.counts.acknowledged > 10 && one.counts.shown >= one.counts.acknowledged)
    assert.ok(one.counts.delivered >= one.counts.acknowledged)
  })

  const CAUGHT: readonly (readonly [Break, seed: number, by: string])[] = [
    ['duplicate-check', 4, 'stored-twice'],
    ['quota', 1, 'quota'],
    ['expiry', 1, 'expired-kept'],
    ['retraction-signature', 1, 'false-delivered'],
  ]

  it('passes with the good build on the seeds that broken ones fail on', async () => {
    for (const seed of new Set(CAUGHT.map(([, one]) => one))) {
      const outcome = await runScenario(badCompany, seed)
      assert.deepEqual(outcome.failures, [], `seed ${seed}`)
      assert.ok(outcome.counts.offences > 0)
    }
  })

  for (const [what, seed, by] of CAUGHT) {
    it(`catches a build without its ${what.replace('-', ' ')}, with seed ${seed}`, async () => {
      const outcome = await runScenario(badCompany, seed, { build: brokenBuild(what) })
      assert.ok(failed(outcome).includes(by), `seed ${seed} fails ${failed(outcome).join(', ') || 'nothing'}`)
    })
  }

  it('can be looked at on one page without scripts and links', async () => {
    const page = renderReport(TWO, await runScenario(TWO, 1))
    assert.equal(page.match(/<svg /g)?.length, 4)
    assert.ok(!/<script|https?:|NaN|Infinity|undefined/.test(page))
  })
})
