import { concatBytes, copyBytes, equalBytes } from '#mesh/codec'
import { type Block, BUNDLE_VERSION, blockAt, blockLengthAt, MARKER, MAX_BLOCK_BYTES } from './block.ts'

/**
 * Checksums that may be computed for each byte read, and beyond: a bad block costs one in vain. Without a
 * bound, a file full of markers would have 64 KiB summed up for each of them.
 */
const SUMS_PER_BYTE = 4
const FREE_SUM_BYTES = 16 * MAX_BLOCK_BYTES

/**
 * Finds blocks in a stream of bytes, whatever happened to it on its way.
 *
 * A block is what starts with the marker and has the right checksum. Where that fails, the search goes on one
 * byte behind the marker; so a flipped, missing or additional byte costs the block that it is in. What is held
 * between two chunks is less than the longest block.
 */
export class BlockReader {
  #rest: Uint8Array = new Uint8Array(0)
  #readBytes = 0
  #summedBytes = 0
  #strangeVersions = 0

  /** Bytes held for the next chunk. */
  get heldBytes(): number {
    return this.#rest.length
  }

  /** Bytes whose checksum was computed. */
  get summedBytes(): number {
    return this.#summedBytes
  }

  /** Markers that were followed by another version. */
  get strangeVersions(): number {
    return this.#strangeVersions
  }

  /** The blocks that `chunk` completed. */
  *push(chunk: Uint8Array): Generator<Block> {
    this.#readBytes += chunk.length
    yield* this.#scan(this.#rest.length === 0 ? chunk : concatBytes(this.#rest, chunk), false)
  }

  /** The blocks in what is left when nothing more comes. */
  *end(): Generator<Block> {
    yield* this.#scan(this.#rest, true)
  }

  *#scan(bytes: Uint8Array, isEnd: boolean): Generator<Block> {
    let at = 0
    for (;;) {
      at = markerFrom(bytes, at)
      const length = at < bytes.length ? blockLengthAt(bytes, at) : 'more'
      const isHere = typeof length === 'number' && length <= bytes.length - at
      if (length !== 'none' && !isHere) {
        if (!isEnd || at >= bytes.length) break
        at++
        continue
      }
      const block = isHere ? this.#blockAt(bytes, at, length) : undefined
      if (length === 'none' && bytes[at + MARKER.length] !== BUNDLE_VERSION) this.#strangeVersions++
      if (block === undefined) at++
      else {
        yield block
        at += typeof length === 'number' ? length : 1
      }
    }
    this.#rest = copyBytes(bytes.subarray(at))
  }

  #blockAt(bytes: Uint8Array, at: number, length: number): Block | undefined {
    if (this.#summedBytes + length > SUMS_PER_BYTE * this.#readBytes + FREE_SUM_BYTES) return undefined
    this.#summedBytes += length
    return blockAt(bytes, at, length)
  }
}

/** Where the next marker is, or where one may begin that is not whole yet; the length of `bytes` when nowhere. */
function markerFrom(bytes: Uint8Array, from: number): number {
  for (let at = bytes.indexOf(MARKER[0] ?? 0, from); at !== -1; at = bytes.indexOf(MARKER[0] ?? 0, at + 1)) {
    const here = bytes.subarray(at, at + MARKER.length)
    if (equalBytes(here, MARKER.subarray(0, here.length))) return at
  }
  return bytes.length
}
