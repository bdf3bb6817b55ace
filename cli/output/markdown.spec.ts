import assert from 'node:assert/strict'
import fc from 'fast-check'
import { markdownLines, withNames } from './markdown.ts'
import { plain, Sink, type Span } from './sink.ts'

const nameOf = (person: string): string | undefined => (person === 'qpq1bob' ? 'bob' : undefined)
/** Styles as angle brackets, so that they can be read. */
const marked = (text: string): string[] =>
  markdownLines(text, nameOf).map((spans) => spans.map((span) => (typeof span === 'string' ? span : `{${span.style}:${span.text}}`)).join(''))
const lettersOf = (lines: readonly Span[][]): string =>
  lines.map((spans) => spans.map((span) => (typeof span === 'string' ? span : span.text)).join('')).join('\n')

describe('Markdown in a terminal', () => {
  it('shows what people write in chats', () => {
    assert.deepEqual(marked('a **b** __c__ *d* _e_ ~~f~~ `g`'), ['a {bold:b} {bold:c} {italic:d} {italic:e} {struck:f} {code:g}'])
    assert.deepEqual(marked('# title\n- one\n* [x] two\n  - [ ] three\n1. four'), ['{bold:title}', '• one', '☑ two', '  ☐ three', '1. four'])
    assert.deepEqual(marked('> said\n>> before'), ['{dim:│ }{dim:said}', '{dim:│ │ }{dim:before}'])
    assert.deepEqual(marked('```\n**x**\n```\n**y**'), ['{code:**x**}', '{bold:y}'])
    assert.deepEqual(marked('**a `b` c**'), ['{bold:a }{code:b}{bold: c}'])
  })

  it('leaves alone what only looks like it', () => {
    for (const text of ['2 * 3 * 4', 'snake_case_name', 'a*', '**', 'x ** y', '[no](link here)', '`open', '<b>html</b>', '1 < 2'])
      assert.deepEqual(marked(text), [text])
    assert.deepEqual(marked(String.raw`\*not\* \[this\]`), ['*not* [this]'])
    assert.deepEqual(marked(''), [''])
  })

  it('shows where a link leads, whatever it says', () => {
    assert.deepEqual(marked('[bank.example](https://evil.example)'), ['bank.example {link:<https://evil.example>}'])
    assert.deepEqual(marked('[https://a.example](https://a.example)'), ['{link:https://a.example}'])
    assert.deepEqual(marked('![cat](https://a.example/cat.png)'), ['cat {link:<https://a.example/cat.png>}'])
  })

  it('calls who is mentioned by the name given here, not by what the text says', () => {
    assert.deepEqual(marked('ask [@alice](qpq://p/qpq1bob)!'), ['ask {mention:@bob}!'])
    assert.deepEqual(marked('ask [@alice](qpq://p/qpq1eve)'), ['ask @alice {link:<qpq://p/qpq1eve>}'])
    assert.equal(withNames('ask [@alice](qpq://p/qpq1bob) **now**', nameOf), 'ask @bob **now**')
  })

  it('lets nothing through that steers a terminal, and loses no letter', () => {
    const pieces = fc.array(fc.constantFrom('**', '*', '_', '`', '```', '[a](b)', '\u001b[2J', '\u202e', '\n', '> ', '- ', 'word', ' ', '\\', '~~', '('), {
      maxLength: 30,
    })
    fc.assert(
      fc.property(pieces, (parts) => {
        const lines = markdownLines(parts.join(''), nameOf)
        let text = ''
        const sink = new Sink({ write: (part: string) => (text += part) }, { colour: false })
        for (const line of lines) sink.line(...line)
        assert.equal(plain(text.replaceAll('\n', '')), text.replaceAll('\n', ''))
        assert.equal((lettersOf(lines).match(/word/g) ?? []).length, parts.filter((part) => part === 'word').length)
      }),
      { numRuns: 300 },
    )
  })

  it('is quick with texts that are made to be slow', () => {
    const started = performance.now()
    for (const text of ['*a'.repeat(16_000), '[a]('.repeat(8_000), '`'.repeat(32_000), '_a_'.repeat(10_000), '~~a'.repeat(10_000), '> '.repeat(16_000)])
      markdownLines(text, nameOf)
    assert.ok(performance.now() - started < 3_000)
  })
})
