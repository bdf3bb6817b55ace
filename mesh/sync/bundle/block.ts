/**
 * A bundle is the simplex half of a sync session in a file: blocks, one after the other, and nothing else.
 *
 * ```
 *  0   8  marker 89 71 70 71 62 0d 0a 1a: also how a file is recognised; a way that takes it for text spoils it visibly
 *  8   1  version = 1
 *  9   1  type: that of the session's frame it holds (frames.ts)
 * 10  16  bundle, random: the same in all parts
 * 26   2  part, from 1
 * 28   4  sequence in this part, from 0
 * 32   4  payload length n ≤ 65,541
 * 36   n  payload
 * 36+n 4  CRC-32C of bytes [8, 36+n)
 * ```
 *
 * Each block says whose it is and stands on its own, so that one that cannot be read costs itself and nothing
 * else, the first and the last included.
 */
import { ByteWriter, copyBytes, crc32c } from '#mesh/codec'
import { MAX_ENVELOPE_BYTES } from '#mesh/envelope'
import { MeshError } from '#mesh/errors'
import { FRAME_TYPE } from '../frames.ts'

/** Starts every block. */
export const MARKER = Uint8Array.of(0x89, 0x71, 0x70, 0x71, 0x62, 0x0d, 0x0a, 0x1a)
/** Version of the blocks. */
export const BUNDLE_VERSION = 1
/** Bytes of the random name of a bundle. */
export const BUNDLE_ID_BYTES = 16
/** Bytes in front of the payload. */
export const BLOCK_HEAD_BYTES = 36
/** Bytes of a block that are not payload. */
export const BLOCK_OVERHEAD_BYTES = BLOCK_HEAD_BYTES + 4
/** Hops, copies and age in front of an envelope that has a block of its own. */
export const LARGE_HEAD_BYTES = 6
/** The longest payload, in bytes: the largest envelope with its passage. */
export const MAX_BLOCK_PAYLOAD_BYTES = LARGE_HEAD_BYTES + MAX_ENVELOPE_BYTES
/** The longest block, in bytes: all that a reader has to hold. */
export const MAX_BLOCK_BYTES = BLOCK_OVERHEAD_BYTES + MAX_BLOCK_PAYLOAD_BYTES

/**
 * What a block holds. Numbers of the session's frames: `hello` is who wrote the bundle, `envelopes` and
 * `large` what it carries, `taken` promises of custody, `end` (SYNCED) the last block of a part.
 */
export const BLOCK_TYPE = { hello: FRAME_TYPE.hello, envelopes: FRAME_TYPE.envelopes, taken: FRAME_TYPE.taken, end: FRAME_TYPE.synced, large: FRAME_TYPE.large }

/** One block. */
export interface Block {
  /** One of {@link BLOCK_TYPE}, or one that this version does not know. */
  readonly type: number
  /** {@link BUNDLE_ID_BYTES} bytes. */
  readonly bundle: Uint8Array
  readonly part: number
  readonly sequence: number
  readonly payload: Uint8Array
}

/** The bytes of a block. @throws MeshError `MESH_INTERNAL` when the payload is too long */
export function encodeBlock({ type, bundle, part, sequence, payload }: Block): Uint8Array {
  if (payload.length > MAX_BLOCK_PAYLOAD_BYTES) throw new MeshError('MESH_INTERNAL', 'a block of a bundle is too large', { detail: { bytes: payload.length } })
  const writer = new ByteWriter(BLOCK_OVERHEAD_BYTES + payload.length).bytes(MARKER).u8(BUNDLE_VERSION).u8(type).bytes(bundle)
  const bytes = writer.u16(part).u32(sequence).u32(payload.length).bytes(payload).finish()
  return writer.u32(crc32c(bytes, MARKER.length)).finish()
}

/** What stands at a marker: a block of so many bytes, `more` bytes are needed to tell, or none that this version reads. */
export function blockLengthAt(bytes: Uint8Array, at: number): number | 'more' | 'none' {
  if (bytes.length - at < BLOCK_HEAD_BYTES) return 'more'
  if (bytes[at + MARKER.length] !== BUNDLE_VERSION) return 'none'
  const length = viewOf(bytes).getUint32(at + BLOCK_HEAD_BYTES - 4)
  return length > MAX_BLOCK_PAYLOAD_BYTES ? 'none' : BLOCK_OVERHEAD_BYTES + length
}

/** The block of `length` bytes at `at`, or `undefined` when its checksum is another. Its bytes are a copy. */
export function blockAt(bytes: Uint8Array, at: number, length: number): Block | undefined {
  const view = viewOf(bytes)
  const end = at + length - 4
  if (crc32c(bytes, at + MARKER.length, end) !== view.getUint32(end)) return undefined
  return {
    type: view.getUint8(at + 9),
    bundle: copyBytes(bytes.subarray(at + 10, at + 26)),
    part: view.getUint16(at + 26),
    sequence: view.getUint32(at + 28),
    payload: copyBytes(bytes.subarray(at + BLOCK_HEAD_BYTES, end)),
  }
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
