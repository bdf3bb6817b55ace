import assert from 'node:assert/strict'
import fc from 'fast-check'
import { isMeshError } from '#mesh/errors'
import { ByteReader, ByteWriter, compareBytes, concatBytes, copyBytes, equalBytes } from './index.ts'

describe('byte reader and writer', () => {
  it('reads back what was written', () => {
    fc.assert(
      fc.property(
        fc.nat(0xff),
        fc.nat(0xffff),
        fc.nat(0xffff_ffff),
        fc.maxSafeNat().map((n) => n % 0x1_0000_0000_0000),
        fc.bigInt(0n, 0xffff_ffff_ffff_ffffn),
        fc.uint8Array({ maxLength: 400 }),
        fc.string({ unit: 'binary', maxLength: 40 }).filter((text) => text.isWellFormed()),
        (a, b, c, d, e, bytes, text) => {
          const written = new ByteWriter(1).u8(a).u16(b).u32(c).u48(d).u64(e).bytes16(bytes).text8(text).finish()
          const reader = new ByteReader(written)
          assert.deepEqual([reader.u8(), reader.u16(), reader.u32(), reader.u48(), reader.u64()], [a, b, c, d, e])
          assert.deepEqual(reader.bytes16(400), bytes)
          assert.equal(reader.text8(), text)
          reader.end()
        },
      ),
    )
  })

  it('refuses a length before it reads behind the end', () => {
    assert.throws(() => new ByteReader(Uint8Array.of(0xff, 0xff, 1)).bytes16(70_000), codeIs('MESH_BYTES_TRUNCATED'))
    assert.throws(() => new ByteReader(Uint8Array.of(0, 9)).bytes16(8), codeIs('MESH_BYTES_INVALID'))
    assert.throws(() => new ByteReader(Uint8Array.of(0xff, 0xff)).count16(32), codeIs('MESH_BYTES_TRUNCATED'))
    assert.throws(() => new ByteReader(new Uint8Array(3)).u32(), codeIs('MESH_BYTES_TRUNCATED'))
  })

  it('says when something is left over', () => {
    assert.throws(() => new ByteReader(Uint8Array.of(1)).end(), codeIs('MESH_BYTES_TRAILING'))
  })

  it('refuses text that is not UTF-8', () => {
    assert.throws(() => new ByteReader(Uint8Array.of(2, 0xc3, 0x28)).text8(), codeIs('MESH_BYTES_INVALID'))
  })

  it('keeps a byte order mark, so that signed text stays what it was', () => {
    const text = '\ufeffa'
    assert.equal(new ByteReader(new ByteWriter().text8(text).finish()).text8(), text)
  })

  it('never writes a number that does not fit', () => {
    assert.throws(() => new ByteWriter().u8(256), codeIs('MESH_INTERNAL'))
    assert.throws(() => new ByteWriter().u16(-1), codeIs('MESH_INTERNAL'))
    assert.throws(() => new ByteWriter().u48(0x1_0000_0000_0000), codeIs('MESH_INTERNAL'))
    assert.throws(() => new ByteWriter().text8('x'.repeat(256)), codeIs('MESH_INTERNAL'))
  })
})

describe('byte strings', () => {
  it('compare as unsigned bytes, shorter first', () => {
    assert.ok(compareBytes(Uint8Array.of(0x7f), Uint8Array.of(0x80)) < 0)
    assert.ok(compareBytes(Uint8Array.of(1), Uint8Array.of(1, 0)) < 0)
    assert.equal(compareBytes(Uint8Array.of(1, 2), Uint8Array.of(1, 2)), 0)
  })

  it('are copied into memory of their own, also out of a Buffer, whose slice is a view', () => {
    const pool = Buffer.from([1, 2, 3, 4])
    const copy = copyBytes(pool.subarray(1, 3))
    pool.fill(0)
    assert.deepEqual(copy, Uint8Array.of(2, 3))
    assert.equal(copy.buffer.byteLength, 2, 'nothing but the bytes is kept in memory')
  })

  it('are equal only with equal length and content', () => {
    assert.ok(equalBytes(concatBytes(Uint8Array.of(1), Uint8Array.of(2)), Uint8Array.of(1, 2)))
    assert.ok(!equalBytes(Uint8Array.of(1), Uint8Array.of(1, 2)))
    assert.ok(!equalBytes(Uint8Array.of(1), Uint8Array.of(2)))
  })
})

function codeIs(code: string): (error: unknown) => boolean {
  return (error) => isMeshError(error) && error.code === code
}
