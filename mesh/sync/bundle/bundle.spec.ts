import assert from 'node:assert/strict'
import { concatBytes } from '#mesh/codec'
import { isMeshError } from '#mesh/errors'
import { deviceIdOf, type EnvelopeId } from '#mesh/ids'
import { silentLog } from '#mesh/ports'
import { custodyMessage } from '#mesh/routing'
import { TABLES } from '#mesh/store'
import { fakeClock, seededRandom, settle } from '#mesh/testing'
import { type MeshNode, type MeshNodeOptions, meshNode } from '../../testing/mesh-node.ts'
import { toyCrypto } from '../../testing/toy-crypto.ts'
import { BLOCK_TYPE, encodeBlock } from './block.ts'
import { BlockReader } from './block-reader.ts'
import { decodeContent, encodeTaken } from './contents.ts'
import { Bundles, type ImportReport, MIN_PART_BYTES } from './index.ts'
import { STICK_LINK } from './stick-link.ts'

const crypto = toyCrypto()

interface Holder {
  readonly node: MeshNode
  readonly bundles: Bundles
}

describe('bundles between nodes that never meet', () => {
  const nodes: MeshNode[] = []
  const clock = fakeClock()

  afterEach(async () => {
    for (const node of nodes.splice(0)) await node.stop()
  })

  async function holder(name: string, options: MeshNodeOptions & { known?: number } = {}): Promise<Holder> {
    const node = await meshNode(name, { clock, ...options })
    nodes.push(node)
    const { db, store, intake, ledger, device, deviceSeed, grants } = node
    const bundles = new Bundles({
      db,
      store,
      intake,
      ledger,
      clock,
      random: seededRandom(name),
      log: silentLog,
      crypto,
      device,
      sign: (message) => crypto.ed25519Sign(deviceSeed, message),
      grants: () => grants,
      knownDevices: () => options.known ?? 3,
    })
    return { node, bundles }
  }

  it('bring what was written, in order, and on the way back that it was delivered', async () => {
    const [a, b] = [await holder('a'), await holder('b')]
    const ids = await a.node.writeMany(b.node, 500)
    const outbound = await written(a)
    assert.equal((await read(b, outbound)).accepted, 500)
    await settle()
    assert.deepEqual(b.node.received, ids)
    await read(a, await written(b))
    await settle()
    assert.deepEqual(a.node.ledger.counts(), { queued: 0, carried: 0 })
    assert.equal([...a.node.store.byAddress(b.node.address)].filter(({ kind }) => kind === 'inbox').length, 0)
  })

  it('change nothing when they are read again', async () => {
    const [a, b] = [await holder('a'), await holder('b')]
    await a.node.writeMany(b.node, 50)
    const bytes = await written(a)
    assert.equal((await read(b, bytes)).accepted, 50)
    await settle()
    const again = await read(b, bytes)
    assert.equal(again.accepted, 0)
    assert.equal(sum(again.ignored), 50)
    assert.equal(b.node.received.length, 50)
  })

  it('tell on the way back who carries what, and the copies are shared once', async () => {
    const [a, b, c] = [await holder('a'), await holder('b'), await holder('c')]
    const [id = ''] = await a.node.writeMany(b.node, 1)
    const outbound = await written(a)
    await read(c, outbound)
    await read(c, outbound)
    assert.equal(copies(c, id), 4, 'half of eight')
    assert.equal(copies(a, id), 8, 'nobody has confirmed anything')
    const back = await written(c)
    assert.equal((await read(a, back)).carried, 1)
    assert.equal((await read(a, back)).carried, 0)
    assert.deepEqual(
      a.node.ledger.list().map(({ state, custody }) => [state, custody.map(({ device }) => device)]),
      [['carried', [c.node.device]]],
    )
    assert.equal(copies(a, id), 4)
    // and the carrier's own bundle brings it to the one it is for
    assert.equal((await read(b, back)).accepted, 1)
    await settle()
    await read(c, await written(b))
    assert.equal(c.node.store.has(id as never), false, 'taken back by the receipt')
    assert.equal(contents(await written(c)).filter(({ kind }) => kind === 'taken').length, 0, 'and nothing is owed for it any more')
  })

  it('take copies once for whoever promises, and nothing for a promise that has run out', async () => {
    const [a, b, c] = [await holder('a'), await holder('b'), await holder('c')]
    const [id] = await a.node.writeMany(b.node, 1)
    assert.ok(id !== undefined)
    const promise = (untilMs: number, ids = [id]) => {
      const signature = crypto.ed25519Sign(c.node.deviceSeed, custodyMessage(a.node.device, untilMs, ids))
      const payload = encodeTaken(a.node.device, c.node.device, { untilMs, ids, signature })
      return read(a, encodeBlock({ type: BLOCK_TYPE.taken, bundle: new Uint8Array(16), part: 1, sequence: 0, payload }))
    }
    const kept = async () => {
      let rows = 0
      for await (const _ of a.node.db.iterate(TABLES.custody)) rows += 1
      return [rows, copies(a, id)]
    }
    await written(a)
    for (let untilMs = 1; untilMs <= 20; untilMs++) assert.equal((await promise(untilMs)).carried, 0)
    assert.deepEqual(await kept(), [0, 8])
    const nowMs = clock.now()
    assert.equal((await promise(nowMs + 3_600_000, [id, id])).carried, 1)
    for (let n = 1; n <= 20; n++) assert.equal((await promise(nowMs + 3_600_000 + n)).carried, 0)
    assert.deepEqual(await kept(), [1, 4])
    assert.equal((await promise(nowMs + 2 * 86_400_000)).carried, 0, 'it is longer, but not another copy')
    assert.deepEqual([await kept(), a.node.ledger.get(id)?.custody[0]?.untilMs], [[1, 4], nowMs + 2 * 86_400_000])
  })

  it('hold for one address only what goes there, and receipts', async () => {
    const [a, b, c] = [await holder('a'), await holder('b'), await holder('c')]
    await a.node.writeMany(b.node, 3)
    await a.node.writeMany(c.node, 4)
    await a.node.acknowledge([(await c.node.writeMany(a.node, 1))[0] as never])
    const bytes = await written(a, { only: new Set([b.node.address]) })
    const report = await read(b, bytes)
    assert.equal(report.accepted, 4)
    assert.equal(b.node.received.length, 3)
  })

  it('give what routing would offer to somebody unknown, own messages always, and the last copy to whose bundle was read', async () => {
    const [a, b] = [await holder('a'), await holder('b')]
    const c = await holder('c', { known: 50 })
    const [foreign = ''] = await a.node.writeMany(b.node, 1)
    const [own = ''] = await c.node.writeMany(b.node, 1)
    await read(c, await written(a))
    await c.node.db.transaction((tx) => {
      for (const id of [foreign, own]) c.node.store.setCopies(tx, id as never, 1)
    })
    assert.equal(envelopesIn(await written(c)), 1, 'a last copy waits for its receiver, but not an own one')
    await read(c, await written(b))
    assert.equal(envelopesIn(await written(c)), 2)
  })

  it('are cut into parts that are whole each, in any order and with one missing', async () => {
    const [a, b] = [await holder('a'), await holder('b')]
    await a.node.writeMany(b.node, 600)
    await a.node.write(b.node, { bytes: 30_000 })
    await a.node.write(b.node, { bytes: 65_407 })
    const { pieces, tooLarge } = await a.bundles.export({ maxPartBytes: MIN_PART_BYTES })
    const parts: Uint8Array[] = []
    for await (const { part, bytes } of pieces) parts[part - 1] = concatBytes(parts[part - 1] ?? new Uint8Array(0), bytes)
    assert.equal(tooLarge, 1, 'the largest size class fits into no part of 64K')
    assert.ok(parts.length >= 5)
    for (const part of parts) assert.ok(part.length <= MIN_PART_BYTES)
    let accepted = 0
    for (const part of parts.toReversed().slice(1)) {
      const report = await read(b, part)
      assert.equal(report.isWhole, true)
      assert.equal(report.isLast, false)
      accepted += report.accepted
    }
    const last = await read(b, parts.at(-1) ?? new Uint8Array(0))
    assert.equal(last.isLast, true)
    assert.equal(accepted + last.accepted, 601)
  })

  it('leave out what is now or never', async () => {
    const [a, b] = [await holder('a'), await holder('b')]
    await a.node.write(b.node, { priority: 'ephemeral' })
    await a.node.write(b.node)
    assert.equal((await read(b, await written(a))).accepted, 1)
  })

  it('carry an envelope of the largest size', async () => {
    const [a, b] = [await holder('a'), await holder('b')]
    await a.node.write(b.node, { bytes: 65_407 })
    assert.equal((await read(b, await written(a))).accepted, 1)
  })

  it('lose what lies in a bad block and say so, and the next bundle heals it', async () => {
    const [a, b] = [await holder('a'), await holder('b')]
    await a.node.writeMany(b.node, 300)
    const bytes = Uint8Array.from(await written(a))
    bytes.fill(0, 40_000, 40_512)
    const report = await read(b, bytes)
    assert.equal(report.badBlocks, 1)
    assert.equal(report.isWhole, false)
    assert.ok(report.blocks > 6)
    const lost = 300 - report.accepted
    assert.ok(lost > 20 && lost < 40, `${lost} lost`)
    await settle()
    await read(a, await written(b))
    assert.equal((await read(b, await written(a))).accepted, lost)
    assert.equal(b.node.received.length, 300)
  })

  it('give what is there when their head or their end is gone', async () => {
    const [a, b, c] = [await holder('a'), await holder('b'), await holder('c')]
    await a.node.writeMany(b.node, 100)
    const bytes = await written(a)
    const headless = await read(b, bytes.subarray(20))
    assert.equal(headless.accepted, 100)
    assert.equal(headless.badBlocks, 1)
    const endless = await read(c, bytes.subarray(0, bytes.length - 1))
    assert.equal(endless.accepted, 100)
    assert.equal(endless.badBlocks, 1)
    assert.equal(endless.isWhole, false)
  })

  it('are refused when they are none, or of another version', async () => {
    const a = await holder('a')
    await assert.rejects(read(a, new Uint8Array(100_000)), (error) => isMeshError(error, 'MESH_BUNDLE_INVALID'))
    await assert.rejects(read(a, new Uint8Array(0)), (error) => isMeshError(error, 'MESH_BUNDLE_INVALID'))
    const next = Uint8Array.from(await written(a))
    for (let at = 0; at < next.length - 8; at++) if (next[at] === 0x89 && next[at + 1] === 0x71) next[at + 8] = 2
    await assert.rejects(read(a, next), (error) => isMeshError(error, 'MESH_VERSION_UNKNOWN'))
  })

  it('stop being read when nobody honest wrote them, and shut no others out', async () => {
    const [a, b] = [await holder('a'), await holder('b')]
    const lies = envelopeBlocks(Array.from({ length: 3_000 }, (_, i) => Uint8Array.of(1, 0x41, i >> 8, i & 255, ...new Uint8Array(200))))
    const report = await read(b, lies)
    assert.equal(report.stopped, 'hostile')
    assert.ok(sum(report.rejected) < 1_400)
    assert.equal(report.accepted, 0)
    await a.node.writeMany(b.node, 20)
    assert.equal((await read(b, await written(a))).accepted, 20)
  })

  it('keep to the rates and quotas of one link, whoever they say wrote them, and wait when they came too fast', async () => {
    const b = await holder('b', {
      intake: { rates: { link: { perSecond: 10, burst: 30 }, author: { perSecond: 100, burst: 100 }, scope: { perSecond: 100, burst: 100 } } },
    })
    const reports: ImportReport[] = []
    let isDone = false
    const importing = (async () => {
      for (const name of ['x', 'y']) {
        const other = await holder(name)
        await other.node.writeMany(b.node, 25)
        reports.push(await read(b, await written(other)))
      }
      isDone = true
    })()
    for (let second = 0; second < 100 && !isDone; second++) await clock.advance(1_000)
    await importing
    assert.deepEqual(
      reports.map(({ accepted, isWhole }) => [accepted, isWhole]),
      [
        [25, true],
        [25, true],
      ],
    )
  })

  it('put what they bring on the account of the one link of all sticks', async () => {
    const [a, b, c] = [await holder('a'), await holder('b'), await holder('c')]
    await a.node.writeMany(b.node, 5)
    await read(c, await written(a))
    assert.equal(c.node.store.usageOf({ link: STICK_LINK }).count, 5)
    assert.equal(c.node.store.usageOf({ link: a.node.device }).count, 0)
  })

  it('cannot promise in the name of others, nor for what is not ours', async () => {
    const [a, b, c] = [await holder('a'), await holder('b'), await holder('c')]
    await a.node.writeMany(b.node, 1)
    await read(c, await written(a))
    const back = await written(c)
    const forged = rewritten(back, (payload, type) => {
      if (type === BLOCK_TYPE.taken) payload[40] = (payload[40] ?? 0) ^ 1 // another custodian
    })
    assert.equal((await read(a, forged)).carried, 0)
    assert.equal((await read(b, back)).carried, 0)
    assert.deepEqual(a.node.ledger.counts(), { queued: 1, carried: 0 })
  })

  it('promise nothing that was never exported, and take copies as often as it was, whoever promises in how many names', async () => {
    const [a, b] = [await holder('a'), await holder('b')]
    const [id] = await a.node.writeMany(b.node, 1)
    assert.ok(id !== undefined)
    const promise = (n: number, ids: readonly EnvelopeId[]) => {
      const seed = new Uint8Array(32).fill(n)
      const untilMs = clock.now() + 3_600_000
      const signature = crypto.ed25519Sign(seed, custodyMessage(a.node.device, untilMs, ids))
      const payload = encodeTaken(a.node.device, deviceIdOf(crypto.ed25519PublicKey(seed)), { untilMs, ids, signature })
      return read(a, encodeBlock({ type: BLOCK_TYPE.taken, bundle: new Uint8Array(16), part: 1, sequence: 0, payload }))
    }
    for (const n of [1, 2, 3, 4]) assert.equal((await promise(n, [id])).carried, 0)
    assert.deepEqual([a.node.ledger.counts(), copies(a, id)], [{ queued: 1, carried: 0 }, 8])
    await written(a)
    const [late] = await a.node.writeMany(b.node, 1)
    assert.ok(late !== undefined)
    assert.equal((await promise(5, [id, late])).carried, 0, 'a lie about one is no promise of the other')
    for (const n of [6, 7, 8, 9]) assert.equal((await promise(n, [id])).carried, 1)
    assert.deepEqual([a.node.ledger.counts(), copies(a, id), copies(a, late)], [{ queued: 1, carried: 1 }, 4, 8])
    await written(a)
    await promise(10, [id])
    assert.equal(copies(a, id), 2)
  })

  it('remember no longer what was exported and is gone', async () => {
    const [a, b] = [await holder('a'), await holder('b')]
    await a.node.writeMany(b.node, 3)
    const exported = async (): Promise<number> => {
      let rows = 0
      for await (const _ of a.node.db.iterate(TABLES.sneakernet, { gte: Uint8Array.of(4), lt: Uint8Array.of(5) })) rows += 1
      return rows
    }
    await read(b, await written(a))
    assert.equal(await exported(), 3)
    await settle()
    await read(a, await written(b))
    await written(a)
    assert.equal(await exported(), 0)
  })

  it('keep what was committed when the reading is broken off', async () => {
    const [a, b] = [await holder('a'), await holder('b')]
    await a.node.writeMany(b.node, 400)
    const bytes = await written(a)
    const cancelled = new AbortController()
    const reading = b.bundles.import(chunksOf(bytes, 10_000), { signal: cancelled.signal })
    for (let step = await reading.next(); ; step = await reading.next()) {
      if (step.done === true) {
        assert.equal(step.value?.stopped, 'aborted')
        assert.ok((step.value?.accepted ?? 0) > 0 && (step.value?.accepted ?? 0) < 400)
        assert.equal(step.value?.badBlocks, 0)
        break
      }
      if (step.value.bytes > 50_000) cancelled.abort()
    }
    const rest = await read(b, bytes)
    await settle()
    assert.equal(b.node.received.length, 400)
    assert.ok(rest.accepted > 0)
  })

  it('survive any change of any byte of a small one without an error', async function () {
    this.timeout(20_000)
    const [a, b] = [await holder('a'), await holder('b')]
    await a.node.writeMany(b.node, 2)
    const bytes = await written(a)
    for (let at = 0; at < bytes.length; at += 3) {
      const damaged = bytes.map((byte, i) => (i === at ? byte ^ 0x55 : byte))
      const report = await read(b, damaged)
      assert.equal(report.badBlocks, 1, `byte ${at}`)
    }
    await settle()
    assert.equal(b.node.received.length, 2)
  })

  it('hold nothing back of what their blocks say wrongly under a right checksum', async () => {
    const [a, b] = [await holder('a'), await holder('b')]
    await a.node.writeMany(b.node, 20)
    const bytes = await written(a)
    for (const type of Object.values(BLOCK_TYPE)) {
      for (const change of [1, 2, 5, 35, 70]) {
        const odd = rewritten(bytes, (payload, of) => {
          if (of === type && change < payload.length) payload[change] = (payload[change] ?? 0) ^ 0xff
        })
        await read(b, odd)
      }
    }
    await read(b, bytes)
    await settle()
    assert.equal(new Set(b.node.received).size, 20)
  })
})

async function written({ bundles }: Holder, options: Parameters<Bundles['export']>[0] = {}): Promise<Uint8Array> {
  const { pieces } = await bundles.export(options)
  const all: Uint8Array[] = []
  for await (const { bytes } of pieces) all.push(bytes)
  return concatBytes(...all)
}

async function read({ bundles }: Holder, bytes: Uint8Array): Promise<ImportReport> {
  const reading = bundles.import(chunksOf(bytes, 65_536))
  for (;;) {
    const step = await reading.next()
    if (step.done !== true) continue
    assert.ok(step.value)
    return step.value
  }
}

async function* chunksOf(bytes: Uint8Array, length: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += length) yield bytes.subarray(at, at + length)
}

function contents(bytes: Uint8Array): Array<ReturnType<typeof decodeContent>> {
  return [...new BlockReader().push(bytes)].map(decodeContent)
}

function envelopesIn(bytes: Uint8Array): number {
  return contents(bytes)
    .flatMap((content) => (content.kind === 'envelopes' ? content.envelopes : []))
    .filter(({ bytes: envelope }) => ((envelope[1] ?? 0) & 0x3f) === 1).length
}

/** The same bundle with other payloads and right checksums. */
function rewritten(bytes: Uint8Array, change: (payload: Uint8Array, type: number) => void): Uint8Array {
  const blocks = [...new BlockReader().push(bytes)]
  for (const { payload, type } of blocks) change(payload, type)
  return concatBytes(...blocks.map((block) => Uint8Array.from(encodeBlock(block))))
}

function envelopeBlocks(envelopes: readonly Uint8Array[]): Uint8Array {
  const large = (bytes: Uint8Array) => concatBytes(Uint8Array.of(1, 1, 0, 0, 0, 0), bytes)
  return concatBytes(
    ...envelopes.map((bytes, sequence) => encodeBlock({ type: BLOCK_TYPE.large, bundle: new Uint8Array(16), part: 1, sequence, payload: large(bytes) })),
  )
}

function copies({ node }: Holder, id: string): number | undefined {
  return node.store.meta(id as never)?.copies
}

function sum(counts: Readonly<Record<string, number | undefined>>): number {
  return Object.values(counts).reduce<number>((all, count) => all + (count ?? 0), 0)
}
