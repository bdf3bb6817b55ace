import assert from 'node:assert/strict'
import { rest } from '../testing/mesh-people.ts'
import { Stage } from '../testing/stage.ts'

describe('events of conversations', () => {
  it('tell how many of them could not be told in time', async () => {
    const stage = new Stage()
    try {
      const [a, b] = await stage.friends()
      await rest(stage.clock)
      const before = a.events.length
      const { person } = b.keys
      await a.db.transaction(async (tx) => {
        for (let i = 0; i < 10_007; i++) tx.emit({ kind: 'contact-changed', person })
      })
      await rest(stage.clock)
      const told = a.events.slice(before)
      assert.deepEqual(told[0], { kind: 'lost', count: 7 })
      assert.equal(told.filter(({ kind }) => kind === 'contact').length, 10_000)
      assert.equal(told.length, 10_001)
    } finally {
      await stage.stop()
    }
  })
})
