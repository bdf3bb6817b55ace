/**
 * Markdown for terminals: as much as people write in chats, never HTML, and every link with its target, since
 * what a link says and where it leads may differ. Pieces are spans, so the sink takes out of each what could
 * steer a terminal, and nothing in a text can make a style. What is not understood is shown as it was typed.
 */
import { plainLines, type Span, type Style } from './sink.ts'

/** Who is behind `qpq://p/…`, as this person calls them. */
export type NameOf = (person: string) => string | undefined

const MENTION = /^qpq:\/\/p\/([a-z0-9]{1,100})$/
/** Characters of one styled piece; the bound keeps hostile texts from costing more than a few milliseconds. */
const WITHIN = 300
const word = String.raw`[\p{L}\p{N}_]`
const between = (mark: string, not: string): string => `${mark}(?=[^\\s${not}])([^${not}]{1,${WITHIN}}?)(?<=\\S)${mark}`
const INLINE = new RegExp(
  [
    String.raw`\\([!-/:-@[-\x60{-~])`,
    '(?<ticks>`{1,3})(?<code>[^`]{1,300})\\k<ticks>(?!`)',
    String.raw`!?\[(?<label>[^\]\n]{0,200})\]\((?<target>[^()\s]{1,500})\)`,
    between(String.raw`\*\*`, '*'),
    `(?<!${word})${between('__', '_')}(?!${word})`,
    between(String.raw`\*`, '*'),
    `(?<!${word})${between('_', '_')}(?!${word})`,
    between('~~', '~'),
  ].join('|'),
  'gu',
)

/** The lines of a text, each as the pieces it is made of. */
export function markdownLines(text: string, nameOf: NameOf): Span[][] {
  const lines: Span[][] = []
  let isCode = false
  for (const line of plainLines(text)) {
    const fence = /^\s{0,3}```+\s*([^`]*)$/.exec(line)
    if (fence !== null) {
      isCode = !isCode
      if (fence[1] !== undefined && fence[1] !== '') lines.push([{ style: 'dim', text: fence[1] }])
      continue
    }
    lines.push(isCode ? [{ style: 'code', text: line }] : blockSpans(line, nameOf))
  }
  return lines.length === 0 ? [['']] : lines
}

/** A text as one plain line of words: mentions by name, everything else as it was typed. */
export function withNames(text: string, nameOf: NameOf): string {
  return text.replace(/\[@[^\]\n]{0,200}\]\(qpq:\/\/p\/([a-z0-9]{1,100})\)/g, (whole, person: string) => {
    const name = nameOf(person)
    return name === undefined ? whole : `@${name}`
  })
}

function blockSpans(line: string, nameOf: NameOf): Span[] {
  const quote = /^\s{0,3}((?:>\s?)+)(.*)$/u.exec(line)
  if (quote !== null) {
    const depth = (quote[1] ?? '').replaceAll(' ', '').length
    return [{ style: 'dim', text: '│ '.repeat(Math.min(depth, 4)) }, ...inlineSpans(quote[2] ?? '', nameOf, 'dim')]
  }
  const heading = /^\s{0,3}#{1,6}\s+(.*)$/u.exec(line)
  if (heading !== null) return inlineSpans(heading[1] ?? '', nameOf, 'bold')
  const item = /^(\s{0,12})[-*+]\s+(?:\[([ xX])\]\s+)?(.*)$/u.exec(line)
  if (item === null) return inlineSpans(line, nameOf)
  const [, indent = '', box, rest = ''] = item
  return [`${indent}${box === undefined ? '•' : box === ' ' ? '☐' : '☑'} `, ...inlineSpans(rest, nameOf)]
}

function inlineSpans(text: string, nameOf: NameOf, around?: Style): Span[] {
  const styled = (piece: string, style: Style | undefined): Span[] => (piece === '' ? [] : [style === undefined ? piece : { style, text: piece }])
  const spans: Span[] = []
  let at = 0
  for (const match of text.matchAll(INLINE)) {
    const [whole, escaped, , , , , strong, strong2, weak, weak2, struck] = match
    const { code, label, target } = match.groups ?? {}
    spans.push(...styled(text.slice(at, match.index), around))
    at = match.index + whole.length
    if (escaped !== undefined) spans.push(...styled(escaped, around))
    else if (code !== undefined) spans.push({ style: 'code', text: code })
    else if (target !== undefined) spans.push(...linkSpans(label ?? '', target, nameOf))
    else if (strong !== undefined || strong2 !== undefined) spans.push(...inlineSpans(strong ?? strong2 ?? '', nameOf, 'bold'))
    else if (weak !== undefined || weak2 !== undefined) spans.push(...inlineSpans(weak ?? weak2 ?? '', nameOf, 'italic'))
    else spans.push(...inlineSpans(struck ?? '', nameOf, 'struck'))
  }
  spans.push(...styled(text.slice(at), around))
  return spans
}

function linkSpans(label: string, target: string, nameOf: NameOf): Span[] {
  const person = MENTION.exec(target)?.[1]
  const name = person === undefined ? undefined : nameOf(person)
  if (name !== undefined) return [{ style: 'mention', text: `@${name}` }]
  if (label === target || label === '') return [{ style: 'link', text: target }]
  return [label, ' ', { style: 'link', text: `<${target}>` }]
}
