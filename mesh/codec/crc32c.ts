/**
 * CRC-32C (Castagnoli, RFC 3720 appendix B.4), as iSCSI, ext4 and btrfs use it against the same enemy: a disk
 * that gives back other bytes than it was given. It finds every burst of up to 32 bits and all but one in 2^32
 * of anything else. It keeps nobody out, and need not: where it is used, what is inside is signed, or nobody else
 * writes it. A hash that would keep somebody out costs ten times as much, on every byte of a stick.
 */
const POLYNOMIAL = 0x82f63b78 // 0x1edc6f41 with its bits reversed

const TABLE = Uint32Array.from({ length: 256 }, (_, index) => {
  let value = index
  for (let bit = 0; bit < 8; bit++) value = (value & 1) === 1 ? (value >>> 1) ^ POLYNOMIAL : value >>> 1
  return value
})

/** The checksum of `bytes` from `start` up to `end`, as an unsigned number. */
export function crc32c(bytes: Uint8Array, start = 0, end = bytes.length): number {
  let crc = 0xffff_ffff
  for (let at = start; at < end; at++) crc = (crc >>> 8) ^ (TABLE[(crc ^ (bytes[at] ?? 0)) & 0xff] ?? 0)
  return (crc ^ 0xffff_ffff) >>> 0
}
