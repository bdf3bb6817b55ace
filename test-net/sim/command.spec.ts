import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { simulate } from './command.ts'

const QUIET = 'name: quiet\nnodes: 3\nduration: 30m\nsettle: 5m\nmovement: { kind: static }\ntraffic: { perDay: 100 }\n'

describe('npm run sim', function () {
  this.timeout(60_000)
  let folder: string
  let file: string

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'qpq-sim-'))
    file = join(folder, 'quiet.yaml')
    await writeFile(file, QUIET)
  })

  after(() => rm(folder, { recursive: true }))

  async function run(...args: string[]): Promise<{ code: number; out: string[]; err: string[] }> {
    const [out, err]: [string[], string[]] = [[], []]
    const code = await simulate(args, { out: (line) => out.push(line), err: (line) => err.push(line) })
    return { code, out, err }
  }

  it('ends with one line of JSON and exit code 0 when every check held', async () => {
    const report = join(folder, 'report.html')
    const { code, out, err } = await run(file, '--seed', '3', '--nodes', '4', '--report', report)
    assert.equal(code, 0)
    const { seed, ok, failed, nodeHours, cpuMs } = JSON.parse(out.at(-1) ?? '')
    assert.deepEqual({ seed, ok, failed }, { seed: 3, ok: true, failed: [] })
    assert.ok(nodeHours > 1 && cpuMs > 0)
    assert.deepEqual(err, [])
    assert.match(await readFile(report, 'utf8'), /every check held/)
  })

  it('prints one command for a seed that fails, which fails the same way', async () => {
    const twins = join(folder, 'twins.yaml')
    await writeFile(twins, `${QUIET}links: { twins: 1 }\n`)
    const { code, out, err } = await run(twins, '--seed', '1', '--json', '--break', 'duplicate-check')
    assert.equal(code, 1)
    const line = JSON.parse(out[0] ?? '')
    assert.equal(line.ok, false)
    assert.equal(err.length, 1)
    const words = (err[0] ?? '').replace(/^.*npm run sim -- /, '').split(' ')
    assert.deepEqual(words, [twins, '--seed', '1', '--break', 'duplicate-check'])
    assert.equal(JSON.parse((await run(...words, '--json')).out[0] ?? '').hash, line.hash)
  })

  it('runs many seeds and sums them up in the last line', async () => {
    const { code, out } = await run(file, '--seed', '10', '--seeds', '3', '--json')
    assert.equal(code, 0)
    assert.deepEqual(
      out.slice(0, 3).map((line) => JSON.parse(line).seed),
      [10, 11, 12],
    )
    const { seeds, ok, failed } = JSON.parse(out[3] ?? '')
    assert.deepEqual({ seeds, ok, failed }, { seeds: 3, ok: true, failed: [] })
  })

  it('runs seeds over several processes to the same end, and writes a page about them into a folder', async () => {
    const out = join(folder, 'out')
    const inOne = await run(file, '--seed', '1', '--seeds', '2', '--json')
    const { code, out: lines } = await run(file, '--seed', '1', '--seeds', '2', '--jobs', '2', '--json', '--out', out)
    assert.equal(code, 0)
    const hashes = (all: readonly string[]): Set<string> => new Set(all.slice(0, 2).map((line) => JSON.parse(line).hash))
    assert.deepEqual(hashes(lines), hashes(inOne.out))
    const { ok, scenarios } = JSON.parse(await readFile(join(out, 'summary.json'), 'utf8'))
    assert.deepEqual([ok, scenarios[0].scenario, scenarios[0].seeds], [true, 'quiet', 2])
    assert.match(await readFile(join(out, 'index.html'), 'utf8'), /href="quiet-1.html"/)
    assert.match(await readFile(join(out, 'quiet-1.html'), 'utf8'), /every check held/)
  })

  it('says what is wrong with its words, with exit code 2', async () => {
    for (const args of [
      [],
      [file, '--seed', 'x'],
      [file, '--break', 'everything'],
      [join(folder, 'none.yaml')],
      [file, '--nodes', '1'],
      [file, '--what'],
      ['--suite', 'all'],
      [file, '--crypto', 'none'],
    ]) {
      const { code, err } = await run(...args)
      assert.equal(code, 2)
      assert.equal(err.length, 1)
    }
  })
})
