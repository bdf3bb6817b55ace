import assert from 'node:assert/strict'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import fc from 'fast-check'
import { compareStamps } from '#mesh/envelope'
import { type EnvelopeId, envelopeIdOf } from '#mesh/ids'
import type { EnvelopeMeta } from '#mesh/store'
import { ByPriority, PRIORITIES } from './by-priority.ts'

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

  it('hold no description of what waits: at most 48 bytes for each, sorted or not', () => {
    setFlagsFromString('--expose-gc')
    const gc = runInNewContext('gc') as () => void
    const ids = Array.from({ length: 20_000 }, (_, i) => envelopeIdOf(new Uint8Array(32).fill(i).fill(i >> 8, 16)))
    const bytesEach = (): number => {
      const queue = new ByPriority()
      gc()
      const before = process.memoryUsage()
      for (const [i, id] of ids.entries()) queue.add({ ...aMeta(0, 'normal', 1_790_000_000_000 + i, i % 3), id })
      queue.next()
      for (const [i, id] of ids.entries()) if (i < 2) queue.add({ ...aMeta(0, 'normal', 1_790_000_000_000 + i, 0), id })
      gc()
      const after = process.memoryUsage()
      assert.equal(queue.isEmpty, false)
      return (after.heapUsed + after.arrayBuffers - before.heapUsed - before.arrayBuffers) / ids.length
    }
    // What else this process does meanwhile can only add to it.
    const bytes = Math.min(...Array.from({ length: 5 }, bytesEach))
    assert.ok(bytes <= 48, `${bytes} bytes each`)
  })
})
