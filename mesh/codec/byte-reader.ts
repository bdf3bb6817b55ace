import { MeshError } from '#mesh/errors'

/**
 * Reads foreign bytes with every length checked before anything is allocated.
 *
 * `bytes(n)` returns a view, not a copy: copy what outlives the frame. All numbers are big-endian.
 * Every method throws a `peer` error: `MESH_BYTES_TRUNCATED` when the input is too short,
 * `MESH_BYTES_INVALID` when a length is over its limit or text is not UTF-8, `MESH_BYTES_TRAILING`
 * from `end()` when something is left over.
 */
export class ByteReader {
  readonly #bytes: Uint8Array
  readonly #view: DataView
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  get remaining(): number {
    return this.#bytes.length - this.#at
  }

  u8(): number {
    return this.#view.getUint8(this.#take(1))
  }

  u16(): number {
    return this.#view.getUint16(this.#take(2))
  }

  u32(): number {
    return this.#view.getUint32(this.#take(4))
  }

  /** 48 bits: enough milliseconds until the year 10889. */
  u48(): number {
    const at = this.#take(6)
    return this.#view.getUint16(at) * 0x1_0000_0000 + this.#view.getUint32(at + 2)
  }

  u64(): bigint {
    return this.#view.getBigUint64(this.#take(8))
  }

  bytes(length: number): Uint8Array {
    const at = this.#take(length)
    return this.#bytes.subarray(at, at + length)
  }

  /** Bytes behind their 16-bit length, at most `limit` of them. */
  bytes16(limit: number): Uint8Array {
    const length = this.u16()
    if (length > limit) throw new MeshError('MESH_BYTES_INVALID', 'a field is longer than its limit', { detail: { length, limit } })
    return this.bytes(length)
  }

  /** UTF-8 text behind its 8-bit length in bytes. */
  text8(): string {
    return decodeUtf8(this.bytes(this.u8()))
  }

  /** A count in 16 bits whose items take at least `itemBytes` each: refused when they cannot fit in what is left. */
  count16(itemBytes: number): number {
    const count = this.u16()
    if (count * itemBytes > this.remaining) throw new MeshError('MESH_BYTES_TRUNCATED', 'a list is longer than the bytes behind it', { detail: { count } })
    return count
  }

  /** Everything that is left. */
  rest(): Uint8Array {
    return this.bytes(this.remaining)
  }

  /** Asserts that nothing is left. */
  end(): void {
    if (this.remaining > 0) throw new MeshError('MESH_BYTES_TRAILING', 'there are bytes after the end', { detail: { bytes: this.remaining } })
  }

  #take(length: number): number {
    const at = this.#at
    if (length > this.#bytes.length - at) {
      throw new MeshError('MESH_BYTES_TRUNCATED', 'the bytes end too early', { detail: { wanted: length, left: this.#bytes.length - at } })
    }
    this.#at = at + length
    return at
  }
}

const utf8Decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const utf8Encoder = new TextEncoder()

/** Strict UTF-8. @throws MeshError `MESH_BYTES_INVALID` (peer) */
export function decodeUtf8(bytes: Uint8Array): string {
  try {
    return utf8Decoder.decode(bytes)
  } catch (cause) {
    throw new MeshError('MESH_BYTES_INVALID', 'a text is not valid UTF-8', { cause })
  }
}

/** UTF-8 bytes of `text`. */
export function encodeUtf8(text: string): Uint8Array {
  return utf8Encoder.encode(text)
}
