import assert from 'node:assert/strict'
import fc from 'fast-check'
import { type EnvelopeId, envelopeIdOf } from '#mesh/ids'
import { causalOrder, type Ordered } from './causal-order.ts'

const idOf = (number: number): EnvelopeId => envelopeIdOf(new Uint8Array(32).fill(number))

/** Message `i` may follow earlier ones only; stamps are whatever clocks say. */
const conversations = fc
  .array(fc.record({ ms: fc.nat(20), counter: fc.nat(3), parents: fc.array(fc.nat(60), { maxLength: 16 }) }), { maxLength: 60 })
  .map((drafts) =>
    drafts.map(({ ms, counter, parents }, i): Ordered => ({ id: idOf(i), stamp: { ms, counter }, parents: parents.filter((parent) => parent < i).map(idOf) })),
  )

describe('causal order', () => {
  it('is the same whatever the order of arrival, and has no message before one it follows', () => {
    fc.assert(
      fc.property(
        conversations.chain((messages) => fc.tuple(fc.constant(messages), fc.shuffledSubarray(messages, { minLength: messages.length }))),
        ([messages, arrived]) => {
          const ordered = causalOrder(arrived)
          assert.deepEqual(ordered, causalOrder(messages))
          const at = new Map(ordered.map(({ id }, i) => [id, i]))
          assert.equal(at.size, messages.length)
          for (const { id, parents } of messages) for (const parent of parents) assert.ok((at.get(parent) ?? 0) < (at.get(id) ?? 0))
        },
      ),
      { numRuns: 150 },
    )
  })

  it('is by stamp, then by id, where nothing follows', () => {
    const [a, b, c] = [
      { id: idOf(2), stamp: { ms: 5, counter: 1 }, parents: [] },
      { id: idOf(1), stamp: { ms: 5, counter: 1 }, parents: [] },
      { id: idOf(3), stamp: { ms: 5, counter: 0 }, parents: [idOf(9)] },
    ]
    assert.deepEqual(causalOrder([a, b, c]), [c, b, a])
  })

  it('ends with every message once when forgers claim circles', () => {
    fc.assert(
      fc.property(fc.array(fc.array(fc.nat(30), { maxLength: 16 }), { maxLength: 30 }), (links) => {
        const messages = links.map((parents, i): Ordered => ({ id: idOf(i), stamp: { ms: 0, counter: 0 }, parents: parents.map(idOf) }))
        assert.equal(new Set(causalOrder(messages).map(({ id }) => id)).size, messages.length)
      }),
      { numRuns: 100 },
    )
  })

  it('takes a chain as long as a conversation without running out of stack', () => {
    const long = Array.from({ length: 20_000 }, (_, i) => {
      const id = (n: number): EnvelopeId => envelopeIdOf(new Uint8Array(32).map((__, at) => (n >> (8 * at)) & (at < 4 ? 0xff : 0)))
      return { id: id(i), stamp: { ms: 20_000 - i, counter: 0 }, parents: i === 0 ? [] : [id(i - 1)] }
    })
    assert.deepEqual(
      causalOrder(long).map(({ stamp }) => stamp.ms),
      long.map(({ stamp }) => stamp.ms),
    )
  })
})
