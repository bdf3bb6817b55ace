/** What somebody looks for: `soup "new year" wint* in:bob` are words that a text must all have, in any order. */
import { MeshError } from '#mesh/errors'
import { MIN_PREFIX_CHARACTERS, tokensOfTerm } from './tokens.ts'
import { isJoined, type Word, wordsOf } from './words.ts'

/** Words that follow each other. */
interface Term {
  readonly words: readonly Word[]
  /** The last word may go on. */
  readonly isPrefix: boolean
}

/** A query that was read. */
export interface Query {
  readonly terms: readonly Term[]
  /** What stood behind `in:`. */
  readonly conversation: string | undefined
}

/** Where a hit begins and ends, in UTF-16 units. */
export type Span = readonly [start: number, end: number]

/** Characters of a query: more than anybody types. */
export const MAX_QUERY_CHARACTERS = 512
/** Words of a query: each is tried on each message. */
const MAX_QUERY_WORDS = 16
/** Hits that are marked in one message: a word that fills a text says nothing more often. */
const MAX_SPANS = 100

const PART = /in:"([^"]*)"?|in:(\S+)|"([^"]*)"?|(\S+)/giu

/** Reads a query. @throws MeshError `MESH_SEARCH_INVALID` */
export function parseQuery(text: string): Query {
  if (text.length > MAX_QUERY_CHARACTERS) throw invalid(`a search has at most ${MAX_QUERY_CHARACTERS} characters`, 'Look for a few words.')
  const terms: Term[] = []
  let conversation: string | undefined
  for (const [, quotedName, name, quoted, bare] of text.matchAll(PART)) {
    const where = quotedName ?? name
    if (where !== undefined) {
      if (conversation !== undefined) throw invalid('"in:" stands there twice', 'Name one conversation, or none for all.')
      conversation = where
    } else terms.push(...termIn(quoted ?? bare ?? '', quoted === undefined))
  }
  if (terms.length === 0) throw invalid('there is no word to look for', 'For example: qpq search soup, or qpq search \'"new year" in:bob\'')
  const words = terms.reduce((sum, term) => sum + term.words.length, 0)
  if (words > MAX_QUERY_WORDS) throw invalid(`a search has at most ${MAX_QUERY_WORDS} words, and this one ${words}`, 'Look for a few words.')
  return { terms, conversation }
}

/** Tokens that every message has that fits. */
export function tokensOfQuery(query: Query): string[] {
  return [...new Set(query.terms.flatMap(({ words, isPrefix }) => tokensOfTerm(words, isPrefix)))]
}

/** Where a text has what is looked for, in order and without overlaps; `undefined` when a part of it is missing. */
export function spansIn(query: Query, text: string): Span[] | undefined {
  const words = wordsOf(text)
  const spans: Span[] = []
  for (const term of query.terms) {
    const found = spansOf(term, words)
    if (found.length === 0) return undefined
    spans.push(...found)
  }
  return merged(spans).slice(0, MAX_SPANS)
}

function termIn(text: string, mayEnd: boolean): Term[] {
  const words = wordsOf(text)
  const last = words.at(-1)
  if (last === undefined) return []
  const isPrefix = mayEnd && text.endsWith('*') && !last.isSign
  if (isPrefix && Array.from(last.text).length < MIN_PREFIX_CHARACTERS) {
    throw invalid(`"${text}" is in nearly every message`, `Write at least ${MIN_PREFIX_CHARACTERS} characters before the star.`)
  }
  return [{ words, isPrefix }]
}

function spansOf({ words: wanted, isPrefix }: Term, words: readonly Word[]): Span[] {
  const spans: Span[] = []
  for (let at = 0; at + wanted.length <= words.length; at++) {
    const isHere = wanted.every((word, i) => {
      const found = words[at + i]
      if (found === undefined || found.isSign !== word.isSign) return false
      const [before, wantedBefore] = [words[at + i - 1], wanted[i - 1]]
      if (i > 0 && before !== undefined && wantedBefore !== undefined && isJoined(wantedBefore, word) && !isJoined(before, found)) return false
      return isPrefix && i === wanted.length - 1 ? found.text.startsWith(word.text) : found.text === word.text
    })
    const [first, last] = [words[at], words[at + wanted.length - 1]]
    if (isHere && first !== undefined && last !== undefined) spans.push([first.start, last.end])
  }
  return spans
}

function merged(spans: readonly Span[]): Span[] {
  const whole: [number, number][] = []
  for (const [start, end] of spans.toSorted((a, b) => a[0] - b[0] || a[1] - b[1])) {
    const last = whole.at(-1)
    if (last !== undefined && start < last[1]) last[1] = Math.max(last[1], end)
    else whole.push([start, end])
  }
  return whole
}

function invalid(message: string, hint: string): MeshError {
  return new MeshError('MESH_SEARCH_INVALID', message, { hint })
}
