import assert from 'node:assert/strict'
import { encodeUtf8 } from '#mesh/codec'
import { isMeshError } from '#mesh/errors'
import { MlsRoom } from '#mesh/testing'
import { membersOf } from './state.ts'

const code = (wanted: string) => (error: unknown) => isMeshError(error) && error.code === wanted
const leaves = (room: MlsRoom, name: string) => membersOf(room.of(name)).map(({ leaf }) => leaf)

async function assertAgreed(room: MlsRoom, ...names: string[]): Promise<void> {
  assert.equal(new Set(await Promise.all(names.map(async (name) => room.agreed(name)))).size, 1)
}

describe('adding', () => {
  it('makes members of several devices in one commit', async () => {
    const room = await new MlsRoom('several').open('a', 'b', 'c', 'd', 'e')
    assert.deepEqual(leaves(room, 'e'), [0, 1, 2, 3, 4])
    await assertAgreed(room, 'a', 'b', 'c', 'd', 'e')
  })

  it('takes the place that a removed one left', async () => {
    const room = await new MlsRoom('place').open('a', 'b', 'c')
    await room.remove('a', 'b')
    room.states.delete('b')
    await room.add('c', 'd')
    assert.equal(room.of('d').ownLeaf, 1)
    await assertAgreed(room, 'a', 'c', 'd')
  })

  it('can be done by whoever was added', async () => {
    const room = await new MlsRoom('chain').open('a', 'b')
    await room.add('b', 'c')
    await room.add('c', 'd')
    await assertAgreed(room, 'a', 'b', 'c', 'd')
  })

  it('refuses a device that is in the group, and one device twice in a commit', async () => {
    const room = await new MlsRoom('twice').open('a', 'b')
    const again = await room.keyPackage('b')
    await assert.rejects(room.engine.commit(room.of('a'), [{ kind: 'add', keyPackage: again.bytes }]), code('MESH_MLS_INVALID'))
    const [one, two] = [await room.keyPackage('c'), await room.keyPackage('c')]
    const both = [one, two].map(({ bytes }) => ({ kind: 'add', keyPackage: bytes }) as const)
    await assert.rejects(room.engine.commit(room.of('a'), both), code('MESH_MLS_INVALID'))
  })

  it('takes a device back in the commit that removes its old leaf, which that leaf hears as a removal', async () => {
    const room = await new MlsRoom('resync').open('a', 'b', 'c')
    const fresh = await room.keyPackage('b')
    const made = await room.engine.commit(room.of('a'), [
      { kind: 'remove', leaf: 1 },
      { kind: 'add', keyPackage: fresh.bytes },
    ])
    const heard = await room.deliver('b', made.commit)
    assert.equal(heard.kind, 'removed')
    assert.equal(heard.sender, 0)
    await room.deliver('c', made.commit)
    assert.ok(made.welcome)
    room.states.set('a', made.state)
    room.states.set('b', await room.engine.join(made.welcome, fresh))
    assert.equal(room.of('b').ownLeaf, 1)
    await assertAgreed(room, 'a', 'b', 'c')
  })

  it('refuses a device whose certificate has expired, or that is revoked', async () => {
    const room = await new MlsRoom('expired').open('a')
    const old = await room.engine.createKeyPackage(room.suite, room.device('old', 2).credential)
    await assert.rejects(room.engine.commit(room.of('a'), [{ kind: 'add', keyPackage: old.bytes }]), code('MESH_CERTIFICATE_EXPIRED'))
    await assert.rejects(room.engine.readKeyPackage(old.bytes), code('MESH_CERTIFICATE_EXPIRED'))
    const gone = await room.keyPackage('gone')
    room.revoked.add(room.device('gone').device)
    await assert.rejects(room.engine.propose(room.of('a'), { kind: 'add', keyPackage: gone.bytes }), code('MESH_DEVICE_REVOKED'))
  })

  it('is followed by members who know of a revocation, for they must not disagree about the group', async () => {
    const room = await new MlsRoom('agree').open('a', 'b')
    const gone = await room.keyPackage('gone')
    const made = await room.engine.commit(room.of('a'), [{ kind: 'add', keyPackage: gone.bytes }])
    room.revoked.add(room.device('gone').device)
    assert.equal((await room.deliver('b', made.commit)).kind, 'commit')
  })

  it('refuses a key package of another suite', async () => {
    const room = await new MlsRoom('suite').open('a')
    const other = await room.keyPackage('b', 1)
    await assert.rejects(room.engine.commit(room.of('a'), [{ kind: 'add', keyPackage: other.bytes }]), code('MESH_MLS_SUITE'))
  })

  it('refuses a key package with any byte changed', async () => {
    const room = await new MlsRoom('changed').open('a')
    const { bytes } = await room.keyPackage('b')
    for (let at = 0; at < bytes.length; at += 7) {
      const changed = bytes.slice()
      changed[at] = (changed[at] ?? 0) ^ 0x41
      await assert.rejects(room.engine.commit(room.of('a'), [{ kind: 'add', keyPackage: changed }]), (error) => isMeshError(error) && error.blame === 'peer')
    }
  })

  it('reads from a key package whom it is for', async () => {
    const room = new MlsRoom('info')
    const { bytes } = await room.keyPackage('b')
    const info = await room.engine.readKeyPackage(bytes)
    assert.equal(info.suite, room.suite)
    assert.equal(info.ref.length, 32)
    assert.deepEqual(info.credential, room.device('b').credential(info.signatureKey))
  })
})

describe('removing', () => {
  it('leaves the others with a secret of their own', async () => {
    const room = await new MlsRoom('remove').open('a', 'b', 'c', 'd')
    const before = await room.agreed('a')
    await room.remove('c', 'b')
    assert.deepEqual(leaves(room, 'a'), [0, 2, 3])
    await assertAgreed(room, 'a', 'c', 'd')
    assert.notEqual(await room.agreed('a'), before)
  })

  it('tells the removed one, and gives no state', async () => {
    const room = await new MlsRoom('tell').open('a', 'b', 'c')
    const made = await room.remove('a', 'c')
    const heard = await room.deliver('c', made.commit)
    assert.deepEqual({ kind: heard.kind, sender: heard.sender, hasState: 'state' in heard }, { kind: 'removed', sender: 0, hasState: false })
  })

  it('of oneself by a commit is refused, by a proposal others commit it', async () => {
    const room = await new MlsRoom('leave').open('a', 'b', 'c')
    await assert.rejects(room.engine.commit(room.of('b'), [{ kind: 'remove', leaf: 1 }]), code('MESH_MLS_INVALID'))
    const { state, message } = await room.engine.propose(room.of('b'), { kind: 'remove', leaf: 1 })
    room.states.set('b', state)
    for (const name of ['a', 'c']) await room.deliver(name, message)
    const made = await room.commit('a', [], { skip: ['b'] })
    assert.equal((await room.deliver('b', made.commit)).kind, 'removed')
    await assertAgreed(room, 'a', 'c')
  })

  it('refuses a leaf that is blank, or out of the tree', async () => {
    const room = await new MlsRoom('blank').open('a', 'b', 'c')
    for (const leaf of [3, 4, 0xffff_ffff]) {
      await assert.rejects(room.engine.commit(room.of('a'), [{ kind: 'remove', leaf }]), code('MESH_MLS_INVALID'))
    }
  })

  it('refuses one leaf twice', async () => {
    const room = await new MlsRoom('leaf twice').open('a', 'b', 'c')
    const twice = [
      { kind: 'remove', leaf: 1 },
      { kind: 'remove', leaf: 1 },
    ] as const
    await assert.rejects(room.engine.commit(room.of('a'), twice), code('MESH_MLS_INVALID'))
  })

  it('down to oneself leaves a group that others can be added to', async () => {
    const room = await new MlsRoom('alone').open('a', 'b', 'c')
    await room.remove('a', 'b')
    room.states.delete('b')
    await room.remove('a', 'c')
    room.states.delete('c')
    await room.add('a', 'd')
    await assertAgreed(room, 'a', 'd')
  })
})

describe('proposals', () => {
  it('wait for a commit, whoever makes it, and are in it', async () => {
    const room = await new MlsRoom('wait').open('a', 'b', 'c')
    const fresh = await room.keyPackage('d')
    const { state, message } = await room.engine.propose(room.of('a'), { kind: 'add', keyPackage: fresh.bytes })
    room.states.set('a', state)
    for (const name of ['b', 'c']) {
      const received = await room.deliver(name, message)
      assert.deepEqual([received.kind, received.sender, room.of(name).pending], ['proposal', 0, 1])
    }
    const made = await room.commit('c')
    assert.ok(made.welcome)
    room.states.set('d', await room.engine.join(made.welcome, fresh))
    assert.equal(room.of('a').pending, 0)
    await assertAgreed(room, 'a', 'b', 'c', 'd')
  })

  it('that are not here make their commit unreadable here', async () => {
    const room = await new MlsRoom('unknown reference').open('a', 'b', 'c')
    const { state } = await room.engine.propose(room.of('a'), { kind: 'remove', leaf: 2 })
    const made = await room.engine.commit(state)
    await assert.rejects(room.deliver('b', made.commit), code('MESH_MLS_INVALID'))
  })

  it('are gone with their epoch', async () => {
    const room = await new MlsRoom('stale').open('a', 'b', 'c')
    const { message } = await room.engine.propose(room.of('a'), { kind: 'remove', leaf: 2 })
    await room.commit('b')
    await assert.rejects(room.deliver('b', message), code('MESH_MLS_EPOCH'))
  })
})

describe('a pre-shared key', () => {
  const psk = { id: encodeUtf8('key'), secret: new Uint8Array(32).fill(3) }

  it('is mixed into the epoch of all who have it', async () => {
    const room = await new MlsRoom('psk').open('a', 'b')
    await room.commit('a', [{ kind: 'psk', id: psk.id }], { psks: [psk] })
    await assertAgreed(room, 'a', 'b')
  })

  it('that is missing, or another one, keeps a member out', async () => {
    const room = await new MlsRoom('psk missing').open('a', 'b')
    const made = await room.engine.commit(room.of('a'), [{ kind: 'psk', id: psk.id }], { psks: [psk] })
    await assert.rejects(room.deliver('b', made.commit), code('MESH_MLS_PSK_MISSING'))
    await assert.rejects(room.deliver('b', made.commit, [{ ...psk, secret: new Uint8Array(32) }]), code('MESH_MLS_PATH'))
    assert.equal((await room.deliver('b', made.commit, [psk])).kind, 'commit')
  })

  it('is needed to join, too', async () => {
    const room = await new MlsRoom('psk join').open('a')
    const own = await room.keyPackage('b')
    const changes = [
      { kind: 'add', keyPackage: own.bytes },
      { kind: 'psk', id: psk.id },
    ] as const
    const made = await room.engine.commit(room.of('a'), changes, { psks: [psk] })
    assert.ok(made.welcome)
    await assert.rejects(room.engine.join(made.welcome, own), code('MESH_MLS_PSK_MISSING'))
    room.states.set('a', made.state)
    room.states.set('b', await room.engine.join(made.welcome, own, { psks: [psk] }))
    await assertAgreed(room, 'a', 'b')
  })

  it('that we do not have ourselves is not committed', async () => {
    const room = await new MlsRoom('psk mine').open('a', 'b')
    await assert.rejects(room.engine.commit(room.of('a'), [{ kind: 'psk', id: psk.id }]), code('MESH_MLS_PSK_MISSING'))
  })
})

describe('any history of changes', () => {
  // Every member must be able to follow and to join; vectors test only the one and not the other.
  for (const seed of [1, 2, 3, 4]) {
    it(`keeps all members together, history ${seed}`, async () => {
      let dice = seed * 7919
      const roll = (sides: number): number => {
        dice = (dice * 48_271) % 0x7fff_ffff
        return dice % sides
      }
      const room = await new MlsRoom(`history ${seed}`).open('m0', 'm1')
      let made = 2
      for (let step = 0; step < 14; step++) {
        const names = [...room.states.keys()]
        const by = names[roll(names.length)] ?? ''
        const victim = names[roll(names.length)] ?? ''
        const kind = roll(10)
        if (kind < 5 && names.length < 9) await room.add(by, `m${made++}`, ...(roll(2) === 0 ? [`m${made++}`] : []))
        else if (kind < 8 && names.length > 2 && victim !== by) {
          await room.remove(by, victim)
          room.states.delete(victim)
        } else await room.commit(by)
        await assertAgreed(room, ...room.states.keys())
      }
    })
  }
})
