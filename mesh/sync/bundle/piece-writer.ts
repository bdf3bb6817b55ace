import { BLOCK_OVERHEAD_BYTES, BLOCK_TYPE, encodeBlock } from './block.ts'
import { encodeEnd } from './contents.ts'

/** One block on its way into a file. */
export interface Piece {
  /** From 1: the file it goes into. */
  readonly part: number
  readonly bytes: Uint8Array
  /** Envelopes in it. */
  readonly envelopes: number
  /** The last block of its part. */
  readonly isEnd: boolean
}

const END_PAYLOAD_BYTES = 9

/** Numbers blocks and cuts them into parts: each begins with who wrote it and ends with what it holds. */
export class PieceWriter {
  readonly #bundle: Uint8Array
  readonly #hello: Uint8Array
  readonly #maxPartBytes: number
  #part = 0
  #sequence = 0
  #bytes = 0
  #envelopes = 0

  /** @param maxPartBytes a single part of any length when it is not given */
  constructor(bundle: Uint8Array, hello: Uint8Array, maxPartBytes = Number.POSITIVE_INFINITY) {
    this.#bundle = bundle
    this.#hello = hello
    this.#maxPartBytes = maxPartBytes
  }

  /** True when a payload of so many bytes fits into a part at all. */
  takes(payloadBytes: number): boolean {
    return this.#emptyBytes + BLOCK_OVERHEAD_BYTES + payloadBytes <= this.#maxPartBytes
  }

  /** True when a payload of so many bytes still fits into the part that is being written. */
  hasRoomFor(payloadBytes: number): boolean {
    return Math.max(this.#bytes, this.#emptyBytes) + BLOCK_OVERHEAD_BYTES + payloadBytes <= this.#maxPartBytes
  }

  /** The block, and what has to stand before it: the end of a full part, the head of a new one. */
  add(type: number, payload: Uint8Array, envelopes: number): Piece[] {
    const pieces: Piece[] = []
    if (this.#bytes > 0 && !this.hasRoomFor(payload.length)) pieces.push(this.#endOfPart(false))
    if (this.#bytes === 0) pieces.push(this.#beginPart())
    pieces.push(this.#piece(type, payload, envelopes))
    return pieces
  }

  /** The end of the bundle. */
  end(): Piece[] {
    const head = this.#bytes === 0 ? [this.#beginPart()] : []
    return [...head, this.#endOfPart(true)]
  }

  /** What a part costs that holds nothing. */
  get #emptyBytes(): number {
    return 2 * BLOCK_OVERHEAD_BYTES + this.#hello.length + END_PAYLOAD_BYTES
  }

  #beginPart(): Piece {
    this.#part++
    this.#bytes = BLOCK_OVERHEAD_BYTES + END_PAYLOAD_BYTES // kept for its end
    return this.#piece(BLOCK_TYPE.hello, this.#hello, 0)
  }

  #endOfPart(isLast: boolean): Piece {
    const end = this.#piece(BLOCK_TYPE.end, encodeEnd(isLast, this.#sequence + 1, this.#envelopes), 0)
    this.#sequence = 0
    this.#bytes = 0
    this.#envelopes = 0
    return { ...end, isEnd: true }
  }

  #piece(type: number, payload: Uint8Array, envelopes: number): Piece {
    const bytes = encodeBlock({ type, bundle: this.#bundle, part: this.#part, sequence: this.#sequence++, payload })
    this.#envelopes += envelopes
    if (type !== BLOCK_TYPE.end) this.#bytes += bytes.length
    return { part: this.#part, bytes, envelopes, isEnd: false }
  }
}
