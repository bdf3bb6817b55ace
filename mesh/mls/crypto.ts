import type { Crypto, Random } from '#mesh/ports'
import { buildSuite, type MlsCrypto, type SuiteCrypto, x25519Kem } from './hpke.ts'
import { type Kem, type Primitives, portablePrimitives } from './primitives.ts'
import { SUITE_AES, SUITE_CHACHA, SUITE_POST_QUANTUM, type SuiteId } from './suites.ts'

const HKDF_SHA256 = 1
const HKDF_SHA512 = 3

/** The suites that these primitives can speak: both classical ones, and the post-quantum one when there is an X-Wing. */
export function mlsCrypto(deps: { name: string; crypto: Crypto; random: Random; primitives: Primitives; xwing?: Kem }): MlsCrypto {
  const { primitives, xwing } = deps
  const { sha256, sha512 } = primitives
  const kem = x25519Kem(deps, sha256)
  const classical = { hash: sha256, kdf: sha256, kdfId: HKDF_SHA256, kem }
  const suites = new Map<SuiteId, SuiteCrypto>([
    [SUITE_AES, buildSuite(deps, { id: SUITE_AES, ...classical, aead: primitives.aes128 })],
    [SUITE_CHACHA, buildSuite(deps, { id: SUITE_CHACHA, ...classical, aead: primitives.chacha })],
  ])
  if (xwing !== undefined) {
    const parts = { id: SUITE_POST_QUANTUM, hash: sha512, kdf: sha512, kdfId: HKDF_SHA512, kem: xwing, aead: primitives.chacha }
    suites.set(SUITE_POST_QUANTUM, buildSuite(deps, parts))
  }
  return { name: deps.name, suite: (id) => suites.get(id) }
}

/** Both classical suites in plain JavaScript, for a page; the package's own providers need `crypto.subtle` even where they are called noble. */
export function portableMlsCrypto(crypto: Crypto, random: Random): MlsCrypto {
  return mlsCrypto({ name: 'portable', crypto, random, primitives: portablePrimitives })
}
