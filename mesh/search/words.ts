/**
 * What counts as a word, and when two are the same.
 *
 * Texts are cut by rules that do not depend on the dictionary of a runtime, since index and query may be written years
 * and versions apart. Scripts without spaces (Han, kana, Thai, Khmer, Lao, Burmese) are cut into single signs, and so
 * are emoji; what stands together is found as signs that follow each other. Two words are the same when they are after
 * compatibility normalisation, folding of case, and without the accents that European scripts write on letters
 * (U+0300 to U+036F): `Ｓtraße`, `strasse` and `STRASSE` are one. Marks of other scripts stay, they are vowels there.
 */

/** A word in a text: what it is compared by, and where it stands, in UTF-16 units. */
export interface Word {
  readonly text: string
  readonly start: number
  readonly end: number
  /** One of the signs of a script without spaces, or an emoji. */
  readonly isSign: boolean
}

const SIGN = '[[\\p{scx=Han}\\p{scx=Hira}\\p{scx=Kana}\\p{scx=Thai}\\p{scx=Laoo}\\p{scx=Khmr}\\p{scx=Mymr}]&&[\\p{L}\\p{N}]]'
const PICTURE = '[\\p{Extended_Pictographic}--[©®™]]'
/** Letters with their marks; soft hyphens and joiners stand inside of words. */
const LETTERS = `[[\\p{L}\\p{N}\\p{M}\\u00AD\\u200C\\u200D]--${SIGN}]+`
const WORD = new RegExp(`(${SIGN}[\\p{M}\\uFF9E\\uFF9F]*|${PICTURE})|${LETTERS}`, 'gv')
const ASCII_WORD = /[a-z0-9]+/gi
const ONLY_ASCII = /^\p{ASCII}*$/u

/** The words of a text, in order. */
export function wordsOf(text: string): Word[] {
  if (ONLY_ASCII.test(text)) {
    return Array.from(text.matchAll(ASCII_WORD), ({ 0: found, index }) => ({
      text: found.toLowerCase(),
      start: index,
      end: index + found.length,
      isSign: false,
    }))
  }
  const words: Word[] = []
  for (const { 0: found, 1: sign, index } of text.matchAll(WORD)) {
    const folded = fold(found)
    if (folded !== '') words.push({ text: folded, start: index, end: index + found.length, isSign: sign !== undefined })
  }
  return words
}

/** True when `next` stands right behind `word`, as signs have to that belong together. */
export function isJoined(word: Word, next: Word): boolean {
  return word.isSign && next.isSign && word.end === next.start
}

function fold(text: string): string {
  return text
    .normalize('NFKD')
    .toLowerCase()
    .toUpperCase() // ẞ has become ß, and that becomes SS, as ı becomes I
    .toLowerCase()
    .normalize('NFKD')
    .replace(/\p{Cf}|\uFE0E|\uFE0F|[\u0300-\u036F]/gu, '')
    .replaceAll('ς', 'σ')
    .normalize('NFKC')
}
