import assert from 'node:assert/strict'
import fc from 'fast-check'
import { ByteReader, ByteWriter } from '#mesh/codec'
import { Digest } from './digest.ts'
import { peerCode, wordsOf } from './naive-twin.ts'
import { readVarint, writeVarint } from './varint.ts'

const U64 = 0xffff_ffff_ffff_ffffn
const items = fc.array(fc.oneof(fc.bigInt(0n, U64), fc.constantFrom(0n, 1n, 0xffff_ffffn, 0xffff_ffff_0000_0000n, 0x8000_0000_0000_0000n, U64)))

describe('digest', () => {
  it('is the count, the XOR and the sum of the items', () => {
    fc.assert(
      fc.property(items, (all) => {
        const xor = all.reduce((x, item) => x ^ item, 0n)
        const sum = all.reduce((x, item) => (x + item) & U64, 0n)
        assert.equal(hexOf(digestOf(all)), all.length === 0 ? '00' : `${hexOfVarint(all.length)}${hex64(xor)}${hex64(sum)}`)
      }),
    )
  })

  it('forgets what was removed, in any order', () => {
    fc.assert(
      fc.property(items, items, (stay, go) => {
        const digest = digestOf([...go, ...stay])
        for (const item of [...go].reverse()) digest.remove(...wordsOf(item))
        assert.ok(digest.equals(digestOf(stay)))
        assert.equal(digest.count, stay.length)
      }),
    )
  })

  it('of a union is that of its parts together', () => {
    fc.assert(
      fc.property(items, items, (some, others) => {
        const digest = digestOf(some)
        digest.merge(digestOf(others))
        assert.ok(digest.equals(digestOf([...some, ...others])))
      }),
    )
  })

  it('tells sets apart by each of its three parts', () => {
    assert.ok(!digestOf([1n, 2n]).equals(digestOf([1n, 2n, 0n])), 'the count')
    assert.ok(!digestOf([1n, 3n]).equals(digestOf([2n, 2n])), 'the XOR')
    assert.ok(!digestOf([1n, 2n]).equals(digestOf([4n, 7n])), 'the sum')
    assert.ok(!digestOf([1n << 32n, 3n << 32n]).equals(digestOf([2n << 32n, 2n << 32n])), 'the XOR of the high words')
    assert.ok(!digestOf([1n << 32n, 2n << 32n]).equals(digestOf([4n << 32n, 7n << 32n])), 'the sum of the high words')
  })

  it('survives the way over the wire, in 19 bytes for 100,000 items', () => {
    fc.assert(
      fc.property(items, (all) => {
        const bytes = digestOf(all).toBytes()
        const reader = new ByteReader(bytes)
        assert.ok(Digest.read(reader, 1_000).equals(digestOf(all)))
        reader.end()
        for (let cut = 0; cut < bytes.length; cut++)
          assert.equal(
            peerCode(() => Digest.read(new ByteReader(bytes.subarray(0, cut)), 1_000)),
            'MESH_BYTES_TRUNCATED',
          )
      }),
    )
    assert.equal(digestOf(Array.from({ length: 100_000 }, (_, i) => BigInt(i))).toBytes().length, 19)
    assert.equal(
      peerCode(() => Digest.read(new ByteReader(digestOf([1n, 2n]).toBytes()), 1)),
      'MESH_BYTES_INVALID',
    )
  })
})

describe('varint', () => {
  it('comes back as it was, in as few bytes as it needs', () => {
    fc.assert(
      fc.property(fc.nat(0x7fff_ffff), fc.nat(31), (any, shift) => {
        const value = any >>> shift
        const writer = new ByteWriter()
        writeVarint(writer, value)
        assert.equal(writer.length, Math.max(1, Math.ceil(value.toString(2).length / 7)))
        assert.equal(readVarint(new ByteReader(writer.finish()), 0xffff_ffff), value)
      }),
    )
  })

  it('has one form for each number, and none over the limit', () => {
    for (const bytes of [[0x80, 0], [0xff, 0], [0x80, 0x80, 0x80, 0x80, 0x80, 1], [0xff, 0xff, 0xff, 0xff, 0x7f], [101]])
      assert.equal(
        peerCode(() => readVarint(new ByteReader(Uint8Array.from(bytes)), 100)),
        'MESH_BYTES_INVALID',
        String(bytes),
      )
    assert.equal(
      peerCode(() => readVarint(new ByteReader(Uint8Array.of(0x80)), 100)),
      'MESH_BYTES_TRUNCATED',
    )
  })
})

function digestOf(all: readonly bigint[]): Digest {
  const digest = new Digest()
  for (const item of all) digest.add(...wordsOf(item))
  return digest
}

function hexOf(digest: Digest): string {
  return Buffer.from(digest.toBytes()).toString('hex')
}

function hexOfVarint(value: number): string {
  const writer = new ByteWriter()
  writeVarint(writer, value)
  return Buffer.from(writer.finish()).toString('hex')
}

function hex64(word: bigint): string {
  return word.toString(16).padStart(16, '0')
}
