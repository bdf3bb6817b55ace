/** Reading what comes in: application messages, proposals, commits. Each gives a new state and says who sent it. */
import { applyProposals, type ClientState } from 'ts-mls/clientState.js'
import type { FramedContent } from 'ts-mls/framedContent.js'
import { decodeMlsMessage } from 'ts-mls/message.js'
import { unprotectPublicMessage } from 'ts-mls/messageProtectionPublic.js'
import { decryptSenderData, type PrivateMessage } from 'ts-mls/privateMessage.js'
import { processPrivateMessage, processPublicMessage } from 'ts-mls/processMessages.js'
import type { PskIndex } from 'ts-mls/pskIndex.js'
import type { PublicMessage } from 'ts-mls/publicMessage.js'
import { toLeafIndex } from 'ts-mls/treemath.js'
import type { ProposalWithSender } from 'ts-mls/unappliedProposals.js'
import { equalBytes } from '#mesh/codec'
import { MeshError } from '#mesh/errors'
import { decodeWhole, guarded, invalid } from './faults.ts'
import { assertPrivateKeys } from './join.ts'
import { MAX_APPLICATION_BYTES, MAX_HANDSHAKE_BYTES, MAX_PROPOSALS } from './limits.ts'
import { assertCommit, assertCount, assertProposal, type ProposalContext, resolveProposals } from './proposals.ts'
import { type MlsState, wrapState } from './state.ts'
import { assertDistinct, leafAt } from './tree.ts'

/** What came in. `sender` is a leaf of the state before. */
export type MlsReceived =
  | { readonly kind: 'application'; readonly state: MlsState; readonly sender: number; readonly text: Uint8Array; readonly authenticated: Uint8Array }
  | { readonly kind: 'proposal'; readonly state: MlsState; readonly sender: number; readonly authenticated: Uint8Array }
  | { readonly kind: 'commit'; readonly state: MlsState; readonly sender: number; readonly authenticated: Uint8Array }
  /** A valid commit took our leaf away. There is no new state: its keys are not ours to know. */
  | { readonly kind: 'removed'; readonly sender: number; readonly authenticated: Uint8Array }

/** What reading needs. */
export interface ReceiveInputs extends ProposalContext {
  /** The state as the package wants it. */
  readonly client: ClientState
  /** Takes proposals and commits as PrivateMessage too; we never send them so, the vectors do. */
  readonly privateHandshakes: boolean
}

/** Reads one message. */
export async function receiveMessage(bytes: Uint8Array, inputs: ReceiveInputs): Promise<MlsReceived> {
  const message = decodeWhole(decodeMlsMessage, bytes, MAX_HANDSHAKE_BYTES)
  if (message.wireformat === 'mls_private_message') return receivePrivate(message.privateMessage, inputs)
  if (message.wireformat === 'mls_public_message') return receivePublic(message.publicMessage, inputs)
  throw new MeshError('MESH_MLS_REFUSED', 'this is no message to a group')
}

/** Group and epoch. The package looks at the first never, and at the second only when it is too old. */
function assertHere(state: MlsState, groupId: Uint8Array, epoch: bigint): void {
  if (!equalBytes(groupId, state.groupId)) throw new MeshError('MESH_MLS_EPOCH', 'a message is for another group')
  if (epoch !== state.epoch) {
    throw new MeshError('MESH_MLS_EPOCH', 'a message is of another epoch', { detail: { epoch: String(epoch), ours: String(state.epoch) } })
  }
}

async function receivePrivate(message: PrivateMessage, inputs: ReceiveInputs): Promise<MlsReceived> {
  const { state, suite, client } = inputs
  assertHere(state, message.groupId, message.epoch)
  const isApplication = message.contentType === 'application'
  if (!isApplication && !inputs.privateHandshakes) throw new MeshError('MESH_MLS_REFUSED', 'proposals and commits have to be public messages here')
  if (isApplication && message.ciphertext.length > MAX_APPLICATION_BYTES)
    throw invalid('an application message is too long', { bytes: message.ciphertext.length })
  const { authenticatedData: authenticated } = message
  const sender = await guarded('MESH_MLS_UNREADABLE', 'the sender of a message cannot be read', async () => {
    const data = await decryptSenderData(message, state.inner.keySchedule.senderDataSecret, suite)
    if (data === undefined) throw invalid('the sender of a message cannot be read')
    return data.leafIndex
  })
  leafAt(state.inner.ratchetTree, sender)
  const result = await guarded('MESH_MLS_UNREADABLE', 'a message cannot be read: it was read before, its key is gone, or it is damaged', async () =>
    processPrivateMessage(client, message, inputs.psks, suite),
  )
  if (result.kind === 'applicationMessage') return { kind: 'application', state: wrapState(result.newState), sender, text: result.message, authenticated }
  return settled(result.newState, inputs, { kind: message.contentType === 'commit' ? 'commit' : 'proposal', sender, authenticated })
}

async function receivePublic(message: PublicMessage, inputs: ReceiveInputs): Promise<MlsReceived> {
  const { state, suite, client } = inputs
  assertHere(state, message.content.groupId, message.content.epoch)
  if (message.content.contentType === 'commit') assertCount(message.content.commit)
  const content = await authenticate(message, inputs)
  const { authenticatedData: authenticated } = content
  if (content.contentType === 'application') throw new MeshError('MESH_MLS_REFUSED', 'application messages have to be encrypted')
  const sender = content.sender.senderType === 'member' ? content.sender.leafIndex : -1
  if (content.contentType === 'proposal') {
    if (state.pending >= MAX_PROPOSALS) throw invalid('too many proposals wait', { limit: MAX_PROPOSALS })
    await assertProposal(inputs, content.proposal, sender)
  } else {
    const proposals = resolveProposals(state, content.commit, sender)
    // Our own leaf first: when it is taken away, and perhaps given to somebody else at once, nothing after this is for us to know.
    if (takesAway(proposals, state.ownLeaf)) {
      await assertCommit({ ...inputs, psks: anyPsk(suite.kdf.size) }, proposals, sender, content.commit.path?.leafNode)
      await guarded('MESH_MLS_INVALID', 'a commit breaks the protocol', async () =>
        applyProposals(client, content.commit.proposals, toLeafIndex(sender), anyPsk(suite.kdf.size), false, suite),
      )
      return { kind: 'removed', sender, authenticated }
    }
    await assertCommit(inputs, proposals, sender, content.commit.path?.leafNode)
  }
  const result = await guarded('MESH_MLS_PATH', 'a commit cannot be followed: its path is not for us, or its confirmation does not fit', async () =>
    processPublicMessage(client, message, inputs.psks, suite),
  )
  return settled(result.newState, inputs, { kind: content.contentType, sender, authenticated })
}

/** Membership tag and signature. Only members speak here: nobody joins or proposes from outside. */
async function authenticate(message: PublicMessage, inputs: ReceiveInputs): Promise<FramedContent> {
  const { state, suite } = inputs
  if (message.content.sender.senderType !== 'member') {
    throw new MeshError('MESH_MLS_REFUSED', 'nobody joins or proposes from outside the group', { detail: { sender: message.content.sender.senderType } })
  }
  leafAt(state.inner.ratchetTree, message.content.sender.leafIndex)
  const { keySchedule, groupContext, ratchetTree } = state.inner
  const { content } = await guarded('MESH_MLS_INVALID', 'a message was not made by a member in this epoch', async () =>
    unprotectPublicMessage(keySchedule.membershipKey, groupContext, ratchetTree, message, suite),
  )
  return content
}

async function settled(
  newState: ClientState,
  inputs: ReceiveInputs,
  about: { kind: 'commit' | 'proposal'; sender: number; authenticated: Uint8Array },
): Promise<MlsReceived> {
  if (newState.groupActiveState.kind === 'removedFromGroup') return { kind: 'removed', sender: about.sender, authenticated: about.authenticated }
  if (about.kind === 'commit') {
    assertDistinct(newState.ratchetTree, inputs.suite, inputs.rules)
    await guarded('MESH_MLS_PATH', 'a path secret does not fit the tree of the group', async () =>
      assertPrivateKeys(newState.ratchetTree, newState.privatePath, inputs.suite, inputs.state.inner.privatePath.privateKeys),
    )
  }
  return { ...about, state: wrapState(newState) }
}

function takesAway(proposals: readonly ProposalWithSender[], leaf: number): boolean {
  return proposals.some(({ proposal }) => proposal.proposalType === 'remove' && proposal.remove.removed === leaf)
}

/** A removed member need not have the keys of the epoch that it is not in. */
function anyPsk(bytes: number): PskIndex {
  return { findPsk: () => new Uint8Array(bytes) }
}
