import { MeshError } from '#mesh/errors'
import { encodeUtf8 } from './byte-reader.ts'

/** Builds bytes for the wire, the mirror of `ByteReader`. All numbers are big-endian. */
export class ByteWriter {
  #bytes: Uint8Array
  #view: DataView
  #length = 0

  /** @param capacity expected size in bytes; it grows when that was too little. */
  constructor(capacity = 256) {
    this.#bytes = new Uint8Array(capacity)
    this.#view = new DataView(this.#bytes.buffer)
  }

  get length(): number {
    return this.#length
  }

  u8(value: number): this {
    const at = this.#grow(1) // first, because growing replaces the view
    this.#view.setUint8(at, inRange(value, 0xff))
    return this
  }

  u16(value: number): this {
    const at = this.#grow(2)
    this.#view.setUint16(at, inRange(value, 0xffff))
    return this
  }

  u32(value: number): this {
    const at = this.#grow(4)
    this.#view.setUint32(at, inRange(value, 0xffff_ffff))
    return this
  }

  u48(value: number): this {
    const at = this.#grow(6)
    inRange(value, 0xffff_ffff_ffff)
    this.#view.setUint16(at, Math.floor(value / 0x1_0000_0000))
    this.#view.setUint32(at + 2, value % 0x1_0000_0000)
    return this
  }

  u64(value: bigint): this {
    const at = this.#grow(8)
    this.#view.setBigUint64(at, value)
    return this
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

  #grow(length: number): number {
    const at = this.#length
    const needed = at + length
    if (needed > this.#bytes.length) {
      const bytes = new Uint8Array(Math.max(needed, this.#bytes.length * 2))
      bytes.set(this.#bytes.subarray(0, at))
      this.#bytes = bytes
      this.#view = new DataView(bytes.buffer)
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
