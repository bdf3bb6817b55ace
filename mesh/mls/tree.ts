/**
 * What must hold for a ratchet tree that somebody else made (RFC 9420 §7.9.2 and §12.4.3.1).
 *
 * Written here because the check of the package asks more than the RFC does (equal unmerged_leaves along a whole
 * path) and refuses valid trees. Each subtree is hashed once, not once for each leaf, so a join costs what it must.
 */
import { encode } from 'ts-mls/codec/tlsEncoder.js'
import { parentHashInputEncoder } from 'ts-mls/parentHash.js'
import type { RatchetTree } from 'ts-mls/ratchetTree.js'
import { leafNodeHashInputEncoder, parentNodeHashInputEncoder } from 'ts-mls/treeHash.js'
import { left, right, root, toNodeIndex } from 'ts-mls/treemath.js'
import { encodeBytes } from './bytes-key.ts'
import { invalid } from './faults.ts'
import type { SuiteCrypto } from './hpke.ts'
import type { LeafRules } from './leaf-rules.ts'
import { MAX_LEAVES, MAX_POST_QUANTUM_MEMBERS } from './limits.ts'
import { SUITE_POST_QUANTUM, suiteId } from './suites.ts'

type Node = NonNullable<RatchetTree[number]>
type Leaf = Extract<Node, { nodeType: 'leaf' }>['leaf']
type Parent = Extract<Node, { nodeType: 'parent' }>['parent']

/** All leaves that are not blank, with their leaf index. */
export function* leavesOf(tree: RatchetTree): Generator<[number, Leaf]> {
  for (let i = 0; i < tree.length; i += 2) {
    const node = tree[i]
    if (node?.nodeType === 'leaf') yield [i / 2, node.leaf]
  }
}

/** The leaf of this index. @throws MeshError `MESH_MLS_INVALID` (peer) when it is blank or out of the tree */
export function leafAt(tree: RatchetTree, index: number): Leaf {
  const node = tree[index * 2]
  if (node?.nodeType !== 'leaf') throw invalid('there is no such member', { leaf: index })
  return node.leaf
}

/**
 * Asserts what a tree must hold after each change: no key twice, no device twice, credentials that all understand, and
 * no more members than the suite allows. The package never compares the keys of a new leaf with those of the others.
 * @throws MeshError `MESH_MLS_INVALID` (peer)
 */
export function assertDistinct(tree: RatchetTree, suite: SuiteCrypto, rules: LeafRules): void {
  const members = assertSize(tree, suite)
  const [encryption, signatures, names] = [new Set<string>(), new Set<string>(), new Set<string>()]
  for (const node of tree) {
    if (node === undefined) continue
    add(encryption, encodeBytes(node.nodeType === 'leaf' ? node.leaf.hpkePublicKey : node.parent.hpkePublicKey), 'an encryption key stands in the tree twice')
    if (node.nodeType === 'parent') continue
    add(signatures, encodeBytes(node.leaf.signaturePublicKey), 'a signature key stands in the tree twice')
    if (node.leaf.credential.credentialType !== 'basic') throw invalid('a leaf has a credential of a kind that is not spoken here')
    if (!node.leaf.capabilities.credentials.includes('basic')) throw invalid('a member does not understand the credentials of the group')
    const name = rules.nameOf(node.leaf.credential.identity)
    if (name !== undefined) add(names, name, 'a device is in the group twice')
  }
  if (members === 0) throw invalid('a group has no members')
}

function assertSize(tree: RatchetTree, suite: SuiteCrypto): number {
  const leaves = (tree.length + 1) / 2
  if (leaves > MAX_LEAVES) throw invalid('a group has too many leaves', { leaves, limit: MAX_LEAVES })
  let members = 0
  for (const _ of leavesOf(tree)) members++
  if (suiteId(suite.name) === SUITE_POST_QUANTUM && members > MAX_POST_QUANTUM_MEMBERS) {
    throw invalid('a group with this suite has too many members', { members, limit: MAX_POST_QUANTUM_MEMBERS })
  }
  return members
}

function add(set: Set<string>, value: string, sentence: string): void {
  if (set.has(value)) throw invalid(sentence)
  set.add(value)
}

/** Asserts that a tree from a Welcome is sound: form, unmerged leaves, tree hash, parent hashes. Leaves are judged elsewhere. @throws MeshError `MESH_MLS_INVALID` (peer) */
export async function assertTree(tree: RatchetTree, treeHash: Uint8Array, suite: SuiteCrypto, rules: LeafRules): Promise<void> {
  assertForm(tree)
  assertDistinct(tree, suite, rules)
  assertUnmergedLeaves(tree)
  const hashes = await hashTree(tree, suite)
  const found = hashes[rootOf(tree)]
  if (found === undefined || encodeBytes(found) !== encodeBytes(treeHash)) throw invalid('the tree is not the one that the group has')
  for (const [index, node] of tree.entries()) {
    if (node?.nodeType === 'parent' && !(await isParentHashValid(tree, hashes, index, node.parent, suite))) {
      throw invalid('a parent hash does not fit', { node: index })
    }
  }
}

function assertForm(tree: RatchetTree): void {
  for (const [index, node] of tree.entries()) {
    if (node !== undefined && (node.nodeType === 'leaf') !== (index % 2 === 0)) throw invalid('a node of the tree is of the wrong kind', { node: index })
  }
}

/** Each unmerged leaf is a member below, listed once, in order, and by every node between. */
function assertUnmergedLeaves(tree: RatchetTree): void {
  for (const [index, node] of tree.entries()) {
    if (node?.nodeType !== 'parent') continue
    let last = -1
    for (const leaf of node.parent.unmergedLeaves) {
      if (leaf <= last) throw invalid('unmerged leaves are not in order', { node: index })
      last = leaf
      if (tree[leaf * 2]?.nodeType !== 'leaf') throw invalid('an unmerged leaf is blank', { node: index, leaf })
      let at = index
      while (at % 2 === 1 && at !== leaf * 2) {
        at = leaf * 2 < at ? left(toNodeIndex(at)) : right(toNodeIndex(at))
        const below = tree[at]
        if (below?.nodeType === 'parent' && !below.parent.unmergedLeaves.includes(leaf))
          throw invalid('an unmerged leaf is missing further down', { node: at, leaf })
      }
      if (at !== leaf * 2) throw invalid('an unmerged leaf is not below its node', { node: index, leaf })
    }
  }
}

/** The hash of every subtree, by the index of its top node. */
async function hashTree(tree: RatchetTree, suite: SuiteCrypto): Promise<Uint8Array[]> {
  const hashes: Uint8Array[] = []
  const visit = async (index: number): Promise<Uint8Array> => {
    const hash = await hashNode(tree, index, suite, visit)
    hashes[index] = hash
    return hash
  }
  await visit(rootOf(tree))
  return hashes
}

async function hashNode(
  tree: RatchetTree,
  index: number,
  suite: SuiteCrypto,
  below: (index: number) => Promise<Uint8Array>,
  without: ReadonlySet<number> = new Set(),
): Promise<Uint8Array> {
  const node = tree[index]
  if (index % 2 === 0) {
    const leafNode = node?.nodeType === 'leaf' && !without.has(index / 2) ? node.leaf : undefined
    return suite.hash.digest(encode(leafNodeHashInputEncoder)({ nodeType: 'leaf', leafIndex: index / 2, leafNode }))
  }
  const leftHash = await below(left(toNodeIndex(index)))
  const rightHash = await below(right(toNodeIndex(index)))
  const parent = node?.nodeType === 'parent' ? node.parent : undefined
  const parentNode = parent === undefined ? undefined : { ...parent, unmergedLeaves: parent.unmergedLeaves.filter((leaf) => !without.has(leaf)) }
  return suite.hash.digest(encode(parentNodeHashInputEncoder)({ nodeType: 'parent', parentNode, leftHash, rightHash }))
}

/** RFC 9420 §7.9.2: some node D below P carries the hash of P, and the rest of D's side joined after P was set. */
async function isParentHashValid(tree: RatchetTree, hashes: readonly Uint8Array[], index: number, parent: Parent, suite: SuiteCrypto): Promise<boolean> {
  const sides = [left(toNodeIndex(index)), right(toNodeIndex(index))] as const
  for (const [side, sibling] of [sides, [sides[1], sides[0]]] as const) {
    const siblingHash = await hashWithout(tree, hashes, sibling, parent.unmergedLeaves, suite)
    const input = { encryptionKey: parent.hpkePublicKey, parentHash: parent.parentHash, originalSiblingTreeHash: siblingHash }
    const wanted = encodeBytes(await suite.hash.digest(encode(parentHashInputEncoder)(input)))
    const resolved = resolve(tree, side)
    const unmerged = new Set(parent.unmergedLeaves.map((leaf) => leaf * 2))
    const candidates = resolved.filter((at) => !unmerged.has(at))
    const [only] = candidates
    if (candidates.length === 1 && only !== undefined && carries(tree[only], wanted)) return true
  }
  return false
}

function carries(node: Node | undefined, hash: string): boolean {
  if (node?.nodeType === 'parent') return encodeBytes(node.parent.parentHash) === hash
  return node?.leaf.leafNodeSource === 'commit' && encodeBytes(node.leaf.parentHash) === hash
}

async function hashWithout(
  tree: RatchetTree,
  hashes: readonly Uint8Array[],
  top: number,
  unmerged: readonly number[],
  suite: SuiteCrypto,
): Promise<Uint8Array> {
  const without = new Set(unmerged)
  const visit = async (index: number): Promise<Uint8Array> => {
    const known = hashes[index]
    const [from, to] = span(index)
    if (known !== undefined && !unmerged.some((leaf) => leaf >= from && leaf <= to)) return known
    return hashNode(tree, index, suite, visit, without)
  }
  return visit(top)
}

/** The first and the last leaf below a node. */
function span(index: number): [number, number] {
  let width = 0
  while (((index >> width) & 1) === 1) width++
  const reach = (1 << width) - 1
  return [(index - reach) / 2, (index + reach) / 2]
}

/** The resolution of a node (RFC 9420 §4.1.1). */
function resolve(tree: RatchetTree, index: number): number[] {
  const node = tree[index]
  if (node?.nodeType === 'leaf') return [index]
  if (node?.nodeType === 'parent') return [index, ...node.parent.unmergedLeaves.map((leaf) => leaf * 2)]
  if (index % 2 === 0) return []
  return [...resolve(tree, left(toNodeIndex(index))), ...resolve(tree, right(toNodeIndex(index)))]
}

function rootOf(tree: RatchetTree): number {
  return root((tree.length + 1) / 2)
}
