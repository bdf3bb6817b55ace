import assert from 'node:assert/strict'
import { envelopeIdOf } from '#mesh/ids'
import { Claims } from './claims.ts'
import { CLAIM_MS } from './limits.ts'

const id = envelopeIdOf(new Uint8Array(32).fill(7))

describe('Claims', () => {
  it('hold others off for three seconds from when each was made, however long an offer has waited', () => {
    const claims = new Claims()
    const [first, second, third] = [{}, {}, {}]
    claims.claim(id, first, 10_000)
    assert.equal(claims.isClaimedByOther(id, first, 10_000), false)
    assert.equal(claims.isClaimedByOther(id, second, 10_000 + CLAIM_MS - 1), true)
    assert.equal(claims.isClaimedByOther(id, second, 10_000 + CLAIM_MS), false)
    claims.claim(id, second, 10_000 + CLAIM_MS)
    assert.equal(claims.isClaimedByOther(id, third, 10_000 + 2 * CLAIM_MS - 1), true)
  })

  it('are given back by their holder only', () => {
    const claims = new Claims()
    const [first, second] = [{}, {}]
    claims.claim(id, first, 0)
    claims.release(id, second)
    assert.equal(claims.isClaimedByOther(id, second, 1), true)
    claims.release(id, first)
    assert.deepEqual([claims.isClaimedByOther(id, second, 1), claims.size], [false, 0])
  })
})
