import assert from 'node:assert/strict'
import fc from 'fast-check'
import { addressOfKey, type Envelope, type Priority } from '#mesh/envelope'
import { isMeshError } from '#mesh/errors'
import { type Address, authorKeyOf, deviceIdOf, type EnvelopeId } from '#mesh/ids'
import { type EnvelopeMeta, type EnvelopeStore, limitsFor, type Quota, STORE_PROFILES, STORED_OVERHEAD_BYTES, type StoreLimits } from '#mesh/store'
import { anEnvelope, aReceipt, aSeed } from '../testing/builders.ts'
import { type FakeClock, fakeClock } from '../testing/fake-clock.ts'
import { fakeCrypto } from '../testing/fake-crypto.ts'
import { assertIndexIsOnDisk } from '../testing/index-on-disk.ts'
import { memoryLevel, memoryStore } from '../testing/memory-store.ts'
import { Intake } from './index.ts'

const PASSAGE = { hops: 1, copies: 4, ageS: 0 }
const PRIORITIES: readonly Priority[] = ['critical', 'normal', 'bulk', 'ephemeral']
const crypto = fakeCrypto()
const keyOf = (seed: number) => authorKeyOf(crypto.ed25519PublicKey(aSeed(seed)))
const OWN = 60
const FRIENDS = new Set([1, 2, 3, 4].map(keyOf))
const BOUNDLESS = { perSecond: 1e9, burst: 1e9 }
const RATES = { link: BOUNDLESS, author: BOUNDLESS, scope: BOUNDLESS }

const step = fc.record({
  kind: fc.oneof(
    { weight: 20, arbitrary: fc.constant('batch') },
    { weight: 8, arbitrary: fc.constant('own') },
    ...['receipt', 'restart', 'jump', 'sweep'].map((kind) => ({ weight: 1, arbitrary: fc.constant(kind) })),
  ),
  author: fc.integer({ min: 1, max: 8 }),
  address: fc.nat(3),
  link: fc.nat(2),
  priority: fc.constantFrom(...PRIORITIES),
  count: fc.integer({ min: 1, max: 40 }),
  bytes: fc.constantFrom(10, 300, 3_000),
  lifetimeS: fc.integer({ min: 3_600, max: 20 * 86_400 }),
})
type Step = Parameters<Parameters<typeof step.map>[0]>[0]

/** The profiles, so small that a few hundred envelopes fill them; the shares are the same. */
const SMALL = Object.entries(STORE_PROFILES).map(([name, { maxBytes, maxEnvelopes, maxTombstones, retentionMs, strangerShare }]) => {
  const scale = maxEnvelopes / 300
  const whole = { maxBytes: Math.floor(maxBytes / scale), maxEnvelopes: 300, maxTombstones: Math.floor(maxTombstones / scale), retentionMs, strangerShare }
  return [name, limitsFor(whole)] as const
})

describe('quotas under pressure', () => {
  for (const [name, limits] of SMALL) {
    it(`hold for the profile ${name}, whoever sends what in which order, over restarts and jumps of the clock`, async () => {
      let evictions = 0
      await fc.assert(
        fc.asyncProperty(fc.array(step, { minLength: 40, maxLength: 80 }), async (steps) => {
          const life = await Life.begin(limits)
          for (const one of steps) {
            await life.take(one)
            life.assertShares()
          }
          await assertIndexIsOnDisk(life.store, life.level)
          evictions += life.evictions
          await life.end()
        }),
        { numRuns: 25 },
      )
      assert.ok(evictions > 0, 'the store was never full')
    })
  }

  it('let no owner put receipts into the place of others’ mail by taking back a word of his own each time', async () => {
    const [, limits] = SMALL[1] ?? assert.fail()
    const life = await Life.begin(limits)
    const address = addressOfKey(crypto.ed25519PublicKey(aSeed(7)))
    const invented = Array.from({ length: 500 }, () => anEnvelope({ bytes: 4 }).id)
    for (let i = 0; i < 200; i++) {
      const word = anEnvelope({ author: 7 + (i % 2), address, bytes: 4 })
      await life.receive([word.bytes], 0)
      const more = i % 2 === 1 ? invented : invented.map(() => word.id)
      await life.receive([aReceipt(7, address, [word.id, ...more]).bytes], 0)
      life.assertShares()
    }
    await life.end()
  })
})

/** A carrier, and what was promised about it, looked at after every step. */
class Life {
  readonly level = memoryLevel()
  readonly clock: FakeClock = fakeClock()
  readonly #limits: StoreLimits
  readonly #evicted: EnvelopeId[] = []
  #node: Awaited<ReturnType<typeof memoryStore>> | undefined
  #intake: Intake | undefined
  evictions = 0

  private constructor(limits: StoreLimits) {
    this.#limits = limits
  }

  static async begin(limits: StoreLimits): Promise<Life> {
    const life = new Life(limits)
    await life.#open()
    return life
  }

  get store(): EnvelopeStore {
    return this.#node?.store ?? assert.fail()
  }

  async end(): Promise<void> {
    await this.#node?.db.close()
  }

  async receive(all: readonly Uint8Array[], link: number): Promise<void> {
    await this.#intake?.receiveAll(
      all.map((bytes) => ({ bytes, passage: PASSAGE })),
      deviceIdOf(aSeed(100 + link)),
    )
  }

  async take(one: Step): Promise<void> {
    const before = new Map([...this.store.ids()].map((id) => [id, this.store.meta(id) ?? assert.fail()]))
    await this.#run(one)
    this.#assertOrder(before)
  }

  async #run({ kind, author, address, link, priority, count, bytes, lifetimeS }: Step): Promise<void> {
    const { store, clock } = this
    const stamp = { ms: Math.max(clock.now(), 1_790_000_000_000), counter: count }
    const content = { priority, bytes, lifetimeS, stamp }
    if (kind === 'batch') {
      const to = ownedBy(10 + address)
      return this.receive(
        Array.from({ length: count }, () => anEnvelope({ ...content, author, address: to }).bytes),
        link,
      )
    }
    if (kind === 'own') return this.#send(Array.from({ length: Math.ceil(count / 4) }, () => anEnvelope({ ...content, author: OWN })))
    if (kind === 'receipt') {
      const named = [...store.byAddress(ownedBy(10 + address))].slice(0, count).map(({ id }) => id)
      if (named.length > 0) await this.receive([aReceipt(10 + address, ownedBy(10 + address), named, { stamp, lifetimeS }).bytes], link)
    } else if (kind === 'restart') {
      const before = store.usage()
      await this.end()
      await this.#open()
      assert.deepEqual(this.store.usage(), before)
    } else if (kind === 'jump') {
      clock.setWall(count % 2 === 0 ? 1_000 * count : 1_790_000_000_000 + count * 86_400_000)
      await store.removeExpired(1_000)
    } else {
      await clock.advance(3_600_000)
      while ((await store.removeExpired(100)) > 0);
    }
  }

  assertShares(): void {
    const { store } = this
    const { author, scope, link, maxBytes, maxEnvelopes, maxTombstones, strangerShare } = this.#limits
    const within = (held: Quota, quota: Quota, what: string): void =>
      assert.ok(held.bytes <= quota.bytes && held.count <= quota.count, `${what}: ${JSON.stringify(held)} of ${JSON.stringify(quota)}`)
    within(store.usageOf('total'), { bytes: maxBytes, count: maxEnvelopes }, 'all')
    within(store.usageOf('strangers'), { bytes: maxBytes * strangerShare, count: Math.floor(maxEnvelopes * strangerShare) }, 'strangers')
    assert.ok(store.usage().tombstones <= maxTombstones)
    const metas = [...store.ids()].flatMap((id) => store.meta(id) ?? [])
    for (const one of new Set(metas.flatMap((meta) => (meta.own ? [] : meta.author)))) within(store.usageOf({ author: one }), author, 'an author')
    for (const one of new Set(metas.flatMap((meta) => (meta.own ? [] : meta.address)))) within(store.usageOf({ scope: one }), scope, 'an address')
    for (const one of new Set(metas.flatMap((meta) => meta.from ?? []))) {
      const carried = metas.filter(({ from, kind }) => from === one && kind !== 'receipt') // receipts that free room are not held against their link
      within({ bytes: carried.reduce((sum, { size }) => sum + size + STORED_OVERHEAD_BYTES, 0), count: carried.length }, link, 'a link')
    }
  }

  /** What went to make room was neither own nor pinned, and worth less than all that stayed. */
  #assertOrder(before: ReadonlyMap<EnvelopeId, EnvelopeMeta>): void {
    const victims = this.#evicted.splice(0).map((id) => before.get(id) ?? assert.fail('what had just come was evicted'))
    this.evictions += victims.length
    for (const { own, pinned, kind } of victims) assert.ok(own ? kind === 'receipt' : !pinned)
    const stayed = [...before.values()].filter(({ id, own, pinned, kind }) => this.store.has(id) && (own ? kind === 'receipt' : !pinned))
    const mostWorth = victims.sort(byWorth).at(-1)
    const leastWorth = stayed.sort(byWorth)[0]
    if (mostWorth !== undefined && leastWorth !== undefined) assert.ok(byWorth(mostWorth, leastWorth) <= 0)
  }

  async #send(envelopes: readonly Envelope[]): Promise<void> {
    try {
      await this.#node?.db.transaction(async (tx) => {
        for (const envelope of envelopes) await this.#intake?.storeOwn(tx, envelope)
      })
    } catch (error) {
      assert.ok(isMeshError(error, 'MESH_STORE_FULL'), String(error))
    }
  }

  async #open(): Promise<void> {
    const { level, clock } = this
    const node = await memoryStore({ level, clock, limits: this.#limits })
    const { db, store } = node
    this.#node = node
    db.subscribe((event) => {
      if (event.kind === 'envelope-removed' && event.reason === 'evicted') this.#evicted.push(event.id)
    })
    this.#intake = new Intake(
      { db, store, clock, crypto, isOwned: () => false, isFriend: (author) => FRIENDS.has(author), isFriendsKey: (author) => FRIENDS.has(author) },
      { rates: RATES },
    )
  }
}

/** The order of DESIGN §7, said without the store's own words. */
function byWorth(a: EnvelopeMeta, b: EnvelopeMeta): number {
  const rank = (meta: EnvelopeMeta): number => -PRIORITIES.indexOf(meta.priority)
  return rank(a) - rank(b) || Number(a.own) - Number(b.own) || a.expiryMs - b.expiryMs || a.copies - b.copies
}

function ownedBy(owner: number): Address {
  return addressOfKey(crypto.ed25519PublicKey(aSeed(owner)))
}
