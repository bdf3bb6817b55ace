import assert from 'node:assert/strict'
import { isMeshError } from '#mesh/errors'
import { addressOf, envelopeIdOf } from '#mesh/ids'
import { join, type MeshNode, meshNode, until } from '../testing/mesh-node.ts'
import { decodeFrame, encodeFrame, type Frame } from './frames.ts'

const id = envelopeIdOf(new Uint8Array(32).fill(7))
const address = addressOf(new Uint8Array(16).fill(9))

describe('the last copy in a large mesh', () => {
  const running: MeshNode[] = []
  const node = async (name: string): Promise<MeshNode> => {
    const made = await meshNode(name, { knownDevices: 100 })
    running.push(made)
    return made
  }
  afterEach(async () => {
    for (const made of running.splice(0)) await made.stop()
  })

  const meet = async (a: MeshNode, b: MeshNode): Promise<void> => {
    const link = join(a, b)
    await until(() => [a, b].every(({ exchange }) => exchange.sessions()[0]?.isSynced === true), 'both have said all')
    await link.close()
    await until(() => [a, b].every(({ exchange }) => exchange.sessions().length === 0), 'the end of the session')
  }

  it('goes to who meets its owner more often, and to nobody else', async () => {
    const [alice, bob, carol, dave, erin] = [await node('alice'), await node('bob'), await node('carol'), await node('dave'), await node('erin')]
    for (const [friend, times] of [
      [carol, 1],
      [erin, 3],
    ] as const) {
      for (let i = 0; i < times; i++) {
        await meet(friend, bob)
        await friend.clock.advance(120_000)
      }
    }
    const letter = await alice.write(bob)
    await alice.db.transaction((tx) => alice.store.setCopies(tx, letter, 1))
    await meet(alice, dave)
    assert.ok(!dave.store.has(letter), 'dave never met bob')
    await meet(alice, erin)
    assert.ok(erin.store.has(letter), 'erin met bob three times')
    assert.ok(alice.store.has(letter), 'and its author keeps it')
    await meet(alice, carol)
    assert.ok(!carol.store.has(letter), 'carol met bob less often than who has it already')
    await meet(erin, bob)
    assert.deepEqual(bob.received, [letter])
  })

  it('is asked for in frames that say for whom, and how well', () => {
    const offer: Frame = { type: 'offer', offers: [{ id, classByte: 0x41, size: 400, tell: true, serving: { address, least: 17 } }] }
    const want: Frame = { type: 'want', ids: [id], utilities: [255] }
    for (const frame of [offer, want]) assert.deepEqual(decodeFrame(encodeFrame(frame)), frame)
    for (const frame of [offer, want]) {
      const bytes = encodeFrame(frame)
      const isPeerError = (error: unknown): boolean => isMeshError(error) && error.blame === 'peer'
      if (frame === offer) assert.throws(() => decodeFrame(bytes.subarray(0, -1)), isPeerError)
      assert.throws(() => decodeFrame(Uint8Array.of(...bytes, 0)), isPeerError)
    }
  })
})
