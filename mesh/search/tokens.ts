/** From words to what the index knows of them: the word, its beginnings, and for signs each sign and each pair. */
import { encodeUtf8 } from '#mesh/codec'
import { isJoined, type Word, wordsOf } from './words.ts'

/** Shortest beginning that can be looked for, in characters: shorter ones are in nearly every message. */
export const MIN_PREFIX_CHARACTERS = 2
/** Longest beginning that is indexed: a longer one is looked for by this, and compared in the text. */
const MAX_PREFIX_CHARACTERS = 8
const BEGINNING = 'p'.charCodeAt(0)

/** Calls `use` with each token of a text as UTF-8: bytes[0, length), which are only lent. Tokens of different words may be the same. */
export function eachToken(text: string, use: (bytes: Uint8Array, length: number) => void): void {
  const seen = new Set<string>()
  let before: Word | undefined
  for (const word of wordsOf(text)) {
    if (before !== undefined && isJoined(before, word)) useOnce(pairOf(before, word), seen, use)
    const bytes = useOnce(tokenOf(word), seen, use)
    if (bytes !== undefined && !word.isSign) eachBeginning(bytes, use)
    before = word
  }
}

/** Tokens that a text has for sure when these words follow each other in it; of the last one perhaps only the beginning is given. */
export function tokensOfTerm(words: readonly Word[], isPrefix: boolean): string[] {
  return words.flatMap((word, i) => {
    const [before, next] = [words[i - 1], words[i + 1]]
    if (before !== undefined && isJoined(before, word)) return [pairOf(before, word)]
    if (next !== undefined && isJoined(word, next)) return [] // the pair says more
    if (isPrefix && next === undefined && !word.isSign) return [`p${Array.from(word.text).slice(0, MAX_PREFIX_CHARACTERS).join('')}`]
    return [tokenOf(word)]
  })
}

function tokenOf(word: Word): string {
  return `w${word.text}`
}

function pairOf(word: Word, next: Word): string {
  return `2${word.text}${next.text}`
}

function useOnce(token: string, seen: Set<string>, use: (bytes: Uint8Array, length: number) => void): Uint8Array | undefined {
  if (seen.has(token)) return undefined
  seen.add(token)
  const bytes = encodeUtf8(token)
  use(bytes, bytes.length)
  return bytes
}

/** Beginnings end where a character of UTF-8 does. */
function eachBeginning(bytes: Uint8Array, use: (bytes: Uint8Array, length: number) => void): void {
  bytes[0] = BEGINNING
  let characters = 0
  for (let end = 2; end <= bytes.length && characters < MAX_PREFIX_CHARACTERS; end++) {
    if (end < bytes.length && ((bytes[end] ?? 0) & 0xc0) === 0x80) continue
    characters++
    if (characters >= MIN_PREFIX_CHARACTERS) use(bytes, end)
  }
}
