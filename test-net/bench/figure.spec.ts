import assert from 'node:assert/strict'
import { figuresOf, medianOf, tableRow } from './figure.ts'

describe('bench figures', () => {
  it('take the middle value, or the mean of the two in the middle', () => {
    assert.equal(medianOf([30, 1, 2]), 2)
    assert.equal(medianOf([4, 1, 3, 2]), 2.5)
    assert.ok(Number.isNaN(medianOf([])))
  })

  it('compare with each baseline that was there', () => {
    const figures = figuresOf({ bench: 'W0', metric: 'time', unit: 'ms', values: [10, 30, 20], baselines: { bare: [5], missing: [], other: [40, 40, 40] } })
    assert.deepEqual(figures, [
      { bench: 'W0', metric: 'time', unit: 'ms', value: 20, runs: 3, baseline: 'bare', baselineValue: 5, ratio: 4 },
      { bench: 'W0', metric: 'time', unit: 'ms', value: 20, runs: 3, baseline: 'other', baselineValue: 40, ratio: 0.5 },
    ])
  })

  it('stand alone when nothing is there to compare with', () => {
    const figures = figuresOf({ bench: 'W0', metric: 'time', unit: 'ms', values: [1], baselines: { missing: [] } })
    assert.deepEqual(figures, [{ bench: 'W0', metric: 'time', unit: 'ms', value: 1, runs: 1 }])
  })

  it('have no ratio to nothing', () => {
    const [figure] = figuresOf({ bench: 'W0', metric: 'time', unit: 'ms', values: [3], baselines: { bare: [0] } })
    assert.deepEqual(figure, { bench: 'W0', metric: 'time', unit: 'ms', value: 3, runs: 1, baseline: 'bare', baselineValue: 0 })
    assert.match(figure === undefined ? '' : tableRow(figure), /\(bare: 0\.00 ms; 1 run\)$/)
  })

  it('are rows of a table for people, with columns that stand under each other', () => {
    const row = tableRow({ bench: 'W0', metric: 'time', unit: 'ms', value: 1234.5, runs: 5, baseline: 'bare', baselineValue: 12.34, ratio: 100.04 })
    assert.match(row, /^W0 +time +1235 ms {2}\(bare: 12\.3 ms, ratio 100; 5 runs\)$/)
    const other = tableRow({ bench: 'longer', metric: 'bytes', unit: 'B', value: 0.5, runs: 1 })
    assert.match(other, /^longer +bytes +0\.50 B {2}\(1 run\)$/)
    assert.equal(row.indexOf('time'), other.indexOf('bytes'))
    assert.equal(row.indexOf('  (bare'), other.indexOf('  (1 run'))
  })
})
