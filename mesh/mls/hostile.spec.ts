/**
 * Members who break the protocol on purpose, and bytes that nobody made. What a member can forge is made here with
 * the package's own parts, signed and tagged as it has to be, so that only the check that is meant can refuse it.
 */
import assert from 'node:assert/strict'
import { createCommit } from 'ts-mls/createCommit.js'
import { createContentCommitSignature } from 'ts-mls/framedContent.js'
import { signKeyPackage } from 'ts-mls/keyPackage.js'
import { type LeafNode, signLeafNodeCommit, signLeafNodeKeyPackage } from 'ts-mls/leafNode.js'
import { decodeMlsMessage, encodeMlsMessage } from 'ts-mls/message.js'
import { protectProposalPublic, protectPublicMessage } from 'ts-mls/messageProtectionPublic.js'
import type { Proposal } from 'ts-mls/proposal.js'
import { isMeshError } from '#mesh/errors'
import { MlsRoom, seededRandom } from '#mesh/testing'
import { portableMlsCrypto } from './crypto.ts'
import type { SuiteCrypto } from './hpke.ts'
import { decodeKeyPackageMessage } from './key-package.ts'
import { MAX_HANDSHAKE_BYTES, MAX_PROPOSALS } from './limits.ts'
import { clientConfig, type MlsState, withConfig } from './state.ts'
import { leafAt } from './tree.ts'

const NOTHING = new Uint8Array(0)
const code = (wanted: string) => (error: unknown) => isMeshError(error) && error.code === wanted
const sentence = (wanted: RegExp) => (error: unknown) => isMeshError(error, 'MESH_MLS_INVALID') && wanted.test(error.message)
const ANY = {
  authService: { validateCredential: async () => true },
  keyPackageEqualityConfig: { compareKeyPackages: () => false, compareKeyPackageToLeafNode: () => false },
}

function suiteOf(room: MlsRoom): SuiteCrypto {
  const suite = portableMlsCrypto(room.crypto, seededRandom('mallory')).suite(room.suite)
  assert.ok(suite)
  return suite
}

type Path = NonNullable<Parameters<typeof createContentCommitSignature>[2]['path']>

/** A commit of these proposals, signed and tagged by whose state it is; only its confirmation is made up. */
async function forgeCommit(room: MlsRoom, state: MlsState, proposals: readonly Proposal[], path?: Path): Promise<Uint8Array> {
  const suite = suiteOf(room)
  const { groupContext, keySchedule, signaturePrivateKey } = state.inner
  const commit = { proposals: proposals.map((proposal) => ({ proposalOrRefType: 'proposal' as const, proposal })), path }
  const sender = { senderType: 'member' as const, leafIndex: state.ownLeaf }
  const wireformat = 'mls_public_message'
  const { framedContent, signature } = await createContentCommitSignature(
    groupContext,
    wireformat,
    commit,
    sender,
    NOTHING,
    signaturePrivateKey,
    suite.signature,
  )
  const auth = { contentType: 'commit' as const, signature, confirmationTag: new Uint8Array(32) }
  const publicMessage = await protectPublicMessage(keySchedule.membershipKey, groupContext, { wireformat, content: framedContent, auth }, suite)
  return encodeMlsMessage({ version: 'mls10', wireformat, publicMessage })
}

async function forgeProposal(room: MlsRoom, state: MlsState, proposal: Proposal): Promise<Uint8Array> {
  const { groupContext, keySchedule, signaturePrivateKey } = state.inner
  const made = await protectProposalPublic(signaturePrivateKey, keySchedule.membershipKey, groupContext, NOTHING, proposal, state.ownLeaf, suiteOf(room))
  return encodeMlsMessage({ version: 'mls10', wireformat: 'mls_public_message', ...made })
}

/** A leaf in the place of the sender's, signed with his key, and changed as one likes. */
async function forgeLeaf(room: MlsRoom, state: MlsState, source: 'commit' | 'update', change: Partial<LeafNode>): Promise<LeafNode> {
  const { hpkePublicKey, signaturePublicKey, credential, capabilities, extensions } = leafAt(state.inner.ratchetTree, state.ownLeaf)
  const base = {
    hpkePublicKey,
    signaturePublicKey,
    credential,
    capabilities,
    extensions,
    parentHash: NOTHING,
    groupId: state.groupId,
    leafIndex: state.ownLeaf,
  }
  const tbs = { ...base, ...change, leafNodeSource: source } as Parameters<typeof signLeafNodeCommit>[0]
  return signLeafNodeCommit(tbs, state.inner.signaturePrivateKey, suiteOf(room).signature)
}

async function addOf(room: MlsRoom, name: string): Promise<Proposal> {
  return { proposalType: 'add', add: { keyPackage: decodeKeyPackageMessage((await room.keyPackage(name)).bytes) } }
}

describe('a member who breaks the protocol', () => {
  const refused = async (room: MlsRoom, message: Uint8Array, check: (error: unknown) => boolean): Promise<void> => {
    const before = room.of('bob')
    await assert.rejects(room.deliver('bob', message), check)
    assert.equal(room.of('bob'), before, 'the state is the one before')
  }

  it('cannot remove without a path', async () => {
    const room = await new MlsRoom('no path').open('alice', 'bob', 'carol')
    await refused(room, await forgeCommit(room, room.of('alice'), [{ proposalType: 'remove', remove: { removed: 2 } }]), sentence(/path/))
    await refused(room, await forgeCommit(room, room.of('alice'), []), sentence(/path/))
  })

  it('cannot make another one believe to be removed by a commit without a path', async () => {
    const room = await new MlsRoom('false removal').open('alice', 'bob', 'carol')
    const forged = await forgeCommit(room, room.of('alice'), [{ proposalType: 'remove', remove: { removed: 1 } }])
    await assert.rejects(room.deliver('bob', forged), sentence(/path/))
  })

  it('cannot end the process with two bad additions at once', async () => {
    const room = await new MlsRoom('two bad').open('alice', 'bob')
    const unhandled: unknown[] = []
    const listener = (reason: unknown): void => void unhandled.push(reason)
    process.on('unhandledRejection', listener)
    try {
      const bad = await Promise.all(['x', 'y'].map(async (name) => addOf(room, name)))
      for (const proposal of bad) if (proposal.proposalType === 'add') proposal.add.keyPackage.signature[0] = (proposal.add.keyPackage.signature[0] ?? 0) ^ 1
      await refused(room, await forgeCommit(room, room.of('alice'), bad), sentence(/signature/))
      await new Promise((resolve) => setImmediate(resolve))
      assert.deepEqual(unhandled, [])
    } finally {
      process.off('unhandledRejection', listener)
    }
  })

  it('cannot add somebody without a credential, or with the key of another member', async () => {
    const room = await new MlsRoom('bad adds').open('alice', 'bob')
    const suite = suiteOf(room)
    const made = await addOf(room, 'x')
    assert.ok(made.proposalType === 'add')
    const { keyPackage } = made.add
    const seed = new Uint8Array(32).fill(4)
    const signaturePublicKey = room.crypto.ed25519PublicKey(seed)
    const forge = async (change: Partial<LeafNode>): Promise<Proposal> => {
      const tbs = { ...keyPackage.leafNode, signaturePublicKey, ...change } as Parameters<typeof signLeafNodeKeyPackage>[0]
      const leafNode = await signLeafNodeKeyPackage(tbs, seed, suite.signature)
      return { proposalType: 'add', add: { keyPackage: await signKeyPackage({ ...keyPackage, leafNode }, seed, suite.signature) } }
    }
    const commit = async (proposal: Proposal): Promise<Uint8Array> => {
      const state = withConfig(room.of('alice'), clientConfig(ANY))
      return encodeMlsMessage((await createCommit({ state, cipherSuite: suite }, { wireAsPublicMessage: true, extraProposals: [proposal] })).commit)
    }
    await refused(room, await commit(await forge({ credential: { credentialType: 'basic', identity: Uint8Array.of(1, 2, 3) } })), code('MESH_MLS_CREDENTIAL'))
    await refused(room, await commit(await forge({})), code('MESH_MLS_CREDENTIAL'))
    const credential = { credentialType: 'basic' as const, identity: room.device('x').credential(signaturePublicKey) }
    const stolen = leafAt(room.of('bob').inner.ratchetTree, 1).hpkePublicKey
    await refused(room, await commit(await forge({ credential, hpkePublicKey: stolen })), sentence(/encryption key stands in the tree twice/))
    await refused(
      room,
      await commit(await forge({ credential, capabilities: { ...keyPackage.leafNode.capabilities, credentials: [] } })),
      sentence(/understand/),
    )
    const x509 = await forge({ credential: { credentialType: 'x509', certificates: [] } })
    await refused(room, await forgeCommit(room, room.of('alice'), [x509]), code('MESH_MLS_CREDENTIAL'))
  })

  it('cannot hand us two key packages that the package would refuse on its own', async () => {
    const room = await new MlsRoom('lifetimes').open('alice')
    const suite = suiteOf(room)
    const past = async (name: string): Promise<Uint8Array> => {
      const seed = new Uint8Array(32).fill(name.charCodeAt(0))
      const signaturePublicKey = room.crypto.ed25519PublicKey(seed)
      const { leafNode, ...rest } = decodeKeyPackageMessage((await room.keyPackage(name)).bytes)
      const credential = { credentialType: 'basic' as const, identity: room.device(name).credential(signaturePublicKey) }
      const tbs = { ...leafNode, signaturePublicKey, credential, lifetime: { notBefore: 1n, notAfter: 2n } } as Parameters<typeof signLeafNodeKeyPackage>[0]
      const keyPackage = await signKeyPackage({ ...rest, leafNode: await signLeafNodeKeyPackage(tbs, seed, suite.signature) }, seed, suite.signature)
      return encodeMlsMessage({ version: 'mls10', wireformat: 'mls_key_package', keyPackage })
    }
    const adds = await Promise.all(['x', 'y'].map(async (name) => ({ kind: 'add' as const, keyPackage: await past(name) })))
    await assert.rejects(room.engine.commit(room.of('alice'), adds), sentence(/lifetime/))
    await assert.rejects(room.engine.readKeyPackage(await past('z')), sentence(/lifetime/))
  })

  it('cannot become another device, keep its key, or put a path into a leaf that is not its own', async () => {
    const room = await new MlsRoom('paths').open('alice', 'bob', 'carol')
    const alice = room.of('alice')
    const leafKey = leafAt(alice.inner.ratchetTree, 0).signaturePublicKey
    const hpkePublicKey = new Uint8Array(32).fill(6)
    const mallory = { credentialType: 'basic' as const, identity: room.device('mallory').credential(leafKey) }
    const path = async (change: Partial<LeafNode>): Promise<Uint8Array> =>
      forgeCommit(room, alice, [], { leafNode: (await forgeLeaf(room, alice, 'commit', change)) as Path['leafNode'], nodes: [] })
    await refused(room, await path({ hpkePublicKey, credential: mallory }), code('MESH_MLS_CREDENTIAL'))
    await refused(room, await path({}), sentence(/key that it has/))
    const forBob = { ...(await forgeLeaf(room, alice, 'commit', { hpkePublicKey })), signature: new Uint8Array(64) }
    await refused(room, await forgeCommit(room, alice, [], { leafNode: forBob as Path['leafNode'], nodes: [] }), sentence(/signature/))
    await refused(room, await path({ hpkePublicKey }), code('MESH_MLS_PATH')) // no node for a path of two
  })

  it('cannot become another device by an update either', async () => {
    const room = await new MlsRoom('updates').open('alice', 'bob', 'carol')
    const alice = room.of('alice')
    const leafKey = leafAt(alice.inner.ratchetTree, 0).signaturePublicKey
    const hpkePublicKey = new Uint8Array(32).fill(6)
    const update = async (change: Partial<LeafNode>): Promise<Proposal> =>
      ({ proposalType: 'update', update: { leafNode: await forgeLeaf(room, alice, 'update', change) } }) as Proposal
    const mallory = { credentialType: 'basic' as const, identity: room.device('mallory').credential(leafKey) }
    await refused(room, await forgeProposal(room, alice, await update({ hpkePublicKey, credential: mallory })), code('MESH_MLS_CREDENTIAL'))
    await refused(room, await forgeProposal(room, alice, await update({})), sentence(/key that it has/))
    assert.equal((await room.deliver('bob', await forgeProposal(room, alice, await update({ hpkePublicKey })))).kind, 'proposal')
  })

  it('cannot update or remove itself by its own commit', async () => {
    const room = await new MlsRoom('itself').open('alice', 'bob', 'carol')
    await refused(room, await forgeCommit(room, room.of('alice'), [{ proposalType: 'remove', remove: { removed: 0 } }]), sentence(/own committer/))
  })

  it('cannot change settings of the group, make it anew, or initialise it from outside', async () => {
    const room = await new MlsRoom('kinds').open('alice', 'bob')
    const others: Proposal[] = [
      { proposalType: 'group_context_extensions', groupContextExtensions: { extensions: [] } },
      { proposalType: 'reinit', reinit: { groupId: NOTHING, version: 'mls10', cipherSuite: suiteOf(room).name, extensions: [] } },
      { proposalType: 'external_init', externalInit: { kemOutput: new Uint8Array(32) } },
      { proposalType: 0xf0f0, proposalData: Uint8Array.of(1) },
    ]
    for (const proposal of others) {
      await refused(room, await forgeProposal(room, room.of('alice'), proposal), code('MESH_MLS_REFUSED'))
      await refused(room, await forgeCommit(room, room.of('alice'), [proposal]), code('MESH_MLS_REFUSED'))
    }
  })

  it('cannot keep the others busy with thousands of proposals', async () => {
    const room = await new MlsRoom('flood').open('alice', 'bob', 'carol')
    const flood = new Array<Proposal>(2000).fill({ proposalType: 'remove', remove: { removed: 2 } })
    const started = performance.now()
    await refused(room, await forgeCommit(room, room.of('alice'), flood), sentence(/too many proposals/))
    assert.ok(performance.now() - started < 2000)
  })

  it('cannot let more proposals wait than a commit may have', async () => {
    const room = await new MlsRoom('pile').open('alice', 'bob', 'carol')
    for (let i = 0; i < MAX_PROPOSALS; i++) {
      const preSharedKeyId = { psktype: 'external' as const, pskId: Uint8Array.of(i & 0xff, i >> 8), pskNonce: new Uint8Array(32) }
      await room.deliver('bob', await forgeProposal(room, room.of('alice'), { proposalType: 'psk', psk: { preSharedKeyId } }))
    }
    await refused(room, await forgeProposal(room, room.of('alice'), { proposalType: 'remove', remove: { removed: 2 } }), sentence(/too many proposals wait/))
  })

  it('cannot speak for another member', async () => {
    const room = await new MlsRoom('impostor').open('alice', 'bob', 'carol')
    const impostor = { ...room.of('alice'), ownLeaf: 2 }
    await refused(room, await forgeCommit(room, impostor, []), code('MESH_MLS_INVALID'))
    await refused(room, await forgeProposal(room, { ...impostor, ownLeaf: 77 }, { proposalType: 'remove', remove: { removed: 0 } }), sentence(/no such member/))
  })

  it('has to make its handshakes public messages', async () => {
    const room = await new MlsRoom('private').open('alice', 'bob')
    const state = withConfig(room.of('alice'), clientConfig(ANY))
    const { commit } = await createCommit({ state, cipherSuite: suiteOf(room) }, { wireAsPublicMessage: false })
    await refused(room, encodeMlsMessage(commit), code('MESH_MLS_REFUSED'))
  })
})

describe('a stranger', () => {
  it('cannot join or propose from outside', async () => {
    const room = await new MlsRoom('outside').open('alice', 'bob')
    const honest = decodeMlsMessage((await room.engine.commit(room.of('alice'))).commit, 0)?.[0]
    assert.ok(honest?.wireformat === 'mls_public_message')
    const { content, auth } = honest.publicMessage
    for (const sender of [{ senderType: 'new_member_commit' }, { senderType: 'new_member_proposal' }, { senderType: 'external', senderIndex: 0 }] as const) {
      const publicMessage = { content: { ...content, sender }, auth, senderType: sender.senderType }
      const forged = encodeMlsMessage({ version: 'mls10', wireformat: 'mls_public_message', publicMessage })
      await assert.rejects(room.deliver('bob', forged), code('MESH_MLS_REFUSED'))
    }
  })

  it('gets nowhere with bytes that are changed, cut or made up, and nothing breaks', async () => {
    const room = await new MlsRoom('fuzz').open('alice', 'bob', 'carol')
    const { message: proposal } = await room.engine.propose(room.of('alice'), { kind: 'remove', leaf: 2 })
    const { commit } = await room.engine.commit(room.of('alice'), [{ kind: 'remove', leaf: 2 }])
    const samples = [await room.say('alice', 'text'), proposal, commit]
    const random = seededRandom('bytes')
    let slowest = 0
    for (const sample of samples) {
      for (let i = 0; i < 250; i++) {
        const [where = 0, to = 0, how = 0] = random.bytes(3)
        const at = (where * 257 + to) % sample.length
        const changed = how < 40 ? sample.slice(0, at) : how < 80 ? new Uint8Array([...sample, ...random.bytes((to % 9) + 1)]) : sample.slice()
        if (how >= 80) changed[at] = (changed[at] ?? 0) ^ (1 << (how % 8))
        const started = performance.now()
        await assert.rejects(room.deliver('bob', changed), (error) => isMeshError(error) && error.blame === 'peer')
        slowest = Math.max(slowest, performance.now() - started)
      }
    }
    for (let i = 0; i < 250; i++) {
      const [length = 0] = random.bytes(1)
      await assert.rejects(room.deliver('bob', random.bytes(length)), (error) => isMeshError(error) && error.blame === 'peer')
    }
    assert.ok(slowest < 500, `one took ${slowest} ms`)
    for (const sample of samples) assert.ok((await room.engine.receive(room.of('bob'), sample)).sender === 0)
  })

  it('is stopped by size before anything is decoded', async () => {
    const room = await new MlsRoom('large').open('alice', 'bob')
    await assert.rejects(room.deliver('bob', new Uint8Array(MAX_HANDSHAKE_BYTES + 1)), code('MESH_FRAME_TOO_LARGE'))
    await assert.rejects(room.engine.join(new Uint8Array(524_289), await room.keyPackage('c')), code('MESH_FRAME_TOO_LARGE'))
    await assert.rejects(room.engine.readKeyPackage(new Uint8Array(16_385)), code('MESH_FRAME_TOO_LARGE'))
  })
})
