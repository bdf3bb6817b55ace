import { MeshError } from '#mesh/errors'

/** Bytes of a key. */
export const SIP_KEY_BYTES = 16

/** A key as four 32-bit words: k0 low, k0 high, k1 low, k1 high. Made by {@link sipKeyOf}. */
export type SipKey = Int32Array & { readonly __brand: 'SipKey' }

/** The key behind 16 bytes. @throws MeshError (peer) `MESH_BYTES_INVALID` for another length */
export function sipKeyOf(bytes: Uint8Array): SipKey {
  if (bytes.length !== SIP_KEY_BYTES) throw new MeshError('MESH_BYTES_INVALID', 'a hash key has 16 bytes', { detail: { bytes: bytes.length } })
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  return Int32Array.from({ length: 4 }, (_, word) => view.getInt32(4 * word, true)) as SipKey
}

/**
 * SipHash-2-4 (Aumasson, Bernstein: "SipHash: a fast short-input PRF", 2012) of bytes[from, to): the low word
 * goes to out[0], the high one to out[1].
 *
 * JavaScript has no 64-bit integer that is fast: a BigInt is an allocation. So each of the four state words is
 * a pair of 32-bit halves, and an addition carries by bits, ((a & b) | ((a | b) & ~sum)) >>> 31, because a
 * comparison would be a jump that no processor can foresee. The four rounds at the end are those of two more
 * words of zero, so that the round stands here once.
 */
export function siphash24(key: SipKey, bytes: Uint8Array, from: number, to: number, out: Int32Array): void {
  const [k0 = 0, k0h = 0, k1 = 0, k1h = 0] = key
  let a = k0 ^ 0x70736575
  let ah = k0h ^ 0x736f6d65
  let b = k1 ^ 0x6e646f6d
  let bh = k1h ^ 0x646f7261
  let c = k0 ^ 0x6e657261
  let ch = k0h ^ 0x6c796765
  let d = k1 ^ 0x79746573
  let dh = k1h ^ 0x74656462
  const length = to - from
  const words = (length >>> 3) + 1
  for (let word = 0; word < words + 2; word++) {
    let m = 0
    let mh = 0
    const at = from + 8 * word
    if (word < words - 1) {
      m = wordAt(bytes, at)
      mh = wordAt(bytes, at + 4)
    } else if (word === words - 1) {
      m = tailAt(bytes, at, to)
      mh = tailAt(bytes, at + 4, to) | (length << 24)
    } else if (word === words) c ^= 0xff
    d ^= m
    dh ^= mh
    for (let round = 0; round < 2; round++) {
      let x = (a + b) | 0
      ah = (ah + bh + (((a & b) | ((a | b) & ~x)) >>> 31)) | 0
      a = x
      x = (b << 13) | (bh >>> 19)
      bh = ((bh << 13) | (b >>> 19)) ^ ah
      b = x ^ a
      x = a
      a = ah
      ah = x
      x = (c + d) | 0
      ch = (ch + dh + (((c & d) | ((c | d) & ~x)) >>> 31)) | 0
      c = x
      x = (d << 16) | (dh >>> 16)
      dh = ((dh << 16) | (d >>> 16)) ^ ch
      d = x ^ c
      x = (a + d) | 0
      ah = (ah + dh + (((a & d) | ((a | d) & ~x)) >>> 31)) | 0
      a = x
      x = (d << 21) | (dh >>> 11)
      dh = ((dh << 21) | (d >>> 11)) ^ ah
      d = x ^ a
      x = (c + b) | 0
      ch = (ch + bh + (((c & b) | ((c | b) & ~x)) >>> 31)) | 0
      c = x
      x = (b << 17) | (bh >>> 15)
      bh = ((bh << 17) | (b >>> 15)) ^ ch
      b = x ^ c
      x = c
      c = ch
      ch = x
    }
    a ^= m
    ah ^= mh
  }
  out[0] = a ^ b ^ c ^ d
  out[1] = ah ^ bh ^ ch ^ dh
}

/** Four bytes, little-endian. */
function wordAt(bytes: Uint8Array, at: number): number {
  return (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8) | ((bytes[at + 2] ?? 0) << 16) | ((bytes[at + 3] ?? 0) << 24)
}

/** The same where the message ends: what is behind `to` counts as zeros. */
function tailAt(bytes: Uint8Array, at: number, to: number): number {
  let word = 0
  for (let i = 0; i < 4 && at + i < to; i++) word |= (bytes[at + i] ?? 0) << (8 * i)
  return word
}
