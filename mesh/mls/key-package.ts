/** Key packages: what a device publishes so that others can add it, and the secrets that it keeps for that. */
import type { Capabilities } from 'ts-mls/capabilities.js'
import { extensionsSupportedByCapabilities } from 'ts-mls/extension.js'
import { generateKeyPackageWithKey, type KeyPackage, makeKeyPackageRef, verifyKeyPackage } from 'ts-mls/keyPackage.js'
import { verifyLeafNodeSignatureKeyPackage } from 'ts-mls/leafNode.js'
import { decodeMlsMessage, encodeMlsMessage } from 'ts-mls/message.js'
import { ByteReader, ByteWriter, equalBytes } from '#mesh/codec'
import { MeshError } from '#mesh/errors'
import { decodeWhole, guarded, invalid } from './faults.ts'
import type { MlsCrypto, SuiteCrypto } from './hpke.ts'
import type { LeafRules, Occasion } from './leaf-rules.ts'
import { MAX_KEY_PACKAGE_BYTES } from './limits.ts'
import { SUITE_AES, SUITE_CHACHA, SUITE_POST_QUANTUM, type SuiteId, suiteId, suiteName, unknownSuite } from './suites.ts'

/** A key package of our own: what is published, and its secrets. Usable for one Welcome, unless it is a last resort. */
export interface OwnKeyPackage {
  /** An MLSMessage, to be published. */
  readonly bytes: Uint8Array
  readonly initSecret: Uint8Array
  readonly leafSecret: Uint8Array
  readonly signatureSeed: Uint8Array
}

/** What one can see from a key package. */
export interface KeyPackageInfo {
  readonly suite: SuiteId
  /** A hash that names it; a Welcome says by it whom it is for. */
  readonly ref: Uint8Array
  readonly credential: Uint8Array
  readonly signatureKey: Uint8Array
}

const VERSION = 1
const MAX_SECRET_BYTES = 256

/**
 * What our leaves understand. The lifetime is without end on purpose: the package judges it by the machine's clock,
 * which may be wrong; a leaf is good for as long as its device's certificate, and {@link LeafRules} judge that. Who is added
 * must have the same one, or the package would judge it after all.
 */
const CAPABILITIES: Capabilities = {
  versions: ['mls10'],
  ciphersuites: [SUITE_AES, SUITE_CHACHA, SUITE_POST_QUANTUM].map(suiteName),
  extensions: [],
  proposals: [],
  credentials: ['basic'],
}
const LIFETIME = { notBefore: 0n, notAfter: 0xffff_ffff_ffff_ffffn }

/** Makes a key package; `credentialFor` says what stands in its leaf for the new signature key. */
export async function makeKeyPackage(suite: SuiteCrypto, credentialFor: (leafKey: Uint8Array) => Uint8Array): Promise<OwnKeyPackage> {
  const keys = await suite.signature.keygen()
  const credential = { credentialType: 'basic' as const, identity: credentialFor(keys.publicKey) }
  const { publicPackage, privatePackage } = await generateKeyPackageWithKey(credential, CAPABILITIES, LIFETIME, [], keys, suite)
  return {
    bytes: encodeMlsMessage({ version: 'mls10', wireformat: 'mls_key_package', keyPackage: publicPackage }),
    initSecret: privatePackage.initPrivateKey,
    leafSecret: privatePackage.hpkePrivateKey,
    signatureSeed: keys.signKey,
  }
}

/** An own key package with its secrets as bytes, for a store that is encrypted. */
export function encodeOwnKeyPackage(own: OwnKeyPackage): Uint8Array {
  return new ByteWriter(1024).u8(VERSION).bytes16(own.bytes).bytes16(own.initSecret).bytes16(own.leafSecret).bytes16(own.signatureSeed).finish().slice()
}

/** Reads what {@link encodeOwnKeyPackage} wrote. @throws MeshError `MESH_STORE_VERSION` when another program wrote it, `MESH_BYTES_*` */
export function decodeOwnKeyPackage(bytes: Uint8Array): OwnKeyPackage {
  const reader = new ByteReader(Uint8Array.from(bytes))
  const version = reader.u8()
  if (version !== VERSION) throw new MeshError('MESH_STORE_VERSION', `key package version ${version} was stored by another program`, { detail: { version } })
  const own = {
    bytes: reader.bytes16(MAX_KEY_PACKAGE_BYTES),
    initSecret: reader.bytes16(MAX_SECRET_BYTES),
    leafSecret: reader.bytes16(MAX_SECRET_BYTES),
    signatureSeed: reader.bytes16(MAX_SECRET_BYTES),
  }
  reader.end()
  return own
}

/** Decodes a key package, nothing more. @throws MeshError `MESH_FRAME_TOO_LARGE`, `MESH_BYTES_*` (peer) */
export function decodeKeyPackageMessage(bytes: Uint8Array): KeyPackage {
  const message = decodeWhole(decodeMlsMessage, bytes, MAX_KEY_PACKAGE_BYTES)
  if (message.wireformat !== 'mls_key_package') throw new MeshError('MESH_BYTES_INVALID', 'these bytes are no key package')
  return message.keyPackage
}

/** Asserts all of RFC 9420 §10.1 and our rules. @throws MeshError `MESH_MLS_INVALID`, `MESH_MLS_CREDENTIAL`, … (peer) */
export async function assertKeyPackage(keyPackage: KeyPackage, suite: SuiteCrypto, rules: LeafRules, occasion: Occasion): Promise<void> {
  if (keyPackage.version !== 'mls10') throw invalid('a key package is of another version')
  if (keyPackage.cipherSuite !== suite.name) {
    throw new MeshError('MESH_MLS_SUITE', 'a key package is for another cipher suite', {
      detail: { suite: suiteId(keyPackage.cipherSuite), wanted: suiteId(suite.name) },
    })
  }
  const leaf = keyPackage.leafNode
  if (leaf.leafNodeSource !== 'key_package') throw invalid('the leaf of a key package comes from somewhere else')
  if (leaf.credential.credentialType !== 'basic') throw new MeshError('MESH_MLS_CREDENTIAL', 'a leaf has a credential of a kind that is not spoken here')
  if (
    !leaf.capabilities.versions.includes('mls10') ||
    !leaf.capabilities.ciphersuites.includes(suite.name) ||
    !leaf.capabilities.credentials.includes('basic')
  ) {
    throw invalid('a leaf does not understand its own group')
  }
  if (!extensionsSupportedByCapabilities(leaf.extensions, leaf.capabilities)) throw invalid('a leaf has an extension that it does not understand')
  if (occasion === 'adding' && (leaf.lifetime.notBefore !== LIFETIME.notBefore || leaf.lifetime.notAfter !== LIFETIME.notAfter)) {
    throw invalid('a key package has a lifetime; here its certificate has one')
  }
  if (equalBytes(keyPackage.initKey, leaf.hpkePublicKey)) throw invalid('a key package uses one key for two things')
  await guarded('MESH_MLS_INVALID', 'a key package is not signed by its leaf', async () => {
    if (!(await verifyLeafNodeSignatureKeyPackage(leaf, suite.signature))) throw invalid('the signature of a leaf does not fit')
    if (!(await verifyKeyPackage(keyPackage, suite.signature))) throw invalid('the signature of a key package does not fit')
  })
  rules.check({ credential: leaf.credential.identity, signatureKey: leaf.signaturePublicKey }, occasion)
}

/** Reads a foreign key package and checks it. @throws MeshError (peer) as {@link assertKeyPackage} */
export async function readKeyPackage(crypto: MlsCrypto, rules: LeafRules, bytes: Uint8Array, occasion: Occasion): Promise<KeyPackageInfo> {
  const keyPackage = decodeKeyPackageMessage(bytes)
  const id = suiteId(keyPackage.cipherSuite)
  const suite = crypto.suite(id)
  if (suite === undefined) throw unknownSuite(id)
  await assertKeyPackage(keyPackage, suite, rules, occasion)
  const { credential, signaturePublicKey } = keyPackage.leafNode
  if (credential.credentialType !== 'basic') throw new MeshError('MESH_MLS_CREDENTIAL', 'a leaf has a credential of a kind that is not spoken here')
  return { suite: id, ref: await makeKeyPackageRef(keyPackage, suite.hash), credential: credential.identity, signatureKey: signaturePublicKey }
}
