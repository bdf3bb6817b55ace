import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { ByteReader } from '#mesh/codec'
import { makeVectors, refusalOf, runExchange, type VectorFile } from './make-vectors.ts'
import { itemsOf, naiveCheck, naiveDifferences, naiveIndexes, naiveSymbols, symbolsOf } from './naive-twin.ts'
import { ALL_DAYS, ScopeIndex } from './scope-index.ts'
import { readVarint } from './varint.ts'
import { readItems, readSymbols } from './wire.ts'

const file = JSON.parse(readFileSync(new URL('vectors.json', import.meta.url), 'utf8')) as VectorFile
const bytesOf = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'hex'))
const itemOfHex = (text: string): bigint => BigInt(`0x${text}`)
const U64 = 0xffff_ffff_ffff_ffffn

describe('the vector file of set reconciliation', () => {
  it('is what the generator makes', () => assert.deepEqual(file, makeVectors()))

  it('has at least fifty vectors', () => {
    const { about, ...kinds } = file
    const count = Object.values(kinds).reduce((sum, vectors) => sum + vectors.length, 0)
    assert.ok(count >= 50, `${count}: ${about}`)
  })

  it('holds for the naive twin: mappings, digests, symbols, lists', () => {
    for (const { item, indexes, check } of file.mappings) {
      assert.deepEqual(naiveIndexes(itemOfHex(item), 1_000), indexes)
      assert.equal(naiveCheck(itemOfHex(item)), itemOfHex(check))
    }
    for (const { items, digest } of file.digests) {
      const all = items.map(itemOfHex)
      const reader = new ByteReader(bytesOf(digest))
      assert.equal(readVarint(reader, 1_000), all.length)
      if (all.length > 0)
        assert.equal(
          reader.u64(),
          all.reduce((xor, item) => xor ^ item),
        )
      if (all.length > 0)
        assert.equal(
          reader.u64(),
          all.reduce((sum, item) => (sum + item) & U64),
        )
      reader.end()
    }
    for (const { items, first, body } of file.symbols) {
      const cells = readSymbols(bytesOf(body), { first, setSize: items.length })
      assert.deepEqual(symbolsOf(cells), naiveSymbols(items.map(itemOfHex), first + 64).slice(first))
    }
    for (const { items, body } of file.lists) assert.deepEqual(itemsOf(readItems(bytesOf(body))), naiveDifferences([], items.map(itemOfHex)).remoteOnly)
  })

  for (const { name, read, bytes, code } of file.invalid) {
    it(`refused: ${name}`, () => assert.equal(refusalOf(read, bytesOf(bytes)), code))
  }

  for (const { name, key, a, b, ...expected } of file.exchanges) {
    it(`exchange: ${name}`, () => {
      assert.deepEqual(runExchange(bytesOf(key), a, b), expected)
      const sides = [b, a].map((ids) => {
        const index = new ScopeIndex(bytesOf(key))
        for (const { day, id } of ids) index.add(day, bytesOf(id))
        return itemsOf(index.toPairs(ALL_DAYS))
      })
      const { localOnly, remoteOnly } = naiveDifferences(sides[0] ?? [], sides[1] ?? [])
      assert.deepEqual([expected.localOnly.map(itemOfHex), expected.remoteOnly.map(itemOfHex)], [localOnly, remoteOnly])
    })
  }
})
