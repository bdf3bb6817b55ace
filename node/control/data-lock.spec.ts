import assert from 'node:assert/strict'
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isMeshError } from '#mesh/errors'
import { lockData, lockOwner } from './data-lock.ts'

describe('the lock of the data directory', () => {
  let dir = ''
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'lock-'))
  })
  afterEach(() => rm(dir, { recursive: true }))

  it('lets one in and tells the second who is there and what to do', async () => {
    const lock = await lockData(dir)
    await assert.rejects(lockData(dir), (error) => {
      assert.ok(isMeshError(error, 'NODE_DATA_LOCKED'))
      assert.equal(error.detail['pid'], process.pid)
      assert.match(error.hint ?? '', /qpq down/)
      return true
    })
    assert.equal(await lockOwner(dir), process.pid)
    await lock.release()
    assert.equal(await lockOwner(dir), undefined)
    await (await lockData(dir)).release()
    assert.deepEqual(await readdir(dir), [])
  })

  it('takes over from a process that is gone, from an earlier boot, from another process with the same pid, and from a torn file', async () => {
    const stale = ['{"pid":4194304,"started":"1","boot":"x"}', `{"pid":${process.pid},"started":"1","boot":"x"}`, '{"pid":', '']
    for (const text of stale) {
      await writeFile(join(dir, 'node.lock'), text)
      const lock = await lockData(dir)
      assert.equal(await lockOwner(dir), process.pid)
      await lock.release()
    }
  })

  it('says that a directory cannot be written', async () => {
    await assert.rejects(lockData(join(dir, 'missing')), (error) => isMeshError(error, 'NODE_DATA_UNREADABLE'))
  })
})
