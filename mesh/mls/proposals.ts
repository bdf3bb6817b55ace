/**
 * What a proposal or commit must hold before the package sees it.
 *
 * The package checks much of this again, but not all, and not always safely: it starts the checks of several Adds at
 * once, and two bad ones leave a rejected promise that nobody waits for, which ends the process. So everything that it
 * could refuse inside such a list is refused here first, one after the other.
 */
import type { Commit } from 'ts-mls/commit.js'
import type { LeafNode } from 'ts-mls/leafNode.js'
import type { Proposal } from 'ts-mls/proposal.js'
import type { PskIndex } from 'ts-mls/pskIndex.js'
import type { ProposalWithSender } from 'ts-mls/unappliedProposals.js'
import { bytesToBase64 } from 'ts-mls/util/byteArray.js'
import { equalBytes } from '#mesh/codec'
import { MeshError } from '#mesh/errors'
import { invalid } from './faults.ts'
import type { SuiteCrypto } from './hpke.ts'
import { assertLeaf } from './join.ts'
import { assertKeyPackage } from './key-package.ts'
import type { LeafRules, Occasion } from './leaf-rules.ts'
import { MAX_PROPOSALS } from './limits.ts'
import { assertPsks } from './psks.ts'
import type { MlsState } from './state.ts'
import { leafAt } from './tree.ts'

/** Kinds of proposals by their names on the wire (RFC 9420 §17.4). */
export type ProposalKind = 'add' | 'update' | 'remove' | 'psk' | 'group_context_extensions'

/** What every check needs. */
export interface ProposalContext {
  readonly state: MlsState
  readonly suite: SuiteCrypto
  readonly rules: LeafRules
  readonly occasion: Occasion
  readonly psks: PskIndex
  /** Kinds that are taken; all others are refused. */
  readonly kinds: ReadonlySet<ProposalKind>
}

/** Asserts that a commit has no more proposals than we compare; before it is encoded again, which the package does by recursion. @throws MeshError `MESH_MLS_INVALID` (peer) */
export function assertCount(commit: Commit): void {
  if (commit.proposals.length > MAX_PROPOSALS) throw invalid('a commit has too many proposals', { count: commit.proposals.length, limit: MAX_PROPOSALS })
}

/** The proposals of a commit, those by reference looked up. @throws MeshError `MESH_MLS_INVALID` (peer) */
export function resolveProposals(state: MlsState, commit: Commit, committer: number): ProposalWithSender[] {
  return commit.proposals.map((item) => {
    if (item.proposalOrRefType === 'proposal') return { proposal: item.proposal, senderLeafIndex: committer }
    const key = bytesToBase64(item.reference)
    const known = Object.hasOwn(state.inner.unappliedProposals, key) ? state.inner.unappliedProposals[key] : undefined
    if (known === undefined) throw invalid('a commit names a proposal that is not here')
    return known
  })
}

/** Asserts that one proposal is good by itself. @throws MeshError `MESH_MLS_INVALID`, `MESH_MLS_REFUSED`, `MESH_MLS_CREDENTIAL`, … (peer) */
export async function assertProposal(context: ProposalContext, proposal: Proposal, sender: number): Promise<void> {
  const { state, suite, rules, occasion } = context
  const kind = proposal.proposalType
  if (!context.kinds.has(kind as ProposalKind)) {
    throw new MeshError('MESH_MLS_REFUSED', 'a proposal of this kind is not taken here', { detail: { kind } })
  }
  const tree = state.inner.ratchetTree
  if (kind === 'add') {
    await assertKeyPackage(proposal.add.keyPackage, suite, rules, occasion)
  } else if (kind === 'remove') {
    leafAt(tree, proposal.remove.removed)
  } else if (kind === 'update') {
    await assertSuccessor(context, proposal.update.leafNode, sender)
  }
}

/** Asserts that a commit is good, all its proposals and its path, unless that is still to be made. @throws MeshError as {@link assertProposal} */
export async function assertCommit(
  context: ProposalContext,
  proposals: readonly ProposalWithSender[],
  committer: number,
  path: LeafNode | undefined | 'to come',
): Promise<void> {
  const touched = new Set<number>()
  for (const { proposal, senderLeafIndex } of proposals) {
    const sender = senderLeafIndex ?? -1
    await assertProposal(context, proposal, sender)
    const leaf = proposal.proposalType === 'remove' ? proposal.remove.removed : proposal.proposalType === 'update' ? sender : undefined
    if (leaf === undefined) continue
    if (leaf === committer) throw invalid('a commit removes or updates its own committer by a proposal', { leaf })
    if (touched.has(leaf)) throw invalid('a commit changes one leaf twice', { leaf })
    touched.add(leaf)
  }
  const psks = proposals.flatMap(({ proposal }) => (proposal.proposalType === 'psk' ? [proposal.psk.preSharedKeyId] : []))
  assertPsks(psks, context.psks, context.suite.kdf.size)
  if (path === 'to come') return
  if (path !== undefined) await assertSuccessor(context, path, committer)
  else if (proposals.length === 0 || touched.size > 0) throw invalid('a commit must have a path and has none')
}

/** A leaf that takes the place of another one: new key, same device. */
async function assertSuccessor(context: ProposalContext, leaf: LeafNode, index: number): Promise<void> {
  const { state, suite, rules } = context
  const before = leafAt(state.inner.ratchetTree, index)
  if (equalBytes(before.hpkePublicKey, leaf.hpkePublicKey)) throw invalid('a leaf is updated to the key that it has', { leaf: index })
  // What joins stays what it is: occasion `adding` is about newcomers.
  const occasion = context.occasion === 'adding' ? 'receiving' : context.occasion
  await assertLeaf(leaf, { groupId: state.groupId, index, suite, rules, occasion })
  if (before.credential.credentialType !== 'basic' || leaf.credential.credentialType !== 'basic')
    throw invalid('a leaf has a credential of a kind that is not spoken here')
  if (rules.nameOf(before.credential.identity) !== rules.nameOf(leaf.credential.identity)) {
    throw new MeshError('MESH_MLS_CREDENTIAL', 'a leaf became another device', { detail: { leaf: index } })
  }
}
