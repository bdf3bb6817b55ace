/** Full stores, for checks that ask how a node behaves that has carried for others for weeks. */
import { cp } from 'node:fs/promises'
import { join } from 'node:path'
import { silentLog } from '#mesh/ports'
import { Database, EnvelopeStore, STORE_PROFILES } from '#mesh/store'
import { fastestCrypto, systemClock } from '#node/crypto'
import { ensurePrivateDir } from '#node/keystore'
import { openLevel } from '#node/storage'
import { anAddress, anArrival, anEnvelope } from '../../mesh/testing/builders.ts'

/** Envelopes to one address and of one author, so that nobody's share is used up. */
const PER_ADDRESS = 500
/** Envelopes in one transaction. */
const GROUP = 1_000
/** A payload that is stored, in bytes: a short message. */
const PAYLOAD_BYTES = 256

/** Puts the same `count` envelopes, of people whom nobody knows, into the stores of nodes that have never run. */
export async function preload(people: ReadonlyArray<{ readonly data: string }>, count: number): Promise<void> {
  const [first, ...others] = people.map(({ data }) => data)
  if (first === undefined) return
  for (const data of [first, ...others]) await ensurePrivateDir(data)
  await fill(join(first, 'store'), count)
  for (const data of others) await cp(join(first, 'store'), join(data, 'store'), { recursive: true })
}

async function fill(dir: string, count: number): Promise<void> {
  const crypto = await fastestCrypto()
  const stamp = { ms: Date.now(), counter: 0 }
  const db = await Database.open(await openLevel(dir), { log: silentLog })
  const store = await EnvelopeStore.open(db, { clock: systemClock, log: silentLog }, STORE_PROFILES.pi)
  for (let from = 0; from < count; from += GROUP) {
    await db.transaction((tx) => {
      for (let i = from; i < Math.min(from + GROUP, count); i++) {
        const number = 1_000 + Math.floor(i / PER_ADDRESS)
        const envelope = anEnvelope({ author: number, address: anAddress(number), bytes: PAYLOAD_BYTES, stamp, lifetimeS: 30 * 86_400, crypto })
        store.put(tx, envelope, anArrival())
      }
    })
  }
  await db.close()
}
