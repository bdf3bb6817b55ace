import assert from 'node:assert/strict'
import { addressOfKey } from '#mesh/envelope'
import { isMeshError } from '#mesh/errors'
import { type Address, type AuthorKey, deviceIdOf, idBytes } from '#mesh/ids'
import { type MeshEvent, STORED_OVERHEAD_BYTES, type StoreLimits, TABLES } from '#mesh/store'
import { anAddress, anEnvelope, aReceipt, aSeed } from '../testing/builders.ts'
import { failingLevel } from '../testing/failing-level.ts'
import { type FakeClock, fakeClock } from '../testing/fake-clock.ts'
import { type FakeCrypto, fakeCrypto } from '../testing/fake-crypto.ts'
import { memoryLevel, memoryStore } from '../testing/memory-store.ts'
import { Intake, type IntakeDeps, type IntakeOptions } from './index.ts'

const LINK = deviceIdOf(aSeed(100))
const OTHER_LINK = deviceIdOf(aSeed(101))
const PASSAGE = { hops: 1, copies: 4, ageS: 0 }
const ORIGIN = { link: LINK, passage: PASSAGE }
const OWNER = 50
const OWNED = ownedBy(OWNER)
const MINUTE_MS = 60_000

describe('intake', () => {
  it('stores a good envelope, tells it after the commit, and answers what it did', async () => {
    const { intake, store, events } = await door()
    const envelope = anEnvelope()
    assert.deepEqual(await intake.receive(envelope.bytes, ORIGIN), { kind: 'accept', envelope, queued: false })
    assert.deepEqual(await store.bytes(envelope.id), envelope.bytes)
    assert.deepEqual(events, [{ kind: 'envelope-stored', id: envelope.id, address: envelope.address, from: LINK }])
    assert.deepEqual({ hops: 1, copies: 4, from: LINK, stranger: true }, pick(store.meta(envelope.id), ['hops', 'copies', 'from', 'stranger']))
  })

  it('queues what is sent to an own address for the content handler', async () => {
    const { intake, db, events } = await door()
    const envelope = anEnvelope({ address: OWNED })
    assert.deepEqual(await intake.receive(envelope.bytes, ORIGIN), { kind: 'accept', envelope, queued: true })
    assert.notEqual(await db.get(TABLES.inboxQueue, idBytes(envelope.id)), undefined)
    assert.deepEqual(
      events.map(({ kind }) => kind),
      ['envelope-stored', 'envelope-queued'],
    )
  })

  it('rejects with the code of the fault, and counts it', async () => {
    const { intake, crypto } = await door()
    const good = anEnvelope().bytes
    const verdictOf = async (bytes: Uint8Array) => intake.receive(bytes, ORIGIN)
    assert.deepEqual(await verdictOf(new Uint8Array(65_537)), { kind: 'reject', code: 'MESH_FRAME_TOO_LARGE' })
    assert.deepEqual(await verdictOf(good.subarray(0, 70)), { kind: 'reject', code: 'MESH_BYTES_TRUNCATED' })
    assert.deepEqual(await verdictOf(Uint8Array.from([9, ...good.subarray(1)])), { kind: 'reject', code: 'MESH_VERSION_UNKNOWN' })
    assert.equal(crypto.checks, 0)
    assert.deepEqual(await verdictOf(flipped(good, good.length - 1)), { kind: 'reject', code: 'MESH_SIGNATURE_INVALID' })
    assert.equal(intake.counters['reject.MESH_SIGNATURE_INVALID'], 1)
    assert.equal(crypto.checks, 1)
    assert.equal((await verdictOf(good)).kind, 'accept')
  })

  describe('spends no signature check on', () => {
    it('an expired envelope', async () => {
      const { intake, clock, crypto } = await door()
      const envelope = anEnvelope({ lifetimeS: 60 })
      clock.setWall(clock.now() + 61_000)
      assert.deepEqual(await intake.receive(envelope.bytes, ORIGIN), { kind: 'ignore', reason: 'expired' })
      assert.equal(crypto.checks, 0)
    })

    it('one that is here, or twice in a batch, or was taken back', async () => {
      const { intake, crypto } = await door()
      const { bytes, id } = anEnvelope({ address: ownedBy(7) })
      const twice = await intake.receiveAll([received(bytes), received(bytes)], LINK)
      assert.deepEqual(twice.map(brief), ['accept', 'duplicate'])
      assert.equal(brief(await intake.receive(bytes, ORIGIN)), 'duplicate')
      assert.equal(crypto.checks, 1)
      assert.equal(brief(await intake.receive(aReceipt(7, ownedBy(7), [id]).bytes, ORIGIN)), 'accept')
      assert.equal(brief(await intake.receive(bytes, ORIGIN)), 'retracted')
      assert.equal(crypto.checks, 2)
    })

    it('one that comes over two links at once, unless its signature differs', async () => {
      const { intake, crypto } = await door()
      const { bytes } = anEnvelope()
      const verdicts = [
        intake.receive(bytes, ORIGIN),
        intake.receive(bytes, { ...ORIGIN, link: OTHER_LINK }),
        intake.receive(flipped(bytes, bytes.length - 1), ORIGIN),
      ]
      assert.deepEqual((await Promise.all(verdicts)).map(brief), ['accept', 'duplicate', 'MESH_SIGNATURE_INVALID'])
      assert.equal(crypto.checks, 2)
    })

    it('one that has gone too far, unless it is ours', async () => {
      const { intake, crypto } = await door()
      const far = { link: LINK, passage: { ...PASSAGE, hops: 9 } }
      assert.equal(brief(await intake.receive(anEnvelope().bytes, far)), 'hops')
      assert.equal(crypto.checks, 0)
      assert.equal(brief(await intake.receive(anEnvelope({ address: OWNED }).bytes, far)), 'accept')
    })

    for (const [what, options] of [
      ['author', { author: 3 }],
      ['address', { address: anAddress(3) }],
      ['link', {}],
    ] as const) {
      it(`too many of one ${what}, until time has passed`, async () => {
        const few = { perSecond: 1, burst: 2 }
        const many = { perSecond: 1, burst: 1_000 }
        const rates = { link: what === 'link' ? few : many, author: what === 'author' ? few : many, scope: what === 'address' ? few : many }
        const { intake, clock, crypto } = await door({ options: { rates } })
        const one = (n: number) => anEnvelope({ author: n, address: anAddress(n), ...options })
        const verdicts = await intake.receiveAll(
          [1, 2, 3].map((n) => received(one(n).bytes)),
          LINK,
        )
        assert.deepEqual(verdicts.map(brief), ['accept', 'accept', 'rate'])
        assert.equal(crypto.checks, 2)
        if (what !== 'link') assert.equal(brief(await intake.receive(anEnvelope({ author: 9, address: anAddress(9) }).bytes, ORIGIN)), 'accept')
        await clock.advance(1_100)
        assert.equal(brief(await intake.receive(one(4).bytes, ORIGIN)), 'accept')
      })
    }

    for (const [what, limits] of [
      ['author', { author: { bytes: 1e6, count: 2 } }],
      ['link', { link: { bytes: 1e6, count: 2 } }],
      ['address', { scope: { bytes: 2.5 * (228 + STORED_OVERHEAD_BYTES), count: 99 } }],
    ] as const) {
      it(`what is over the quota of its ${what}, even within one batch`, async () => {
        const { intake, store, crypto } = await door({ limits })
        const batch = Array.from({ length: 4 }, () => received(anEnvelope({ bytes: 100 }).bytes))
        assert.deepEqual((await intake.receiveAll(batch, LINK)).map(brief), ['accept', 'accept', 'quota', 'quota'])
        const before = crypto.checks
        assert.equal(brief(await intake.receive(anEnvelope().bytes, ORIGIN)), 'quota')
        assert.equal(crypto.checks, before)
        assert.equal(store.usage().envelopes, 2)
      })
    }
  })

  it('gives all strangers together 5 % of the store, and the rest to people it knows', async () => {
    const { intake, store } = await door({ limits: { maxBytes: 100_000, strangerShare: 0.05 }, friends: [77] })
    for (let author = 1; author < 40; author++) await intake.receive(anEnvelope({ author, bytes: 200 }).bytes, ORIGIN)
    const strangers = store.usageOf('strangers')
    assert.ok(strangers.bytes <= 5_000 && strangers.count > 3, `${strangers.bytes}`)
    const friends = await intake.receiveAll(
      Array.from({ length: 50 }, () => received(anEnvelope({ author: 77, bytes: 200 }).bytes)),
      LINK,
    )
    assert.ok(friends.every(({ kind }) => kind === 'accept'))
    assert.equal(brief(await intake.receive(anEnvelope({ author: 5, address: OWNED }).bytes, ORIGIN)), 'accept')
  })

  it('keeps room for what is written here, whatever strangers write to contacts, and pins half of the store for them at most', async () => {
    const to = [anAddress(1), anAddress(2), anAddress(3)]
    const limits = { maxBytes: 1e9, maxEnvelopes: 100, scope: { bytes: 1e9, count: 50 }, author: { bytes: 1e9, count: 50 }, link: { bytes: 1e9, count: 1_000 } }
    const { intake, store, db } = await door({ limits, deps: { isFriend: (_author: AuthorKey, address: Address) => to.includes(address) } })
    for (let i = 0; i < 300; i++) await intake.receive(anEnvelope({ author: i % 40, address: to[i % 3] ?? OWNED, bytes: i }).bytes, ORIGIN)
    assert.equal(store.usageOf('others').count, 90)
    assert.equal(store.usageOf('pinned').count, 50)
    for (let i = 0; i < 30; i++) await db.transaction((tx) => intake.storeOwn(tx, anEnvelope({ author: 99, address: to[0] ?? OWNED, bytes: i })))
    assert.equal(store.usage().envelopes, 100)
  })

  it('lets nobody spend the tokens of an author in whose name he cannot sign', async () => {
    const rates = { link: { perSecond: 1, burst: 1_000 }, author: { perSecond: 1, burst: 1 }, scope: { perSecond: 1, burst: 1 } }
    const { intake } = await door({ options: { rates } })
    const forged = anEnvelope().bytes
    for (let i = 0; i < 5; i++) assert.equal(brief(await intake.receive(flipped(forged, forged.length - 1), ORIGIN)), 'MESH_SIGNATURE_INVALID')
    assert.equal(brief(await intake.receive(anEnvelope().bytes, { ...ORIGIN, link: OTHER_LINK })), 'accept')
  })

  it('lets strangers use up no tokens of known people, neither on their link nor at the own address', async () => {
    const few = { perSecond: 1, burst: 3 }
    const { intake } = await door({ options: { rates: { link: few, scope: few, knock: few } }, friends: [77] })
    const knocks = await intake.receiveAll(
      [1, 2, 3, 4].map((author) => received(anEnvelope({ author, address: OWNED }).bytes)),
      LINK,
    )
    assert.deepEqual(knocks.map(brief), ['accept', 'accept', 'accept', 'rate'])
    for (let i = 0; i < 3; i++) assert.equal(brief(await intake.receive(anEnvelope({ author: 77, address: OWNED, bytes: i }).bytes, ORIGIN)), 'accept')
  })

  it('takes the word of the owner of an own address beside any number of strangers', async () => {
    const { intake } = await door({ options: { rates: { knock: { perSecond: 1, burst: 1 } } } })
    const knocks = [1, 2].map((author) => received(anEnvelope({ author, address: OWNED }).bytes))
    assert.deepEqual((await intake.receiveAll(knocks, LINK)).map(brief), ['accept', 'rate'])
    assert.equal(brief(await intake.receive(aReceipt(OWNER, OWNED, [anEnvelope().id]).bytes, ORIGIN)), 'accept')
  })

  it('makes a link with bad signatures pay until it is cut off', async () => {
    const { intake, crypto } = await door({ options: { rates: { link: { perSecond: 1, burst: 100 }, author: MANY, scope: MANY } } })
    const forged = anEnvelope().bytes
    const verdicts = []
    for (let i = 0; i < 6; i++) verdicts.push(brief(await intake.receive(flipped(forged, forged.length - 1), ORIGIN)))
    assert.equal(verdicts.at(-1), 'rate')
    assert.equal(crypto.checks, 2)
  })
})

describe('a retraction receipt', () => {
  it('removes what it names and lays tombstones in the transaction that stores it', async () => {
    const seen: string[] = []
    const onRetracted: IntakeDeps['onRetracted'] = (tx, { ids, address }) => {
      seen.push(`${ids.length} ${address}`)
      tx.put(TABLES.outbox, Uint8Array.of(1), Uint8Array.of(1))
    }
    const { intake, store, db, events } = await door({ deps: { onRetracted } })
    const address = ownedBy(7)
    const [here, later] = [anEnvelope({ address }), anEnvelope({ address })]
    await intake.receive(here.bytes, ORIGIN)
    events.length = 0
    const receipt = aReceipt(7, address, [here.id, later.id])
    assert.equal(brief(await intake.receive(receipt.bytes, { ...ORIGIN, link: OTHER_LINK })), 'accept')
    assert.deepEqual(events, [
      { kind: 'envelope-removed', id: here.id, reason: 'retracted' },
      { kind: 'retracted', ids: [here.id, later.id], receipt: receipt.id, address },
      { kind: 'envelope-stored', id: receipt.id, address, from: OTHER_LINK },
    ])
    assert.equal(store.has(here.id), false)
    assert.equal(brief(await intake.receive(later.bytes, ORIGIN)), 'retracted')
    assert.deepEqual(seen, [`2 ${address}`])
    assert.deepEqual(await db.get(TABLES.outbox, Uint8Array.of(1)), Uint8Array.of(1))
  })

  it('takes back nothing that is sent to another address', async () => {
    const { intake, store } = await door()
    const [here, later] = [anEnvelope({ address: ownedBy(8) }), anEnvelope({ address: ownedBy(8) })]
    await intake.receive(here.bytes, ORIGIN)
    assert.equal(brief(await intake.receive(aReceipt(7, ownedBy(7), [here.id, later.id]).bytes, ORIGIN)), 'accept')
    assert.equal(store.has(here.id), true)
    assert.equal(brief(await intake.receive(later.bytes, ORIGIN)), 'accept')
  })

  it('is rejected from anybody but the owner of the address', async () => {
    const { intake, store } = await door()
    const here = anEnvelope({ address: ownedBy(8) })
    await intake.receive(here.bytes, ORIGIN)
    assert.deepEqual(await intake.receive(aReceipt(7, ownedBy(8), [here.id]).bytes, ORIGIN), { kind: 'reject', code: 'MESH_ENVELOPE_INVALID' })
    assert.equal(store.has(here.id), true)
  })

  it('leaves own mail to the content handler, which has not read it yet', async () => {
    const { intake, store } = await door()
    const mail = anEnvelope({ address: OWNED })
    await intake.receive(mail.bytes, ORIGIN)
    await intake.receive(aReceipt(OWNER, OWNED, [mail.id]).bytes, ORIGIN)
    assert.equal(store.has(mail.id), true)
    assert.equal(store.isRetracted(mail.id, OWNED), false)
  })

  it('comes in through a full quota, since it makes room', async () => {
    const { intake, store } = await door({ limits: { scope: { bytes: 1e6, count: 1 } } })
    const here = anEnvelope({ address: ownedBy(7) })
    await intake.receive(here.bytes, ORIGIN)
    assert.equal(brief(await intake.receive(aReceipt(7, ownedBy(7), [anEnvelope().id]).bytes, ORIGIN)), 'quota')
    assert.equal(brief(await intake.receive(aReceipt(7, ownedBy(7), [here.id]).bytes, ORIGIN)), 'accept')
    assert.equal(store.has(here.id), false)
  })
})

describe('own envelopes', () => {
  it('go in with the rows of the caller, or not at all', async () => {
    const { intake, db, store } = await door()
    const envelope = anEnvelope()
    const failed = db.transaction(async (tx) => {
      await intake.storeOwn(tx, envelope)
      throw new Error('no')
    })
    await assert.rejects(failed, /no/)
    assert.equal(store.has(envelope.id), false)
    await db.transaction((tx) => intake.storeOwn(tx, envelope))
    assert.deepEqual(pick(store.meta(envelope.id), ['own', 'pinned', 'from', 'copies']), { own: true, pinned: true, from: undefined, copies: 8 })
  })

  it('push out what belongs to strangers, and are refused when the store is full of own ones', async () => {
    const { intake, db, store } = await door({ limits: { maxEnvelopes: 2 } })
    await intake.receiveAll([received(anEnvelope().bytes), received(anEnvelope().bytes)], LINK)
    for (let i = 0; i < 2; i++) await db.transaction((tx) => intake.storeOwn(tx, anEnvelope()))
    assert.equal(store.usage().envelopes, 2)
    await assert.rejects(
      db.transaction((tx) => intake.storeOwn(tx, anEnvelope())),
      (error) => isMeshError(error, 'MESH_STORE_FULL'),
    )
    assert.equal(brief(await intake.receive(anEnvelope({ priority: 'critical' }).bytes, ORIGIN)), 'quota')
  })
})

describe('intake over a full disk', () => {
  it('refuses custody, keeps what it has, and takes the same envelope when there is room again', async () => {
    const disk = failingLevel(memoryLevel())
    const { intake, store, events } = await door({ level: disk.level })
    const [kept, refused] = [anEnvelope(), anEnvelope()]
    await intake.receive(kept.bytes, ORIGIN)
    disk.fail('ENOSPC')
    assert.equal(brief(await intake.receive(refused.bytes, ORIGIN)), 'full')
    assert.deepEqual(await store.bytes(kept.id), kept.bytes)
    assert.equal(events.length, 1)
    disk.heal()
    assert.equal(brief(await intake.receive(refused.bytes, ORIGIN)), 'accept')
  })

  it('throws on a disk that is broken, rather than blame the envelope', async () => {
    const disk = failingLevel(memoryLevel())
    const { intake } = await door({ level: disk.level })
    disk.fail('EIO')
    await assert.rejects(intake.receive(anEnvelope().bytes, ORIGIN), (error) => isMeshError(error, 'MESH_STORE_FAILED'))
  })
})

describe('a machine without a clock', () => {
  it('takes envelopes in 1970, and keeps them when the clock comes to life', async () => {
    const now = fakeClock().now()
    const { intake, store, clock } = await door({ clock: fakeClock(5 * MINUTE_MS) })
    const envelope = anEnvelope({ lifetimeS: 3_600, stamp: { ms: now, counter: 0 } })
    assert.equal(brief(await intake.receive(envelope.bytes, ORIGIN)), 'accept')
    await clock.advance(MINUTE_MS)
    clock.setWall(now + MINUTE_MS)
    while ((await store.removeExpired(100)) > 0);
    assert.deepEqual(pick(store.meta(envelope.id), ['firstSeenMs', 'expiryMs']), { firstSeenMs: now, expiryMs: now + 3_600_000 })
    clock.setWall(now + 3_600_000)
    assert.equal(await store.removeExpired(100), 1)
    assert.equal(store.has(envelope.id), false)
  })
})

const MANY = { perSecond: 1_000, burst: 1_000 }

interface DoorOptions {
  limits?: Partial<StoreLimits>
  options?: IntakeOptions
  deps?: Partial<IntakeDeps>
  friends?: number[]
  level?: ReturnType<typeof memoryLevel>
  clock?: FakeClock
}

async function door({ limits = {}, options = {}, deps = {}, friends = [], level = memoryLevel(), ...time }: DoorOptions = {}) {
  const { db, store, clock } = await memoryStore({ limits, level, ...time })
  const crypto: FakeCrypto = fakeCrypto()
  const known = new Set<AuthorKey>(friends.map((author) => anEnvelope({ author }).author))
  const intake = new Intake(
    {
      db,
      store,
      crypto,
      clock,
      isOwned: (address) => address === OWNED,
      isFriend: (author) => known.has(author),
      isFriendsKey: (author) => known.has(author),
      ...deps,
    },
    options,
  )
  const events: MeshEvent[] = []
  db.subscribe((event) => events.push(event))
  return { intake, db, store, clock, crypto, events }
}

function ownedBy(owner: number): Address {
  return addressOfKey(fakeCrypto().ed25519PublicKey(aSeed(owner)))
}

function received(bytes: Uint8Array) {
  return { bytes, passage: PASSAGE }
}

function brief(verdict: Awaited<ReturnType<Intake['receive']>>): string {
  if (verdict.kind === 'accept') return 'accept'
  return verdict.kind === 'ignore' ? verdict.reason : verdict.code
}

function flipped(bytes: Uint8Array, at: number): Uint8Array {
  return bytes.map((byte, i) => (i === at ? byte ^ 1 : byte))
}

function pick<T extends object, K extends keyof T>(from: T | undefined, keys: K[]): Partial<Pick<T, K>> {
  const picked: Partial<Pick<T, K>> = {}
  for (const key of keys) if (from !== undefined) picked[key] = from[key]
  return picked
}
