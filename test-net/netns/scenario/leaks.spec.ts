import assert from 'node:assert/strict'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readableIn } from './leaks.ts'

describe('the search for leaks', () => {
  it('finds files with the word in them, however deep, among any other bytes', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'qpq-leaks-'))
    try {
      await mkdir(join(folder, 'store', 'deep'), { recursive: true })
      await writeFile(join(folder, 'store', 'deep', '000003.log'), Buffer.concat([Buffer.from([0, 255, 200]), Buffer.from('xwhisperedx')]))
      await writeFile(join(folder, 'quiet'), 'whispere')
      assert.deepEqual(await readableIn(folder, 'whispered'), [join(folder, 'store', 'deep', '000003.log')])
    } finally {
      await rm(folder, { recursive: true })
    }
  })
})
