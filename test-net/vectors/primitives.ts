/** Families about single derivations: our suites under the package's labels. */
import assert from 'node:assert/strict'
import { decodeAuthenticatedContent } from 'ts-mls/authenticatedContent.js'
import { determineLength } from 'ts-mls/codec/variableLength.js'
import { refhash } from 'ts-mls/crypto/hash.js'
import { decryptWithLabel, encryptWithLabel } from 'ts-mls/crypto/hpke.js'
import { deriveSecret, deriveTreeSecret, expandWithLabel } from 'ts-mls/crypto/kdf.js'
import { signWithLabel, verifyWithLabel } from 'ts-mls/crypto/signature.js'
import { verifyConfirmationTag } from 'ts-mls/framedContent.js'
import { encodeGroupContext, type GroupContext } from 'ts-mls/groupContext.js'
import { initializeEpoch, mlsExporter } from 'ts-mls/keySchedule.js'
import { computePskSecret, type PreSharedKeyID } from 'ts-mls/presharedkey.js'
import { createSecretTree, deriveKey, deriveNonce, ratchetUntil } from 'ts-mls/secretTree.js'
import { expandSenderDataKey, expandSenderDataNonce } from 'ts-mls/sender.js'
import { createConfirmedHash, createInterimHash } from 'ts-mls/transcriptHash.js'
import { left, nodeWidth, parent, right, root, sibling, toNodeIndex } from 'ts-mls/treemath.js'
import type { SuiteCrypto } from '#mesh/mls'
import { bytes, decoded } from './read.ts'

type Hex<Names extends string> = Readonly<Record<Names, string>>

/** crypto-basics.json */
export interface CryptoBasics {
  readonly ref_hash: Hex<'label' | 'value' | 'out'>
  readonly expand_with_label: Hex<'secret' | 'label' | 'context' | 'out'> & { length: number }
  readonly derive_secret: Hex<'secret' | 'label' | 'out'>
  readonly derive_tree_secret: Hex<'secret' | 'label' | 'out'> & { generation: number; length: number }
  readonly sign_with_label: Hex<'priv' | 'pub' | 'content' | 'label' | 'signature'>
  readonly encrypt_with_label: Hex<'priv' | 'pub' | 'label' | 'context' | 'plaintext' | 'kem_output' | 'ciphertext'>
}

/** Labels, signatures and encryption, with the values of the vector and with fresh ones. */
export async function checkCryptoBasics(suite: SuiteCrypto, vector: CryptoBasics): Promise<void> {
  const { ref_hash: ref, expand_with_label: exp, derive_secret: derive, derive_tree_secret: tree, sign_with_label: sig, encrypt_with_label: enc } = vector
  assert.deepEqual(await refhash(ref.label, bytes(ref.value), suite.hash), bytes(ref.out))
  assert.deepEqual(await expandWithLabel(bytes(exp.secret), exp.label, bytes(exp.context), exp.length, suite.kdf), bytes(exp.out))
  assert.deepEqual(await deriveSecret(bytes(derive.secret), derive.label, suite.kdf), bytes(derive.out))
  assert.deepEqual(await deriveTreeSecret(bytes(tree.secret), tree.label, tree.generation, tree.length, suite.kdf), bytes(tree.out))
  const content = bytes(sig.content)
  for (const signature of [bytes(sig.signature), await signWithLabel(bytes(sig.priv), sig.label, content, suite.signature)]) {
    assert.ok(await verifyWithLabel(bytes(sig.pub), sig.label, content, signature, suite.signature))
  }
  const key = await suite.hpke.importPrivateKey(bytes(enc.priv))
  const fresh = await encryptWithLabel(await suite.hpke.importPublicKey(bytes(enc.pub)), enc.label, bytes(enc.context), bytes(enc.plaintext), suite.hpke)
  for (const sealed of [{ enc: bytes(enc.kem_output), ct: bytes(enc.ciphertext) }, fresh]) {
    assert.deepEqual(await decryptWithLabel(key, enc.label, bytes(enc.context), sealed.enc, sealed.ct, suite.hpke), bytes(enc.plaintext))
  }
  assert.ok(await suite.isKeyPair(bytes(enc.priv), bytes(enc.pub)))
}

/** deserialization.json: a length and how it is written. */
export function checkLength(vector: { vlbytes_header: string; length: number }): void {
  assert.equal(determineLength(bytes(vector.vlbytes_header)).length, vector.length)
}

type EpochNames =
  | 'commit_secret'
  | 'confirmation_key'
  | 'confirmed_transcript_hash'
  | 'encryption_secret'
  | 'epoch_authenticator'
  | 'exporter_secret'
  | 'external_pub'
  | 'external_secret'
  | 'group_context'
  | 'init_secret'
  | 'joiner_secret'
  | 'membership_key'
  | 'psk_secret'
  | 'resumption_psk'
  | 'sender_data_secret'
  | 'tree_hash'
  | 'welcome_secret'

/** key-schedule.json */
export interface KeyScheduleVector {
  readonly group_id: string
  readonly initial_init_secret: string
  readonly epochs: ReadonlyArray<Hex<EpochNames> & { exporter: Hex<'label' | 'context' | 'secret'> & { length: number } }>
}

/** All secrets of epochs that follow each other. */
export async function checkKeySchedule(suite: SuiteCrypto, vector: KeyScheduleVector): Promise<void> {
  let initSecret = bytes(vector.initial_init_secret)
  for (const [index, epoch] of vector.epochs.entries()) {
    const context: GroupContext = {
      version: 'mls10',
      cipherSuite: suite.name,
      groupId: bytes(vector.group_id),
      epoch: BigInt(index),
      treeHash: bytes(epoch.tree_hash),
      confirmedTranscriptHash: bytes(epoch.confirmed_transcript_hash),
      extensions: [],
    }
    assert.deepEqual(encodeGroupContext(context), bytes(epoch.group_context))
    const made = await initializeEpoch(initSecret, bytes(epoch.commit_secret), context, bytes(epoch.psk_secret), suite.kdf)
    const { keySchedule } = made
    assert.deepEqual(made.joinerSecret, bytes(epoch.joiner_secret))
    assert.deepEqual(made.welcomeSecret, bytes(epoch.welcome_secret))
    assert.deepEqual(made.encryptionSecret, bytes(epoch.encryption_secret))
    assert.deepEqual(keySchedule.senderDataSecret, bytes(epoch.sender_data_secret))
    assert.deepEqual(keySchedule.exporterSecret, bytes(epoch.exporter_secret))
    assert.deepEqual(keySchedule.externalSecret, bytes(epoch.external_secret))
    assert.deepEqual(keySchedule.confirmationKey, bytes(epoch.confirmation_key))
    assert.deepEqual(keySchedule.membershipKey, bytes(epoch.membership_key))
    assert.deepEqual(keySchedule.resumptionPsk, bytes(epoch.resumption_psk))
    assert.deepEqual(keySchedule.epochAuthenticator, bytes(epoch.epoch_authenticator))
    assert.deepEqual(keySchedule.initSecret, bytes(epoch.init_secret))
    const external = await suite.hpke.deriveKeyPair(keySchedule.externalSecret)
    assert.deepEqual(await suite.hpke.exportPublicKey(external.publicKey), bytes(epoch.external_pub))
    const { label, context: about, length, secret } = epoch.exporter
    assert.deepEqual(await mlsExporter(keySchedule.exporterSecret, label, bytes(about), length, suite), bytes(secret))
    initSecret = bytes(epoch.init_secret)
  }
}

/** psk_secret.json */
export interface PskVector {
  readonly psks: ReadonlyArray<Hex<'psk_id' | 'psk' | 'psk_nonce'>>
  readonly psk_secret: string
}

/** Several pre-shared keys become one secret. */
export async function checkPskSecret(suite: SuiteCrypto, vector: PskVector): Promise<void> {
  const psks = vector.psks.map(({ psk_id, psk, psk_nonce }): [PreSharedKeyID, Uint8Array] => [
    { psktype: 'external', pskId: bytes(psk_id), pskNonce: bytes(psk_nonce) },
    bytes(psk),
  ])
  assert.deepEqual(await computePskSecret(psks, suite), bytes(vector.psk_secret))
}

/** secret-tree.json */
export interface SecretTreeVector {
  readonly encryption_secret: string
  readonly sender_data: Hex<'sender_data_secret' | 'ciphertext' | 'key' | 'nonce'>
  readonly leaves: ReadonlyArray<ReadonlyArray<Hex<'application_key' | 'application_nonce' | 'handshake_key' | 'handshake_nonce'> & { generation: number }>>
}

/** The keys of each leaf and generation, and of the sender data. */
export async function checkSecretTree(suite: SuiteCrypto, vector: SecretTreeVector): Promise<void> {
  const { sender_data: data } = vector
  assert.deepEqual(await expandSenderDataKey(suite, bytes(data.sender_data_secret), bytes(data.ciphertext)), bytes(data.key))
  assert.deepEqual(await expandSenderDataNonce(suite, bytes(data.sender_data_secret), bytes(data.ciphertext)), bytes(data.nonce))
  const tree = await createSecretTree(vector.leaves.length, bytes(vector.encryption_secret), suite.kdf)
  const keep = { retainKeysForGenerations: 0xffff, retainKeysForEpochs: 1, maximumForwardRatchetSteps: 0xffff }
  for (const [leaf, generations] of vector.leaves.entries()) {
    for (const wanted of generations) {
      for (const kind of ['application', 'handshake'] as const) {
        const node = tree[leaf * 2]
        assert.ok(node)
        const [{ secret, generation }] = await ratchetUntil(node[kind], wanted.generation, keep, suite.kdf)
        assert.equal(generation, wanted.generation)
        assert.deepEqual(await deriveKey(secret, generation, suite), bytes(wanted[`${kind}_key`]))
        assert.deepEqual(await deriveNonce(secret, generation, suite), bytes(wanted[`${kind}_nonce`]))
      }
    }
  }
}

/** transcript-hashes.json */
export type TranscriptVector = Hex<
  'confirmation_key' | 'authenticated_content' | 'interim_transcript_hash_before' | 'confirmed_transcript_hash_after' | 'interim_transcript_hash_after'
>

/** A commit moves both transcript hashes on. */
export async function checkTranscript(suite: SuiteCrypto, vector: TranscriptVector): Promise<void> {
  const commit = decoded(decodeAuthenticatedContent, bytes(vector.authenticated_content))
  const { content, auth, wireformat } = commit
  assert.ok(content.contentType === 'commit' && auth.contentType === 'commit')
  const input = { wireformat, content, signature: auth.signature }
  const confirmed = await createConfirmedHash(bytes(vector.interim_transcript_hash_before), input, suite.hash)
  assert.deepEqual(confirmed, bytes(vector.confirmed_transcript_hash_after))
  assert.ok(await verifyConfirmationTag(bytes(vector.confirmation_key), auth.confirmationTag, confirmed, suite.hash))
  assert.deepEqual(await createInterimHash(confirmed, auth.confirmationTag, suite.hash), bytes(vector.interim_transcript_hash_after))
}

type Indices = ReadonlyArray<number | null>

/** tree-math.json */
export interface TreeMathVector {
  readonly n_leaves: number
  readonly n_nodes: number
  readonly root: number
  readonly left: Indices
  readonly right: Indices
  readonly parent: Indices
  readonly sibling: Indices
}

/** Where the neighbours of a node stand in the array. */
export function checkTreeMath(vector: TreeMathVector): void {
  const leaves = vector.n_leaves
  assert.equal(nodeWidth(leaves), vector.n_nodes)
  assert.equal(root(leaves), vector.root)
  for (let i = 0; i < vector.n_nodes; i++) {
    const node = toNodeIndex(i)
    if (typeof vector.left[i] === 'number') assert.equal(left(node), vector.left[i])
    if (typeof vector.right[i] === 'number') assert.equal(right(node), vector.right[i])
    if (typeof vector.parent[i] === 'number') assert.equal(parent(node, leaves), vector.parent[i])
    if (typeof vector.sibling[i] === 'number') assert.equal(sibling(node, leaves), vector.sibling[i])
  }
}
