import assert from 'node:assert/strict'
import { decodeUtf8, encodeUtf8 } from '#mesh/codec'
import { isMeshError } from '#mesh/errors'
import { MlsRoom } from '#mesh/testing'
import { MAX_SKIPPED_GENERATIONS } from './limits.ts'

const code = (wanted: string) => (error: unknown) => isMeshError(error) && error.code === wanted
const text = (received: Awaited<ReturnType<MlsRoom['deliver']>>) => (received.kind === 'application' ? decodeUtf8(received.text) : received.kind)

describe('a group', () => {
  it('agrees on a new secret in every epoch', async () => {
    const room = await new MlsRoom('epochs').open('alice', 'bob', 'carol')
    const secrets = new Set<string>()
    for (const by of ['alice', 'bob', 'carol', 'bob']) {
      await room.commit(by)
      const agreed = await Promise.all(['alice', 'bob', 'carol'].map(async (name) => room.agreed(name)))
      assert.equal(new Set(agreed).size, 1)
      secrets.add(agreed[0] ?? '')
    }
    assert.equal(secrets.size, 4)
    assert.equal(room.of('alice').epoch, 5n)
  })

  it('exports other secrets for other labels, contexts and lengths', async () => {
    const room = await new MlsRoom('exporter').open('alice')
    const made = [
      await room.engine.exportSecret(room.of('alice'), 'a', Uint8Array.of(1), 16),
      await room.engine.exportSecret(room.of('alice'), 'b', Uint8Array.of(1), 16),
      await room.engine.exportSecret(room.of('alice'), 'a', Uint8Array.of(2), 16),
      await room.engine.exportSecret(room.of('alice'), 'a', Uint8Array.of(1), 17),
    ]
    assert.equal(new Set(made.map((secret) => String(secret.subarray(0, 16)))).size, 4)
    assert.deepEqual(
      made.map(({ length }) => length),
      [16, 16, 16, 17],
    )
  })

  it('lets both children of an epoch be followed, for a state is a value', async () => {
    const room = await new MlsRoom('fork').open('alice', 'bob', 'carol')
    const before = room.of('carol')
    const byAlice = await room.engine.commit(room.of('alice'))
    const byBob = await room.engine.commit(room.of('bob'))
    const left = await room.engine.receive(before, byAlice.commit)
    const right = await room.engine.receive(before, byBob.commit)
    assert.ok(left.kind === 'commit' && right.kind === 'commit')
    const secret = async (state: typeof before) => room.engine.exportSecret(state, 'x', new Uint8Array(0), 16)
    assert.deepEqual(await secret(left.state), await secret(byAlice.state))
    assert.deepEqual(await secret(right.state), await secret(byBob.state))
    assert.notDeepEqual(await secret(left.state), await secret(right.state))
    assert.equal(before.epoch, 1n)
  })

  it('follows its own commit on the way back from nobody: it is refused, not applied twice', async () => {
    const room = await new MlsRoom('own').open('alice', 'bob')
    const made = await room.commit('alice')
    await assert.rejects(room.deliver('alice', made.commit), code('MESH_MLS_EPOCH'))
  })

  it('keeps no epoch but the current one', async () => {
    const room = await new MlsRoom('old epoch').open('alice', 'bob')
    const late = await room.say('alice', 'late')
    const old = room.of('bob')
    await room.commit('bob')
    await assert.rejects(room.deliver('bob', late), code('MESH_MLS_EPOCH'))
    const received = await room.engine.receive(old, late)
    assert.equal(text(received), 'late', 'whoever kept the old state can read on in it')
  })

  it('refuses a commit of an epoch that is still to come', async () => {
    const room = await new MlsRoom('early').open('alice', 'bob')
    const first = await room.engine.commit(room.of('alice'))
    const second = await room.engine.commit(first.state)
    await assert.rejects(room.deliver('bob', second.commit), code('MESH_MLS_EPOCH'))
  })

  it('refuses what was made in another group', async () => {
    const room = await new MlsRoom('one').open('alice', 'bob')
    const other = new MlsRoom('other')
    other.states.set('alice', await other.engine.createGroup(encodeUtf8('elsewhere'), await other.keyPackage('alice')))
    await other.add('alice', 'bob')
    await assert.rejects(room.deliver('bob', await other.say('alice', 'hi')), code('MESH_MLS_EPOCH'))
    await assert.rejects(room.deliver('bob', (await other.commit('alice')).commit), code('MESH_MLS_EPOCH'))
  })
})

describe('a message', () => {
  it('reaches all others from each member, with its sender', async () => {
    const room = await new MlsRoom('messages').open('alice', 'bob', 'carol')
    for (const from of ['alice', 'bob', 'carol']) {
      const message = await room.say(from, `by ${from}`)
      for (const to of ['alice', 'bob', 'carol']) {
        if (to === from) continue
        const received = await room.deliver(to, message)
        assert.ok(received.kind === 'application')
        assert.equal(received.sender, room.of(from).ownLeaf)
        assert.equal(text(received), `by ${from}`)
      }
    }
  })

  it('carries data that is authenticated and not secret', async () => {
    const room = await new MlsRoom('aad').open('alice', 'bob')
    const { message } = await room.engine.encrypt(room.of('alice'), encodeUtf8('x'), Uint8Array.of(4, 2))
    const received = await room.deliver('bob', message)
    assert.deepEqual(received.authenticated, Uint8Array.of(4, 2))
  })

  it('is read once', async () => {
    const room = await new MlsRoom('replay').open('alice', 'bob')
    const message = await room.say('alice', 'once')
    await room.deliver('bob', message)
    await assert.rejects(room.deliver('bob', message), code('MESH_MLS_UNREADABLE'))
  })

  it('is not for the one who wrote it', async () => {
    const room = await new MlsRoom('mine').open('alice', 'bob')
    const message = await room.say('alice', 'to others')
    await assert.rejects(room.deliver('alice', message), code('MESH_MLS_UNREADABLE'))
  })

  it('is read in any order, each with a key of its own', async () => {
    const room = await new MlsRoom('order').open('alice', 'bob')
    const messages: Uint8Array[] = []
    for (let i = 0; i < 8; i++) messages.push(await room.say('alice', String(i)))
    const read: string[] = []
    for (const i of [7, 0, 3, 1, 2, 6, 5, 4]) read.push(text(await room.deliver('bob', messages[i] ?? new Uint8Array(0))))
    assert.deepEqual(read.sort(), ['0', '1', '2', '3', '4', '5', '6', '7'])
  })

  it('never uses a key twice: the same text is another ciphertext, also when the same state encrypts it again', async () => {
    const room = await new MlsRoom('reuse').open('alice', 'bob')
    const before = room.of('alice')
    const seen = new Set<string>()
    for (let i = 0; i < 5; i++) seen.add(String(await room.say('alice', 'same')))
    seen.add(String((await room.engine.encrypt(before, encodeUtf8('same'))).message))
    assert.equal(seen.size, 6)
  })

  it('of a generation that was read already is refused, even as another text', async () => {
    const room = await new MlsRoom('generation').open('alice', 'bob')
    const before = room.of('alice')
    const first = await room.engine.encrypt(before, encodeUtf8('first'))
    const second = await room.engine.encrypt(before, encodeUtf8('second'))
    await room.deliver('bob', first.message)
    await assert.rejects(room.deliver('bob', second.message), code('MESH_MLS_UNREADABLE'))
  })

  it('too far ahead costs its receiver nothing', async () => {
    const room = await new MlsRoom('ahead').open('alice', 'bob')
    for (let i = 0; i < MAX_SKIPPED_GENERATIONS + 1; i++) await room.say('alice', '')
    const late = await room.say('alice', 'far')
    await assert.rejects(room.deliver('bob', late), code('MESH_MLS_UNREADABLE'))
  })

  it('does not leave while proposals wait', async () => {
    const room = await new MlsRoom('waiting').open('alice', 'bob')
    const { state } = await room.engine.propose(room.of('alice'), { kind: 'remove', leaf: 1 })
    assert.equal(state.pending, 1)
    await assert.rejects(room.engine.encrypt(state, encodeUtf8('x')), code('MESH_MLS_STATE'))
  })

  it('that is too long for an envelope is refused before anything is spent on it', async () => {
    const room = await new MlsRoom('long').open('alice')
    await assert.rejects(room.engine.encrypt(room.of('alice'), new Uint8Array(65_000)), code('MESH_MLS_STATE'))
  })
})
