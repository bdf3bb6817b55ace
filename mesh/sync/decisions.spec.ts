import assert from 'node:assert/strict'
import { anArrival, anEnvelope } from '../testing/builders.ts'
import { memoryStore } from '../testing/memory-store.ts'
import { passageOf } from './decisions.ts'

const DAY_MS = 86_400_000

describe('the passage of an envelope', () => {
  it('says its age, and not how long this store keeps things', async () => {
    const { db, store, clock } = await memoryStore({ limits: { retentionMs: 2 * DAY_MS } })
    const envelope = anEnvelope({ lifetimeS: 30 * 86_400, stamp: { ms: clock.now(), counter: 0 } })
    const meta = await db.transaction(async (tx) => store.put(tx, envelope, anArrival()))
    assert.equal(passageOf(meta, 1, clock.now()).ageS, 0)
    assert.equal(passageOf(meta, 1, clock.now() + DAY_MS).ageS, 86_400)
  })
})
