/**
 * Cipher suites, by their number on the wire (RFC 9420 §17.1).
 *
 * A group keeps the suite it was created with: it stands in the group context, which every epoch's keys
 * depend on. So there is nothing to negotiate, and nothing to downgrade.
 */
import { type CiphersuiteName, ciphersuites } from 'ts-mls/crypto/ciphersuite.js'
import { MeshError } from '#mesh/errors'

/** The number of a suite. */
export type SuiteId = number

/** X25519, AES-128-GCM, SHA-256, Ed25519: the one that every MLS implementation has; fastest where the processor has AES. */
export const SUITE_AES: SuiteId = ciphersuites.MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519
/** X25519, ChaCha20-Poly1305, SHA-256, Ed25519: for devices without AES instructions, and for plain JavaScript. */
export const SUITE_CHACHA: SuiteId = ciphersuites.MLS_128_DHKEMX25519_CHACHA20POLY1305_SHA256_Ed25519
/** X-Wing (X25519 and ML-KEM-768), ChaCha20-Poly1305, SHA-512, Ed25519: also against a later quantum computer; a private number, see the decision page. */
export const SUITE_POST_QUANTUM: SuiteId = ciphersuites.MLS_256_XWING_CHACHA20POLY1305_SHA512_Ed25519

const NAMES = new Map<SuiteId, CiphersuiteName>()
for (const [name, id] of Object.entries(ciphersuites)) NAMES.set(id, name as CiphersuiteName)

/** The package's name of a suite. @throws MeshError `MESH_MLS_SUITE` (peer) */
export function suiteName(id: SuiteId): CiphersuiteName {
  const name = NAMES.get(id)
  if (name === undefined) throw unknownSuite(id)
  return name
}

/** The number of a suite that the package names. */
export function suiteId(name: CiphersuiteName): SuiteId {
  return ciphersuites[name]
}

/** The error for a suite that is not spoken here. */
export function unknownSuite(id: SuiteId): MeshError {
  return new MeshError('MESH_MLS_SUITE', `cipher suite ${id} is not known here`, { detail: { suite: id } })
}
