import assert from 'node:assert/strict'
import type { Priority } from '#mesh/envelope'
import { deviceIdOf } from '#mesh/ids'
import type { OutboxEntry } from '#mesh/routing'
import { nodeCrypto } from '#node/crypto'
import { anAddress, anEnvelope } from '../../mesh/testing/builders.ts'
import { refused, Stage, statesOf } from '../../mesh/testing/stage.ts'
import { clearOutbox, listOutbox, outboxInfo } from './outbox.ts'

const device = deviceIdOf(nodeCrypto().ed25519PublicKey(new Uint8Array(32).fill(1)))
const NOON_MS = Date.UTC(2026, 8, 1, 12)

describe('the outbox as people see it', () => {
  const entry: OutboxEntry = { id: anEnvelope().id, to: anAddress(1), priority: 'normal', state: 'queued', attempts: 0, isFromBefore: false, custody: [] }
  const info = (one: OutboxEntry, nextMs: number | undefined) => outboxInfo(one, { to: 'bob', sinceMs: NOON_MS, nextMs })

  it('names the time of the next dial for what waits here alone', () => {
    assert.equal(info(entry, NOON_MS).nextAttemptAt, '2026-09-01T12:00:00.000Z')
  })

  it('names no time when none is known, or when whoever answers would not be given it', () => {
    assert.ok(!('nextAttemptAt' in info(entry, undefined)))
    const carried: OutboxEntry = { ...entry, state: 'carried', custody: [{ device, untilMs: NOON_MS, hops: 1 }] }
    assert.ok(!('nextAttemptAt' in info(carried, NOON_MS)))
  })
})

describe('the outbox in hand', () => {
  let stage: Stage

  beforeEach(() => {
    stage = new Stage()
  })

  afterEach(() => stage.stop())

  it('shows the most urgent first, and of the equally urgent the oldest', async () => {
    const [a, b] = await stage.friends()
    const to = a.contacts.find(b.keys.person)
    for (const priority of ['ephemeral', 'bulk', 'normal', 'critical', 'normal'] satisfies Priority[]) {
      await a.conversations.send(to, priority, { priority })
      await stage.clock.advance(1_000)
    }
    const rows = await listOutbox(a, () => undefined)
    assert.deepEqual(
      rows.map(({ priority }) => priority),
      ['critical', 'normal', 'normal', 'bulk', 'ephemeral'],
    )
    assert.ok((rows[1]?.since ?? '') < (rows[2]?.since ?? ''))
    assert.ok(rows.every((row) => row.to === (a.contacts.get(b.keys.person)?.petname ?? '')))
  })

  it('is cleared by name, by the end of an id, or whole, and only told about in a dry run', async () => {
    const [a, b] = await stage.friends()
    const carol = await stage.start('carol')
    await a.conversations.addContact(carol.uri, 'Anna Maria')
    const ids = [await a.send(b, 'one'), await a.send(b, 'two'), await a.send(b, 'three')]
    const [one = '', two = '', three = ''] = ids
    a.ledger.noteAttempt(ids[1] ?? anEnvelope().id)
    assert.deepEqual(await clearOutbox(a, { which: `…${one.slice(-8)} ${two}`, dryRun: true }), { cleared: [one, two], mayArrive: 1 })
    assert.deepEqual(statesOf(await a.log(b)), ['queued', 'queued', 'queued'])
    assert.deepEqual(await clearOutbox(a, { which: `…${one.slice(-8)}` }), { cleared: [one], mayArrive: 0 })
    assert.equal((await clearOutbox(a, { which: 'Anna Maria' })).cleared.length, 1, 'the request to her')
    assert.deepEqual(await clearOutbox(a, { which: 'bob' }), { cleared: [two, three], mayArrive: 1 })
    await a.send(b, 'four')
    assert.equal((await clearOutbox(a, {})).cleared.length, 1)
    assert.deepEqual(a.ledger.list(), [])
    await assert.rejects(clearOutbox(a, { which: 'nobody' }), refused('MESH_CONTACT_UNKNOWN'))
  })

  it('counts what waited before the node started among what may arrive: nobody knows what was tried then', async () => {
    const [a, b] = await stage.friends()
    await a.send(b, 'one')
    assert.equal((await clearOutbox(a, { dryRun: true })).mayArrive, 0)
    const again = await stage.restart(a)
    assert.equal((await clearOutbox(again, { dryRun: true })).mayArrive, 1)
  })
})
