/**
 * Store and forward: A and C share LAN 1, later C and B share LAN 2, A and B never meet.
 *
 * A writes while B is off, A goes off, C walks over, B comes up: everything arrives once and in order.
 * C walks back: A learns that it was delivered, and C carries nothing of it any more.
 * An argument is the profile of C: `node carry.ts relay` lets a relay carry, by the same exchange.
 */
import assert from 'node:assert/strict'
import { eventually, introduce, Person, withStreet } from './people.ts'

const MESSAGES = 200
const PROFILE = process.argv[2]

await withStreet('carry', async ({ lab, lan1, lan2, root }) => {
  const a = new Person('a', await lab.addNode('a'), root)
  const b = new Person('b', await lab.addNode('b'), root)
  const c = new Person('c', await lab.addNode('c'), root, PROFILE === undefined ? [] : ['--profile', PROFILE])
  await a.space.join(lan1)
  await b.space.join(lan2)
  await c.space.join(lan1)

  await Promise.all([a.up(), b.up()])
  await introduce(a, b)
  await b.kill()
  await c.up()

  const texts = Array.from({ length: MESSAGES }, (_, i) => `message ${i} of ${MESSAGES}`)
  for (const text of texts) assert.equal((await a.api.send({ to: 'b', text })).state, 'queued')
  await eventually('everything is in the custody of C', async () => {
    const waiting = await a.api.outbox()
    return waiting.length >= MESSAGES && waiting.every(({ state, custody }) => state === 'carried' && custody.length === 1) ? true : undefined
  })
  const carried = (await c.api.status()).store
  assert.ok(carried.envelopes >= MESSAGES, `C carries ${carried.envelopes}`)
  await a.down()

  await c.space.leave()
  await c.space.join(lan2)
  await b.up()
  const received = await eventually('everything arrives at B', async () => {
    const log = (await b.log(a)).filter(({ direction }) => direction === 'in')
    return log.length >= MESSAGES ? log : undefined
  })
  assert.deepEqual(
    received.map(({ text }) => text),
    texts,
    'once and in order',
  )
  const left = await eventually('C is rid of them', async () => {
    const { store } = await c.api.status()
    return store.tombstones >= MESSAGES ? store : undefined
  })
  const receipts = carried.envelopes - MESSAGES + 10
  assert.ok(left.envelopes <= receipts, `C still holds ${left.envelopes} envelopes`)
  await b.down()

  await c.space.leave()
  await c.space.join(lan1)
  await a.up()
  await eventually('A knows that everything was delivered', async () => {
    const log = (await a.log(b)).filter(({ direction }) => direction === 'out')
    return log.length === MESSAGES && log.every(({ state }) => state === 'delivered') ? true : undefined
  })
  assert.deepEqual(await a.api.outbox(), [])
  await a.down()
  await b.up()
  assert.equal((await b.log(a)).filter(({ direction }) => direction === 'in').length, MESSAGES)
  await b.down()
  assert.deepEqual(b.shown, texts, '`up` has shown every message exactly once, in order, over all lives of B')
  await c.down()
  console.log(
    `carry: ${MESSAGES} messages arrived once and in order, delivered by receipt; C holds ${left.envelopes} envelopes and ${left.tombstones} tombstones afterwards`,
  )
})
