import { MeshError } from '#mesh/errors'
import { encodeUtf8 } from './byte-reader.ts'

/** Builds bytes for the wire, the mirror of `ByteReader`. All numbers are big-endian. */
export class ByteWriter {
  #bytes: Uint8Array
  #length = 0

  /** @param capacity expected size in bytes; it grows when that was too little. */
  constructor(capacity = 256) {
    this.#bytes = new Uint8Array(capacity)
  }

  get length(): number {
    return this.#length
  }

  u8(value: number): this {
    return this.#number(inRange(value, 0xff), 1)
  }

  u16(value: number): this {
    return this.#number(inRange(value, 0xffff), 2)
  }

  u32(value: number): this {
    return this.#number(inRange(value, 0xffff_ffff), 4)
  }

  u48(value: number): this {
    inRange(value, 0xffff_ffff_ffff)
    return this.#number(Math.floor(value / 0x1_0000_0000), 2).#number(value % 0x1_0000_0000, 4)
  }

  u64(value: bigint): this {
    const whole = BigInt.asUintN(64, value)
    return this.#number(Number(whole >> 32n), 4).#number(Number(whole & 0xffff_ffffn), 4)
  }

  bytes(bytes: Uint8Array): this {
    const at = this.#grow(bytes.length)
    this.#bytes.set(bytes, at)
    return this
  }

  /** Bytes behind their 16-bit length. */
  bytes16(bytes: Uint8Array): this {
    return this.u16(bytes.length).bytes(bytes)
  }

  /** UTF-8 text behind its 8-bit length in bytes. */
  text8(text: string): this {
    const bytes = encodeUtf8(text)
    return this.u8(bytes.length).bytes(bytes)
  }

  /** What was written, as a view that is valid until the next write. */
  finish(): Uint8Array {
    return this.#bytes.subarray(0, this.#length)
  }

  /** Writes the lowest `length` bytes of a number, at most four; shifts cost less than a view that has to be made first. */
  #number(value: number, length: number): this {
    let at = this.#grow(length)
    for (let shift = 8 * (length - 1); shift >= 0; shift -= 8) this.#bytes[at++] = value >>> shift
    return this
  }

  #grow(length: number): number {
    const at = this.#length
    const needed = at + length
    if (needed > this.#bytes.length) {
      const bytes = new Uint8Array(Math.max(needed, this.#bytes.length * 2))
      bytes.set(this.#bytes.subarray(0, at))
      this.#bytes = bytes
    }
    this.#length = needed
    return at
  }
}

/** A programming error on our side, not a peer's: what we write must fit its field. */
function inRange(value: number, max: number): number {
  if (!Number.isInteger(value) || value < 0 || value > max) {
    throw new MeshError('MESH_INTERNAL', 'a number does not fit its field', { detail: { value, max } })
  }
  return value
}
