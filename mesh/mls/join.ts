/**
 * Joining by a Welcome (RFC 9420 §12.4.3.1), on the package's parts but not by its own `joinGroup`, whose check of
 * the tree refuses valid trees, and whose path secrets nobody compares with the tree.
 */
import type { GroupState } from 'ts-mls/clientState.js'
import { extensionsSupportedByCapabilities } from 'ts-mls/extension.js'
import { type GroupInfo, ratchetTreeFromExtension, verifyGroupInfoConfirmationTag, verifyGroupInfoSignature } from 'ts-mls/groupInfo.js'
import { type KeyPackage, makeKeyPackageRef } from 'ts-mls/keyPackage.js'
import { deriveKeySchedule } from 'ts-mls/keySchedule.js'
import { type LeafNode, verifyLeafNodeSignature, verifyLeafNodeSignatureKeyPackage } from 'ts-mls/leafNode.js'
import { pathToRoot } from 'ts-mls/pathSecrets.js'
import { mergePrivateKeyPaths, type PrivateKeyPath, toPrivateKeyPath } from 'ts-mls/privateKeyPath.js'
import { accumulatePskSecret } from 'ts-mls/pskIndex.js'
import { decodeRatchetTree, findLeafIndex, type RatchetTree } from 'ts-mls/ratchetTree.js'
import { createSecretTree } from 'ts-mls/secretTree.js'
import { leafWidth, toLeafIndex } from 'ts-mls/treemath.js'
import { firstCommonAncestor } from 'ts-mls/updatePath.js'
import { decryptGroupInfo, decryptGroupSecrets, type Welcome } from 'ts-mls/welcome.js'
import { MeshError } from '#mesh/errors'
import { decodeWhole, invalid } from './faults.ts'
import type { SuiteCrypto } from './hpke.ts'
import type { OwnKeyPackage } from './key-package.ts'
import type { LeafRules, Occasion } from './leaf-rules.ts'
import { MAX_WELCOME_BYTES } from './limits.ts'
import { assertPsks, type Psk, pskIndex } from './psks.ts'
import { assertTree, leafAt, leavesOf } from './tree.ts'

/** What a join needs besides the Welcome. */
export interface JoinInputs {
  readonly suite: SuiteCrypto
  readonly rules: LeafRules
  readonly own: OwnKeyPackage
  readonly keyPackage: KeyPackage
  /** The tree, when the Welcome does not bring it. */
  readonly tree: Uint8Array | undefined
  readonly psks: readonly Psk[]
  /** Takes groups with extensions in their context too; ours have none, and nobody can bring one in. */
  readonly extensions: boolean
}

/** The state of the epoch that `welcome` leads into. Throws MeshErrors, and whatever the package throws. */
export async function joinByWelcome(welcome: Welcome, inputs: JoinInputs): Promise<GroupState> {
  const { suite, own, keyPackage } = inputs
  if (welcome.cipherSuite !== keyPackage.cipherSuite) throw wrongSuite()
  const { joinerSecret, pathSecret, pskSecret, info } = await openWelcome(welcome, inputs)
  const { groupContext } = info
  if (groupContext.cipherSuite !== keyPackage.cipherSuite) throw wrongSuite()
  if (groupContext.version !== keyPackage.version) throw invalid('a Welcome leads into a group of another version')
  if (groupContext.extensions.length > 0 && !inputs.extensions) throw new MeshError('MESH_MLS_REFUSED', 'a group with settings of its own is not taken here')
  const tree = treeOf(info, inputs.tree)
  const signer = leafAt(tree, info.signer)
  if (!(await verifyGroupInfoSignature(info, signer.signaturePublicKey, suite.signature))) throw invalid('the signature of a Welcome does not fit')
  await assertTree(tree, groupContext.treeHash, suite, inputs.rules)
  await assertLeaves(tree, info, inputs)
  const ownLeaf = findLeafIndex(tree, keyPackage.leafNode)
  if (ownLeaf === undefined) throw invalid('a Welcome leads into a group without us')
  if (!(await verifyGroupInfoConfirmationTag(info, joinerSecret, pskSecret, suite))) throw invalid('the confirmation tag of a Welcome does not fit')
  const privatePath = await ownPath(tree, info, pathSecret, { leafIndex: ownLeaf, privateKeys: { [ownLeaf * 2]: own.leafSecret } }, suite)
  const [keySchedule, encryptionSecret] = await deriveKeySchedule(joinerSecret, pskSecret, groupContext, suite.kdf)
  return {
    groupContext,
    ratchetTree: tree,
    privatePath,
    signaturePrivateKey: own.signatureSeed,
    confirmationTag: info.confirmationTag,
    unappliedProposals: {},
    keySchedule,
    secretTree: await createSecretTree(leafWidth(tree.length), encryptionSecret, suite.kdf),
    historicalReceiverData: new Map(),
    groupActiveState: { kind: 'active' },
  }
}

interface OpenedWelcome {
  readonly joinerSecret: Uint8Array
  readonly pathSecret: Uint8Array | undefined
  readonly pskSecret: Uint8Array
  readonly info: GroupInfo
}

async function openWelcome(welcome: Welcome, inputs: JoinInputs): Promise<OpenedWelcome> {
  const { suite, own, keyPackage, psks } = inputs
  const ref = await makeKeyPackageRef(keyPackage, suite.hash)
  const secrets = await decryptGroupSecrets(await suite.hpke.importPrivateKey(own.initSecret), ref, welcome, suite.hpke)
  if (secrets === undefined) throw invalid('the secrets of a Welcome cannot be read')
  const index = pskIndex(psks)
  assertPsks(secrets.psks, index, suite.kdf.size)
  const [pskSecret] = await accumulatePskSecret(secrets.psks, index, suite, new Uint8Array(suite.kdf.size))
  const info = await decryptGroupInfo(welcome, secrets.joinerSecret, pskSecret, suite)
  if (info === undefined) throw invalid('the group information of a Welcome cannot be read')
  return { joinerSecret: secrets.joinerSecret, pathSecret: secrets.pathSecret, pskSecret, info }
}

function treeOf(info: GroupInfo, given: Uint8Array | undefined): RatchetTree {
  const tree = ratchetTreeFromExtension(info) ?? (given === undefined ? undefined : decodeWhole(decodeRatchetTree, given, MAX_WELCOME_BYTES))
  if (tree === undefined) throw invalid('a Welcome came without its tree')
  return tree
}

/** All leaves: signatures, credentials, and that they understand the group. */
async function assertLeaves(tree: RatchetTree, info: GroupInfo, inputs: JoinInputs): Promise<void> {
  const { suite, rules } = inputs
  const { groupId, extensions } = info.groupContext
  for (const [index, leaf] of leavesOf(tree)) {
    await assertLeaf(leaf, { groupId, index, suite, rules, occasion: 'joining' })
    if (!extensionsSupportedByCapabilities(extensions, leaf.capabilities))
      throw invalid('a member does not understand an extension of the group', { leaf: index })
  }
}

/** Asserts the signature and the credential of a leaf that stands at `index`. @throws MeshError `MESH_MLS_INVALID`, `MESH_MLS_CREDENTIAL` (peer) */
export async function assertLeaf(
  leaf: LeafNode,
  where: { groupId: Uint8Array; index: number; suite: SuiteCrypto; rules: LeafRules; occasion: Occasion },
): Promise<void> {
  const { suite, index } = where
  const isSigned =
    leaf.leafNodeSource === 'key_package'
      ? await verifyLeafNodeSignatureKeyPackage(leaf, suite.signature)
      : await verifyLeafNodeSignature(leaf, where.groupId, index, suite.signature)
  if (!isSigned) throw invalid('the signature of a leaf does not fit', { leaf: index })
  if (leaf.credential.credentialType !== 'basic') throw new MeshError('MESH_MLS_CREDENTIAL', 'a leaf has a credential of a kind that is not spoken here')
  if (!leaf.capabilities.ciphersuites.includes(suite.name)) throw invalid('a leaf does not understand its own group', { leaf: index })
  if (!extensionsSupportedByCapabilities(leaf.extensions, leaf.capabilities))
    throw invalid('a leaf has an extension that it does not understand', { leaf: index })
  where.rules.check({ credential: leaf.credential.identity, signatureKey: leaf.signaturePublicKey }, where.occasion)
}

/** The private keys of our path; each has to be the other half of what the tree says (RFC 9420 §12.4.3.1). */
async function ownPath(tree: RatchetTree, info: GroupInfo, secret: Uint8Array | undefined, own: PrivateKeyPath, suite: SuiteCrypto): Promise<PrivateKeyPath> {
  await assertPrivateKeys(tree, own, suite)
  if (secret === undefined) return own
  const start = firstCommonAncestor(tree, toLeafIndex(own.leafIndex), toLeafIndex(info.signer))
  const path = await toPrivateKeyPath(await pathToRoot(tree, start, secret, suite.kdf), own.leafIndex, suite)
  await assertPrivateKeys(tree, path, suite)
  return mergePrivateKeyPaths(path, own)
}

/** Asserts that private keys fit the tree. @throws MeshError `MESH_MLS_PATH` (peer) */
export async function assertPrivateKeys(tree: RatchetTree, path: PrivateKeyPath, suite: SuiteCrypto, known: PrivateKeyPath['privateKeys'] = {}): Promise<void> {
  for (const [at, key] of Object.entries(path.privateKeys)) {
    const index = Number(at)
    const node = tree[index]
    if (node === undefined || known[index] === key) continue
    const publicKey = node.nodeType === 'leaf' ? node.leaf.hpkePublicKey : node.parent.hpkePublicKey
    if (!(await suite.isKeyPair(key, publicKey)))
      throw new MeshError('MESH_MLS_PATH', 'a path secret does not fit the tree of the group', { detail: { node: index } })
  }
}

function wrongSuite(): MeshError {
  return new MeshError('MESH_MLS_SUITE', 'a Welcome is for another cipher suite than our key package')
}
