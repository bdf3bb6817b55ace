import assert from 'node:assert/strict'
import { explainMissing, missingTools } from './preflight.ts'
import { Running } from './running.ts'

describe('a process of a network check', () => {
  it('is waited for line by line, from where the reader is', async () => {
    const running = new Running(['sh', '-c', 'echo one; echo two; echo one again'])
    const one = (line: string): string | undefined => (line.startsWith('one') ? line : undefined)
    assert.equal(await running.waitFor('one', one, { timeoutMs: 5_000 }), 'one')
    assert.equal(await running.waitFor('one', one, { timeoutMs: 5_000, from: 1 }), 'one again')
    assert.equal(await running.ended, 0)
  })

  it('says what it printed when it ends before the line comes', async () => {
    const running = new Running(['sh', '-c', 'echo broken >&2; exit 3'])
    await assert.rejects(
      running.waitFor('ready', () => undefined, { timeoutMs: 5_000 }),
      /ready: the process ended \(3\) first[\s\S]*broken/,
    )
  })

  it('is ended together with what it started', async () => {
    const running = new Running(['sh', '-c', 'sleep 60 & echo $!; wait'])
    await running.waitFor('a child', (line) => line, { timeoutMs: 5_000 })
    running.kill()
    assert.equal(await running.ended, 'SIGKILL')
    assert.equal(running.isRunning, false)
  })

  it('that cannot be started ends at once', async () => {
    assert.match(String(await new Running(['/nowhere/at-all']).ended), /ENOENT/)
  })
})

describe('the preflight of network checks', () => {
  it('names the package of a tool that is missing', () => {
    assert.deepEqual(missingTools(['sh']), [])
    if (process.platform === 'linux') assert.match(explainMissing(['no-such-tool']) ?? '', /apt-get install .*no-such-tool/)
  })
})
