import assert from 'node:assert/strict'
import fc from 'fast-check'
import { concatBytes, equalBytes } from '#mesh/codec'
import { seededRandom } from '#mesh/testing'
import { BLOCK_OVERHEAD_BYTES, type Block, encodeBlock, MARKER, MAX_BLOCK_BYTES, MAX_BLOCK_PAYLOAD_BYTES } from './block.ts'
import { BlockReader } from './block-reader.ts'

const bundle = new Uint8Array(16).fill(7)
const block = (sequence: number, payload: Uint8Array): Block => ({ type: 4, bundle, part: 1, sequence, payload })

function read(chunks: Iterable<Uint8Array>): Block[] {
  const reader = new BlockReader()
  const blocks: Block[] = []
  for (const chunk of chunks) {
    blocks.push(...reader.push(chunk))
    assert.ok(reader.heldBytes < MAX_BLOCK_BYTES)
  }
  blocks.push(...reader.end())
  return blocks
}

/** A small bundle, where each of its blocks begins and ends, and blocks whose payloads hold markers. */
function small(): { bytes: Uint8Array; ranges: Array<[number, number]> } {
  const payloads = [new Uint8Array(9).fill(1), concatBytes(MARKER, new Uint8Array(30), MARKER), new Uint8Array(0), new Uint8Array(60).fill(0x89)]
  const ranges: Array<[number, number]> = []
  const blocks = payloads.map((payload, sequence) => encodeBlock(block(sequence, payload)))
  for (const { length } of blocks) {
    const from = ranges.at(-1)?.[1] ?? 0
    ranges.push([from, from + length])
  }
  return { bytes: concatBytes(...blocks), ranges }
}

describe('the blocks of a bundle', () => {
  it('come out as they went in, however the bytes are cut', () => {
    const sizes = fc.array(fc.oneof(fc.nat(300), fc.constant(MAX_BLOCK_PAYLOAD_BYTES)), { maxLength: 3 })
    fc.assert(
      fc.property(sizes, fc.oneof(fc.integer({ min: 1_000, max: 70_000 }), fc.constantFrom(1_000_000)), (lengths, cut) => {
        const blocks: Block[] = lengths.map((length, sequence) => block(sequence, new Uint8Array(length).fill(length)))
        const bytes = concatBytes(...blocks.map(encodeBlock))
        const chunks = Array.from({ length: Math.ceil(bytes.length / cut) }, (_, i) => bytes.subarray(i * cut, (i + 1) * cut))
        assert.deepEqual(read(chunks), blocks)
      }),
      { numRuns: 8 },
    )
  })

  it('cost one of them when a byte is flipped, zeroed, taken out or put in, at any place', () => {
    const { bytes, ranges } = small()
    for (let at = 0; at < bytes.length; at++) {
      const here = bytes[at] ?? 0
      const hit = ranges.findIndex(([from, to]) => at >= from && at < to)
      const others = [0, 1, 2, 3].filter((sequence) => sequence !== hit)
      const changed = (value: number) => bytes.map((byte, i) => (i === at ? value : byte))
      const sequences = (damaged: Uint8Array) => read([damaged]).map(({ sequence }) => sequence)
      for (let bit = 0; bit < 8; bit++) assert.deepEqual(sequences(changed(here ^ (1 << bit))), others, `bit ${bit} of byte ${at}`)
      if (here !== 0) assert.deepEqual(sequences(changed(0)), others, `zero at ${at}`)
      const without = sequences(concatBytes(bytes.subarray(0, at), bytes.subarray(at + 1)))
      assert.ok(includesAll(without, others), `without ${at}: ${without.join()}`)
      const inserted = sequences(concatBytes(bytes.subarray(0, at), Uint8Array.of(0x89, 0x71), bytes.subarray(at)))
      assert.ok(includesAll(inserted, others), `more at ${at}: ${inserted.join()}`)
    }
  })

  it('are all there up to the place where a file was cut off', () => {
    const { bytes, ranges } = small()
    for (let length = 0; length <= bytes.length; length++) {
      const whole = ranges.filter(([, to]) => to <= length).length
      assert.equal(read([bytes.subarray(0, length)]).length, whole)
    }
  })

  it('cost one of them when a whole sector of zeros or of noise lies over it', () => {
    const blocks = Array.from({ length: 20 }, (_, sequence) => encodeBlock(block(sequence, seededRandom(sequence).bytes(2_000))))
    const bytes = concatBytes(...blocks)
    fc.assert(
      fc.property(fc.nat(bytes.length - 512), fc.boolean(), (at, isNoise) => {
        const damaged = Uint8Array.from(bytes)
        damaged.set(isNoise ? seededRandom(`${at}`).bytes(512) : new Uint8Array(512), at)
        assert.ok(read([damaged]).length >= (Math.floor(at / 2_040) === Math.floor((at + 511) / 2_040) ? 19 : 18))
      }),
      { numRuns: 60 },
    )
  })

  it('are found behind a length that lies, and no length makes the reader hold more than one', () => {
    const liar = encodeBlock(block(0, new Uint8Array(100)))
    const view = new DataView(liar.buffer, liar.byteOffset)
    for (const length of [99, 101, MAX_BLOCK_PAYLOAD_BYTES, MAX_BLOCK_PAYLOAD_BYTES + 1, 0xffff_ffff]) {
      view.setUint32(32, length)
      const good = Array.from({ length: 40 }, (_, i) => encodeBlock(block(i + 1, seededRandom(i).bytes(3_000))))
      assert.equal(read([liar, ...good]).length, 40, `length ${length}`)
    }
  })

  it('cost little where a file is full of markers', () => {
    const head = encodeBlock(block(0, new Uint8Array(0))).subarray(0, BLOCK_OVERHEAD_BYTES - 4)
    new DataView(head.buffer, head.byteOffset).setUint32(32, MAX_BLOCK_PAYLOAD_BYTES)
    const bomb = new Uint8Array(2 << 20)
    for (let at = 0; at + head.length < bomb.length; at += head.length) bomb.set(head, at)
    const reader = new BlockReader()
    for (let at = 0; at < bomb.length; at += 65_536) assert.deepEqual([...reader.push(bomb.subarray(at, at + 65_536))], [])
    assert.ok(reader.summedBytes <= 4 * bomb.length + 16 * MAX_BLOCK_BYTES, 'a sum for each marker would be 1,800 times as much')
  })

  it('does not mix in what it held before', () => {
    const [first, second] = [encodeBlock(block(0, new Uint8Array(50).fill(1))), encodeBlock(block(1, new Uint8Array(50).fill(2)))]
    const chunk = Uint8Array.from(concatBytes(first, second.subarray(0, 20)))
    const reader = new BlockReader()
    const [one] = [...reader.push(chunk)]
    chunk.fill(0xee) // as the buffer of a file that is read again
    const [two] = [...reader.push(second.subarray(20))]
    assert.ok(equalBytes(one?.payload ?? new Uint8Array(0), new Uint8Array(50).fill(1)))
    assert.ok(equalBytes(two?.payload ?? new Uint8Array(0), new Uint8Array(50).fill(2)))
  })
})

function includesAll(all: readonly number[], some: readonly number[]): boolean {
  return some.every((one) => all.includes(one))
}
