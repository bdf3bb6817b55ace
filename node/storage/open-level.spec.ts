import assert from 'node:assert/strict'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isMeshError } from '#mesh/errors'
import { storeContract } from '../../mesh/testing/store-contract.ts'
import { hasRoom, openLevel } from './index.ts'

describe('storage on disk', () => {
  const dirs: string[] = []
  const freshDir = async (): Promise<string> => {
    const dir = await mkdtemp(join(tmpdir(), 'qpq-store-'))
    dirs.push(dir)
    return dir
  }
  after(() => Promise.all(dirs.map((dir) => rm(dir, { recursive: true, force: true }))))

  storeContract('classic-level', async () => openLevel(await freshDir()))

  it('says so when another node runs on the directory', async () => {
    const dir = await freshDir()
    const level = await openLevel(dir)
    await assert.rejects(openLevel(dir), (error) => isMeshError(error, 'NODE_DATA_LOCKED') && error.message.includes(dir))
    await level.close()
  })

  it('says so when the directory cannot be one', async () => {
    await assert.rejects(openLevel('/dev/null/store'), (error) => isMeshError(error, 'NODE_DATA_UNREADABLE'))
  })

  it('finds out whether there is room, and leaves nothing behind', async () => {
    const dir = await freshDir()
    assert.equal(await hasRoom(dir), true)
    assert.deepEqual(await readdir(dir), [])
    assert.equal(await hasRoom(join(dir, 'missing')), false)
  })
})
