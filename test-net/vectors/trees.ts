/** Families about ratchet trees: hashes by our own check, changes and paths by the package's functions. */
import assert from 'node:assert/strict'
import { applyUpdatePathSecret } from 'ts-mls/createCommit.js'
import { deriveSecret } from 'ts-mls/crypto/kdf.js'
import type { GroupContext } from 'ts-mls/groupContext.js'
import { verifyLeafNodeSignature, verifyLeafNodeSignatureKeyPackage } from 'ts-mls/leafNode.js'
import { pathToRoot } from 'ts-mls/pathSecrets.js'
import { type PrivateKeyPath, toPrivateKeyPath } from 'ts-mls/privateKeyPath.js'
import { decodeProposal } from 'ts-mls/proposal.js'
import { addLeafNode, decodeRatchetTree, encodeRatchetTree, type RatchetTree, removeLeafNode, resolution, updateLeafNode } from 'ts-mls/ratchetTree.js'
import { treeHash, treeHashRoot } from 'ts-mls/treeHash.js'
import { leafWidth, root, toLeafIndex, toNodeIndex } from 'ts-mls/treemath.js'
import { applyUpdatePath, createUpdatePath, decodeUpdatePath, type UpdatePath } from 'ts-mls/updatePath.js'
import { assertTree, type SuiteCrypto } from '#mesh/mls'
import { ANYBODY } from './passive-client.ts'
import { bytes, decoded } from './read.ts'

/** tree-operations.json */
export interface TreeOperation {
  readonly proposal: string
  readonly proposal_sender: number
  readonly tree_before: string
  readonly tree_after: string
  readonly tree_hash_before: string
  readonly tree_hash_after: string
}

/** One proposal applied to a tree. */
export async function checkTreeOperation(suite: SuiteCrypto, vector: TreeOperation): Promise<void> {
  const before = decoded(decodeRatchetTree, bytes(vector.tree_before))
  assert.deepEqual(await treeHashRoot(before, suite.hash), bytes(vector.tree_hash_before))
  const proposal = decoded(decodeProposal, bytes(vector.proposal))
  let after: RatchetTree
  if (proposal.proposalType === 'add') [after] = addLeafNode(before, proposal.add.keyPackage.leafNode)
  else if (proposal.proposalType === 'remove') after = removeLeafNode(before, toLeafIndex(proposal.remove.removed))
  else if (proposal.proposalType === 'update') after = updateLeafNode(before, proposal.update.leafNode, toLeafIndex(vector.proposal_sender))
  else throw new Error(`no change to a tree: ${proposal.proposalType}`)
  assert.deepEqual(encodeRatchetTree(after), bytes(vector.tree_after))
  assert.deepEqual(await treeHashRoot(after, suite.hash), bytes(vector.tree_hash_after))
}

/** tree-validation.json */
export interface TreeValidation {
  readonly tree: string
  readonly group_id: string
  readonly resolutions: ReadonlyArray<readonly number[]>
  readonly tree_hashes: readonly string[]
}

/** Resolutions, hashes and leaf signatures of a tree, and that our check takes it. */
export async function checkTreeValidation(suite: SuiteCrypto, vector: TreeValidation): Promise<void> {
  const tree = decoded(decodeRatchetTree, bytes(vector.tree))
  for (const [index, expected] of vector.resolutions.entries()) assert.deepEqual(resolution(tree, toNodeIndex(index)), expected)
  for (const [index, expected] of vector.tree_hashes.entries()) assert.deepEqual(await treeHash(tree, toNodeIndex(index), suite.hash), bytes(expected))
  await assertTree(tree, bytes(vector.tree_hashes[root(leafWidth(tree.length))] ?? ''), suite, ANYBODY)
  await assertLeafSignatures(tree, bytes(vector.group_id), suite)
}

async function assertLeafSignatures(tree: RatchetTree, groupId: Uint8Array, suite: SuiteCrypto): Promise<void> {
  for (const [index, node] of tree.entries()) {
    if (node?.nodeType !== 'leaf') continue
    const isSigned =
      node.leaf.leafNodeSource === 'key_package'
        ? await verifyLeafNodeSignatureKeyPackage(node.leaf, suite.signature)
        : await verifyLeafNodeSignature(node.leaf, groupId, index / 2, suite.signature)
    assert.ok(isSigned, `leaf at node ${index}`)
  }
}

/** treekem.json */
export interface TreeKem {
  readonly group_id: string
  readonly epoch: number
  readonly confirmed_transcript_hash: string
  readonly ratchet_tree: string
  readonly leaves_private: ReadonlyArray<{
    index: number
    encryption_priv: string
    signature_priv: string
    path_secrets: ReadonlyArray<{ node: number; path_secret: string }>
  }>
  readonly update_paths: ReadonlyArray<{
    sender: number
    update_path: string
    path_secrets: ReadonlyArray<string | null>
    commit_secret: string
    tree_hash_after: string
  }>
}

/** Each member can follow each path, those of the vector and fresh ones; and our check takes every tree on the way. */
export async function checkTreeKem(suite: SuiteCrypto, vector: TreeKem): Promise<void> {
  const tree = decoded(decodeRatchetTree, bytes(vector.ratchet_tree))
  await assertTree(tree, await treeHashRoot(tree, suite.hash), suite, ANYBODY)
  await assertLeafSignatures(tree, bytes(vector.group_id), suite)
  const members = new Map<number, PrivateKeyPath>()
  for (const member of vector.leaves_private) members.set(member.index, await privatePath(suite, tree, member))
  const contextOf = (hash: Uint8Array): GroupContext => ({
    version: 'mls10',
    cipherSuite: suite.name,
    groupId: bytes(vector.group_id),
    epoch: BigInt(vector.epoch),
    treeHash: hash,
    confirmedTranscriptHash: bytes(vector.confirmed_transcript_hash),
    extensions: [],
  })
  for (const update of vector.update_paths) {
    const path = decoded(decodeUpdatePath, bytes(update.update_path))
    const after = await applyUpdatePath(tree, toLeafIndex(update.sender), path, suite.hash)
    assert.deepEqual(await treeHashRoot(after, suite.hash), bytes(update.tree_hash_after))
    await assertTree(after, bytes(update.tree_hash_after), suite, ANYBODY)
    for (const [index, expected] of update.path_secrets.entries()) {
      const member = members.get(index)
      if (expected === null || member === undefined) continue
      const { pathSecret, commitSecret } = await follow(suite, after, member, update.sender, path, contextOf(bytes(update.tree_hash_after)))
      assert.deepEqual(pathSecret, bytes(expected))
      assert.deepEqual(commitSecret, bytes(update.commit_secret))
    }
    if (update === vector.update_paths[0]) await checkFreshPath(suite, tree, { sender: update.sender, vector, members, contextOf })
  }
}

async function checkFreshPath(
  suite: SuiteCrypto,
  tree: RatchetTree,
  about: { sender: number; vector: TreeKem; members: ReadonlyMap<number, PrivateKeyPath>; contextOf: (hash: Uint8Array) => GroupContext },
): Promise<void> {
  const key = about.vector.leaves_private.find(({ index }) => index === about.sender)?.signature_priv
  if (key === undefined) return
  const context = about.contextOf(await treeHashRoot(tree, suite.hash))
  const [after, path] = await createUpdatePath(tree, toLeafIndex(about.sender), context, bytes(key), suite)
  const hash = await treeHashRoot(after, suite.hash)
  const secrets = new Set<string>()
  for (const [index, member] of about.members) {
    if (index === about.sender) continue
    const followed = await applyUpdatePath(tree, toLeafIndex(about.sender), path, suite.hash)
    assert.deepEqual(encodeRatchetTree(followed), encodeRatchetTree(after))
    // The package encrypts for the epoch after the one that it is given.
    const { commitSecret } = await follow(suite, followed, member, about.sender, path, { ...about.contextOf(hash), epoch: context.epoch + 1n })
    secrets.add(Buffer.from(commitSecret).toString('hex'))
  }
  assert.ok(secrets.size <= 1)
}

async function privatePath(suite: SuiteCrypto, tree: RatchetTree, member: TreeKem['leaves_private'][number]): Promise<PrivateKeyPath> {
  const secrets = Object.fromEntries(member.path_secrets.map(({ node, path_secret }) => [node, bytes(path_secret)]))
  const path = await toPrivateKeyPath(secrets, member.index, suite)
  const privateKeys = { ...path.privateKeys, [member.index * 2]: bytes(member.encryption_priv) }
  for (const [index, key] of Object.entries(privateKeys)) {
    const node = tree[Number(index)]
    assert.ok(node)
    assert.ok(await suite.isKeyPair(key, node.nodeType === 'leaf' ? node.leaf.hpkePublicKey : node.parent.hpkePublicKey))
  }
  return { leafIndex: member.index, privateKeys }
}

async function follow(
  suite: SuiteCrypto,
  tree: RatchetTree,
  member: PrivateKeyPath,
  sender: number,
  path: UpdatePath,
  context: GroupContext,
): Promise<{ pathSecret: Uint8Array; commitSecret: Uint8Array }> {
  const { nodeIndex, pathSecret } = await applyUpdatePathSecret(tree, member, toLeafIndex(sender), context, path, [], suite)
  const secrets = await pathToRoot(tree, toNodeIndex(nodeIndex), pathSecret, suite.kdf)
  const top = secrets[root(leafWidth(tree.length))]
  assert.ok(top)
  return { pathSecret, commitSecret: await deriveSecret(top, 'path', suite.kdf) }
}
