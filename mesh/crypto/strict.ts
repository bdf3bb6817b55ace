/**
 * The part of Ed25519 verification on which libraries differ, done by us and alike for all of them.
 *
 * RFC 8032 leaves room: some verifiers accept S ≥ L, keys and R of small order, or coordinates that are
 * not reduced. Two nodes that judge one signature differently keep handing an envelope back and forth.
 * The rule here is libsodium's; the list of small-order points is public knowledge (the eight torsion
 * points and their non-canonical spellings, sign bit masked).
 */

/** L, the order of the base point, little-endian (RFC 8032 §5.1). */
const ORDER = fromHex('edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010')
/** p = 2^255 - 19, little-endian. */
const PRIME = fromHex('edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f')
/** y of the points of order 1, 2, 4 and 8, and their spellings at or above p, without the sign bit. */
const SMALL_ORDER = [
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0100000000000000000000000000000000000000000000000000000000000000',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
].map(fromHex)

const KEY_BYTES = 32
const SIGNATURE_BYTES = 64

/** True when key and signature have the only form that every implementation judges alike; says nothing about validity. */
export function isStrict(publicKey: Uint8Array, signature: Uint8Array): boolean {
  if (publicKey.length !== KEY_BYTES || signature.length !== SIGNATURE_BYTES) return false
  return isBelow(signature.subarray(32), ORDER) && !isSmallOrder(signature.subarray(0, 32)) && isUsableKey(publicKey)
}

/** True for a canonical Ed25519 key that is not of small order. */
function isUsableKey(publicKey: Uint8Array): boolean {
  const y = Uint8Array.from(publicKey) // not slice(): that of a Buffer is a view, and the caller's key would change
  y[31] = (y[31] ?? 0) & 0x7f
  return isBelow(y, PRIME) && !isSmallOrder(publicKey)
}

function isSmallOrder(point: Uint8Array): boolean {
  return SMALL_ORDER.some((small) => {
    for (let i = 0; i < 31; i++) if (point[i] !== small[i]) return false
    return ((point[31] ?? 0) & 0x7f) === small[31]
  })
}

/** Little-endian comparison: a < b. Public values, so time does not matter. */
function isBelow(a: Uint8Array, b: Uint8Array): boolean {
  for (let i = b.length - 1; i >= 0; i--) {
    const difference = (a[i] ?? 0) - (b[i] ?? 0)
    if (difference !== 0) return difference < 0
  }
  return false
}

function fromHex(hex: string): Uint8Array {
  return Uint8Array.from(hex.match(/../g) ?? [], (byte) => Number.parseInt(byte, 16))
}
