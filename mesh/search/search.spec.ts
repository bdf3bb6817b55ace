import assert from 'node:assert/strict'
import { decodeUtf8 } from '#mesh/codec'
import { sipKeyOf } from '#mesh/crypto'
import { isMeshError } from '#mesh/errors'
import { makeFilter, mayHold } from './filter.ts'
import { parseQuery, spansIn, tokensOfQuery } from './query.ts'
import { eachToken } from './tokens.ts'
import { wordsOf } from './words.ts'

/** What a query finds in a text; `undefined` when it does not fit. Whatever fits has to pass the index as well. */
function found(query: string, text: string): string[] | undefined {
  const read = parseQuery(query)
  const spans = spansIn(read, text)?.map(([start, end]) => text.slice(start, end))
  if (spans !== undefined) {
    const tokens = new Set<string>()
    eachToken(text, (bytes, length) => tokens.add(decodeUtf8(bytes.subarray(0, length))))
    for (const token of tokensOfQuery(read)) assert.ok(tokens.has(token), `the index has no ${token} of "${text}"`)
  }
  return spans
}

describe('what counts as a word', () => {
  it('folds case, width, accents and ligatures, and says where the word stands in the text as it was written', () => {
    assert.deepEqual(
      wordsOf('Ｓtraße café ﬁn Ὀδυσσεύς').map(({ text }) => text),
      ['strasse', 'cafe', 'fin', 'οδυσσευσ'],
    )
    assert.deepEqual(found('strasse', 'die STRAẞE, die Straße'), ['STRAẞE', 'Straße'])
    assert.deepEqual(found('cafe', 'un cafe\u0301 noir'), ['cafe\u0301'])
    assert.deepEqual(found('istanbul', 'İstanbul'), ['İstanbul'])
  })

  it('keeps the vowels of scripts that write them as marks', () => {
    assert.equal(found('कि', 'का'), undefined)
    assert.deepEqual(found('किताब', 'यह किताब है'), ['किताब'])
  })

  it('cuts scripts without spaces into signs, and finds what stands together only', () => {
    assert.deepEqual(found('東京', '明日は東京都へ行く'), ['東京'])
    assert.equal(found('東都', '明日は東京都へ行く'), undefined)
    assert.equal(found('東京', '東、京'), undefined)
    assert.deepEqual(found('ガス', 'ｶﾞｽの日'), ['ｶﾞｽ'])
    assert.deepEqual(found('ข้าว', 'กินข้าวแล้ว'), ['ข้าว'])
    assert.deepEqual(found('🍲', 'soup 🍲!'), ['🍲'])
  })
})

describe('a query', () => {
  it('wants all words, in any order, and whole ones', () => {
    assert.deepEqual(found('soup ready', 'Ready is the soup.'), ['Ready', 'soup'])
    assert.equal(found('soup ready', 'the soup is cold'), undefined)
    assert.equal(found('so', 'the soup'), undefined)
  })

  it('takes beginnings with a star, however long', () => {
    assert.deepEqual(found('win*', 'winter wins, no twin'), ['winter', 'wins'])
    assert.deepEqual(found('understand*', 'understanding underwear'), ['understanding'])
    assert.equal(found('understood*', 'understanding'), undefined)
    assert.deepEqual(found('st*', 'Straße st'), ['Straße', 'st'])
  })

  it('takes quoted words as they follow each other', () => {
    assert.deepEqual(found('"new year"', 'a Happy New, Year and a new year'), ['New, Year', 'new year'])
    assert.equal(found('"new year"', 'this year is new'), undefined)
    assert.deepEqual(found("don't", "I don't, don t"), ["don't", 'don t'])
  })

  it('says where to look, with spaces in quotes', () => {
    assert.equal(parseQuery('soup in:bob').conversation, 'bob')
    assert.equal(parseQuery('in:"bob smith" soup').conversation, 'bob smith')
    assert.equal(parseQuery('soup').conversation, undefined)
  })

  for (const [why, query] of [
    ['holds no word', '!!! in:bob'],
    ['is endless', 'a'.repeat(513)],
    ['has too many words', 'ab '.repeat(17)],
    ['would fit nearly everything', 'a*'],
    ['names two conversations', 'soup in:a in:b'],
  ] as const) {
    it(`is refused with a sentence when it ${why}`, () => {
      assert.throws(
        () => parseQuery(query),
        (error) => isMeshError(error, 'MESH_SEARCH_INVALID') && error.hint !== undefined,
      )
    })
  }
})

describe('the filter of a message', () => {
  const key = (n: number): ReturnType<typeof sipKeyOf> => sipKeyOf(new Uint8Array(16).map((_, i) => (n >>> (8 * (i % 4))) + i))
  const id = (n: number): Uint8Array => new Uint8Array(32).map((_, i) => (n * 7 + i * (n + 1)) & 0xff)
  const keys = (count: number): ReturnType<typeof sipKeyOf>[] => Array.from({ length: count }, (_, i) => key(i + 1))
  const holds = (filter: Uint8Array, of: ReturnType<typeof sipKeyOf>, message: Uint8Array): boolean => mayHold(filter, [of], message, 0, new Int32Array(2))

  it('holds every token that it was made of, and few others', () => {
    const filter = makeFilter(id(1), keys(40), key(0))
    assert.ok(keys(40).every((of) => holds(filter, of, id(1))))
    const wrong = Array.from({ length: 2_000 }, (_, i) => key(10_000 + i)).filter((of) => holds(filter, of, id(1)))
    assert.ok(wrong.length < 60, `${wrong.length} of 2,000`)
  })

  it('shows neither how many tokens there are within its class, nor that two messages share them', () => {
    const weight = (filter: Uint8Array): number => filter.reduce((sum, byte) => sum + byte.toString(2).replaceAll('0', '').length, 0)
    const [few, many] = [makeFilter(id(1), keys(1), key(0)), makeFilter(id(1), keys(51), key(0))]
    assert.equal(few.length, many.length)
    assert.ok(Math.abs(weight(few) - weight(many)) < 40, `${weight(few)} and ${weight(many)}`)
    const [a, b] = [makeFilter(id(1), keys(51), key(0)), makeFilter(id(2), keys(51), key(0))]
    const shared = weight(a.map((byte, i) => byte & (b[i] ?? 0)))
    assert.ok(shared < 0.65 * weight(a), `${shared} of ${weight(a)} bits`) // half of the bits are set, so half are shared by chance
  })

  it('grows with the message, and fits everything when that has more words than any filter', () => {
    assert.deepEqual(
      [1, 51, 52, 500, 13_107].map((count) => makeFilter(id(1), keys(count), key(0)).length),
      [64, 64, 128, 1_024, 16_384],
    )
    const full = makeFilter(id(1), keys(13_108), key(0))
    assert.equal(full.length, 0)
    assert.ok(holds(full, key(99_999), id(1)))
  })
})
