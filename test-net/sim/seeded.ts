import { hash } from 'node:crypto'
import type { Random } from '#mesh/ports'

/**
 * Numbers that depend on the seed alone: xoshiro128** (Blackman and Vigna 2018), started from a hash of the
 * seed. Fast, and worth nothing as a secret.
 *
 * Each part of a run draws from a fork of its own, so that one more draw in one place changes nothing elsewhere.
 */
export class Seeded implements Random {
  readonly #seed: string
  readonly #state: Uint32Array

  constructor(seed: string) {
    this.#seed = seed
    const digest = hash('sha256', seed, 'buffer')
    this.#state = Uint32Array.from([0, 4, 8, 12], (at) => digest.readUInt32LE(at))
  }

  /** Another sequence, which depends on this one's seed and `name` alone. */
  fork(name: string): Seeded {
    return new Seeded(`${this.#seed}/${name}`)
  }

  bytes(length: number): Uint8Array {
    const bytes = new Uint8Array(length)
    for (let at = 0; at < length; at += 4) {
      const word = this.#next()
      for (let i = 0; i < 4 && at + i < length; i++) bytes[at + i] = word >>> (8 * i)
    }
    return bytes
  }

  /** In [0, 1). */
  unit(): number {
    return this.#next() / 0x1_0000_0000
  }

  /** A whole number in [0, bound). */
  below(bound: number): number {
    return Math.floor(this.unit() * bound)
  }

  /** In [low, high). */
  between([low, high]: readonly [number, number]): number {
    return low + this.unit() * (high - low)
  }

  /** Exponentially distributed with this mean: the time between events that know nothing of each other. */
  exponential(mean: number): number {
    return -Math.log(1 - this.unit()) * mean
  }

  isTrue(probability: number): boolean {
    return probability > 0 && this.unit() < probability
  }

  /** One of them. @throws Error when there is none */
  pick<T>(list: readonly T[]): T {
    const picked = list[this.below(list.length)]
    if (picked === undefined) throw new Error('nothing to choose from')
    return picked
  }

  /** The same in another order (Fisher and Yates). */
  shuffled<T>(list: readonly T[]): T[] {
    const shuffled = [...list]
    for (let left = shuffled.length; left > 1; left--) {
      const [moved] = shuffled.splice(this.below(left), 1)
      if (moved !== undefined) shuffled.push(moved)
    }
    return shuffled
  }

  #next(): number {
    const s = this.#state
    const [s0 = 0, s1 = 0, s2 = 0, s3 = 0] = s
    const result = Math.imul(rotated(Math.imul(s1, 5), 7), 9) >>> 0
    const t2 = s2 ^ s0
    const t3 = s3 ^ s1
    s[1] = s1 ^ t2
    s[0] = s0 ^ t3
    s[2] = t2 ^ (s1 << 9)
    s[3] = rotated(t3, 11)
    return result
  }
}

function rotated(word: number, bits: number): number {
  return (word << bits) | (word >>> (32 - bits))
}
