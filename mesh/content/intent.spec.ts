import assert from 'node:assert/strict'
import { encode } from 'cborg'
import fc from 'fast-check'
import { encodeUtf8 } from '#mesh/codec'
import { type MessageId, messageIdOf, type PersonId, personIdOf } from '#mesh/ids'
import type { MimiContent } from './content.ts'
import { bodyText, cleanReaction, emptyBody, extensionsFor, intentOf, isOnce, MAX_REPORTED, reactionBody, readReportBody, textBody } from './intent.ts'
import { directRoomUri, personInUri, personUri } from './message-id.ts'
import { DISPOSITION, type SinglePart } from './part.ts'

const idOf = (number: number): MessageId => messageIdOf(new Uint8Array(32).fill(number))
const aContent = (content: Partial<MimiContent>): MimiContent => ({ salt: new Uint8Array(16), extensions: new Map(), body: textBody('x'), ...content })
const [target, reaction] = [idOf(1), idOf(2)]

describe('what a message wants', () => {
  it('is told by its fields as the draft uses them', () => {
    assert.deepEqual(intentOf(aContent({ inReplyTo: target })), { kind: 'say' })
    assert.deepEqual(intentOf(aContent({ replaces: target })), { kind: 'edit', target })
    assert.deepEqual(intentOf(aContent({ replaces: target, body: emptyBody() })), { kind: 'delete', target })
    assert.deepEqual(intentOf(aContent({ inReplyTo: target, body: reactionBody('❤') })), { kind: 'react', target, emoji: '❤' })
    const undone = aContent({ replaces: reaction, inReplyTo: target, body: emptyBody(DISPOSITION.reaction) })
    assert.deepEqual(intentOf(undone), { kind: 'unreact', target, reaction })
    assert.deepEqual(intentOf(aContent({ body: readReportBody([target, reaction]) })), { kind: 'read', ids: [target, reaction] })
    assert.deepEqual(intentOf(aContent({ body: emptyBody(), extensions: extensionsFor({ typing: true }) })), { kind: 'typing', isOn: true })
    assert.deepEqual(intentOf(aContent({ body: emptyBody(), extensions: extensionsFor({ lifetimeS: 60 }) })), { kind: 'lifetime', seconds: 60 })
  })

  it('is nothing when it makes no sense, and never more than it may be', () => {
    assert.deepEqual(intentOf(aContent({ body: emptyBody() })), { kind: 'nothing' })
    assert.deepEqual(intentOf(aContent({ body: reactionBody('❤') })), { kind: 'nothing' })
    assert.deepEqual(intentOf(aContent({ inReplyTo: target, body: reactionBody('you owe me') })), { kind: 'nothing' })
    for (const seconds of [-1, 1.5, 40_000_000, '5']) {
      assert.deepEqual(intentOf(aContent({ body: emptyBody(), extensions: new Map([['qpq.ttl', seconds]]) })), { kind: 'nothing' })
    }
    const many = intentOf(aContent({ body: readReportBody(Array.from({ length: MAX_REPORTED + 9 }, () => target)) }))
    assert.equal(many.kind === 'read' && many.ids.length, MAX_REPORTED)
    const report = (content: Uint8Array): SinglePart => ({ ...readReportBody([]), content })
    for (const bytes of [encode([[new Uint8Array(31), 2], [new Uint8Array(32), 1], 5]), encode({ a: 1 }), Uint8Array.of(0x9f)]) {
      assert.deepEqual(intentOf(aContent({ body: report(bytes) })), { kind: 'read', ids: [] })
    }
    fc.assert(fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => assert.equal(intentOf(aContent({ body: report(bytes) })).kind, 'read')))
  })

  it('reacts with one visible character, however many code points that takes', () => {
    for (const emoji of ['👍', '❤️', '👩🏽‍⚕️', '🏴󠁧󠁢󠁥󠁮󠁧󠁿', '1']) assert.equal(cleanReaction(` ${emoji} `), emoji)
    for (const text of ['', '  ', 'ab', '👍👍', 'a b', '\u0007', `e${'\u0301'.repeat(40)}`, undefined]) assert.equal(cleanReaction(text), undefined)
  })

  it('shows every part that is text, and of the others that they are there', () => {
    const image: SinglePart = { ...textBody(''), contentType: 'image/png', content: new Uint8Array(4) }
    const several = { kind: 'multi', disposition: 1, language: '' } as const
    assert.equal(bodyText({ ...several, semantics: 2, parts: [textBody('look'), image] }), 'look\n[image/png]')
    assert.equal(bodyText({ ...several, semantics: 0, parts: [image, textBody('look')] }), 'look')
    assert.equal(bodyText({ ...textBody(''), content: Uint8Array.of(0xff) }), '[text/markdown;variant=GFM-MIMI]')
    assert.match(bodyText({ kind: 'unknown', disposition: 1, language: '', cardinality: 9, rest: [1] }), /newer program/)
    assert.equal(bodyText({ ...textBody(''), contentType: 'text/plain; charset=utf-8', content: encodeUtf8('\ufeffä') }), '\ufeffä')
  })

  it('can be to be read once', () => {
    assert.ok(isOnce(aContent({ extensions: extensionsFor({ once: true }) })))
    assert.ok(!isOnce(aContent({ extensions: new Map([['qpq.once', 1]]) })))
  })
})

describe('names in content', () => {
  const people = [1, 2].map((number) => personIdOf(new Uint8Array(32).fill(number)))

  it('lead back to the person, and to nobody when they are no names', () => {
    for (const person of people) assert.equal(personInUri(personUri(person)), person)
    for (const uri of ['https://example.com', 'qpq://p/', `qpq://p/${people[0]}x`, 'qpq://c/AAAA']) assert.equal(personInUri(uri), undefined)
  })

  it('call a direct conversation the same on both sides', () => {
    const [one, other] = people as [PersonId, PersonId]
    assert.equal(directRoomUri(one, other), directRoomUri(other, one))
  })
})
