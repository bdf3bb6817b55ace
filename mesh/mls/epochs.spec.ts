import assert from 'node:assert/strict'
import { decodeUtf8 } from '#mesh/codec'
import { MlsRoom } from '#mesh/testing'

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

  it('carries messages from each member to all others, with their sender', async () => {
    const room = await new MlsRoom('messages').open('alice', 'bob', 'carol')
    for (const from of ['alice', 'bob', 'carol']) {
      const message = await room.say(from, `by ${from}`)
      for (const to of ['alice', 'bob', 'carol']) {
        if (to === from) continue
        const received = await room.deliver(to, message)
        assert.equal(received.kind, 'application')
        assert.equal(received.sender, room.of(from).ownLeaf)
        assert.equal(decodeUtf8(received.kind === 'application' ? received.text : new Uint8Array(0)), `by ${from}`)
      }
    }
  })
})
