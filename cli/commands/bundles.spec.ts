import assert from 'node:assert/strict'
import { ProgressLine, Sink } from '#cli/output'
import { isMeshError } from '#mesh/errors'
import { MIN_PART_BYTES } from '#mesh/sync'
import type { BundleExportParams, BundleImported, NodeApi } from '#node/control'
import { fakeApi } from '../../node/control/fake-api.ts'
import { findCommand, parseInput } from './index.ts'
import { sizeOf } from './size-flag.ts'

const usage = (pattern: RegExp) => (error: unknown) => isMeshError(error, 'CLI_USAGE') && pattern.test(`${error.message} — ${error.hint}`)

const NOTHING: BundleImported = {
  accepted: 0,
  ignored: 0,
  reasons: {},
  rejected: {},
  blocks: 0,
  badBlocks: 0,
  carried: 0,
  files: 1,
  partsFollow: false,
  failed: [],
}

interface Ran {
  readonly out: string
  readonly bar: string
  readonly error: unknown
}

async function run(typed: readonly string[], over: Partial<NodeApi> = {}): Promise<Ran> {
  let [text, shown] = ['', '']
  const { command, rest } = findCommand(typed)
  const input = parseInput(command, rest)
  const out = new Sink({ write: (part: string) => (text += part) })
  const progress = new ProgressLine({ write: (part: string) => (shown += part), columns: 80 })
  const context = {
    api: fakeApi(over),
    out,
    json: input.isSet('json'),
    signal: new AbortController().signal,
    isInPlace: false,
    readText: async () => '',
    progress,
  }
  let error: unknown
  try {
    await command.run?.(context, input)
  } catch (thrown) {
    error = thrown
  }
  return { out: text, bar: shown, error }
}

function importing(result: Partial<BundleImported>): Partial<NodeApi> {
  return {
    async *bundleImport() {
      yield { event: 'done', ...NOTHING, ...result }
    },
  }
}

describe('bundle export', () => {
  it('asks for the file by its whole path, for whom it is, and for sizes as people write them', async () => {
    const asked: BundleExportParams[] = []
    const over: Partial<NodeApi> = {
      async *bundleExport(params) {
        asked.push(params)
        yield { event: 'done', files: [params.file], envelopes: 1, bytes: 2, tooLarge: 1 }
      },
    }
    const { out } = await run(['bundle', 'export', 'post.qpqb', '--for', 'bob', '--for', 'eve', '--max-bytes', '64K', '--force'], over)
    assert.deepEqual(asked, [{ file: `${process.cwd()}/post.qpqb`, for: ['bob', 'eve'], maxBytes: MIN_PART_BYTES, force: true }])
    assert.match(out, /post\.qpqb\n1 envelope, 2 B\n1 envelope fit into no part/)
    const { out: json, bar } = await run(['bundle', 'export', '/m/p.qpqb', '--json'], over)
    assert.deepEqual(JSON.parse(json), { files: ['/m/p.qpqb'], envelopes: 1, bytes: 2, tooLarge: 1 })
    assert.equal(bar, '')
    assert.deepEqual(asked[1], { file: '/m/p.qpqb' })
  })

  it('knows sizes by their letters, and says which it cannot take', () => {
    const { command } = findCommand(['bundle', 'export'])
    const size = (text: string) => sizeOf(parseInput(command, ['f', '--max-bytes', text]), 'max-bytes')
    assert.deepEqual(['64K', '700M', '4G', '1.5GiB', '100000', '64kb'].map(size), [64_000, 700_000_000, 4_000_000_000, 1_610_612_736, 100_000, 64_000])
    for (const text of ['10K', '63999']) assert.throws(() => size(text), usage(/too little.*64K/), text)
    for (const text of ['big', '4X', '-4G', '1e9', '9999999T']) assert.throws(() => size(text), usage(/--max-bytes/), text)
  })

  it('shows a bar to people, and steps to scripts that ask for them', async () => {
    const { bar, out } = await run(['bundle', 'export', '/m/p.qpqb'])
    assert.match(bar, /50 %/)
    assert.ok(bar.endsWith('\r\u001b[K'), 'and takes it away')
    assert.doesNotMatch(out, /50 %/)
    const { out: json } = await run(['bundle', 'export', '/m/p.qpqb', '--json', '--progress'])
    assert.deepEqual(
      json
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line).event),
      ['progress', undefined],
    )
  })
})

describe('bundle import', () => {
  it('says what came, what did not, and what was lost', async () => {
    const { out } = await run(
      ['bundle', 'import', '/m/a b.qpqb', 'c.qpqb'],
      importing({
        accepted: 10,
        ignored: 3,
        reasons: { duplicate: 2, expired: 1 },
        rejected: { MESH_SIGNATURE_INVALID: 1 },
        blocks: 120,
        badBlocks: 2,
        carried: 1,
      }),
    )
    assert.match(out, /10 envelopes taken in, 3 not \(duplicate 2, expired 1\)/)
    assert.match(out, /1 message of yours is carried/)
    assert.match(out, /refused: MESH_SIGNATURE_INVALID 1/)
    assert.match(out, /2 of 120 blocks were unreadable/)
  })

  it('gives scripts one object with the fields that they rely on', async () => {
    const { out, error } = await run(['bundle', 'import', '/m/a.qpqb', '--json'], importing({ accepted: 1, rejected: { MESH_SIGNATURE_INVALID: 1 } }))
    const { accepted, ignored, rejected, blocks, badBlocks } = JSON.parse(out)
    assert.deepEqual([accepted, ignored, rejected, blocks, badBlocks], [1, 0, { MESH_SIGNATURE_INVALID: 1 }, 0, 0])
    assert.equal(error, undefined)
  })

  it('fails with the code of the first file that failed, after saying what the others brought', async () => {
    const failed = [
      { file: '/m/a.qpqb', code: 'MESH_BUNDLE_INVALID', message: 'a.qpqb: this file is not a bundle', hint: 'look' },
      { file: '/m/b.qpqb', code: 'NODE_FILE_MISSING', message: 'there is no file b.qpqb' },
    ]
    const { out, error } = await run(['bundle', 'import', '/m'], importing({ accepted: 3, files: 1, failed }))
    assert.match(out, /3 envelopes.*\n.*b\.qpqb/)
    assert.ok(isMeshError(error, 'MESH_BUNDLE_INVALID'))
    assert.equal(error.hint, 'look')
  })

  it('says that it was stopped when the stream ends without a result', async () => {
    const { error } = await run(['bundle', 'import', '/m/a'], { async *bundleImport() {} })
    assert.ok(isMeshError(error, 'NODE_STOPPED'))
  })

  it('needs a file', () => {
    assert.throws(() => parseInput(findCommand(['bundle', 'import']).command, []), usage(/FILE is missing.*bundle import FILE…/))
  })
})

describe('the line of progress', () => {
  it('tells share, speed and the time that is left, and fits into the terminal', () => {
    let [text, nowMs] = ['', 0]
    const line = new ProgressLine({ write: (part: string) => (text = part), columns: 60 }, () => nowMs)
    line.show(0, 10_000_000)
    assert.match(text, /\[-{24}\] {3}0 %/)
    nowMs = 2_000
    line.show(5_000_000, 10_000_000)
    assert.match(text, /\[#{12}-{12}\] {2}50 % {2}5\.0 MB of 10\.0 MB/)
    assert.equal(text.length <= 1 + 59 + 3, true)
    const wide = new ProgressLine({ write: (part: string) => (text = part), columns: 100 }, () => nowMs)
    wide.show(0, 10_000_000)
    nowMs = 4_000
    wide.show(5_000_000, 10_000_000)
    assert.match(text, /2\.5 MB\/s {2}2 s left/)
    wide.show(11_000_000, 10_000_000)
    assert.match(text, /100 %/)
  })
})
