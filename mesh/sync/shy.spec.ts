import assert from 'node:assert/strict'
import { decodeEnvelope } from '#mesh/envelope'
import { type EnvelopeId, envelopeIdOf } from '#mesh/ids'
import type { Link } from '#mesh/ports'
import { join, type MeshNode, meshNode, until } from '../testing/mesh-node.ts'
import { decodeFrame } from './frames.ts'
import { TakenBack } from './taken-back.ts'

describe('mail that several carriers have', () => {
  const running: MeshNode[] = []
  const node = async (name: string): Promise<MeshNode> => {
    const made = await meshNode(name)
    running.push(made)
    return made
  }
  afterEach(async () => {
    for (const made of running.splice(0)) await made.stop()
  })

  /** Counts the envelopes that are handed to a link. */
  const counted =
    (sent: EnvelopeId[]) =>
    (link: Link): Link => ({
      peer: link.peer,
      address: link.address,
      send(bytes) {
        const frame = decodeFrame(bytes)
        if (frame.type === 'envelopes') sent.push(...frame.envelopes.map((envelope) => decodeEnvelope(envelope.bytes).id))
        return link.send(bytes)
      },
      frames: () => link.frames(),
      close: () => link.close(),
      abort: (reason) => link.abort(reason),
    })

  it('comes to its owner once, whichever of those who are linked to each other has it', async () => {
    const [alice, bob, ...carriers] = [await node('alice'), await node('bob'), await node('carol'), await node('dave'), await node('erin')]
    for (const carrier of carriers) join(alice, carrier)
    carriers.forEach((one, i) => void carriers.slice(i + 1).map((other) => join(one, other)))
    const sent: EnvelopeId[] = []
    for (const carrier of carriers) join(carrier, bob, counted(sent))
    const ids = await alice.writeMany(bob, 300)
    await until(() => bob.received.length >= 300 && alice.ledger.counts().queued + alice.ledger.counts().carried === 0, 'the receipts')
    assert.deepEqual(bob.received.toSorted(), ids.toSorted())
    assert.equal(sent.filter((id) => ids.includes(id)).length, ids.length)
  })

  it('is promised nothing by its owner, and the session goes on', async () => {
    const [alice, bob, carol] = [await node('alice'), await node('bob'), await node('carol')]
    join(alice, carol)
    const other = await node('dave')
    join(carol, other)
    join(carol, bob)
    const first = await alice.write(bob)
    await until(() => bob.received.includes(first) && alice.ledger.get(first) === undefined)
    assert.ok(!alice.events.some((event) => event.kind === 'custody-taken' && event.device === bob.device), 'no promise of the owner')
    await carol.clock.advance(180_000)
    assert.deepEqual(carol.offences, [])
    const second = await alice.write(bob)
    await until(() => bob.received.includes(second))
  })

  it('is sent without asking by the only one who is there', async () => {
    const [alice, bob, carol] = [await node('alice'), await node('bob'), await node('carol')]
    const link = join(alice, carol)
    const id = await alice.write(bob)
    await until(() => carol.store.has(id))
    await link.close()
    const frames: string[] = []
    join(carol, bob, (inner) => ({
      ...counted([])(inner),
      send(bytes) {
        frames.push(decodeFrame(bytes).type)
        return inner.send(bytes)
      },
    }))
    await until(() => bob.received.includes(id))
    assert.ok(!frames.slice(0, frames.indexOf('envelopes')).includes('offer'))
  })
})

describe('TakenBack', () => {
  it('keeps the latest ids that ended for good, and nothing of those that were only dropped', () => {
    const idOf = (byte: number) => envelopeIdOf(new Uint8Array(32).fill(byte))
    const ids = new TakenBack(2)
    ids.removed(idOf(1), 'retracted')
    ids.removed(idOf(2), 'evicted')
    ids.removed(idOf(3), 'expired')
    assert.deepEqual(
      [1, 2, 3].map((byte) => ids.has(idOf(byte))),
      [true, false, false],
    )
    ids.removed(idOf(4), 'consumed')
    ids.removed(idOf(5), 'withdrawn')
    assert.deepEqual(
      [1, 4, 5].map((byte) => ids.has(idOf(byte))),
      [false, true, true],
    )
  })
})
