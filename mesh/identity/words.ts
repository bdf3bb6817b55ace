/** The 24 words of a person: BIP-39, English, 256 bits of entropy and 8 of checksum. */
import { entropyToMnemonic, mnemonicToEntropy } from '@scure/bip39'
import { wordlist } from '@scure/bip39/wordlists/english.js'
import { MeshError } from '#mesh/errors'

/** Random bytes behind 24 words. */
export const ENTROPY_BYTES = 32
const WORDS = 24
/** Far more than 24 words need; longer input is refused unread. */
const MAX_CHARACTERS = 1_000

/** The 24 words of 32 bytes of entropy. */
export function wordsOf(entropy: Uint8Array): string {
  return entropyToMnemonic(entropy, wordlist)
}

/**
 * The entropy of 24 words, in any case, with any white space and the numbers of a list between them.
 * @throws MeshError `MESH_WORDS_INVALID` that names the first wrong word and the words it is near to
 */
export function entropyOfWords(text: string): Uint8Array {
  if (text.length > MAX_CHARACTERS) throw new MeshError('MESH_WORDS_INVALID', 'this is far more than 24 words')
  const words = text
    .normalize('NFKD')
    .toLowerCase()
    .trim()
    .split(/\s+/u)
    .filter((word) => word !== '' && !/^\d+[.):]?$/u.test(word))
  const wrong = words.findIndex((word) => !wordlist.includes(word))
  if (wrong >= 0) {
    const near = nearWords(words[wrong] ?? '')
    throw new MeshError('MESH_WORDS_INVALID', `word ${wrong + 1} is not one of the words that can occur`, {
      detail: { position: wrong + 1 },
      hint: near.length > 0 ? `did you mean ${near.join(' or ')}?` : 'look at how it is spelled',
    })
  }
  if (words.length !== WORDS) {
    throw new MeshError('MESH_WORDS_INVALID', `there are ${words.length} words and there have to be ${WORDS}`, {
      detail: { words: words.length },
      hint: 'write all of them, in their order, with spaces between',
    })
  }
  try {
    return mnemonicToEntropy(words.join(' '), wordlist)
  } catch (cause) {
    throw new MeshError('MESH_WORDS_INVALID', 'each word exists, but together they are not an identity', {
      cause,
      hint: 'two words may have changed places, or one was misread for another',
    })
  }
}

/** Words of the list that start alike or differ by one edit; at most three. */
function nearWords(word: string): string[] {
  const near = wordlist.filter((candidate) => isOneEditAway(word, candidate))
  const alike = wordlist.filter((candidate) => word.length >= 3 && candidate.startsWith(word.slice(0, 4)))
  return [...new Set([...near, ...alike])].slice(0, 3)
}

function isOneEditAway(a: string, b: string): boolean {
  if (Math.abs(a.length - b.length) > 1) return false
  let start = 0
  while (start < a.length && a[start] === b[start]) start += 1
  const restA = a.slice(start)
  const restB = b.slice(start)
  return restA.slice(1) === restB.slice(1) || restA.slice(1) === restB || restA === restB.slice(1)
}
