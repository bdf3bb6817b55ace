import assert from 'node:assert/strict'
import type { ConversationEvent, MessageView } from '#mesh/conversations'
import { MeshError } from '#mesh/errors'
import { type EnvelopeId, envelopeIdOf } from '#mesh/ids'
import { limitsFor } from '#mesh/store'
import { Journal } from './journal.ts'
import type { Machine } from './machine.ts'
import { Scheduler } from './scheduler.ts'
import { MARKER, Witness } from './witness.ts'

const limits = limitsFor({ maxBytes: 1e6, maxEnvelopes: 1_000, maxTombstones: 1_000, retentionMs: 1e9, strangerShare: 1 })
/** A machine as a witness sees it. */
const machine = (name: string): Machine => ({ name, limits, wallMs: 0, disturbedMs: -1e9, carriage: undefined }) as unknown as Machine
const id = (number: number): EnvelopeId => envelopeIdOf(new Uint8Array(32).fill(number))
const message = (number: number, text: string, parents: EnvelopeId[] = []): ConversationEvent => ({
  kind: 'message',
  message: { id: id(number), text, parents, direction: 'in' } as unknown as MessageView,
})

describe('a witness', () => {
  const [alice, bob, eve] = [machine('alice'), machine('bob'), machine('eve')]
  let scheduler: Scheduler
  let witness: Witness
  const failed = (): string[] => [...witness.failureCounts.keys()]

  beforeEach(() => {
    scheduler = new Scheduler()
    const journal = new Journal(scheduler)
    witness = new Witness({ scheduler, journal, isHostile: (one) => one === eve, machineOf: (device) => (device.startsWith('e') ? eve : bob), mayStall: false })
  })

  it('says nothing when a message that was written is shown once, after what it follows', () => {
    for (const text of ['one', 'two']) witness.sends(alice, bob, text)
    witness.onShown(bob, message(1, 'one'))
    witness.onShown(bob, message(2, 'two', [id(1)]))
    assert.deepEqual(failed(), [])
    assert.equal(witness.counts.shown, 2)
  })

  it('speaks up when a message is shown twice, or to somebody it was not written to, or was never written', () => {
    witness.sends(alice, bob, 'one')
    witness.onShown(bob, message(1, 'one'))
    witness.onShown(bob, message(1, 'one'))
    assert.deepEqual(failed(), ['shown-twice'])
    witness.onShown(alice, message(2, 'one'))
    witness.onShown(bob, message(3, 'two'))
    assert.equal(witness.failureCounts.get('not-written'), 2)
  })

  it('speaks up when a message is shown before one it follows that was there, and not when that is missing', async () => {
    for (const text of ['one', 'two', 'three']) witness.sends(alice, bob, text)
    witness.onShown(bob, message(3, 'three', [id(9)]))
    assert.deepEqual(failed(), [])
    witness.onEvent(bob, { kind: 'envelope-queued', id: id(1) })
    await scheduler.runUntil(5_000)
    witness.onShown(bob, message(2, 'two', [id(1)]))
    assert.deepEqual(failed(), ['causal-order'])
  })

  it('speaks up when an envelope is stored that is there, or was read, and not when it was evicted', () => {
    const stored = (number: number): void => witness.onEvent(bob, { kind: 'envelope-stored', id: id(number), address: '' as never, from: undefined })
    stored(1)
    witness.onEvent(bob, { kind: 'envelope-removed', id: id(1), reason: 'evicted' })
    stored(1)
    assert.deepEqual(failed(), [])
    stored(1)
    assert.deepEqual(failed(), ['stored-twice'])
    witness.onEvent(bob, { kind: 'envelope-removed', id: id(1), reason: 'consumed' })
    stored(1)
    assert.deepEqual(failed(), ['stored-twice', 'came-back'])
  })

  it('finds the word that is in every text on disks and links', () => {
    witness.onWrite(bob, new TextEncoder().encode('nothing to see'))
    assert.deepEqual(failed(), [])
    witness.onFrame(alice, bob, new TextEncoder().encode(`..${MARKER}..`))
    assert.deepEqual(failed(), ['leak'])
  })

  it('speaks up when an honest node is accused by another one, or gives up, and lets hostile ones be', () => {
    const offence = new MeshError('MESH_PROTOCOL_VIOLATION', 'no')
    witness.onOffence(alice, 'eve' as never, offence)
    witness.onOffence(eve, 'bob' as never, offence)
    witness.onLogged(eve, 'error', 'the inbox stopped', undefined)
    assert.deepEqual(failed(), [])
    witness.onOffence(alice, 'bob' as never, offence)
    witness.onLogged(alice, 'error', 'the inbox stopped', undefined)
    assert.deepEqual(failed(), ['honest-accused', 'gave-up'])
  })
})
