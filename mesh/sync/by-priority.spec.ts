import assert from 'node:assert/strict'
import fc from 'fast-check'
import { compareStamps } from '#mesh/envelope'
import { type EnvelopeId, envelopeIdOf } from '#mesh/ids'
import type { EnvelopeMeta } from '#mesh/store'
import { ByPriority } from './by-priority.ts'
import { PRIORITIES } from './walks.ts'

const metas = fc
  .array(fc.record({ priority: fc.constantFrom(...PRIORITIES), ms: fc.nat(20), counter: fc.nat(3) }), { maxLength: 40 })
  .map((rows) => rows.map((row, i) => aMeta(i, row.priority, row.ms, row.counter)))

function aMeta(i: number, priority: EnvelopeMeta['priority'], ms: number, counter: number): EnvelopeMeta {
  const id: EnvelopeId = envelopeIdOf(new Uint8Array(32).fill(i))
  return { id, priority, stamp: { ms, counter } } as EnvelopeMeta
}

describe('envelopes by priority', () => {
  it('come out as sorting all that wait would have it, whenever they were added', () => {
    fc.assert(
      fc.property(metas, fc.infiniteStream(fc.nat(2)), (added, turns) => {
        const queue = new ByPriority()
        const waiting: EnvelopeMeta[] = []
        const takeOne = (): void => {
          waiting.sort((a, b) => PRIORITIES.indexOf(a.priority) - PRIORITIES.indexOf(b.priority) || compareStamps(a.stamp, b.stamp))
          assert.equal(queue.next(), waiting.shift()?.id)
        }
        for (const meta of added) {
          queue.add(meta)
          waiting.push(meta)
          if (turns.next().value === 0) takeOne()
        }
        while (waiting.length > 0) {
          assert.equal(queue.isEmpty, false)
          takeOne()
        }
        assert.ok(queue.isEmpty && queue.next() === undefined)
      }),
    )
  })
})
