import assert from 'node:assert/strict'
import fc from 'fast-check'
import { concatBytes } from '#mesh/codec'
import { isMeshError } from '#mesh/errors'
import { addressOf } from '#mesh/ids'
import { fakeClock } from '#mesh/testing'
import { fakeCrypto } from '../testing/fake-crypto.ts'
import { decodeEnvelope, type EnvelopeContent, isEnvelopeSigned, signEnvelope } from './envelope.ts'
import { expiryOf, MAX_LIFETIME_S } from './expiry.ts'
import { PADDING_CLASSES, padPayload, unpadPayload } from './padding.ts'
import { compareStamps, HybridClock, PLAUSIBLE_SINCE_MS } from './stamp.ts'

const crypto = fakeCrypto()
const SEED = new Uint8Array(32).fill(3)
const DAY_MS = 86_400_000
const NOW = 1_790_000_000_000
const content = fc.record<EnvelopeContent>({
  priority: fc.constantFrom('critical', 'normal', 'bulk', 'ephemeral'),
  kind: fc.constantFrom('inbox', 'shared', 'receipt', 'announcement'),
  address: fc.uint8Array({ minLength: 16, maxLength: 16 }).map(addressOf),
  stamp: fc.record({ ms: fc.nat(2 ** 31).map((n) => n * 65_536), counter: fc.nat(65_535) }),
  lifetimeS: fc.integer({ min: 1, max: MAX_LIFETIME_S }),
  payload: fc.uint8Array({ maxLength: 400 }),
})

describe('an envelope', () => {
  it('decodes to what was signed', () => {
    fc.assert(
      fc.property(content, (given) => {
        const made = signEnvelope(crypto, SEED, given)
        const { priority, kind, address, stamp, lifetimeS, payload } = decodeEnvelope(made.bytes.slice())
        assert.deepEqual({ priority, kind, address, stamp, lifetimeS, payload }, { ...given, stamp: { ...given.stamp } })
        assert.ok(isEnvelopeSigned(crypto, made))
      }),
    )
  })

  it('survives no flipped byte, no cut and no repetition, and never crashes the decoder', () => {
    const { bytes } = signEnvelope(crypto, SEED, {
      priority: 'normal',
      kind: 'inbox',
      address: addressOf(SEED.subarray(0, 16)),
      stamp: { ms: NOW, counter: 0 },
      lifetimeS: 60,
      payload: SEED,
    })
    for (let at = 0; at < bytes.length; at++) {
      for (const bit of [1, 0x10, 0x80]) {
        const changed = bytes.slice()
        changed[at] = (changed[at] ?? 0) ^ bit
        assert.equal(isAccepted(changed), false, `byte ${at}`)
      }
      assert.equal(isAccepted(bytes.subarray(0, at)), false)
      assert.equal(isAccepted(concatBytes(bytes.subarray(0, at + 1), bytes)), false)
    }
  })

  it('refuses noise with a code that blames the peer', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (noise) => assert.equal(isAccepted(noise), false)))
  })

  it('keeps its id when another valid signature is found', () => {
    const made = signEnvelope(crypto, SEED, {
      priority: 'normal',
      kind: 'inbox',
      address: addressOf(SEED.subarray(0, 16)),
      stamp: { ms: NOW, counter: 0 },
      lifetimeS: 60,
      payload: SEED,
    })
    const resigned = concatBytes(made.bytes.subarray(0, -64), new Uint8Array(64).fill(1))
    assert.equal(decodeEnvelope(resigned).id, made.id)
  })
})

describe('padding', () => {
  it('fills a class with what is around it, and comes off again', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 5_000 }), fc.constantFrom(0, 48), (bytes, overhead) => {
        const padded = padPayload(bytes, overhead)
        assert.ok(PADDING_CLASSES.includes(padded.length + overhead))
        assert.deepEqual(unpadPayload(padded), bytes)
      }),
    )
  })

  it('refuses a length that lies, and padding that is not empty', () => {
    assert.throws(
      () => unpadPayload(Uint8Array.of(0, 0, 0, 9, 1)),
      (error) => isMeshError(error, 'MESH_BYTES_INVALID'),
    )
    assert.throws(
      () => unpadPayload(Uint8Array.of(0, 0, 0, 1, 1, 1)),
      (error) => isMeshError(error, 'MESH_BYTES_INVALID'),
    )
    assert.throws(
      () => unpadPayload(Uint8Array.of(0)),
      (error) => isMeshError(error, 'MESH_BYTES_TRUNCATED'),
    )
    assert.throws(
      () => padPayload(new Uint8Array(65_404)),
      (error) => isMeshError(error, 'MESH_TEXT_INVALID'),
    )
  })
})

describe('expiry', () => {
  const week = 7 * 86_400

  it('counts from a stamp that can be believed', () =>
    assert.equal(expiryOf({ stamp: { ms: NOW, counter: 0 }, lifetimeS: week }, NOW + 1_000, 5_000), NOW + 7 * DAY_MS))

  it('counts from the age when the sender has no clock: nothing is born dead', () => {
    assert.equal(expiryOf({ stamp: { ms: 5_000, counter: 0 }, lifetimeS: week }, NOW, 86_400), NOW + 6 * DAY_MS)
  })

  it('counts from the age when the receiver has no clock', () =>
    assert.equal(expiryOf({ stamp: { ms: NOW, counter: 0 }, lifetimeS: week }, 10_000, 0), 10_000 + 7 * DAY_MS))

  it('is never later than thirty days from now: nothing is immortal', () => {
    fc.assert(
      fc.property(fc.nat(2 ** 31), fc.integer({ min: 1, max: MAX_LIFETIME_S }), fc.nat(2 ** 31), fc.nat(1_000_000), (stamp, lifetimeS, seen, ageS) => {
        const firstSeen = seen * 2_000
        const expiry = expiryOf({ stamp: { ms: stamp * 60_000, counter: 0 }, lifetimeS }, firstSeen, ageS)
        assert.ok(expiry <= firstSeen + 30 * DAY_MS)
      }),
    )
  })

  it('does not believe a stamp from the future', () =>
    assert.equal(expiryOf({ stamp: { ms: NOW + 400 * DAY_MS, counter: 0 }, lifetimeS: week }, NOW, 0), NOW + 7 * DAY_MS))
})

describe('the hybrid clock', () => {
  it('grows whatever the wall clock does', () => {
    const clock = fakeClock(NOW)
    const hlc = new HybridClock({ clock })
    let last = hlc.next()
    for (const jump of [5, -1_000_000, 0, 60_000, -PLAUSIBLE_SINCE_MS, 1]) {
      clock.setWall(clock.now() + jump)
      const next = hlc.next()
      assert.ok(compareStamps(next, last) > 0)
      last = next
    }
  })

  it('counts over into the next millisecond', () => {
    const clock = fakeClock(NOW)
    const hlc = new HybridClock({ clock }, { last: { ms: NOW, counter: 0xffff } })
    assert.deepEqual(hlc.next(), { ms: NOW + 1, counter: 0 })
  })

  it('follows a friend who is ahead, and nobody into another century', () => {
    const hlc = new HybridClock({ clock: fakeClock(NOW) })
    hlc.observe({ ms: NOW + DAY_MS, counter: 3 })
    assert.deepEqual(hlc.next(), { ms: NOW + DAY_MS, counter: 4 })
    hlc.observe({ ms: NOW + 400 * DAY_MS, counter: 0 })
    assert.ok(hlc.next().ms < NOW + 2 * DAY_MS)
  })
})

function isAccepted(bytes: Uint8Array): boolean {
  try {
    return isEnvelopeSigned(crypto, decodeEnvelope(bytes))
  } catch (error) {
    assert.ok(isMeshError(error) && error.blame === 'peer', String(error))
    return false
  }
}
