import assert from 'node:assert/strict'
import fc from 'fast-check'
import { type MessageId, messageIdOf, personIdOf } from '#mesh/ids'
import { applied, type Effects, MAX_REACTIONS_EACH, type Operation } from './effects.ts'

const idOf = (number: number): MessageId => messageIdOf(new Uint8Array(32).fill(number))
const [alice, bob] = [1, 2].map((number) => personIdOf(new Uint8Array(32).fill(number))) as [ReturnType<typeof personIdOf>, ReturnType<typeof personIdOf>]
const target = idOf(200)
type Message = Effects & { readonly text: string }
const plain: Message = { text: 'first' }

function op(intent: Operation['intent'], over: Partial<Operation> = {}): Operation {
  return { id: idOf(1), by: alice, stamp: { ms: 5, counter: 0 }, text: '', intent, ...over }
}

const edit = (text: string, over: Partial<Operation> = {}): Operation => op({ kind: 'edit', target }, { text, ...over })
const fold = (operations: readonly Operation[]): Message => operations.reduce((message, operation) => applied(message, alice, operation) ?? message, plain)

describe('what becomes of a message', () => {
  it('is decided by its author alone, and by nobody else', () => {
    for (const kind of ['edit', 'delete'] as const) assert.equal(applied(plain, alice, op({ kind, target }, { by: bob, text: 'mine now' })), undefined)
    assert.equal(applied(plain, alice, edit('second'))?.text, 'second')
    assert.deepEqual(applied(plain, alice, op({ kind: 'delete', target })), { text: '', isDeleted: true, reactions: [] })
  })

  it('is the same in whatever order edits, reactions and a deletion came', () => {
    const operations = fc.array(
      fc.record({
        id: fc.integer({ min: 1, max: 60 }).map(idOf),
        by: fc.constantFrom(alice, bob),
        stamp: fc.record({ ms: fc.nat(3), counter: fc.nat(1) }),
        text: fc.constantFrom('x', 'y', 'z'),
        intent: fc.constantFrom<Operation['intent']>(
          { kind: 'edit', target },
          { kind: 'edit', target },
          { kind: 'delete', target },
          { kind: 'react', target, emoji: '👍' },
          { kind: 'react', target, emoji: '🦆' },
        ),
      }),
      { maxLength: 50 },
    )
    const shuffled = operations.chain((all) => {
      const unique = [...new Map(all.map((operation) => [operation.id, operation])).values()]
      return fc.tuple(fc.constant(unique), fc.shuffledSubarray(unique, { minLength: unique.length }))
    })
    fc.assert(
      fc.property(shuffled, ([one, other]) => assert.deepEqual(fold(one), fold(other))),
      { numRuns: 300 },
    )
  })

  it('follows the last edit by stamp, and of two at once the one with the larger id', () => {
    const late = edit('late', { id: idOf(2), stamp: { ms: 9, counter: 0 } })
    assert.equal(fold([late, edit('early', { id: idOf(3) })]).text, 'late')
    assert.equal(fold([edit('a', { id: idOf(4) }), edit('b', { id: idOf(3) })]).text, 'a')
  })

  it('keeps nothing once it is deleted, not even what comes later', () => {
    const after = fold([op({ kind: 'react', target, emoji: '👍' }), op({ kind: 'delete', target }), edit('back', { stamp: { ms: 99, counter: 0 } })])
    assert.deepEqual(after, { text: '', isDeleted: true, reactions: [] })
  })

  it('has reactions that only who made them takes back', () => {
    const reacted = fold([op({ kind: 'react', target, emoji: '👍' }, { by: bob, id: idOf(7) })])
    const undo = (by: typeof bob): Operation => op({ kind: 'unreact', target, reaction: idOf(7) }, { by })
    assert.equal(applied(reacted, alice, undo(alice)), undefined)
    assert.deepEqual(applied(reacted, alice, undo(bob))?.reactions, [])
  })

  it('has so many reactions of one person and no more, and those of others all the same', () => {
    const many = Array.from({ length: MAX_REACTIONS_EACH + 5 }, (_, i) => op({ kind: 'react', target, emoji: '👍' }, { id: idOf(i + 1) }))
    const other = op({ kind: 'react', target, emoji: '👍' }, { by: bob, id: idOf(99) })
    assert.deepEqual(fold([...many, other]), fold([other, ...many.toReversed()]))
    assert.equal(fold([...many, other]).reactions?.length, MAX_REACTIONS_EACH + 1)
  })
})
