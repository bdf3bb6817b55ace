import assert from 'node:assert/strict'
import fc from 'fast-check'
import { isMeshError, MeshError } from '#mesh/errors'
import { deviceIdOf, envelopeIdOf } from '#mesh/ids'
import { MAX_FRAME_BYTES } from '#mesh/ports'
import { decodeFrame, encodeFrame, type Frame, REFUSAL_REASONS } from './frames.ts'

const exact = (length: number): fc.Arbitrary<Uint8Array> => fc.uint8Array({ minLength: length, maxLength: length })
const id = exact(32).map(envelopeIdOf)
const device = exact(32).map(deviceIdOf)
const u48 = fc.integer({ min: 0, max: 2 ** 48 - 1 })
const u8 = fc.nat(255)

/** One arbitrary per frame type. */
const ANY: Record<Frame['type'], fc.Arbitrary<Frame>> = {
  hello: fc
    .tuple(
      fc.record({
        type: fc.constant('hello' as const),
        nowMs: u48,
        knownDevices: fc.nat(65_535),
        grants: fc.array(fc.record({ inboxKey: exact(32), untilMs: u48, signature: exact(64) }), { maxLength: 16 }),
      }),
      fc.oneof(fc.constant({}), fc.record({ held: fc.nat(4_294_967_295), keptDays: u8 })),
      fc.oneof(fc.constant({}), fc.constant({ takesForwarded: true })),
    )
    .map(([hello, reconciles, forwards]) => ({ ...hello, ...reconciles, ...forwards })),
  offer: fc.record({
    type: fc.constant('offer' as const),
    offers: fc.array(fc.record({ id, classByte: u8, size: fc.nat(65_535), tell: fc.boolean() }), { maxLength: 128 }),
  }),
  want: fc.record({ type: fc.constant('want' as const), ids: fc.array(id, { maxLength: 128 }) }),
  envelopes: fc.record({
    type: fc.constant('envelopes' as const),
    envelopes: fc.array(fc.record({ hops: u8, copies: u8, ageS: fc.nat(4_294_967_295), bytes: fc.uint8Array({ maxLength: 700 }) }), { maxLength: 40 }),
  }),
  taken: fc.record({ type: fc.constant('taken' as const), untilMs: u48, ids: fc.array(id, { maxLength: 1_024 }), signature: exact(64) }),
  refused: fc.record({
    type: fc.constant('refused' as const),
    refusals: fc.array(fc.record({ id, reason: fc.constantFrom(...REFUSAL_REASONS) }), { maxLength: 1_024 }),
  }),
  synced: fc.constant({ type: 'synced' as const }),
  large: fc.record({ type: fc.constant('large' as const), bytes: fc.uint8Array({ maxLength: 65_535 }) }),
  forwarded: fc.record({
    type: fc.constant('forwarded' as const),
    custodian: device,
    from: device,
    untilMs: u48,
    ids: fc.array(id, { maxLength: 1_024 }),
    signature: exact(64),
  }),
  reconcile: fc.record({ type: fc.constant('reconcile' as const), scope: u8, message: fc.uint8Array({ maxLength: 65_534 }) }),
}

const PEER_CODES = ['MESH_BYTES_TRUNCATED', 'MESH_BYTES_TRAILING', 'MESH_BYTES_INVALID', 'MESH_VERSION_UNKNOWN', 'MESH_PROTOCOL_VIOLATION']

/** Decodes foreign bytes: a frame, or an error that blames the peer, and nothing else. */
function assertBounded(bytes: Uint8Array): void {
  try {
    const frame = decodeFrame(bytes)
    // What decodes is inside our own limits, so it can be written again.
    assert.equal(decodeFrame(encodeFrame(frame)).type, frame.type)
  } catch (error) {
    assert.ok(error instanceof MeshError && PEER_CODES.includes(error.code), String(error))
  }
}

describe('sync frames', () => {
  for (const [type, arbitrary] of Object.entries(ANY)) {
    it(`a ${type} frame survives the way over the wire`, () => {
      fc.assert(
        fc.property(arbitrary, (frame) => assert.deepEqual(decodeFrame(encodeFrame(frame)), structuredClone(frame))),
        { numRuns: 60 },
      )
    })

    it(`a ${type} frame that was flipped, cut or repeated is decoded or blamed on the peer`, () => {
      fc.assert(
        fc.property(arbitrary, fc.nat(), u8, fc.constantFrom('flip', 'cut', 'repeat', 'append'), (frame, position, value, how) => {
          const bytes = Uint8Array.from(encodeFrame(frame))
          const at = position % bytes.length
          if (how === 'flip') bytes[at] = value
          const kept = bytes.subarray(0, at)
          if (how === 'cut') assertBounded(kept)
          else if (how === 'repeat') assertBounded(Uint8Array.of(...bytes.subarray(0, Math.min(bytes.length, 2_000)), ...kept.subarray(0, 2_000)))
          else if (how === 'append') assertBounded(Uint8Array.of(...bytes.subarray(0, 4_000), value))
          else assertBounded(bytes)
        }),
        { numRuns: 150 },
      )
    })
  }

  it('random bytes never decode into something that cannot be written', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 400 }), assertBounded), { numRuns: 2_000 })
  })

  it('refuses a count that the bytes behind it cannot hold', () => {
    for (const type of [2, 3, 4]) assert.throws(() => decodeFrame(Uint8Array.of(type, 0xff, 0xff)), code('MESH_BYTES_TRUNCATED'))
  })

  it('refuses more ids than the limit even when the bytes are there', () => {
    const bytes = new Uint8Array(3 + 129 * 32)
    bytes.set([3, 0, 129])
    assert.throws(() => decodeFrame(bytes), code('MESH_BYTES_INVALID'))
  })

  it('refuses more than 16 grants, an unknown version, an unknown type, an empty frame and a frame over 64 KiB', () => {
    const hello = new Uint8Array(11 + 17 * 102)
    hello.set([1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 17])
    assert.throws(() => decodeFrame(hello), code('MESH_BYTES_INVALID'))
    assert.throws(() => decodeFrame(Uint8Array.of(1, 2, 0)), code('MESH_VERSION_UNKNOWN'))
    assert.throws(() => decodeFrame(Uint8Array.of(11)), code('MESH_PROTOCOL_VIOLATION'))
    assert.throws(() => decodeFrame(Uint8Array.of(0)), code('MESH_PROTOCOL_VIOLATION'))
    assert.throws(() => decodeFrame(new Uint8Array(0)), code('MESH_BYTES_TRUNCATED'))
    assert.throws(() => decodeFrame(new Uint8Array(MAX_FRAME_BYTES + 1)), code('MESH_FRAME_TOO_LARGE'))
  })

  it('carries the largest envelope alone in a LARGE frame of exactly 64 KiB', () => {
    assert.equal(encodeFrame({ type: 'large', bytes: new Uint8Array(65_535) }).length, MAX_FRAME_BYTES)
    assert.throws(() => encodeFrame({ type: 'large', bytes: new Uint8Array(65_536) }), code('MESH_INTERNAL'))
  })

  it('reads a reason that a later version may invent as invalid', () => {
    const bytes = encodeFrame({ type: 'refused', refusals: [{ id: envelopeIdOf(new Uint8Array(32)), reason: 'full' }] }).slice()
    bytes[bytes.length - 1] = 200
    const frame = decodeFrame(bytes)
    assert.ok(frame.type === 'refused' && frame.refusals[0]?.reason === 'invalid')
  })

  it('reads a HELLO of a later version as far as it knows it', () => {
    const later = decodeFrame(new Uint8Array(Buffer.from('010105000000000002000300000001041effff', 'hex')))
    assert.deepEqual(later, { type: 'hello', nowMs: 2, knownDevices: 3, grants: [], held: 260, keptDays: 30 })
    assert.throws(() => decodeFrame(new Uint8Array(Buffer.from('010101000000000002000300000001041eff', 'hex'))), code('MESH_BYTES_TRAILING'))
  })

  it('writes the bytes of the table in the documentation', () => {
    const one = envelopeIdOf(new Uint8Array(32).fill(7))
    assert.equal(hex({ type: 'want', ids: [one] }), `030001${'07'.repeat(32)}`)
    assert.equal(hex({ type: 'offer', offers: [{ id: one, classByte: 0x41, size: 428, tell: true }] }), `020001${'07'.repeat(32)}4101ac01`)
    assert.equal(hex({ type: 'envelopes', envelopes: [{ hops: 1, copies: 8, ageS: 60, bytes: Uint8Array.of(9, 9) }] }), '04000101080000003c00020909')
    assert.equal(hex({ type: 'refused', refusals: [{ id: one, reason: 'full' }] }), `060001${'07'.repeat(32)}07`)
    assert.equal(hex({ type: 'taken', untilMs: 1, ids: [one], signature: new Uint8Array(64) }), `050000000000010001${'07'.repeat(32)}${'00'.repeat(64)}`)
    assert.equal(hex({ type: 'hello', nowMs: 2, knownDevices: 3, grants: [] }), '010100000000000002000300')
    assert.equal(hex({ type: 'hello', nowMs: 2, knownDevices: 3, grants: [], held: 260, keptDays: 30 }), '010101000000000002000300000001041e')
    assert.equal(hex({ type: 'reconcile', scope: 0, message: Uint8Array.of(2) }), '090002')
    assert.equal(hex({ type: 'synced' }), '07')
  })
})

function hex(frame: Frame): string {
  return Buffer.from(encodeFrame(frame)).toString('hex')
}

function code(expected: MeshError['code']): (error: unknown) => boolean {
  return (error) => isMeshError(error, expected)
}
