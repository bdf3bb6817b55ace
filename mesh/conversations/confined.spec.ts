import assert from 'node:assert/strict'
import { Stage } from '../testing/stage.ts'

describe('a message that must not cross a bridge', () => {
  const stage = new Stage()
  afterEach(() => stage.stop())

  it('says so in its envelope and in the log of its author, also after a restart, and others do not', async () => {
    const [a, b] = await stage.friends()
    const to = a.contacts.find(b.keys.person)
    const confined = await a.conversations.send(to, 'for this house', { mayCross: false })
    const free = await a.conversations.send(to, 'for anybody who brings it', { mayCross: true })
    const plain = await a.conversations.send(to, 'without a word')
    const flags = [confined, free, plain].map(({ id }) => a.store.meta(id)?.mayCross)
    assert.deepEqual(flags, [false, true, true])
    const back = await stage.restart(a)
    assert.deepEqual(
      (await back.conversations.log(b.keys.person)).map(({ mayCross }) => mayCross),
      [false, undefined, undefined],
    )
  })
})
