import assert from 'node:assert/strict'
import { silentLog } from '#mesh/ports'
import { Database, EnvelopeStore, type Level, STORED_OVERHEAD_BYTES } from '#mesh/store'
import { fakeClock } from './fake-clock.ts'

/**
 * Asserts what has to hold between any two transactions: the index in memory is the one that a fresh start
 * would read from `level`, each envelope of it has its bytes, and every share is the sum of what is there.
 */
export async function assertIndexIsOnDisk(store: EnvelopeStore, level: Level): Promise<void> {
  const db = await Database.open(readOnly(level), { log: silentLog })
  const fresh = await EnvelopeStore.open(db, { clock: fakeClock(), log: silentLog }, store.limits)
  assert.deepEqual(metasOf(store), metasOf(fresh))
  assert.deepEqual(store.usage(), fresh.usage())
  for (const either of [store, fresh]) assertShares(either)
  for (const id of store.ids()) assert.equal((await fresh.bytes(id))?.length, store.meta(id)?.size)
  await db.close()
}

/** Asserts that every share of `store` is the sum of what counts against it, and the list of each address complete. */
export function assertShares(store: EnvelopeStore): void {
  const metas = [...store.ids()].flatMap((id) => store.meta(id) ?? [])
  const sum = (some: typeof metas) => ({ bytes: some.reduce((bytes, { size }) => bytes + size + STORED_OVERHEAD_BYTES, 0), count: some.length })
  assert.deepEqual({ ...store.usageOf('total') }, sum(metas))
  assert.deepEqual({ ...store.usageOf('strangers') }, sum(metas.filter(({ stranger }) => stranger)))
  const { envelopes, bytes } = store.usage()
  assert.deepEqual({ bytes, count: envelopes }, sum(metas))
  for (const author of new Set(metas.map((meta) => meta.author))) {
    assert.deepEqual({ ...store.usageOf({ author }) }, sum(metas.filter((meta) => meta.author === author)))
  }
  for (const address of new Set(metas.map((meta) => meta.address))) {
    const there = metas.filter((meta) => meta.address === address)
    assert.deepEqual({ ...store.usageOf({ scope: address }) }, sum(there))
    assert.deepEqual([...store.byAddress(address)].map(({ id }) => id).sort(), there.map(({ id }) => id).sort())
  }
  for (const link of new Set(metas.flatMap(({ from }) => from ?? []))) {
    assert.deepEqual({ ...store.usageOf({ link }) }, sum(metas.filter(({ from }) => from === link)))
  }
}

function metasOf(store: EnvelopeStore): unknown[] {
  return [...store.ids()].sort().map((id) => store.meta(id))
}

/** A second look at a level that stays open. */
function readOnly(level: Level): Level {
  return {
    open: async () => undefined,
    close: async () => undefined,
    get: (key) => level.get(key),
    iterator: (range) => level.iterator(range),
    batch: () => Promise.reject(new Error('a look changes nothing')),
  }
}
