/**
 * Frames on a stream of bytes: u32 big-endian length, then that many bytes.
 *
 * The length is judged before anything is kept for it: a claim of 4 GiB costs the claimant the link, and
 * us nothing. A frame that arrives in one piece is handed on without a copy.
 */
import { MeshError } from '#mesh/errors'
import { MAX_FRAME_BYTES } from '#mesh/ports'

const LENGTH_BYTES = 4

/** A frame with its length in front. @throws MeshError `MESH_INTERNAL` when we made it too large */
export function frameWithLength(frame: Uint8Array): Uint8Array {
  if (frame.length === 0 || frame.length > MAX_FRAME_BYTES)
    throw new MeshError('MESH_INTERNAL', 'a frame has 1 to 65,536 bytes', { detail: { bytes: frame.length } })
  const framed = new Uint8Array(LENGTH_BYTES + frame.length)
  new DataView(framed.buffer).setUint32(0, frame.length)
  framed.set(frame, LENGTH_BYTES)
  return framed
}

/** Cuts what arrives into frames; holds at most one that is not complete. */
export class FrameDecoder {
  #kept = new Uint8Array(0)
  /** Bytes of `#kept` in use. */
  #used = 0

  /** The frames that `chunk` completes. @throws MeshError `MESH_FRAME_TOO_LARGE` (peer) for a length of 0 or above the limit */
  push(chunk: Uint8Array): Uint8Array[] {
    return [...this.cut(chunk)]
  }

  /** As `push`, one at a time: 256 KiB hold 52,000 smallest frames, which cost far more once they are objects. To be taken to the end. */
  *cut(chunk: Uint8Array): Generator<Uint8Array> {
    let rest = chunk
    while (rest.length > 0) {
      if (this.#used > 0) {
        rest = this.#fill(rest)
        const frame = this.#takeKept()
        if (frame !== undefined) yield frame
        continue
      }
      const length = lengthOf(rest)
      if (length !== undefined && rest.length >= LENGTH_BYTES + length) {
        const frame = rest.subarray(LENGTH_BYTES, LENGTH_BYTES + length)
        rest = rest.subarray(LENGTH_BYTES + length)
        yield frame
      } else rest = this.#keep(rest, length === undefined ? LENGTH_BYTES : LENGTH_BYTES + length)
    }
  }

  /** Goes on with the length or the frame that is kept; returns what is left of the chunk. */
  #fill(chunk: Uint8Array): Uint8Array {
    const length = lengthOf(this.#kept.subarray(0, this.#used))
    return this.#keep(chunk, length === undefined ? LENGTH_BYTES : LENGTH_BYTES + length)
  }

  /** The frame that is kept, once it is complete. */
  #takeKept(): Uint8Array | undefined {
    const length = lengthOf(this.#kept.subarray(0, this.#used))
    if (length === undefined || this.#used < LENGTH_BYTES + length) return undefined
    const frame = this.#kept.subarray(LENGTH_BYTES, this.#used)
    this.#kept = new Uint8Array(0)
    this.#used = 0
    return frame
  }

  /** Keeps bytes until `size` are here; returns the others. Grows with what has arrived, never with what is claimed. */
  #keep(chunk: Uint8Array, size: number): Uint8Array {
    const taken = chunk.subarray(0, size - this.#used)
    if (this.#used + taken.length > this.#kept.length) {
      const grown = new Uint8Array(Math.min(size, Math.max(2 * this.#kept.length, this.#used + taken.length)))
      grown.set(this.#kept.subarray(0, this.#used))
      this.#kept = grown
    }
    this.#kept.set(taken, this.#used)
    this.#used += taken.length
    return chunk.subarray(taken.length)
  }
}

/** The length at the start of `bytes`, or `undefined` when it is not complete. */
function lengthOf(bytes: Uint8Array): number | undefined {
  if (bytes.length < LENGTH_BYTES) return undefined
  const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0)
  if (length === 0 || length > MAX_FRAME_BYTES) throw new MeshError('MESH_FRAME_TOO_LARGE', 'a frame has 1 to 65,536 bytes', { detail: { bytes: length } })
  return length
}
