import assert from 'node:assert/strict'
import { encode } from 'cborg'
import fc from 'fast-check'
import { encodeUtf8, equalBytes } from '#mesh/codec'
import { isMeshError } from '#mesh/errors'
import { type MessageId, messageIdOf } from '#mesh/ids'
import { decodeContent, encodeContent, MAX_CONTENT_BYTES, type MimiContent } from './content.ts'
import { bodyText, textBody } from './intent.ts'
import { hashedId } from './message-id.ts'
import type { BodyPart } from './part.ts'

const hex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text.replace(/\s/g, ''), 'hex'))
const filled = (length: number, fill = 7): Uint8Array => new Uint8Array(length).fill(fill)
const idOf = (number: number): MessageId => messageIdOf(filled(32, number))

function aContent(content: Partial<MimiContent> = {}): MimiContent {
  return { salt: filled(16), extensions: new Map(), body: textBody('hello'), ...content }
}

/** Either a content or a peer's fault: nothing else leaves the decoder. */
function decodesOrBlames(input: Uint8Array): void {
  try {
    assert.ok(equalBytes(encodeContent(decodeContent(input)), input))
  } catch (error) {
    assert.ok(isMeshError(error) && error.blame === 'peer', String(error))
  }
}

/** "Original message" of draft-ietf-mimi-content-08 §5.1, with the id that stands there. */
const DRAFT = {
  sender: 'mimi://example.com/u/alice-smith',
  room: 'mimi://example.com/r/engineering_team',
  salt: hex('5eed9406c2545547ab6f09f20a18b003'),
  bytes: hex(`87 50 5eed9406c2545547ab6f09f20a18b003 f6 40 f6 f6 a2
    01 7820 6d696d693a2f2f6578616d706c652e636f6d2f752f616c6963652d736d697468
    02 7825 6d696d693a2f2f6578616d706c652e636f6d2f722f656e67696e656572696e675f7465616d
    85 01 60 01 781e 746578742f6d61726b646f776e3b76617269616e743d47464d2d4d494d49
    5839 48692065766572796f6e652c207765206a75737420736869707065642072656c6561736520322e302e205f5f476f6f642020776f726b5f5f21`),
  id: hex('017ce54837404c3696e0c747b985cb172716d0ed0a3d249ca63ace7d82a096f4'),
}

describe('a content', () => {
  it('is what the draft writes, byte by byte, with the id that the draft gives it', () => {
    const read = decodeContent(DRAFT.bytes)
    assert.equal(bodyText(read.body), 'Hi everyone, we just shipped release 2.0. __Good  work__!')
    assert.deepEqual(read.salt, DRAFT.salt)
    assert.ok(equalBytes(encodeContent(read), DRAFT.bytes))
    assert.equal(hashedId(DRAFT.sender, DRAFT.room, DRAFT.bytes, DRAFT.salt), messageIdOf(DRAFT.id))
  })

  it('comes out as it went in, whatever is in it', () => {
    const leaf: fc.Arbitrary<BodyPart> = fc.oneof(
      fc.record({ kind: fc.constant('null' as const), disposition: fc.nat(255), language: fc.constant('') }),
      fc.record({
        kind: fc.constant('single' as const),
        disposition: fc.nat(255),
        language: fc.constantFrom('', 'de', 'en,fr'),
        contentType: fc.constantFrom('text/plain', 'image/png', 'application/x-new'),
        content: fc.uint8Array({ maxLength: 60 }),
      }),
      fc.record({
        kind: fc.constant('unknown' as const),
        disposition: fc.nat(255),
        language: fc.constant(''),
        cardinality: fc.integer({ min: 4, max: 255 }),
        rest: fc.array(fc.oneof(fc.nat(), fc.string(), fc.uint8Array({ maxLength: 9 }), fc.boolean()), { maxLength: 4 }),
      }),
    )
    const body: fc.Arbitrary<BodyPart> = fc.oneof(
      leaf,
      fc.record({
        kind: fc.constant('multi' as const),
        disposition: fc.nat(255),
        language: fc.constant(''),
        semantics: fc.nat(2),
        parts: fc.array(leaf, { minLength: 2, maxLength: 5 }),
      }),
    )
    const contents = fc.record(
      {
        salt: fc.uint8Array({ minLength: 16, maxLength: 16 }),
        replaces: fc.nat(255).map(idOf),
        topicId: fc.uint8Array({ minLength: 1, maxLength: 64 }),
        expires: fc.record({ isRelative: fc.boolean(), timeS: fc.nat(0xffff_ffff) }),
        inReplyTo: fc.nat(255).map(idOf),
        extensions: fc
          .uniqueArray(
            fc.tuple(fc.oneof(fc.integer(), fc.string({ minLength: 1, maxLength: 20 })), fc.oneof(fc.nat(), fc.string(), fc.array(fc.nat(), { maxLength: 3 }))),
            {
              selector: ([key]) => key,
              maxLength: 6,
            },
          )
          .map((entries) => new Map(entries)),
        body,
      },
      { requiredKeys: ['salt', 'extensions', 'body'] },
    )
    fc.assert(
      fc.property(contents, (content) => {
        const bytes = encodeContent(content)
        const read = decodeContent(bytes)
        assert.deepEqual(encodeContent(read), bytes)
        assert.deepEqual({ ...read, extensions: new Map() }, structuredClone({ ...content, extensions: new Map() }))
        assert.deepEqual(new Set(read.extensions.keys()), new Set(content.extensions.keys()))
      }),
      { numRuns: 200 },
    )
  })

  it('is a content or a fault of the peer when bits flip, the end is cut, or parts repeat', () => {
    const whole = DRAFT.bytes
    for (let cut = 0; cut < whole.length; cut++) {
      assert.throws(
        () => decodeContent(whole.subarray(0, cut)),
        (error) => isMeshError(error, 'MESH_BYTES_INVALID'),
      )
    }
    const mutations = fc.record({ at: fc.nat(whole.length - 1), bit: fc.nat(7), from: fc.nat(whole.length - 1), length: fc.nat(40) })
    fc.assert(
      fc.property(mutations, ({ at, bit, from, length }) => {
        const flipped = whole.slice()
        flipped[at] = (flipped[at] ?? 0) ^ (1 << bit)
        decodesOrBlames(flipped)
        decodesOrBlames(Uint8Array.from([...whole.subarray(0, at), ...whole.subarray(from, from + length), ...whole.subarray(at)]))
      }),
      { numRuns: 400 },
    )
    fc.assert(fc.property(fc.uint8Array({ maxLength: 100 }), decodesOrBlames), { numRuns: 300 })
  })

  it('is refused in any other encoding than the one, and above its limits', () => {
    const values = (over: Record<number, unknown>): unknown[] =>
      Object.values({ 0: filled(16), 1: null, 2: new Uint8Array(0), 3: null, 4: null, 5: new Map(), 6: [1, '', 1, 'text/plain', filled(3)], ...over })
    decodeContent(encode(values({})))
    const deep = (levels: number): unknown => (levels === 0 ? [1, '', 0] : [1, '', 3, 0, [deep(levels - 1), [1, '', 0]]])
    const wrong: Record<string, Uint8Array> = {
      'a long salt': encode(values({ 0: filled(17) })),
      'a short id': encode(values({ 1: filled(31) })),
      'a long topic': encode(values({ 2: filled(65) })),
      'a time beyond 32 bits': encode(values({ 3: [true, 2 ** 32] })),
      'a time that is none': encode(values({ 3: [1, 5] })),
      'no map': encode(values({ 5: [] })),
      'too many extensions': encode(values({ 5: new Map(Array.from({ length: 17 }, (_, i) => [i, i])) })),
      'a long extension': encode(values({ 5: new Map([[1, filled(4_200)]]) })),
      'a deep extension': encode(values({ 5: new Map([[1, [[[[1]]]]]]) })),
      'a name of bytes': encode(values({ 5: new Map([[filled(2), 1]]) })),
      'an extension under no name': encode(values({ 5: new Map([['', 1]]) })),
      'no body': encode(values({ 6: null })),
      'one part of many': encode(values({ 6: [1, '', 3, 0, [[1, '', 0]]] })),
      'too many parts': encode(values({ 6: [1, '', 3, 0, Array.from({ length: 64 }, () => [1, '', 0])] })),
      'parts too deep': encode(values({ 6: deep(4) })),
      'unknown semantics': encode(
        values({
          6: [
            1,
            '',
            3,
            3,
            [
              [1, '', 0],
              [1, '', 0],
            ],
          ],
        }),
      ),
      'more than nothing': encode(values({ 6: [1, '', 0, 1] })),
      'a disposition of two bytes': encode(values({ 6: [256, '', 0] })),
      'eight fields': encode([...values({}), 1]),
      'another order of extensions': hex('87 50 07070707070707070707070707070707 f6 40 f6 f6 a2 02 01 01 01 83 01 60 00'),
      'a number that is too long': hex('87 50 07070707070707070707070707070707 f6 40 f6 f6 a0 83 1801 60 00'),
      'something after it': Uint8Array.from([...DRAFT.bytes, 0]),
    }
    for (const [what, bytes] of Object.entries(wrong)) {
      assert.throws(
        () => decodeContent(bytes),
        (error) => isMeshError(error, 'MESH_BYTES_INVALID'),
        what,
      )
    }
    decodeContent(encode(values({ 6: deep(3) })))
    assert.throws(
      () => decodeContent(filled(MAX_CONTENT_BYTES + 1, 0x80)),
      (error) => isMeshError(error, 'MESH_FRAME_TOO_LARGE'),
    )
    assert.throws(
      () => encodeContent(aContent({ body: { ...textBody(''), content: filled(MAX_CONTENT_BYTES) } })),
      (error) => isMeshError(error, 'MESH_TEXT_INVALID'),
    )
  })

  it('does not run out of stack on deep nesting', () => {
    for (const head of [0x81, 0xa1, 0xc1, 0x9f, 0xd9]) decodesOrBlames(filled(40_000, head))
  })

  it('has an id that nobody else can make, nor the same person elsewhere, nor a guess without the salt', () => {
    const bytes = encodeContent(aContent())
    const id = hashedId('qpq://p/a', 'qpq://d/a/b', bytes, filled(16))
    for (const [sender, room, other] of [
      ['qpq://p/b', 'qpq://d/a/b', bytes],
      ['qpq://p/a', 'qpq://d/a/c', bytes],
      ['qpq://p/a', 'qpq://d/a/b', encodeContent(aContent({ salt: filled(16, 8) }))],
      ['qpq://p/a', 'qpq://d/a/b', encodeContent(aContent({ body: { ...textBody(''), content: encodeUtf8('hallo') } }))],
    ] as const) {
      assert.notEqual(hashedId(sender, room, other, filled(16)), id)
    }
  })
})
