import assert from 'node:assert/strict'
import { deviceIdOf } from '#mesh/ids'
import { nodeCrypto } from '#node/crypto'
import { viewsOfUs } from './views.ts'

const device = deviceIdOf(nodeCrypto().ed25519PublicKey(new Uint8Array(32).fill(1)))

describe('what is known about our port', () => {
  const other = deviceIdOf(nodeCrypto().ed25519PublicKey(new Uint8Array(32).fill(2)))

  it('comes from those who are connected to us as well, though discovery never heard them', () => {
    const views = viewsOfUs(
      [],
      [
        { device, hasReachedUs: true, seenAt: [] },
        { device: other, hasReachedUs: false, seenAt: [] },
      ],
    )
    assert.deepEqual(views, [{ peer: device, view: 'open' }])
  })

  it('is what a neighbour said, until it connects', () => {
    const said = [
      { peer: device, view: 'closed' },
      { peer: other, view: 'closed' },
    ] as const
    const views = viewsOfUs(said, [
      { device, hasReachedUs: true, seenAt: [] },
      { device: other, hasReachedUs: false, seenAt: [] },
    ])
    assert.deepEqual(views, [
      { peer: device, view: 'open' },
      { peer: other, view: 'closed' },
    ])
  })
})
