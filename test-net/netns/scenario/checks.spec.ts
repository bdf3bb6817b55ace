import assert from 'node:assert/strict'
import type { MessageInfo } from '#node/control'
import { judge, type Told, type Written } from './checks.ts'

const HELLO: Written = { id: 'm1', from: 0, to: 1, text: 'hello' }
const REPLY: Written = { id: 'm2', from: 1, to: 0, text: 'hello yourself' }

/** Its writer lost power before the answer. */
const UNSURE: Written = { id: 'm3', from: 0, to: 1, text: 'are you' }

/** A message as a node tells of it. */
function entry({ id, text }: Written, direction: 'in' | 'out', more: Partial<MessageInfo> = {}): MessageInfo {
  const state = direction === 'out' ? { state: 'delivered' as const } : {}
  return { id, text, direction, conversation: 'c', from: 'somebody', at: '2026-01-01T00:00:00Z', parents: [], ...state, ...more }
}

const follows = { parents: ['m1'] }
/** Two who wrote to each other, and one who did not; all is well. */
function good(): [Told, Told, Told] {
  const node = { isAlive: true, lives: 1, store: { bytes: 10, limitBytes: 20 }, readable: [] }
  return [
    { ...node, index: 0, logs: new Map([[1, [entry(HELLO, 'out'), entry(REPLY, 'in', follows)]]]), shown: [entry(REPLY, 'in', follows)] },
    { ...node, index: 1, logs: new Map([[0, [entry(HELLO, 'in'), entry(REPLY, 'out', follows)]]]), shown: [entry(HELLO, 'in')] },
    { ...node, index: 2, logs: new Map([[0, []]]), shown: [] },
  ]
}

function checksOf(told: readonly Told[], mustArrive = true): string[] {
  return judge({ told, written: [HELLO, REPLY], meant: [HELLO, REPLY, UNSURE], mustArrive: () => mustArrive }).map(({ check }) => check)
}

describe('the checks of a run on real processes', () => {
  it('find nothing where everything arrived once, in order, and is known to', () => {
    assert.deepEqual(checksOf(good()), [])
  })

  it('find what was acknowledged and is gone, or has not arrived', () => {
    const [a, b, c] = good()
    assert.ok(checksOf([{ ...a, logs: new Map([[1, [entry(REPLY, 'in')]]]) }, b, c]).includes('lost-here'))
    const deaf = { ...b, logs: new Map([[0, [entry(REPLY, 'out')]]]), shown: [] }
    const waiting = { ...a, logs: new Map([[1, [entry(HELLO, 'out', { state: 'carried' }), entry(REPLY, 'in')]]]) }
    assert.deepEqual(checksOf([waiting, deaf, c]), ['not-delivered'])
    assert.deepEqual(checksOf([waiting, deaf, c], false), [])
    assert.deepEqual(checksOf([a, deaf, c]), ['false-delivered'])
    assert.deepEqual(checksOf([waiting, b, c]), ['state-behind'])
  })

  it('find what was shown twice, before what it follows, or not at all', () => {
    const [a, b, c] = good()
    assert.deepEqual(checksOf([{ ...a, shown: [...a.shown, ...a.shown] }, b, c]), ['shown-twice'])
    assert.deepEqual(checksOf([a, { ...b, shown: [] }, c]), ['not-shown'])
    assert.deepEqual(checksOf([a, { ...b, shown: [], lives: 2 }, c]), [])
    const reversed = [...(a.logs.get(1) ?? [])].reverse()
    assert.deepEqual(checksOf([{ ...a, logs: new Map([[1, reversed]]) }, b, c]), ['causal-order'])
    const doubled = [...(b.logs.get(0) ?? []), entry(HELLO, 'in')]
    assert.ok(checksOf([a, { ...b, logs: new Map([[0, doubled]]) }, c]).includes('shown-twice'))
  })

  it('let a message that says what is missing be shown before what it follows', () => {
    const [a, b, c] = good()
    const [late, early] = [entry({ ...HELLO, id: 'm0' }, 'in'), { parents: ['m0'] }] // its text is not for him, and that is found as well
    assert.deepEqual(checksOf([{ ...a, shown: [entry(REPLY, 'in', { ...early, missing: 1 }), late] }, b, c]).includes('causal-order'), false)
    assert.ok(checksOf([{ ...a, shown: [entry(REPLY, 'in', early), late] }, b, c]).includes('causal-order'))
  })

  it('find what reached somebody whom it was not for, and what is readable on a disk', () => {
    const [a, b, c] = good()
    assert.deepEqual(checksOf([a, b, { ...c, logs: new Map([[0, [entry(HELLO, 'in')]]]) }]), ['not-written'])
    assert.deepEqual(checksOf([a, b, { ...c, shown: [entry(HELLO, 'in')] }]), ['not-written'])
    assert.deepEqual(checksOf([a, b, { ...c, shown: [entry(UNSURE, 'in')] }]), ['not-written'])
    assert.deepEqual(checksOf([a, { ...b, shown: [...b.shown, entry(UNSURE, 'in')] }, c]), [])
    assert.deepEqual(checksOf([a, { ...b, shown: [...b.shown, entry({ ...UNSURE, text: 'who' }, 'in')] }, c]), ['not-written'])
    assert.deepEqual(checksOf([a, b, { ...c, readable: ['store/000003.log'] }]), ['leak'])
  })

  it('find a store above its limit and a process that is gone', () => {
    const [a, b, c] = good()
    assert.deepEqual(checksOf([a, b, { ...c, store: { bytes: 21, limitBytes: 20 } }]), ['quota'])
    assert.deepEqual(checksOf([a, b, { ...c, isAlive: false }]), ['off'])
  })
})
