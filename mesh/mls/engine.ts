/**
 * The one adapter over ts-mls 1.6.4: everything that this project does with MLS goes through here.
 *
 * States are values, and every call that changes one gives a new one; which of two children of an epoch counts is
 * decided elsewhere. Handshakes are public messages, because the envelope around them is encrypted, because a
 * private commit with a pre-shared key fails in the package, and because one that is made again would use its key
 * twice. Never called: the package's `joinGroup` (refuses valid trees) and `joinGroupExternal` (may never return).
 */
import type { ClientConfig } from 'ts-mls/clientConfig.js'
import { createGroup } from 'ts-mls/clientState.js'
import { createCommit } from 'ts-mls/createCommit.js'
import { createApplicationMessage, createProposal } from 'ts-mls/createMessage.js'
import { mlsExporter } from 'ts-mls/keySchedule.js'
import type { LeafNode } from 'ts-mls/leafNode.js'
import { decodeMlsMessage, encodeMlsMessage, type MLSMessage } from 'ts-mls/message.js'
import type { Proposal } from 'ts-mls/proposal.js'
import type { ProposalWithSender } from 'ts-mls/unappliedProposals.js'
import { MeshError } from '#mesh/errors'
import { decodeWhole, guarded } from './faults.ts'
import type { MlsCrypto, SuiteCrypto } from './hpke.ts'
import { assertPrivateKeys, joinByWelcome } from './join.ts'
import { assertKeyPackage, decodeKeyPackageMessage, type KeyPackageInfo, makeKeyPackage, type OwnKeyPackage, readKeyPackage } from './key-package.ts'
import type { LeafRules, Occasion } from './leaf-rules.ts'
import { MAX_APPLICATION_BYTES, MAX_PROPOSALS, MAX_WELCOME_BYTES } from './limits.ts'
import { assertCommit, assertProposal, type ProposalContext, type ProposalKind } from './proposals.ts'
import { type Psk, pskIndex } from './psks.ts'
import { type MlsReceived, receiveMessage } from './receive.ts'
import { clientConfig, type MlsState, withConfig, wrapState } from './state.ts'
import { type SuiteId, suiteId, unknownSuite } from './suites.ts'
import { assertDistinct } from './tree.ts'

/** What the engine stands on. */
export interface MlsEngineDeps {
  readonly crypto: MlsCrypto
  readonly rules: LeafRules
}

/** What the test vectors need and a node does not. */
export interface MlsEngineOptions {
  /** Kinds of proposals that are taken: everything but settings of the group, which our own log keeps. */
  readonly kinds?: readonly ProposalKind[]
  /** Takes proposals and commits as private messages too. */
  readonly privateHandshakes?: boolean
}

/** One change to a group. */
export type MlsChange =
  | { readonly kind: 'add'; readonly keyPackage: Uint8Array }
  | { readonly kind: 'remove'; readonly leaf: number }
  | { readonly kind: 'psk'; readonly id: Uint8Array }

/** A commit of our own: publish `commit`, hand `welcome` to whom it adds, and go on in `state` when it is the one that counts. */
export interface MlsCommit {
  readonly state: MlsState
  readonly commit: Uint8Array
  readonly welcome: Uint8Array | undefined
}

/** MLS groups (RFC 9420). */
export class MlsEngine {
  readonly #deps: MlsEngineDeps
  readonly #kinds: ReadonlySet<ProposalKind>
  readonly #privateHandshakes: boolean

  constructor(deps: MlsEngineDeps, options: MlsEngineOptions = {}) {
    this.#deps = deps
    this.#kinds = new Set(options.kinds ?? ['add', 'update', 'remove', 'psk'])
    this.#privateHandshakes = options.privateHandshakes ?? false
  }

  /** Makes a key package; `credentialFor` gives the credential for the leaf's new signature key. @throws MeshError `MESH_MLS_SUITE` */
  async createKeyPackage(suite: SuiteId, credentialFor: (leafKey: Uint8Array) => Uint8Array): Promise<OwnKeyPackage> {
    return makeKeyPackage(this.#suite(suite), credentialFor)
  }

  /**
   * Reads a foreign key package and checks it, as for adding when nothing else is said; when `receiving`, the verdict
   * depends on the bytes alone.
   * @throws MeshError `MESH_MLS_INVALID`, `MESH_MLS_CREDENTIAL`, `MESH_MLS_SUITE`, `MESH_BYTES_*` (peer)
   */
  async readKeyPackage(bytes: Uint8Array, occasion: Occasion = 'adding'): Promise<KeyPackageInfo> {
    return readKeyPackage(this.#deps.crypto, this.#deps.rules, bytes, occasion)
  }

  /** A new group with ourselves alone in it; its suite is that of the key package, for ever. @throws MeshError as {@link readKeyPackage} */
  async createGroup(groupId: Uint8Array, own: OwnKeyPackage): Promise<MlsState> {
    const keyPackage = decodeKeyPackageMessage(own.bytes)
    const suite = this.#suite(suiteId(keyPackage.cipherSuite))
    await assertKeyPackage(keyPackage, suite, this.#deps.rules, 'adding')
    return guarded('MESH_INTERNAL', 'a group could not be made', async () =>
      wrapState(await createGroup(Uint8Array.from(groupId), keyPackage, privateOf(own), [], suite, this.#config())),
    )
  }

  /** Joins by a Welcome. `tree` when the Welcome does not bring it. @throws MeshError `MESH_MLS_INVALID`, `MESH_MLS_SUITE`, `MESH_MLS_CREDENTIAL`, `MESH_MLS_PATH`, … (peer), `MESH_MLS_PSK_MISSING` (us) */
  async join(welcome: Uint8Array, own: OwnKeyPackage, options: { tree?: Uint8Array; psks?: readonly Psk[] } = {}): Promise<MlsState> {
    const message = decodeWhole(decodeMlsMessage, welcome, MAX_WELCOME_BYTES)
    if (message.wireformat !== 'mls_welcome') throw new MeshError('MESH_MLS_REFUSED', 'this is no Welcome')
    const keyPackage = decodeKeyPackageMessage(own.bytes)
    const suite = this.#suite(suiteId(keyPackage.cipherSuite))
    const inputs = {
      suite,
      rules: this.#deps.rules,
      own,
      keyPackage,
      tree: options.tree,
      psks: options.psks ?? [],
      extensions: this.#kinds.has('group_context_extensions'),
    }
    return wrapState(await guarded('MESH_MLS_INVALID', 'a Welcome cannot be followed', async () => joinByWelcome(message.welcome, inputs)))
  }

  /** Commits `changes` and all waiting proposals; without any it only renews our keys. @throws MeshError `MESH_MLS_INVALID`, `MESH_MLS_CREDENTIAL`, `MESH_CERTIFICATE_EXPIRED`, … (peer), `MESH_MLS_PSK_MISSING` (us), `MESH_MLS_STATE` (caller) */
  async commit(state: MlsState, changes: readonly MlsChange[] = [], options: { psks?: readonly Psk[]; authenticated?: Uint8Array } = {}): Promise<MlsCommit> {
    const suite = this.#suite(state.suite)
    const context = this.#context(state, suite, 'adding', options.psks)
    if (changes.length + state.pending > MAX_PROPOSALS)
      throw new MeshError('MESH_MLS_STATE', 'this is too much for one commit', { detail: { limit: MAX_PROPOSALS } })
    const proposals = changes.map((change) => proposalOf(change, suite))
    const waiting = Object.values(state.inner.unappliedProposals)
    await assertOwnCommit(context, [...waiting, ...proposals.map((proposal) => ({ proposal, senderLeafIndex: state.ownLeaf }))])
    return guarded('MESH_MLS_INVALID', 'this cannot be committed', async () => {
      const made = await createCommit(
        { state: withConfig(state, this.#config()), cipherSuite: suite, pskIndex: context.psks },
        {
          wireAsPublicMessage: true,
          extraProposals: proposals,
          ratchetTreeExtension: true,
          ...(options.authenticated === undefined ? {} : { authenticatedData: options.authenticated }),
        },
      )
      assertPath(made.commit, [...waiting.map(({ proposal }) => proposal), ...proposals])
      assertDistinct(made.newState.ratchetTree, suite, this.#deps.rules)
      await assertPrivateKeys(made.newState.ratchetTree, made.newState.privatePath, suite, state.inner.privatePath.privateKeys)
      const welcome = made.welcome === undefined ? undefined : encodeMlsMessage({ version: 'mls10', wireformat: 'mls_welcome', welcome: made.welcome })
      return { state: wrapState(made.newState), commit: encodeMlsMessage(made.commit), welcome }
    })
  }

  /** Proposes a change for somebody else to commit. @throws MeshError as {@link commit} */
  async propose(state: MlsState, change: MlsChange, authenticated = new Uint8Array(0)): Promise<{ state: MlsState; message: Uint8Array }> {
    const suite = this.#suite(state.suite)
    if (state.pending >= MAX_PROPOSALS) throw new MeshError('MESH_MLS_STATE', 'too many proposals wait', { detail: { limit: MAX_PROPOSALS } })
    const proposal = proposalOf(change, suite)
    await assertProposal(this.#context(state, suite, 'adding'), proposal, state.ownLeaf)
    return guarded('MESH_MLS_INVALID', 'this cannot be proposed', async () => {
      const { newState, message } = await createProposal(withConfig(state, this.#config()), true, proposal, suite, authenticated)
      return { state: wrapState(newState), message: encodeMlsMessage(message) }
    })
  }

  /** Encrypts for the group. Store `state` before `message` leaves: a key must not be used twice. @throws MeshError `MESH_MLS_STATE` (caller) */
  async encrypt(state: MlsState, text: Uint8Array, authenticated = new Uint8Array(0)): Promise<{ state: MlsState; message: Uint8Array }> {
    if (text.length + authenticated.length > MAX_APPLICATION_BYTES - 1024) {
      throw new MeshError('MESH_MLS_STATE', 'this is too long for one message', { detail: { bytes: text.length } })
    }
    return guarded('MESH_INTERNAL', 'a message could not be encrypted', async () => {
      const made = await createApplicationMessage(withConfig(state, this.#config()), text, this.#suite(state.suite), authenticated)
      const message = encodeMlsMessage({ version: 'mls10', wireformat: 'mls_private_message', privateMessage: made.privateMessage })
      return { state: wrapState(made.newState), message }
    })
  }

  /**
   * Reads a message. `MESH_MLS_EPOCH` is for whoever keeps other epochs; `MESH_MLS_PATH` means that others may be able to follow this commit.
   * @throws MeshError `MESH_MLS_INVALID`, `MESH_MLS_REFUSED`, `MESH_MLS_CREDENTIAL`, `MESH_MLS_EPOCH`, `MESH_MLS_UNREADABLE`, `MESH_MLS_PATH`, `MESH_BYTES_*` (peer), `MESH_MLS_PSK_MISSING` (us)
   */
  async receive(state: MlsState, message: Uint8Array, psks: readonly Psk[] = []): Promise<MlsReceived> {
    const suite = this.#suite(state.suite)
    const context = this.#context(state, suite, 'receiving', psks)
    return receiveMessage(message, { ...context, client: withConfig(state, this.#config()), privateHandshakes: this.#privateHandshakes })
  }

  /** A secret of this epoch for another purpose (RFC 9420 §8.5); the same for all members, unlike in every other epoch. */
  async exportSecret(state: MlsState, label: string, context: Uint8Array, bytes: number): Promise<Uint8Array> {
    return mlsExporter(state.inner.keySchedule.exporterSecret, label, context, bytes, this.#suite(state.suite))
  }

  #suite(id: SuiteId): SuiteCrypto {
    const suite = this.#deps.crypto.suite(id)
    if (suite === undefined) throw unknownSuite(id)
    return suite
  }

  #context(state: MlsState, suite: SuiteCrypto, occasion: Occasion, psks: readonly Psk[] = []): ProposalContext {
    return { state, suite, rules: this.#deps.rules, occasion, psks: pskIndex(psks), kinds: this.#kinds }
  }

  /** The package's own questions about leaves. Everything that it asks was answered before; it is answered again in case we forgot a place. */
  #config(): ClientConfig {
    const { rules } = this.#deps
    const nameOf = (leaf: LeafNode): string | undefined => (leaf.credential.credentialType === 'basic' ? rules.nameOf(leaf.credential.identity) : undefined)
    const isSame = (a: string | undefined, b: string | undefined): boolean => a !== undefined && a === b
    return clientConfig({
      authService: {
        async validateCredential(credential, signatureKey) {
          if (credential.credentialType !== 'basic') return false
          rules.check({ credential: credential.identity, signatureKey }, 'receiving')
          return true
        },
      },
      keyPackageEqualityConfig: {
        compareKeyPackages: (a, b) => isSame(nameOf(a.leafNode), nameOf(b.leafNode)),
        compareKeyPackageToLeafNode: (a, b) => isSame(nameOf(a.leafNode), nameOf(b)),
      },
    })
  }
}

function privateOf(own: OwnKeyPackage): { initPrivateKey: Uint8Array; hpkePrivateKey: Uint8Array; signaturePrivateKey: Uint8Array } {
  return { initPrivateKey: own.initSecret, hpkePrivateKey: own.leafSecret, signaturePrivateKey: own.signatureSeed }
}

function proposalOf(change: MlsChange, suite: SuiteCrypto): Proposal {
  if (change.kind === 'add') return { proposalType: 'add', add: { keyPackage: decodeKeyPackageMessage(change.keyPackage) } }
  if (change.kind === 'remove') return { proposalType: 'remove', remove: { removed: change.leaf } }
  const preSharedKeyId = { psktype: 'external' as const, pskId: Uint8Array.from(change.id), pskNonce: suite.rng.randomBytes(suite.kdf.size) }
  return { proposalType: 'psk', psk: { preSharedKeyId } }
}

/** The checks of a receiver, at the sender; a path it will get from the package. */
async function assertOwnCommit(context: ProposalContext, proposals: readonly ProposalWithSender[]): Promise<void> {
  const path = context.state.inner.ratchetTree[context.state.ownLeaf * 2]
  if (path?.nodeType !== 'leaf') throw new MeshError('MESH_MLS_STATE', 'we are not in this group')
  await assertCommit(context, proposals, context.state.ownLeaf, 'to come')
}

/** Whoever is removed must not know the next epoch's secret, and only a path gives it new entropy: version 2.0.0-rc.10 of the package left it out. */
function assertPath(commit: MLSMessage, proposals: readonly Proposal[]): void {
  const needed = proposals.length === 0 || proposals.some(({ proposalType }) => proposalType === 'remove' || proposalType === 'update')
  const content = commit.wireformat === 'mls_public_message' ? commit.publicMessage.content : undefined
  const hasPath = content?.contentType === 'commit' && content.commit.path !== undefined
  if (needed && !hasPath) throw new MeshError('MESH_INTERNAL', 'a commit that needs a path was made without one')
}
