import assert from 'node:assert/strict'
import { join } from 'node:path'
import { simulate } from '../../sim/command.ts'
import { replayOfNetns } from './backend.ts'

const SCENARIOS = join(import.meta.dirname, '../../scenarios')

async function run(...args: string[]): Promise<{ code: number; err: string[] }> {
  const err: string[] = []
  const code = await simulate(args, { out: () => assert.fail('nothing runs'), err: (line) => err.push(line) })
  return { code, err }
}

describe('npm run sim --backend netns', () => {
  it('refuses a scenario that real processes cannot play, with a code and a sentence for each reason and exit code 2', async () => {
    const { code, err } = await run(join(SCENARIOS, 'bad-company.yaml'), '--backend', 'netns')
    assert.equal(code, 2)
    assert.deepEqual(
      err.map((line) => line.replace(/:.*/, '')),
      ['hostile', 'expiry', 'store'],
    )
    const crowd = await run(join(SCENARIOS, 'line.yaml'), '--backend', 'netns', '--nodes', '25')
    assert.equal(crowd.code, 2)
    assert.match(crowd.err[0] ?? '', /^too-many-nodes: .*--nodes/)
  })

  it('refuses words that are for the simulator alone, and speeds that are none', async () => {
    const file = join(SCENARIOS, 'line.yaml')
    for (const [args, message] of [
      [['--backend', 'netns', '--break', 'quota'], /--break/],
      [['--backend', 'netns', '--jobs', '2'], /--jobs/],
      [['--backend', 'netns', '--speed', '0'], /--speed/],
      [['--backend', 'docker'], /--backend/],
      [['--speed', '3'], /--speed/],
    ] as const) {
      const { code, err } = await run(file, ...args)
      assert.equal(code, 2)
      assert.match(err[0] ?? '', message)
    }
  })

  it('names the one command that runs a seed again', () => {
    const task = { file: 'a.yaml', nodes: undefined, isShort: false, speed: undefined }
    assert.equal(replayOfNetns(task, 7), 'npm run sim -- a.yaml --seed 7 --backend netns')
    assert.equal(
      replayOfNetns({ ...task, nodes: 3, isShort: true, speed: 90 }, 7),
      'npm run sim -- a.yaml --seed 7 --backend netns --short --nodes 3 --speed 90',
    )
  })
})
