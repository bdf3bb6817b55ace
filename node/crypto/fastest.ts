import type { Crypto } from '#mesh/ports'
import { nodeCrypto } from './node-crypto.ts'
import { sodiumCrypto } from './sodium-crypto.ts'

/** sodium-native where its binary loads, node:crypto everywhere else. */
export async function fastestCrypto(): Promise<Crypto> {
  try {
    return await sodiumCrypto()
  } catch {
    return nodeCrypto() // no binary for this machine: slower, and the same bytes
  }
}
