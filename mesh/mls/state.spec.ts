import assert from 'node:assert/strict'
import { isMeshError } from '#mesh/errors'
import { MlsRoom } from '#mesh/testing'
import { decodeOwnKeyPackage, encodeOwnKeyPackage } from './key-package.ts'
import { decodeMlsState, encodeMlsState, membersOf } from './state.ts'

const code = (wanted: string) => (error: unknown) => isMeshError(error) && error.code === wanted

describe('a stored state', () => {
  it('reads back as it was, and goes on where it stopped', async () => {
    const room = await new MlsRoom('round trip').open('a', 'b', 'c')
    const open = await room.say('a', 'skipped')
    await room.deliver('b', await room.say('a', 'read'))
    const { state, message } = await room.engine.propose(room.of('c'), { kind: 'remove', leaf: 0 })
    room.states.set('c', state)
    await room.deliver('b', message)
    for (const name of ['a', 'b', 'c']) {
      const bytes = encodeMlsState(room.of(name))
      const back = decodeMlsState(bytes)
      assert.deepEqual(encodeMlsState(back), bytes)
      assert.deepEqual(
        [back.suite, back.groupId, back.epoch, back.ownLeaf, back.pending],
        [room.suite, room.of(name).groupId, 1n, room.of(name).ownLeaf, room.of(name).pending],
      )
      room.states.set(name, back)
    }
    assert.equal((await room.deliver('b', open)).kind, 'application')
    await room.commit('b', [], { skip: ['a'] })
    assert.equal(await room.agreed('b'), await room.agreed('c'))
  })

  it('does not let a message be read again that was read before it was stored', async () => {
    const room = await new MlsRoom('stored replay').open('a', 'b')
    const message = await room.say('a', 'once')
    await room.deliver('b', message)
    room.states.set('b', decodeMlsState(encodeMlsState(room.of('b'))))
    await assert.rejects(room.deliver('b', message), code('MESH_MLS_UNREADABLE'))
  })

  it('of a newer program is refused by its version', async () => {
    const room = await new MlsRoom('newer').open('a')
    const bytes = encodeMlsState(room.of('a'))
    bytes[4] = 2
    assert.throws(() => decodeMlsState(bytes), code('MESH_STORE_VERSION'))
  })

  it('begins with a header that says what it is', async () => {
    const room = await new MlsRoom('header').open('a')
    assert.equal(Buffer.from(encodeMlsState(room.of('a')).subarray(0, 8)).toString('latin1'), 'qpqm\x01\x00\x03\x00')
  })

  it('keeps the suite of its group: another one in the header is damage', async () => {
    const room = await new MlsRoom('suite pinned').open('a')
    const bytes = encodeMlsState(room.of('a'))
    bytes[6] = 1
    assert.throws(() => decodeMlsState(bytes), code('MESH_STORE_FAILED'))
  })

  it('cut short, or with bytes after its end, is damage', async () => {
    const room = await new MlsRoom('cut').open('a', 'b')
    const bytes = encodeMlsState(room.of('a'))
    for (let length = 0; length < bytes.length; length += 97) assert.throws(() => decodeMlsState(bytes.subarray(0, length)), code('MESH_STORE_FAILED'))
    assert.throws(() => decodeMlsState(new Uint8Array([...bytes, 0])), code('MESH_STORE_FAILED'))
  })

  it('of a suite that is not spoken here can be read, and not used', async () => {
    const room = await new MlsRoom('unknown suite').open('a')
    const { engine } = new MlsRoom('elsewhere', { mls: { name: 'none', suite: () => undefined } })
    await assert.rejects(engine.commit(room.of('a')), code('MESH_MLS_SUITE'))
    await assert.rejects(
      engine.createKeyPackage(room.suite, () => new Uint8Array(0)),
      code('MESH_MLS_SUITE'),
    )
  })

  it('holds no keys of nodes that became blank', async () => {
    const room = await new MlsRoom('pruned').open('a', 'b', 'c', 'd')
    for (const name of ['a', 'b', 'c', 'd']) await room.commit(name)
    await room.remove('a', 'd')
    const { privatePath, ratchetTree } = room.of('c').inner
    assert.ok(Object.keys(privatePath.privateKeys).length > 0)
    for (const node of Object.keys(privatePath.privateKeys)) assert.ok(ratchetTree[Number(node)] !== undefined, `node ${node}`)
  })

  it('lists its members with their credentials', async () => {
    const room = await new MlsRoom('members').open('a', 'b')
    const [a, b] = membersOf(room.of('b'))
    assert.ok(a && b)
    assert.deepEqual([a.leaf, b.leaf], [0, 1])
    assert.deepEqual(b.credential, room.device('b').credential(b.signatureKey))
  })
})

describe('a stored key package', () => {
  it('reads back with its secrets', async () => {
    const own = await new MlsRoom('own').keyPackage('a')
    assert.deepEqual(decodeOwnKeyPackage(encodeOwnKeyPackage(own)), own)
  })

  it('of a newer program is refused by its version', async () => {
    const bytes = encodeOwnKeyPackage(await new MlsRoom('own newer').keyPackage('a'))
    bytes[0] = 2
    assert.throws(() => decodeOwnKeyPackage(bytes), code('MESH_STORE_VERSION'))
  })
})
