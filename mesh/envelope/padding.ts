import { concatBytes } from '#mesh/codec'
import { MeshError } from '#mesh/errors'
import { MAX_PAYLOAD_BYTES } from './envelope.ts'

/** Sizes a payload can have on the wire, in bytes: a carrier learns the class, not the length (DESIGN §6). */
export const PADDING_CLASSES: readonly number[] = [256, 512, 1_024, 4_096, 16_384, MAX_PAYLOAD_BYTES]
const LENGTH_BYTES = 4

/**
 * Length (32 bits) ‖ content ‖ zeros, so that the result and `overhead` bytes around it fill a padding class.
 * @throws MeshError `MESH_TEXT_INVALID` when the content is larger than the largest class
 */
export function padPayload(content: Uint8Array, overhead = 0): Uint8Array {
  const needed = LENGTH_BYTES + content.length + overhead
  const size = PADDING_CLASSES.find((limit) => limit >= needed)
  if (size === undefined) throw new MeshError('MESH_TEXT_INVALID', 'this is too long for one message', { detail: { bytes: content.length } })
  const padded = new Uint8Array(size - overhead)
  new DataView(padded.buffer).setUint32(0, content.length)
  padded.set(content, LENGTH_BYTES)
  return padded
}

/** What was padded. @throws MeshError `MESH_BYTES_INVALID` when it is not padding, or the padding is not zero */
export function unpadPayload(padded: Uint8Array): Uint8Array {
  if (padded.length < LENGTH_BYTES) throw new MeshError('MESH_BYTES_TRUNCATED', 'the padding ends too early')
  const length = new DataView(padded.buffer, padded.byteOffset).getUint32(0)
  if (length > padded.length - LENGTH_BYTES) throw new MeshError('MESH_BYTES_INVALID', 'the padding claims more than is there', { detail: { length } })
  if (padded.subarray(LENGTH_BYTES + length).some((byte) => byte !== 0)) throw new MeshError('MESH_BYTES_INVALID', 'the padding is not empty')
  return concatBytes(padded.subarray(LENGTH_BYTES, LENGTH_BYTES + length))
}
