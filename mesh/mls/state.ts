/**
 * A member's state in one epoch of a group: a value. Whatever changes it gives a new one and leaves the old one as it
 * was, so that a node can follow both children of an epoch. Forgetting an epoch means dropping its value.
 *
 * ```
 * "qpqm", u8 version = 1, u16 suite, u8 0, state as ts-mls 1.6.4 encodes it
 * ```
 *
 * The package's encoding carries no version and no suite; a later engine knows by ours what it has before it.
 */
import type { ClientConfig } from 'ts-mls/clientConfig.js'
import { type ClientState, decodeGroupState, encodeGroupState, type GroupState } from 'ts-mls/clientState.js'
import { ByteReader, ByteWriter, concatBytes } from '#mesh/codec'
import { isMeshError, MeshError } from '#mesh/errors'
import { decodeWhole } from './faults.ts'
import { MAX_SKIPPED_GENERATIONS, MAX_STATE_BYTES } from './limits.ts'
import { type SuiteId, suiteId } from './suites.ts'
import { leavesOf } from './tree.ts'

/** A member's state in one epoch. Holds secrets; only {@link encodeMlsState} turns it into bytes. */
export interface MlsState {
  readonly suite: SuiteId
  readonly groupId: Uint8Array
  readonly epoch: bigint
  /** Our own leaf. */
  readonly ownLeaf: number
  /** Proposals that wait for the next commit. While there are any, nothing can be sent. */
  readonly pending: number
  /** What the package keeps; nobody else looks into it. */
  readonly inner: GroupState
}

/** One member, as the tree of the epoch has him. */
export interface MlsMember {
  readonly leaf: number
  readonly credential: Uint8Array
  readonly signatureKey: Uint8Array
}

const MAGIC = Uint8Array.of(0x71, 0x70, 0x71, 0x6d)
const VERSION = 1
const HEADER_BYTES = 8

/** Wraps what the package gave. Past epochs are left out: who wants to read on in one keeps its value. */
export function wrapState(state: GroupState): MlsState {
  const { groupContext, keySchedule, secretTree, ratchetTree, privatePath, signaturePrivateKey, unappliedProposals, confirmationTag, groupActiveState } = state
  const privateKeys: Record<number, Uint8Array> = {}
  for (const [node, key] of Object.entries(privatePath.privateKeys)) {
    if (ratchetTree[Number(node)] !== undefined) privateKeys[Number(node)] = key // keys of blank nodes are of no use but to a thief
  }
  const inner: GroupState = {
    groupContext,
    keySchedule,
    secretTree,
    ratchetTree,
    privatePath: { leafIndex: privatePath.leafIndex, privateKeys },
    signaturePrivateKey,
    unappliedProposals,
    confirmationTag,
    historicalReceiverData: new Map(),
    groupActiveState,
  }
  return {
    suite: suiteId(groupContext.cipherSuite),
    groupId: groupContext.groupId,
    epoch: groupContext.epoch,
    ownLeaf: privatePath.leafIndex,
    pending: Object.keys(unappliedProposals).length,
    inner,
  }
}

/** Settings for the package: who is judged how, and how much is kept. */
export function clientConfig(judge: Pick<ClientConfig, 'authService' | 'keyPackageEqualityConfig'>): ClientConfig {
  return {
    ...judge,
    // Past epochs are kept by whoever keeps their value; 0 would mean all of them to the package.
    keyRetentionConfig: { retainKeysForGenerations: MAX_SKIPPED_GENERATIONS, retainKeysForEpochs: 1, maximumForwardRatchetSteps: MAX_SKIPPED_GENERATIONS },
    // Lifetimes are judged by our clock where somebody is added; see leaf-rules.ts.
    lifetimeConfig: { maximumTotalLifetime: 0xffff_ffff_ffff_ffffn, validateLifetimeOnReceive: false },
    // The envelope around it is padded to a size class.
    paddingConfig: { kind: 'padUntilLength', padUntilLength: 0 },
  }
}

/** The state with the settings that the package keeps beside it. */
export function withConfig(state: MlsState, config: ClientConfig): ClientState {
  return { ...state.inner, clientConfig: config }
}

/** The members of the group, by leaf. */
export function membersOf(state: MlsState): MlsMember[] {
  const members: MlsMember[] = []
  for (const [leaf, node] of leavesOf(state.inner.ratchetTree)) {
    const credential = node.credential.credentialType === 'basic' ? node.credential.identity : new Uint8Array(0)
    members.push({ leaf, credential, signatureKey: node.signaturePublicKey })
  }
  return members
}

/** The state as bytes, for a store that is encrypted. */
export function encodeMlsState(state: MlsState): Uint8Array {
  return concatBytes(new ByteWriter(HEADER_BYTES).bytes(MAGIC).u8(VERSION).u16(state.suite).u8(0).finish(), encodeGroupState(state.inner))
}

/** Reads a stored state. @throws MeshError `MESH_STORE_VERSION` when a newer program wrote it, `MESH_STORE_FAILED` when it is damaged (us) */
export function decodeMlsState(bytes: Uint8Array): MlsState {
  try {
    const reader = new ByteReader(bytes)
    const isOurs = reader.bytes(MAGIC.length).every((byte, i) => byte === MAGIC[i])
    const version = reader.u8()
    const suite = reader.u16()
    if (!isOurs) throw new MeshError('MESH_BYTES_INVALID', 'these bytes are no state of a group')
    if (version !== VERSION || reader.u8() !== 0) throw newer(version)
    const state = wrapState(decodeWhole(decodeGroupState, reader.rest(), MAX_STATE_BYTES))
    if (state.suite !== suite) throw new MeshError('MESH_BYTES_INVALID', 'the suite of a stored group is not the one it was created with')
    return state
  } catch (cause) {
    if (!isMeshError(cause) || cause.code === 'MESH_STORE_VERSION') throw cause
    throw new MeshError('MESH_STORE_FAILED', 'the stored state of a group is damaged', { cause })
  }
}

function newer(version: number): MeshError {
  return new MeshError('MESH_STORE_VERSION', `the state of a group was written by another program (version ${version}, this one knows ${VERSION})`, {
    detail: { version },
    hint: 'update qpq on this device',
  })
}
