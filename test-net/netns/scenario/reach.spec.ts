import assert from 'node:assert/strict'
import { Reach } from './reach.ts'

describe('reach', () => {
  it('begins with the first contact of a pair and ends with the last', () => {
    const reach = new Reach()
    assert.deepEqual(reach.apply({ kind: 'meet', a: 1, b: 0 }), { added: [[0, 1]], removed: [] })
    assert.deepEqual(reach.apply({ kind: 'meet', a: 0, b: 1 }), { added: [], removed: [] })
    assert.deepEqual(reach.apply({ kind: 'part', a: 0, b: 1 }), { added: [], removed: [] })
    assert.deepEqual(reach.apply({ kind: 'part', a: 0, b: 1 }), { added: [], removed: [[0, 1]] })
  })

  it('is cut between halves alone, and comes back when they are one again', () => {
    const reach = new Reach()
    for (const [a, b] of [
      [0, 1],
      [1, 2],
      [2, 3],
    ] as const)
      reach.apply({ kind: 'meet', a, b })
    assert.deepEqual(reach.apply({ kind: 'halves', halves: [false, false, true, true] }), { added: [], removed: [[1, 2]] })
    assert.deepEqual(reach.apply({ kind: 'meet', a: 0, b: 3 }), { added: [], removed: [] })
    assert.deepEqual(reach.apply({ kind: 'part', a: 2, b: 3 }), { added: [], removed: [[2, 3]] })
    assert.deepEqual(reach.apply({ kind: 'halves', halves: undefined }), {
      added: [
        [1, 2],
        [0, 3],
      ],
      removed: [],
    })
  })

  it('is what somebody says when it settles, whatever was before', () => {
    const reach = new Reach()
    reach.apply({ kind: 'meet', a: 0, b: 1 })
    reach.apply({ kind: 'halves', halves: [false, true, true] })
    assert.deepEqual(
      reach.settle([
        [0, 1],
        [1, 2],
      ]).added,
      [
        [0, 1],
        [1, 2],
      ],
    )
  })
})
