/** Bundles in real files, on nodes in memory. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { appendFile, copyFile, mkdir, mkdtemp, readdir, readFile, rename, rm, symlink, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isMeshError } from '#mesh/errors'
import { silentLog } from '#mesh/ports'
import { Bundles, MIN_PART_BYTES } from '#mesh/sync'
import { type FakeClock, fakeClock, seededRandom, settle } from '#mesh/testing'
import type { BundleStep } from '#node/control'
import { type MeshNode, type MeshNodeOptions, meshNode } from '../../mesh/testing/mesh-node.ts'
import { toyCrypto } from '../../mesh/testing/toy-crypto.ts'
import { KnownParts } from './known-parts.ts'
import { Sneakernet } from './sneakernet.ts'
import { WatchedFolder } from './watched-folder.ts'

const MAKE_PIPE = 'mkfifo'
const crypto = toyCrypto()
const code = (wanted: Parameters<typeof isMeshError>[1]) => (error: unknown) => isMeshError(error, wanted)

interface Holder {
  readonly node: MeshNode
  readonly bundles: Bundles
  readonly stick: Sneakernet
  export(file: string, options?: Partial<Parameters<Sneakernet['export']>[0]>, signal?: AbortSignal): Promise<Done<ReturnType<Sneakernet['export']>>>
  import(...files: string[]): Promise<Done<ReturnType<Sneakernet['import']>>>
}

type Done<G> = Extract<G extends AsyncGenerator<infer T> ? T : never, { event: 'done' }>

describe('bundles in files', () => {
  let root = ''
  let clock: FakeClock
  let watched: string
  const undo: Array<() => Promise<void>> = []

  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'qpq-stick-'))
    clock = fakeClock()
    watched = join(root, 'media')
    await mkdir(watched)
  })
  afterEach(async () => {
    for (const step of undo.splice(0).reverse()) await step()
    await rm(root, { recursive: true })
  })

  const path = (name: string) => join(root, name)

  async function holder(name: string, options: MeshNodeOptions = {}): Promise<Holder> {
    const node = await meshNode(name, { clock, ...options })
    const { db, deviceSeed, grants } = node
    const bundles = new Bundles({
      ...node,
      random: seededRandom(name),
      log: silentLog,
      crypto,
      sign: (message) => crypto.ed25519Sign(deviceSeed, message),
      grants: () => grants,
      knownDevices: () => 3,
    })
    const dataDir = path(`data-${name}`)
    await mkdir(dataDir, { recursive: true })
    const stick = new Sneakernet({ bundles, db, clock, log: silentLog, dataDir })
    await stick.start()
    undo.push(async () => {
      await stick.stop()
      await node.stop()
    })
    return {
      node,
      bundles,
      stick,
      export: (file, more = {}, signal = new AbortController().signal) => last(stick.export({ file, force: false, ...more }, signal)),
      import: (...files) => last(stick.import(files, new AbortController().signal)),
    }
  }

  it('bring a backlog over and its receipts back, in parts and in any order', async () => {
    const [a, b] = [await holder('a'), await holder('b')]
    await a.node.writeMany(b.node, 700)
    const out = await a.export(path('post.qpqb'), { maxBytes: MIN_PART_BYTES })
    assert.equal(out.envelopes, 700)
    assert.ok(out.files.length > 3)
    assert.deepEqual(
      (await readdir(root)).filter((name) => name.startsWith('post')).sort(),
      out.files.map((file) => file.slice(root.length + 1)),
    )
    const brought = await b.import(...out.files.toReversed())
    assert.deepEqual([brought.accepted, brought.badBlocks, brought.files, brought.partsFollow], [700, 0, out.files.length, false])
    await settle()
    await b.export(path('back.qpqb'))
    await a.import(path('back.qpqb'))
    assert.deepEqual(a.node.ledger.counts(), { queued: 0, carried: 0 })
  })

  it('say which files failed and take the others in', async () => {
    const [a, b] = [await holder('a'), await holder('b')]
    await a.node.writeMany(b.node, 5)
    await a.export(path('good.qpqb'))
    await writeFile(path('bad.qpqb'), 'no bundle')
    const { accepted, failed } = await b.import(path('bad.qpqb'), path('none.qpqb'), path('good.qpqb'))
    assert.equal(accepted, 5)
    assert.deepEqual(
      failed.map(({ code: failure }) => failure),
      ['NODE_FILE_MISSING', 'MESH_BUNDLE_INVALID'],
    )
    assert.match(failed[1]?.message ?? '', /^bad\.qpqb: /)
  })

  it('are found in a directory, and a missing part is told', async () => {
    const [a, b] = [await holder('a'), await holder('b')]
    await a.node.writeMany(b.node, 400)
    const { files } = await a.export(join(watched, 'post.qpqb'), { maxBytes: MIN_PART_BYTES })
    await rm(files.at(-1) ?? '')
    await writeFile(join(watched, 'notes.txt'), 'x')
    const { partsFollow, failed, files: read } = await b.import(watched)
    assert.deepEqual([partsFollow, failed, read], [true, [], files.length - 1])
    await assert.rejects(b.export(join(root, 'data-b', 'x.qpqb')), code('NODE_FILE_UNUSABLE'))
  })

  it('are not left in pieces when the export is stopped', async () => {
    const [a, b] = [await holder('a'), await holder('b')]
    await a.node.writeMany(b.node, 500)
    const stopped = new AbortController()
    stopped.abort()
    await assert.rejects(a.export(path('post.qpqb'), {}, stopped.signal), code('NODE_STOPPED'))
    assert.deepEqual((await readdir(root)).sort(), ['data-a', 'data-b', 'media'])
  })

  it('say how far the work is', async () => {
    const [a, b] = [await holder('a'), await holder('b')]
    await a.node.writeMany(b.node, 300)
    const steps: BundleStep<object>[] = []
    for await (const step of a.stick.export({ file: path('post.qpqb'), force: false }, new AbortController().signal)) {
      steps.push(step)
      await clock.advance(1_000)
    }
    const progress = steps.filter((step) => step.event === 'progress')
    assert.ok(progress.length > 5)
    for (const { done, total } of progress) assert.ok(done > 0 && done <= total)
    assert.equal(steps.at(-1)?.event, 'done')
  })

  describe('in a watched folder', () => {
    let a: Holder
    let b: Holder

    let folder: WatchedFolder

    beforeEach(async () => {
      a = await holder('a')
      b = await holder('b')
      const known = await KnownParts.open(b.node.db)
      folder = new WatchedFolder(
        {
          bundles: b.bundles,
          clock,
          log: silentLog,
          isKnown: (bundle, part) => known.has(bundle, part),
          onRead: ({ bundle, part }) => known.add(bundle, part, clock.now()),
        },
        watched,
      )
    })

    const info = () => folder.info
    async function look(times = 3): Promise<void> {
      for (let i = 0; i < times; i++) await folder.look(new AbortController().signal)
      await settle()
    }

    it('are read when they have come to rest, also from a stick that is mounted in it', async () => {
      await a.node.writeMany(b.node, 100)
      const { files } = await a.export(path('post.qpqb'))
      const bytes = await readFile(files[0] ?? '')
      await mkdir(join(watched, 'STICK'))
      const target = join(watched, 'STICK', 'POST.QPQB')
      await writeFile(target, bytes.subarray(0, 20_000))
      await look(1)
      await appendFile(target, bytes.subarray(20_000, 40_000))
      await look(1)
      assert.equal(b.node.received.length, 0, 'it still grew')
      await appendFile(target, bytes.subarray(40_000))
      await look()
      assert.equal(b.node.received.length, 100)
      assert.deepEqual([info().files, info().envelopes, info().errors], [1, 100, 0])
    })

    it('are read once, also after the node was started anew, and a damaged copy does not hide a good one', async () => {
      await a.node.writeMany(b.node, 100)
      await a.export(path('post.qpqb'))
      await copyFile(path('post.qpqb'), join(watched, 'short.qpqb'))
      await truncate(join(watched, 'short.qpqb'), 30_000)
      await look()
      assert.deepEqual([info().files, info().badBlocks, info().errors], [1, 1, 1])
      assert.match(info().lastError ?? '', /^short\.qpqb: has 1 of/)
      await copyFile(path('post.qpqb'), join(watched, 'whole.qpqb'))
      await look()
      assert.equal(b.node.received.length, 100)
      await copyFile(path('post.qpqb'), join(watched, 'again.qpqb'))
      const before = b.node.intake.counters
      const judged = Object.values(before).reduce((sum, count) => sum + count, 0)
      await look()
      assert.equal(
        Object.values(b.node.intake.counters).reduce((sum, count) => sum + count, 0),
        judged,
        'not one envelope was looked at',
      )
      const reopened = await KnownParts.open(b.node.db)
      assert.equal(reopened.size, 1)
    })

    it('are not what is called like them: links, pipes, devices, hostile names, directories', async () => {
      await a.node.writeMany(b.node, 10)
      await a.export(path('post.qpqb'))
      await symlink(path('post.qpqb'), join(watched, 'link.qpqb'))
      await symlink(root, join(watched, 'outside'))
      execFileSync(MAKE_PIPE, [join(watched, 'pipe.qpqb')])
      await mkdir(join(watched, 'dir.qpqb'))
      await copyFile(path('post.qpqb'), join(watched, 'esc\u001b[2J.qpqb'))
      await copyFile(path('post.qpqb'), join(watched, 'post.qpqb.part'))
      await mkdir(join(watched, 'deep', 'deeper'), { recursive: true })
      await copyFile(path('post.qpqb'), join(watched, 'deep', 'deeper', 'post.qpqb'))
      await look()
      assert.equal(b.node.received.length, 0)
      assert.deepEqual([info().refused, info().files, info().errors, info().state], [2, 0, 0, 'watching'])
      await look()
      assert.equal(info().refused, 2, 'counted once')
    })

    it('are refused when they are none, once, and others are read all the same', async () => {
      await a.node.writeMany(b.node, 10)
      await writeFile(join(watched, 'a-noise.qpqb'), seededRandom(1).bytes(100_000))
      await truncateTo(join(watched, 'b-bomb.qpqb'), 8_000_000_000)
      await truncateTo(join(watched, 'c-zeros.qpqb'), 1_000_000_000)
      await a.export(join(watched, 'd-good.qpqb'))
      await look(6)
      assert.equal(b.node.received.length, 10)
      assert.deepEqual([info().errors, info().refused], [2, 1])
    })

    it('are looked for in a bounded part of a folder that is full of names', async () => {
      await Promise.all(Array.from({ length: 1_100 }, (_, i) => writeFile(join(watched, `${i}.qpqb`), '')))
      await look(1)
      assert.equal(info().crowded, true)
    })

    it('make the state of the folder known, and it may come and go', async () => {
      await look()
      assert.equal(info().state, 'watching')
      await rename(watched, path('elsewhere'))
      await look()
      assert.equal(info().state, 'missing')
      await writeFile(watched, 'a file')
      await look()
      assert.equal(info().state, 'unreadable')
      assert.equal(info().errors, 1)
      await rm(watched)
      await a.node.writeMany(b.node, 3)
      await mkdir(watched)
      await a.export(join(watched, 'post.qpqb'))
      await look()
      assert.equal(b.node.received.length, 3)
    })
  })

  it('are remembered up to a bound, the oldest go first', async () => {
    const { node } = await holder('a')
    const known = await KnownParts.open(node.db)
    const bundle = (i: number) => new Uint8Array(16).fill(i & 255, 0, 8).fill(i >> 8, 8)
    for (let i = 0; i < 1_010; i++) await known.add(bundle(i), 1, 1_000 + i)
    assert.equal(known.size, 1_000)
    assert.equal(known.has(bundle(9), 1), false)
    assert.equal(known.has(bundle(1_009), 1), true)
    assert.equal(known.has(bundle(1_009), 2), false)
    assert.equal((await KnownParts.open(node.db)).size, 1_000)
  })
})

async function truncateTo(file: string, bytes: number): Promise<void> {
  await writeFile(file, '')
  await truncate(file, bytes) // a file with holes: it takes no room
}

async function last<T>(steps: AsyncIterable<BundleStep<T>>): Promise<{ event: 'done' } & T> {
  for await (const step of steps) if (step.event === 'done') return step
  throw new Error('no result')
}
