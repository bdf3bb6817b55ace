import assert from 'node:assert/strict'
import fc from 'fast-check'
import { isMeshError } from '#mesh/errors'
import { MAX_FRAME_BYTES } from '#mesh/ports'
import { FrameDecoder, frameWithLength } from './frames.ts'

describe('frames on a stream', () => {
  it('come out as they went in, however the stream is cut', () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ minLength: 1, maxLength: 300 }), { maxLength: 10 }),
        fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1 }),
        (frames, cuts) => {
          const stream = Uint8Array.from(frames.flatMap((frame) => [...frameWithLength(frame)]))
          const decoder = new FrameDecoder()
          const seen: Uint8Array[] = []
          for (let at = 0, cut = 0; at < stream.length; cut++) {
            const size = cuts[cut % cuts.length] ?? 1
            seen.push(...decoder.push(stream.slice(at, at + size)).map((frame) => frame.slice()))
            at += size
          }
          assert.deepEqual(seen, frames)
        },
      ),
    )
  })

  it('take the largest frame in pieces and whole', () => {
    const frame = new Uint8Array(MAX_FRAME_BYTES).fill(7)
    const framed = frameWithLength(frame)
    assert.deepEqual(new FrameDecoder().push(framed), [frame])
    const decoder = new FrameDecoder()
    assert.deepEqual([...decoder.push(framed.subarray(0, 3)), ...decoder.push(framed.subarray(3, 40_000)), ...decoder.push(framed.subarray(40_000))], [frame])
  })

  it('are refused for a length of 4 GiB before anything is kept, also when the length comes in pieces', () => {
    for (const length of [
      [0xff, 0xff, 0xff, 0xff],
      [0, 1, 0, 1],
      [0, 0, 0, 0],
    ]) {
      assert.throws(() => new FrameDecoder().push(Uint8Array.from(length)), isTooLarge)
      const decoder = new FrameDecoder()
      assert.throws(() => {
        for (const byte of length) decoder.push(Uint8Array.of(byte))
      }, isTooLarge)
    }
  })

  it('are never sent too large', () => {
    assert.throws(
      () => frameWithLength(new Uint8Array(MAX_FRAME_BYTES + 1)),
      (error) => isMeshError(error, 'MESH_INTERNAL'),
    )
  })
})

function isTooLarge(error: unknown): boolean {
  return isMeshError(error, 'MESH_FRAME_TOO_LARGE')
}
