/** Families about messages: their bytes, their protection, and the Welcome. */
import assert from 'node:assert/strict'
import { decodeCommit, encodeCommit } from 'ts-mls/commit.js'
import { createContentCommitSignature } from 'ts-mls/framedContent.js'
import type { GroupContext } from 'ts-mls/groupContext.js'
import { verifyGroupInfoConfirmationTag, verifyGroupInfoSignature } from 'ts-mls/groupInfo.js'
import { decodeGroupSecrets, encodeGroupSecrets } from 'ts-mls/groupSecrets.js'
import { makeKeyPackageRef } from 'ts-mls/keyPackage.js'
import { decodeMlsMessage, encodeMlsMessage, type MLSMessage } from 'ts-mls/message.js'
import { protect, protectApplicationData, protectProposal, unprotectPrivateMessage } from 'ts-mls/messageProtection.js'
import { protectProposalPublic, protectPublicMessage, unprotectPublicMessage } from 'ts-mls/messageProtectionPublic.js'
import {
  decodeAdd,
  decodeExternalInit,
  decodeGroupContextExtensions,
  decodeProposal,
  decodePSK,
  decodeReinit,
  decodeRemove,
  decodeUpdate,
  encodeAdd,
  encodeExternalInit,
  encodeGroupContextExtensions,
  encodeProposal,
  encodePSK,
  encodeReinit,
  encodeRemove,
  encodeUpdate,
} from 'ts-mls/proposal.js'
import { decodeRatchetTree, encodeRatchetTree } from 'ts-mls/ratchetTree.js'
import { createSecretTree } from 'ts-mls/secretTree.js'
import { decryptGroupInfo, decryptGroupSecrets } from 'ts-mls/welcome.js'
import type { SuiteCrypto } from '#mesh/mls'
import { bytes, decoded } from './read.ts'

type Decode<Value> = (from: Uint8Array, at: number) => [Value, number] | undefined

function again<Value>(decode: Decode<Value>, encode: (value: Value) => Uint8Array): (from: Uint8Array) => Uint8Array {
  return (from) => encode(decoded(decode, from))
}

const message = again(decodeMlsMessage, encodeMlsMessage)

/** By the name of a field in messages.json: reads the bytes and writes them again. */
const CODECS: Readonly<Record<string, (from: Uint8Array) => Uint8Array>> = {
  mls_welcome: message,
  mls_group_info: message,
  mls_key_package: message,
  ratchet_tree: again(decodeRatchetTree, encodeRatchetTree),
  group_secrets: again(decodeGroupSecrets, encodeGroupSecrets),
  add_proposal: again(decodeAdd, encodeAdd),
  update_proposal: again(decodeUpdate, encodeUpdate),
  remove_proposal: again(decodeRemove, encodeRemove),
  pre_shared_key_proposal: again(decodePSK, encodePSK),
  re_init_proposal: again(decodeReinit, encodeReinit),
  external_init_proposal: again(decodeExternalInit, encodeExternalInit),
  group_context_extensions_proposal: again(decodeGroupContextExtensions, encodeGroupContextExtensions),
  commit: again(decodeCommit, encodeCommit),
  public_message_application: message,
  public_message_proposal: message,
  public_message_commit: message,
  private_message: message,
}

/** messages.json: all structures come out as they went in. */
export function checkMessages(vector: Readonly<Record<string, string>>): void {
  for (const [name, text] of Object.entries(vector)) {
    const codec = CODECS[name]
    assert.ok(codec, name)
    assert.deepEqual(codec(bytes(text)), bytes(text), name)
  }
}

/** message-protection.json */
export interface MessageProtection {
  readonly group_id: string
  readonly epoch: number
  readonly tree_hash: string
  readonly confirmed_transcript_hash: string
  readonly signature_priv: string
  readonly signature_pub: string
  readonly encryption_secret: string
  readonly sender_data_secret: string
  readonly membership_key: string
  readonly proposal: string
  readonly proposal_priv: string
  readonly proposal_pub: string
  readonly commit: string
  readonly commit_priv: string
  readonly commit_pub: string
  readonly application: string
  readonly application_priv: string
}

const SENDER = 1
const KEEP = { retainKeysForGenerations: 10, retainKeysForEpochs: 1, maximumForwardRatchetSteps: 200 }
const NO_PADDING = { kind: 'padUntilLength', padUntilLength: 0 } as const
const NOTHING = new Uint8Array(0)

/** Proposal, commit and application data, public and private, those of the vector and fresh ones. */
export async function checkMessageProtection(suite: SuiteCrypto, vector: MessageProtection): Promise<void> {
  const context: GroupContext = {
    version: 'mls10',
    cipherSuite: suite.name,
    groupId: bytes(vector.group_id),
    epoch: BigInt(vector.epoch),
    treeHash: bytes(vector.tree_hash),
    confirmedTranscriptHash: bytes(vector.confirmed_transcript_hash),
    extensions: [],
  }
  const [signer, key, membership, senderData] = [vector.signature_priv, vector.signature_pub, vector.membership_key, vector.sender_data_secret].map(bytes)
  assert.ok(signer && key && membership && senderData)
  const secretTree = await createSecretTree(2, bytes(vector.encryption_secret), suite.kdf)
  const readPublic = async (text: MLSMessage): Promise<Uint8Array> => {
    assert.ok(text.wireformat === 'mls_public_message')
    return contentBytes((await unprotectPublicMessage(membership, context, [], text.publicMessage, suite, key)).content)
  }
  const readPrivate = async (text: MLSMessage): Promise<Uint8Array> => {
    assert.ok(text.wireformat === 'mls_private_message')
    return contentBytes((await unprotectPrivateMessage(senderData, text.privateMessage, secretTree, [], context, KEEP, suite, key)).content.content)
  }
  const parse = (text: string): MLSMessage => decoded(decodeMlsMessage, bytes(text))
  const proposal = decoded(decodeProposal, bytes(vector.proposal))
  assert.deepEqual(await readPublic(parse(vector.proposal_pub)), bytes(vector.proposal))
  assert.deepEqual(await readPrivate(parse(vector.proposal_priv)), bytes(vector.proposal))
  assert.deepEqual(await readPublic(parse(vector.commit_pub)), bytes(vector.commit))
  assert.deepEqual(await readPrivate(parse(vector.commit_priv)), bytes(vector.commit))
  assert.deepEqual(await readPrivate(parse(vector.application_priv)), bytes(vector.application))
  const open = await protectProposalPublic(signer, membership, context, NOTHING, proposal, SENDER, suite)
  assert.deepEqual(await readPublic({ version: 'mls10', wireformat: 'mls_public_message', ...open }), bytes(vector.proposal))
  const closed = await protectProposal(signer, senderData, proposal, NOTHING, context, secretTree, SENDER, NO_PADDING, suite)
  assert.deepEqual(await readPrivate(asPrivate(closed.privateMessage)), bytes(vector.proposal))
  const text = await protectApplicationData(signer, senderData, bytes(vector.application), NOTHING, context, secretTree, SENDER, NO_PADDING, suite)
  assert.deepEqual(await readPrivate(asPrivate(text.privateMessage)), bytes(vector.application))
  const commit = decoded(decodeCommit, bytes(vector.commit))
  for (const wireformat of ['mls_public_message', 'mls_private_message'] as const) {
    const sender = { senderType: 'member', leafIndex: SENDER } as const
    const { framedContent, signature } = await createContentCommitSignature(context, wireformat, commit, sender, NOTHING, signer, suite.signature)
    const auth = { contentType: 'commit', signature, confirmationTag: new Uint8Array(suite.kdf.size) } as const
    if (wireformat === 'mls_public_message') {
      const made = await protectPublicMessage(membership, context, { wireformat, content: framedContent, auth }, suite)
      assert.deepEqual(await readPublic({ version: 'mls10', wireformat, publicMessage: made }), bytes(vector.commit))
    } else {
      const made = await protect(senderData, NOTHING, context, secretTree, { ...framedContent, auth }, SENDER, NO_PADDING, suite)
      assert.deepEqual(await readPrivate(asPrivate(made.privateMessage)), bytes(vector.commit))
    }
  }
}

function asPrivate(privateMessage: Extract<MLSMessage, { wireformat: 'mls_private_message' }>['privateMessage']): MLSMessage {
  return { version: 'mls10', wireformat: 'mls_private_message', privateMessage }
}

function contentBytes(content: Parameters<typeof protectPublicMessage>[2]['content']): Uint8Array {
  if (content.contentType === 'proposal') return encodeProposal(content.proposal)
  return content.contentType === 'commit' ? encodeCommit(content.commit) : content.applicationData
}

/** welcome.json */
export interface WelcomeVector {
  readonly init_priv: string
  readonly key_package: string
  readonly signer_pub: string
  readonly welcome: string
}

/** A Welcome opens, is signed, and confirms its epoch. */
export async function checkWelcome(suite: SuiteCrypto, vector: WelcomeVector): Promise<void> {
  const welcome = decoded(decodeMlsMessage, bytes(vector.welcome))
  const keyPackage = decoded(decodeMlsMessage, bytes(vector.key_package))
  assert.ok(welcome.wireformat === 'mls_welcome' && keyPackage.wireformat === 'mls_key_package')
  const ref = await makeKeyPackageRef(keyPackage.keyPackage, suite.hash)
  const secrets = await decryptGroupSecrets(await suite.hpke.importPrivateKey(bytes(vector.init_priv)), ref, welcome.welcome, suite.hpke)
  assert.ok(secrets)
  const psk = new Uint8Array(suite.kdf.size)
  const info = await decryptGroupInfo(welcome.welcome, secrets.joinerSecret, psk, suite)
  assert.ok(info)
  assert.ok(await verifyGroupInfoSignature(info, bytes(vector.signer_pub), suite.signature))
  assert.ok(await verifyGroupInfoConfirmationTag(info, secrets.joinerSecret, psk, suite))
}
