/**
 * The property that vectors do not test, since they only receive: who was removed must not read on. Version
 * 2.0.0-rc.10 of the package fails it. This is the gate for every change of the engine.
 */
import assert from 'node:assert/strict'
import { initializeEpoch } from 'ts-mls/keySchedule.js'
import { createSecretTree } from 'ts-mls/secretTree.js'
import { portableCrypto } from '#mesh/crypto'
import { isMeshError } from '#mesh/errors'
import { MlsRoom, seededRandom } from '#mesh/testing'
import { portableMlsCrypto } from './crypto.ts'
import { type MlsState, wrapState } from './state.ts'

const code = (wanted: string) => (error: unknown) => isMeshError(error) && error.code === wanted

describe('a removed member', () => {
  /** What somebody computes who knows an epoch and sees everything, but gets no path secret. */
  async function readOn(room: MlsRoom, old: MlsState, next: MlsState, message: Uint8Array): Promise<string> {
    const suite = portableMlsCrypto(room.crypto, seededRandom('bob')).suite(room.suite)
    assert.ok(suite)
    const zero = new Uint8Array(suite.kdf.size)
    const { groupContext, ratchetTree } = next.inner
    const epoch = await initializeEpoch(old.inner.keySchedule.initSecret, zero, groupContext, zero, suite.kdf)
    const secretTree = await createSecretTree((ratchetTree.length + 1) / 2, epoch.encryptionSecret, suite.kdf)
    const state = wrapState({ ...old.inner, groupContext, ratchetTree, keySchedule: epoch.keySchedule, secretTree })
    const received = await room.engine.receive(state, message)
    return received.kind === 'application' ? Buffer.from(received.text).toString() : received.kind
  }

  it('derives nothing of the next epoch, after one removal', async () => {
    const room = await new MlsRoom('exploit', { crypto: portableCrypto() }).open('alice', 'bob', 'carol')
    const bob = room.of('bob')
    await room.remove('alice', 'bob')
    const secret = await room.say('alice', 'without bob')
    await assert.rejects(readOn(room, bob, room.of('alice'), secret), (error) => isMeshError(error) && error.blame === 'peer')
    assert.equal((await room.deliver('carol', secret)).kind, 'application')
  })

  it('would, if the commit had no path: the attack itself is a real one', async () => {
    const room = await new MlsRoom('attack').open('alice', 'bob', 'carol')
    const bob = room.of('bob')
    await room.add('alice', 'dave') // a commit without a path
    assert.equal(await readOn(room, bob, room.of('alice'), await room.say('alice', 'no path')), 'no path')
  })

  it('cannot commit any more', async () => {
    const room = await new MlsRoom('gone').open('alice', 'bob', 'carol')
    const stale = await room.engine.commit(room.of('bob'))
    await room.remove('alice', 'bob')
    await assert.rejects(room.deliver('carol', stale.commit), code('MESH_MLS_EPOCH'))
  })
})
