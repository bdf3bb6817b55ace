/** When a file in a watched folder is read again, with real files and an import that says what it is told to. */
import assert from 'node:assert/strict'
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { MeshError } from '#mesh/errors'
import { silentLog } from '#mesh/ports'
import type { ImportReport } from '#mesh/sync'
import { type FakeClock, fakeClock } from '#mesh/testing'
import { WatchedFolder } from './watched-folder.ts'

const HOUR_MS = 3_600_000

const WHOLE: ImportReport = {
  bundle: new Uint8Array(16),
  part: 1,
  isLast: true,
  isWhole: true,
  stopped: undefined,
  blocks: 2,
  badBlocks: 0,
  accepted: 1,
  ignored: {},
  rejected: {},
  carried: 0,
}

describe('a file in a watched folder', () => {
  let root: string
  let watched: string
  let clock: FakeClock
  let folder: WatchedFolder
  let reads: number
  /** What the next readings come to; after the last one everything is whole. */
  let outcomes: (ImportReport | Error)[]

  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'qpq-watched-'))
    watched = join(root, 'media')
    await mkdir(join(watched, 'stick'), { recursive: true })
    await writeFile(join(watched, 'stick', 'post.qpqb'), 'some bytes')
    clock = fakeClock()
    reads = 0
    outcomes = []
    const bundles = {
      async *import() {
        reads++
        const outcome = outcomes.shift() ?? WHOLE
        yield { bytes: 1, envelopes: 0 }
        if (outcome instanceof Error) throw outcome
        return outcome
      },
    }
    folder = new WatchedFolder({ bundles, clock, log: silentLog, isKnown: () => false, onRead: async () => undefined }, watched)
  })
  afterEach(() => rm(root, { recursive: true }))

  async function look(times = 3): Promise<void> {
    for (let i = 0; i < times; i++) {
      await folder.look(new AbortController().signal)
      await clock.advance(2_000)
    }
  }

  const pull = () => rename(join(watched, 'stick'), join(root, 'pulled'))
  const plugIn = () => rename(join(root, 'pulled'), join(watched, 'stick'))

  it('is read again when the stick that was pulled meanwhile is plugged in again', async () => {
    outcomes = [systemError('ENODEV')]
    await look()
    assert.equal(reads, 1)
    await pull()
    await look()
    await plugIn()
    await look()
    assert.deepEqual([reads, folder.info.files], [2, 1])
  })

  it('is read again when the folder itself was away', async () => {
    outcomes = [systemError('EIO')]
    await look()
    await rename(watched, join(root, 'elsewhere'))
    await look()
    assert.equal(folder.info.state, 'missing')
    await rename(join(root, 'elsewhere'), watched)
    await look()
    assert.equal(reads, 2)
  })

  it('is read again later when the system could not read it, though it was never away', async () => {
    outcomes = [systemError('EIO')]
    await look(5)
    assert.equal(reads, 1, 'not at once')
    await clock.advance(HOUR_MS)
    await look()
    assert.deepEqual([reads, folder.info.files, folder.info.errors], [2, 1, 1])
  })

  for (const reason of ['rate', 'quota', 'full'] as const) {
    it(`is read again later when an envelope of it was ignored because of "${reason}"`, async () => {
      outcomes = [{ ...WHOLE, isWhole: false, accepted: 0, ignored: { [reason]: 900 } }]
      await look(5)
      assert.equal(reads, 1, 'not at once')
      await clock.advance(HOUR_MS)
      await look()
      assert.equal(reads, 2)
      await clock.advance(HOUR_MS)
      await look()
      assert.equal(reads, 2, 'now it is whole')
    })
  }

  it('is not read again when what was ignored stays so', async () => {
    outcomes = [{ ...WHOLE, ignored: { duplicate: 3, expired: 2, retracted: 1 } }]
    await look()
    await clock.advance(HOUR_MS)
    await look()
    assert.equal(reads, 1)
  })

  it('is read once while it stays where it is, also when it is no bundle', async () => {
    outcomes = [new MeshError('MESH_BUNDLE_INVALID', 'this file is not a bundle')]
    await look()
    await clock.advance(HOUR_MS)
    await look()
    await look()
    assert.equal(reads, 1)
  })
})

function systemError(code: string): Error {
  return Object.assign(new Error(code), { code })
}
