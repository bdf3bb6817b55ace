import assert from 'node:assert/strict'
import { deviceIdOf } from '#mesh/ids'
import type { OutboxEntry } from '#mesh/routing'
import { nodeCrypto } from '#node/crypto'
import { anAddress, anEnvelope } from '../../mesh/testing/builders.ts'
import { outboxInfo, viewsOfUs } from './views.ts'

const device = deviceIdOf(nodeCrypto().ed25519PublicKey(new Uint8Array(32).fill(1)))
const NOON_MS = Date.UTC(2026, 8, 1, 12)

describe('the outbox as people see it', () => {
  const entry: OutboxEntry = { id: anEnvelope().id, to: anAddress(1), priority: 'normal', state: 'queued', attempts: 0, custody: [] }

  it('names the time of the next dial for what waits here alone', () => {
    assert.equal(outboxInfo(entry, 'bob', NOON_MS).nextAttemptAt, '2026-09-01T12:00:00.000Z')
  })

  it('names no time when none is known, or when whoever answers would not be given it', () => {
    assert.ok(!('nextAttemptAt' in outboxInfo(entry, 'bob', undefined)))
    const carried: OutboxEntry = { ...entry, state: 'carried', custody: [{ device, untilMs: NOON_MS }] }
    assert.ok(!('nextAttemptAt' in outboxInfo(carried, 'bob', NOON_MS)))
  })
})

describe('what is known about our port', () => {
  const other = deviceIdOf(nodeCrypto().ed25519PublicKey(new Uint8Array(32).fill(2)))

  it('comes from those who are connected to us as well, though discovery never heard them', () => {
    const views = viewsOfUs(
      [],
      [
        { device, hasReachedUs: true, seenAt: [] },
        { device: other, hasReachedUs: false, seenAt: [] },
      ],
    )
    assert.deepEqual(views, [{ peer: device, view: 'open' }])
  })

  it('is what a neighbour said, until it connects', () => {
    const said = [
      { peer: device, view: 'closed' },
      { peer: other, view: 'closed' },
    ] as const
    const views = viewsOfUs(said, [
      { device, hasReachedUs: true, seenAt: [] },
      { device: other, hasReachedUs: false, seenAt: [] },
    ])
    assert.deepEqual(views, [
      { peer: device, view: 'open' },
      { peer: other, view: 'closed' },
    ])
  })
})
