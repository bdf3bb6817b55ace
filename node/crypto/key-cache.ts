import { hash } from 'node:crypto'

/**
 * Parsed keys, least recently used out first.
 *
 * Names are strings, which nobody can wipe: a secret goes in under its hash, never under its bytes.
 */
export class KeyCache<Key> {
  readonly #limit: number
  readonly #keys = new Map<string, Key>()

  constructor(limit: number) {
    this.#limit = limit
  }

  /** The key of this name, made when it is not here. */
  get(name: string, make: () => Key): Key {
    const key = this.#keys.get(name) ?? make()
    this.#keys.delete(name)
    this.#keys.set(name, key)
    if (this.#keys.size > this.#limit) {
      const oldest = this.#keys.keys().next()
      if (oldest.done !== true) this.#keys.delete(oldest.value)
    }
    return key
  }

  get size(): number {
    return this.#keys.size
  }
}

/** The name of a public key. */
export function publicName(key: Uint8Array): string {
  return Buffer.from(key.buffer, key.byteOffset, key.byteLength).toString('latin1')
}

/** The name of a secret, from which nobody gets back to it. */
export function secretName(secret: Uint8Array): string {
  return hash('sha256', secret, 'base64')
}
