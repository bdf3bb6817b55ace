import { MemoryLevel } from 'memory-level'
import { silentLog } from '#mesh/ports'
import { Database, EnvelopeStore, type Level, limitsFor, type StoreLimits } from '#mesh/store'
import { type FakeClock, fakeClock } from './fake-clock.ts'

/** A level that lives as long as the test; closing and opening it again keeps what it holds. */
export function memoryLevel(): Level {
  return new MemoryLevel<Uint8Array, Uint8Array>({ keyEncoding: 'view', valueEncoding: 'view', storeEncoding: 'view' })
}

/** An opened database over memory. */
export function memoryDatabase(level: Level = memoryLevel()): Promise<Database> {
  return Database.open(level, { log: silentLog })
}

/** Limits that no test reaches by accident, with the ones it is about replaced. */
export function someLimits(limits: Partial<StoreLimits> = {}): StoreLimits {
  const whole = { maxBytes: 10_000_000, maxEnvelopes: 10_000, maxTombstones: 10_000, retentionMs: 30 * 86_400_000, strangerShare: 1, ...limits }
  const all = { bytes: whole.maxBytes, count: whole.maxEnvelopes }
  return { ...limitsFor(whole), author: all, link: all, scope: all, ...limits }
}

/** A database with an envelope store over memory. */
export async function memoryStore(
  options: { level?: Level; clock?: FakeClock; limits?: Partial<StoreLimits> } = {},
): Promise<{ db: Database; store: EnvelopeStore; clock: FakeClock }> {
  const clock = options.clock ?? fakeClock()
  const db = await memoryDatabase(options.level)
  return { db, clock, store: await EnvelopeStore.open(db, { clock, log: silentLog }, someLimits(options.limits)) }
}
