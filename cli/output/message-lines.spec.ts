import assert from 'node:assert/strict'
import type { MessageInfo } from '#node/control'
import { conversationLines, eventLines, type Looks, printLines, Sink, type Span } from './index.ts'

function aMessage(over: Partial<MessageInfo> = {}): MessageInfo {
  const base = { id: 'xxxxxxxxABCDE', conversation: 'qpq1bob', from: 'qpq1bob', fromPetname: 'bob', direction: 'in', text: 'soup?', parents: [] } as const
  return { ...base, parents: [], at: '2026-01-01T00:00:00Z', ...over }
}

function printed(lines: readonly Span[][]): string[] {
  const text: string[] = []
  printLines(new Sink({ write: (part: string) => text.push(part.replace(/^\d{4}-\d\d-\d\d \d\d:\d\d /, '')) }), lines)
  return text.map((line) => line.trimEnd())
}

const shown = (messages: readonly MessageInfo[], looks: Looks = {}): string[] => printed(conversationLines(messages, looks))

describe('messages in a terminal', () => {
  it('say what became of them', () => {
    assert.deepEqual(shown([aMessage({ edited: true })]), ['bob: soup?  (edited)'])
    assert.deepEqual(shown([aMessage({ deleted: true, text: '' })]), ['bob: (deleted)'])
    const reactions = [
      { by: 'qpq1bob', petname: 'bob', emoji: '👍' },
      { by: 'qpq1me', emoji: '👍' },
      { by: 'qpq1me', emoji: '🦆' },
    ]
    assert.deepEqual(shown([aMessage({ reactions })]), ['bob: soup?', '      👍 bob, you  🦆 you'])
  })

  it('quote what they answer, or name it when it is not among them', () => {
    const answer = aMessage({ id: 'yyyyyyyyFGHIJ', direction: 'out', text: 'please', inReplyTo: 'xxxxxxxxABCDE', state: 'delivered' })
    assert.deepEqual(shown([aMessage(), answer]), ['bob: soup?', '      > bob: soup?', 'you: please  (delivered)'])
    assert.deepEqual(shown([answer]), ['      > …ABCDE', 'you: please  (delivered)'])
    const long = shown([aMessage({ text: 'x'.repeat(99) }), answer])[1] ?? ''
    assert.equal(long, `      > bob: ${'x'.repeat(40)}…`)
    assert.equal(shown([aMessage({ deleted: true, text: '' }), answer])[1], '      > bob: (deleted)')
  })

  it('show the ends of their ids to people', () => {
    assert.deepEqual(shown([aMessage()], { isRich: true }), ['bob: soup?  …ABCDE'])
  })

  it('that change are told as they are now', () => {
    const changed = (change: 'edited' | 'deleted' | 'reacted', over: Partial<MessageInfo>): string[] =>
      printed(eventLines({ event: 'changed', change, ...aMessage(over) }))
    assert.deepEqual(changed('edited', { text: 'soup!', edited: true }), ['      bob edited …ABCDE', 'bob: soup!  (edited)'])
    assert.deepEqual(changed('deleted', { text: '', deleted: true }), ['      bob deleted …ABCDE'])
    assert.deepEqual(changed('reacted', { reactions: [{ by: 'qpq1me', emoji: '👍' }] }), ['      reactions to …ABCDE (bob: soup?): 👍 you'])
  })
})
