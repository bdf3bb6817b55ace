/** Unpredictable bytes. On a node the operating system's; in a simulation drawn from a seed. */
export interface Random {
  bytes(length: number): Uint8Array
}

/** A uniform whole number in [0, bound), for jitter and choices; `bound` at most 2^32. */
export function randomBelow(random: Random, bound: number): number {
  const limit = Math.floor(0x1_0000_0000 / bound) * bound
  for (;;) {
    const [a = 0, b = 0, c = 0, d = 0] = random.bytes(4)
    const value = ((a << 24) | (b << 16) | (c << 8) | d) >>> 0
    if (value < limit) return value % bound
  }
}
