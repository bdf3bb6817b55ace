import assert from 'node:assert/strict'
import type { RatchetTree } from 'ts-mls/ratchetTree.js'
import { treeHashRoot } from 'ts-mls/treeHash.js'
import { toLeafIndex } from 'ts-mls/treemath.js'
import { isMeshError, MeshError } from '#mesh/errors'
import { MlsRoom } from '#mesh/testing'
import { portableMlsCrypto } from './crypto.ts'
import type { SuiteCrypto } from './hpke.ts'
import { assertPrivateKeys } from './join.ts'
import { deviceLeafRules } from './leaf-rules.ts'
import { assertTree } from './tree.ts'

const code = (wanted: string) => (error: unknown) => isMeshError(error) && error.code === wanted

async function welcomed(seed: string): Promise<{ room: MlsRoom; welcome: Uint8Array; own: Awaited<ReturnType<MlsRoom['keyPackage']>> }> {
  const room = await new MlsRoom(seed).open('a', 'b')
  const own = await room.keyPackage('c')
  const { welcome } = await room.engine.commit(room.of('a'), [{ kind: 'add', keyPackage: own.bytes }])
  if (welcome === undefined) throw new MeshError('MESH_INTERNAL', 'there is no Welcome')
  return { room, welcome, own }
}

describe('a Welcome', () => {
  it('is for the key package that it names, and for no other', async () => {
    const { room, welcome, own } = await welcomed('for one')
    await assert.rejects(room.engine.join(welcome, await room.keyPackage('c')), code('MESH_MLS_INVALID'))
    await assert.rejects(room.engine.join(welcome, await room.keyPackage('d')), code('MESH_MLS_INVALID'))
    assert.equal((await room.engine.join(welcome, own)).ownLeaf, 2)
  })

  it('does not open with other secrets', async () => {
    const { room, welcome, own } = await welcomed('secrets')
    await assert.rejects(room.engine.join(welcome, { ...own, initSecret: new Uint8Array(32).fill(1) }), (error) => isMeshError(error) && error.blame === 'peer')
    await assert.rejects(room.engine.join(welcome, { ...own, leafSecret: new Uint8Array(32).fill(1) }), code('MESH_MLS_PATH'))
  })

  it('with any byte changed leads nowhere', async () => {
    const { room, welcome, own } = await welcomed('changed')
    for (let at = 0; at < welcome.length; at += 11) {
      const changed = welcome.slice()
      changed[at] = (changed[at] ?? 0) ^ 0x21
      await assert.rejects(room.engine.join(changed, own), (error) => isMeshError(error) && error.blame === 'peer', `byte ${at}`)
    }
  })

  it('is refused when a member of the group is no device', async () => {
    const { welcome, own } = await welcomed('no device')
    const strict = new MlsRoom('strict')
    const rules = deviceLeafRules({
      crypto: { ...strict.crypto, ed25519Verify: (key, message, signature) => !isCertificate(message) && strict.crypto.ed25519Verify(key, message, signature) },
      clock: strict.clock,
      isRevoked: () => false,
    })
    const { MlsEngine } = await import('./engine.ts')
    const engine = new MlsEngine({ crypto: portableMlsCrypto(strict.crypto, { bytes: (n) => new Uint8Array(n) }), rules })
    await assert.rejects(engine.join(welcome, own), code('MESH_MLS_CREDENTIAL'))
  })

  it('is no key package, and a commit is no Welcome', async () => {
    const { room, own } = await welcomed('kinds')
    const { commit } = await room.engine.commit(room.of('a'))
    await assert.rejects(room.engine.join(commit, own), code('MESH_MLS_REFUSED'))
    await assert.rejects(room.engine.join(own.bytes, own), code('MESH_MLS_REFUSED'))
    await assert.rejects(room.engine.receive(room.of('b'), own.bytes), code('MESH_MLS_REFUSED'))
  })

  it('is refused when it is for another suite', async () => {
    const { room, welcome } = await welcomed('other suite')
    await assert.rejects(room.engine.join(welcome, await room.keyPackage('c', 1)), code('MESH_MLS_SUITE'))
  })

  it('into a group with settings of its own is refused', async () => {
    const room = new MlsRoom('settings')
    const [first, own] = [await room.keyPackage('a'), await room.keyPackage('c')]
    const state = await room.engine.createGroup(Uint8Array.of(1), first)
    const extensions = [{ extensionType: 'external_senders' as const, extensionData: Uint8Array.of(0) }]
    const groupContext = { ...state.inner.groupContext, extensions }
    const made = await room.engine.commit({ ...state, inner: { ...state.inner, groupContext } }, [{ kind: 'add', keyPackage: own.bytes }])
    await assert.rejects(room.engine.join(made.welcome ?? new Uint8Array(0), own), code('MESH_MLS_REFUSED'))
  })

  it('into a group whose members joined later than its last commit with a path is taken', async () => {
    // Unmerged leaves at different heights: what the package's own join refuses.
    const room = await new MlsRoom('unmerged').open('a', 'b', 'c', 'd')
    for (const name of ['a', 'b', 'c', 'd']) await room.commit(name)
    await room.add('a', 'e')
    await room.commit('e')
    await room.remove('a', 'b')
    room.states.delete('b')
    await room.commit('c')
    await room.add('d', 'f')
    await room.add('f', 'g', 'h')
    assert.equal(await room.agreed('h'), await room.agreed('a'))
  })
})

describe('a tree from somebody else', () => {
  let tree: RatchetTree = []
  let suite: SuiteCrypto
  let room: MlsRoom
  const check = async (changed: RatchetTree): Promise<void> => {
    const rules = deviceLeafRules({ crypto: room.crypto, clock: room.clock, isRevoked: () => false })
    return assertTree(changed, await treeHashRoot(changed, suite.hash), suite, rules)
  }
  /** The tree with one node changed; its hash is made to fit, so that only the fault itself can be found. */
  const refused = async (index: number, change: (node: NonNullable<RatchetTree[number]>) => RatchetTree[number], sentence: RegExp): Promise<void> => {
    const node = tree[index]
    assert.ok(node)
    const changed = tree.slice()
    changed[index] = change(node)
    await assert.rejects(check(changed), (error) => isMeshError(error, 'MESH_MLS_INVALID') && sentence.test(error.message))
  }
  const asParent = (node: NonNullable<RatchetTree[number]>) => {
    assert.ok(node.nodeType === 'parent')
    return node.parent
  }

  before(async () => {
    room = await new MlsRoom('trees').open('a', 'b', 'c', 'd', 'e')
    for (const name of ['a', 'b', 'c', 'd', 'e']) await room.commit(name)
    await room.add('a', 'f', 'g') // leaves 5 and 6: unmerged at the nodes above
    tree = [...room.of('a').inner.ratchetTree]
    const found = portableMlsCrypto(room.crypto, { bytes: (length) => new Uint8Array(length) }).suite(room.suite)
    assert.ok(found)
    suite = found
  })

  it('is taken when it is sound', async () => {
    await check(tree)
    const root = tree[7]
    assert.deepEqual(root?.nodeType === 'parent' ? root.parent.unmergedLeaves : undefined, [5, 6])
  })

  it('is refused when it is not the group’s', async () => {
    const rules = deviceLeafRules({ crypto: room.crypto, clock: room.clock, isRevoked: () => false })
    await assert.rejects(assertTree(tree, new Uint8Array(32), suite, rules), code('MESH_MLS_INVALID'))
  })

  it('is refused with a leaf where a parent belongs, or the other way round', async () => {
    const rules = { check: () => undefined, nameOf: () => undefined }
    for (const [index, node] of [
      [1, tree[0]],
      [0, tree[7]],
    ] as const) {
      const changed = tree.slice()
      changed[index] = node
      await assert.rejects(assertTree(changed, new Uint8Array(32), suite, rules), /wrong kind/)
    }
  })

  it('is refused with one encryption key in two places', async () => {
    await refused(7, (node) => ({ nodeType: 'parent', parent: { ...asParent(node), hpkePublicKey: hpkeKey(tree[0]) } }), /encryption key/)
  })

  it('is refused with one device, or one signature key, in two places', async () => {
    const twice = tree.slice()
    twice[14] = tree[0]
    await assert.rejects(check(twice), code('MESH_MLS_INVALID'))
    await refused(
      2,
      (node) => ({ ...node, ...withLeaf(node, (leaf) => ({ ...leaf, credential: leafOf(tree[0]).credential })) }),
      /device is in the group twice/,
    )
    await refused(
      2,
      (node) => ({ ...node, ...withLeaf(node, (leaf) => ({ ...leaf, signaturePublicKey: leafOf(tree[0]).signaturePublicKey })) }),
      /signature key/,
    )
  })

  it('is refused with unmerged leaves out of order, or twice', async () => {
    for (const leaves of [
      [6, 5],
      [5, 5, 6],
    ]) {
      await refused(7, (node) => unmerged(node, leaves), /not in order/)
    }
  })

  it('is refused with an unmerged leaf that is blank, or not below', async () => {
    await refused(7, (node) => unmerged(node, [5, 6, 7]), /blank/)
    await refused(1, (node) => unmerged(node, [5]), /not below/)
  })

  it('is refused with an unmerged leaf that a node between does not know of', async () => {
    await refused(7, (node) => unmerged(node, [0, 5, 6]), /further down/)
  })

  it('is refused with an unmerged leaf left out, for then a parent hash does not fit', async () => {
    await refused(7, (node) => unmerged(node, [5]), /parent hash/)
  })

  it('is refused with another parent hash or another key of a parent', async () => {
    await refused(3, (node) => ({ nodeType: 'parent', parent: { ...asParent(node), parentHash: new Uint8Array(32) } }), /parent hash/)
    await refused(7, (node) => ({ nodeType: 'parent', parent: { ...asParent(node), hpkePublicKey: new Uint8Array(32).fill(9) } }), /parent hash/)
  })

  it('is refused with a parent that nobody below has made', async () => {
    const made = { nodeType: 'parent' as const, parent: { hpkePublicKey: new Uint8Array(32).fill(8), parentHash: new Uint8Array(0), unmergedLeaves: [] } }
    const changed = tree.slice()
    changed[13] = made
    await assert.rejects(check(changed), code('MESH_MLS_INVALID'))
  })

  it('is refused when it is larger than a group may be, before anything is hashed', async () => {
    const large: RatchetTree = [tree[0], ...new Array<undefined>(2046)]
    await assert.rejects(assertTree(large, new Uint8Array(32), suite, { check: () => undefined, nameOf: () => undefined }), /too many leaves/)
  })

  it('is refused with private keys that are not the halves of its own', async () => {
    const { privatePath } = room.of('a').inner
    await assertPrivateKeys(tree, privatePath, suite)
    const wrong = { leafIndex: 0, privateKeys: { ...privatePath.privateKeys, 7: new Uint8Array(32).fill(5) } }
    await assert.rejects(assertPrivateKeys(tree, wrong, suite), code('MESH_MLS_PATH'))
  })
})

type Node = RatchetTree[number]

function leafOf(node: Node): Extract<NonNullable<Node>, { nodeType: 'leaf' }>['leaf'] {
  assert.ok(node?.nodeType === 'leaf')
  return node.leaf
}

function hpkeKey(node: Node): Uint8Array {
  return leafOf(node).hpkePublicKey
}

function withLeaf(node: Node, change: (leaf: ReturnType<typeof leafOf>) => ReturnType<typeof leafOf>): { nodeType: 'leaf'; leaf: ReturnType<typeof leafOf> } {
  return { nodeType: 'leaf', leaf: change(leafOf(node)) }
}

function unmerged(node: Node, leaves: readonly number[]): Node {
  assert.ok(node?.nodeType === 'parent')
  return { nodeType: 'parent', parent: { ...node.parent, unmergedLeaves: leaves.map(toLeafIndex) } }
}

function isCertificate(message: Uint8Array): boolean {
  return Buffer.from(message).subarray(0, 15).toString('latin1') === 'qpq certificate'
}
