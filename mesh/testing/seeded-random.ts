import { sha256 } from '@noble/hashes/sha2.js'
import { ByteWriter } from '#mesh/codec'
import type { Random } from '#mesh/ports'

/** Random bytes that depend on the seed alone (SHA-256 in counter mode): same seed, same run. */
export function seededRandom(seed: number | string): Random {
  let counter = 0
  let pool = new Uint8Array(0)
  return {
    bytes(length) {
      while (pool.length < length) {
        const block = sha256(new ByteWriter().text8(String(seed)).u32(counter++).finish())
        const grown = new Uint8Array(pool.length + block.length)
        grown.set(pool)
        grown.set(block, pool.length)
        pool = grown
      }
      const taken = pool.slice(0, length)
      pool = pool.slice(length)
      return taken
    },
  }
}
