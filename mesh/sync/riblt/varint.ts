import type { ByteReader, ByteWriter } from '#mesh/codec'
import { MeshError } from '#mesh/errors'

const MAX_VARINT_BYTES = 5

/** Writes 0 ≤ value < 2^32 in groups of seven bits, the lowest first; bit 7 says that another one follows (LEB128). */
export function writeVarint(writer: ByteWriter, value: number): void {
  let rest = value
  while (rest >= 0x80) {
    writer.u8((rest % 0x80) + 0x80)
    rest = Math.floor(rest / 0x80)
  }
  writer.u8(rest)
}

/**
 * Reads a varint of at most `max`.
 * @throws MeshError (peer) `MESH_BYTES_TRUNCATED`, or `MESH_BYTES_INVALID` above `max` and for one that is longer than it must be
 */
export function readVarint(reader: ByteReader, max: number): number {
  let value = 0
  let unit = 1
  for (let i = 0; i < MAX_VARINT_BYTES; i++) {
    const byte = reader.u8()
    value += (byte & 0x7f) * unit
    if (byte < 0x80) {
      if (value > max || (byte === 0 && i > 0)) break
      return value
    }
    unit *= 0x80
  }
  throw new MeshError('MESH_BYTES_INVALID', 'a number is over its limit or not in its shortest form', { detail: { max } })
}
