import assert from 'node:assert/strict'
import { decode, encode } from 'cborg'
import fc from 'fast-check'
import { textBody } from '#mesh/content'
import { isMeshError } from '#mesh/errors'
import { type EnvelopeId, envelopeIdOf, messageIdOf } from '#mesh/ids'
import { assertText, decodeMessage, encodeMessage, MAX_PARENTS, MAX_TEXT_BYTES, type MessageContent } from './message.ts'

const bytes = (length: number, fill = 7): Uint8Array => new Uint8Array(length).fill(fill)
const idOf = (number: number): EnvelopeId => envelopeIdOf(bytes(32, number))

function aMessage(content: Partial<MessageContent> = {}): MessageContent {
  return {
    type: 'message',
    certificate: bytes(150),
    binding: bytes(64),
    seq: 3,
    parents: [idOf(1), idOf(2)],
    text: 'hello',
    composedMs: 1_790_000_000_000,
    ...content,
  }
}

/** Either a message or a peer's fault: nothing else leaves the decoder. */
function decodesOrBlames(input: Uint8Array): void {
  try {
    decodeMessage(input)
  } catch (error) {
    assert.ok(isMeshError(error) && error.blame === 'peer', String(error))
  }
}

function withEntry(key: unknown, value: unknown): Uint8Array {
  const map = decode(encodeMessage(aMessage()), { useMaps: true }) as Map<unknown, unknown>
  return encode(map.set(key, value))
}

describe('what is inside the seal', () => {
  it('comes out as it went in, whatever the text', () => {
    const contents = fc.record({
      type: fc.constantFrom('message' as const, 'request' as const),
      seq: fc.maxSafeNat(),
      composedMs: fc.maxSafeNat(),
      text: fc.string({ unit: 'binary', maxLength: 200 }).filter((text) => text.isWellFormed()),
      parents: fc.array(fc.nat(255).map(idOf), { maxLength: MAX_PARENTS }),
    })
    fc.assert(
      fc.property(contents, (content) => assert.deepEqual(decodeMessage(encodeMessage(aMessage(content))), aMessage(content))),
      { numRuns: 60 },
    )
    const withCard = aMessage({ card: bytes(219), text: '\ufeff\u0000\u202e e\u0301 \u{1f469}\u200d\u{1f692}' })
    assert.deepEqual(decodeMessage(encodeMessage(withCard)), withCard)
  })

  it('carries a content instead of a text, and never both or neither', () => {
    const said = aMessage({ text: '', content: { salt: bytes(16), extensions: new Map(), body: textBody('**hello**'), inReplyTo: messageIdOf(bytes(32)) } })
    const whole = encodeMessage(said)
    assert.deepEqual(decodeMessage(whole), said)
    const map = decode(whole, { useMaps: true }) as Map<unknown, unknown>
    assert.deepEqual([map.has(5), map.has(8)], [false, true])
    assert.throws(() => decodeMessage(encode(new Map(map).set(5, 'another text'))), /bad content/)
    assert.throws(() => decodeMessage(encode(new Map(map).set(8, 'text'))), /bad content/)
    assert.throws(() => decodeMessage(encode(new Map(map).set(8, bytes(40_961)))), /bad content/)
    map.delete(8)
    assert.throws(() => decodeMessage(encode(map)), /bad text/)
    for (let cut = 0; cut < whole.length; cut++) decodesOrBlames(whole.subarray(0, cut))
    const flips = fc.record({ at: fc.nat(whole.length - 1), bit: fc.nat(7) })
    fc.assert(
      fc.property(flips, ({ at, bit }) => {
        const flipped = whole.slice()
        flipped[at] = (flipped[at] ?? 0) ^ (1 << bit)
        decodesOrBlames(flipped)
      }),
      { numRuns: 400 },
    )
  })

  it('holds the longest text as a content as well', () => {
    const said = aMessage({ text: '', content: { salt: bytes(16), extensions: new Map(), body: textBody('x'.repeat(MAX_TEXT_BYTES)) } })
    assert.deepEqual(decodeMessage(encodeMessage(said)), said)
  })

  it('holds the longest text, and not a byte more', () => {
    const longest = aMessage({ text: 'ä'.repeat(MAX_TEXT_BYTES / 2) })
    assert.deepEqual(decodeMessage(encodeMessage(longest)), longest)
    assert.throws(() => decodeMessage(encodeMessage(aMessage({ text: `${longest.text}.` }))), /bad text/)
    assertText(longest.text)
    for (const text of [`${longest.text}.`, '', ' \n\t', '\ud800', 'a\udfff']) {
      assert.throws(
        () => assertText(text),
        (error) => isMeshError(error, 'MESH_TEXT_INVALID'),
      )
    }
  })

  it('is a message or a fault of the peer when bits flip, the end is cut, or parts repeat', () => {
    const whole = encodeMessage(aMessage({ card: bytes(200) }))
    for (let cut = 0; cut < whole.length; cut++) {
      assert.throws(
        () => decodeMessage(whole.subarray(0, cut)),
        (error) => isMeshError(error) && error.blame === 'peer',
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
      { numRuns: 300 },
    )
    fc.assert(fc.property(fc.uint8Array({ maxLength: 100 }), decodesOrBlames), { numRuns: 300 })
  })

  it('does not run out of stack on deep nesting', () => {
    for (const head of [0x81, 0xa1, 0xc1, 0x9f, 0xd9]) decodesOrBlames(bytes(65_000, head))
    decodesOrBlames(Uint8Array.from([0xa1, 0x00, ...bytes(60_000, 0x81), 0x00]))
  })

  it('ignores keys that a newer version may add, and names a type it does not know', () => {
    assert.deepEqual(decodeMessage(withEntry(99, { any: ['thing'] })), aMessage())
    assert.deepEqual(decodeMessage(withEntry('word', 1)), aMessage())
    assert.throws(
      () => decodeMessage(withEntry(0, 'poll')),
      (error) => isMeshError(error, 'MESH_VERSION_UNKNOWN'),
    )
  })

  it('refuses every field that is not what it has to be', () => {
    const wrong: [number, unknown][] = [
      [0, 1],
      [1, bytes(175)],
      [1, 'certificate'],
      [2, bytes(63)],
      [3, -1],
      [3, 1.5],
      [4, [bytes(31)]],
      [4, Array.from({ length: MAX_PARENTS + 1 }, () => bytes(32))],
      [4, 'parents'],
      [5, bytes(4)],
      [6, 'noon'],
      [7, bytes(220)],
      [7, null],
    ]
    for (const [key, value] of wrong) {
      assert.throws(
        () => decodeMessage(withEntry(key, value)),
        (error) => isMeshError(error, 'MESH_BYTES_INVALID'),
        `key ${key}`,
      )
    }
    assert.throws(() => decodeMessage(encode([1, 2, 3])), /bad shape/)
  })
})
