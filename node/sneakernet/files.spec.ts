import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isMeshError, MeshError } from '#mesh/errors'
import { writeError } from './file-errors.ts'
import { isBundleName, partPath, shownName } from './names.ts'
import { PartFile } from './part-file.ts'
import { chunksOf, openRegular, type RegularFile } from './regular-file.ts'

const MAKE_PIPE = 'mkfifo'
const code = (wanted: Parameters<typeof isMeshError>[1]) => (error: unknown) => isMeshError(error, wanted)
const io = () => Object.assign(new Error('read EIO'), { code: 'EIO' })

describe('files of bundles', () => {
  let dir = ''

  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'qpq-files-'))
  })
  afterEach(() => rm(dir, { recursive: true }))

  it('appear whole or not at all, private, and leave nothing behind when they are given up', async () => {
    const path = join(dir, 'a.qpqb')
    const file = await PartFile.create(path, false)
    await file.write(Uint8Array.of(1, 2))
    assert.deepEqual(await readdir(dir), ['a.qpqb.part'])
    await file.write(Uint8Array.of(3))
    await file.commit()
    assert.deepEqual([...(await readFile(path))], [1, 2, 3])
    assert.equal((await stat(path)).mode & 0o777, 0o600)
    const given = await PartFile.create(join(dir, 'b.qpqb'), false)
    await given.write(Uint8Array.of(1))
    await given.discard()
    assert.deepEqual(await readdir(dir), ['a.qpqb'])
  })

  it('are not replaced unless that is wanted, and then nothing but files', async () => {
    const path = join(dir, 'a.qpqb')
    await writeFile(path, 'old')
    await assert.rejects(PartFile.create(path, false), code('NODE_FILE_EXISTS'))
    const file = await PartFile.create(path, true)
    await file.write(Uint8Array.of(9))
    assert.equal(await readFile(path, 'utf8'), 'old')
    await file.commit()
    assert.equal((await readFile(path)).length, 1)
    await mkdir(join(dir, 'd'))
    await symlink(path, join(dir, 'l'))
    for (const name of ['d', 'l']) await assert.rejects(PartFile.create(join(dir, name), true), code('NODE_FILE_EXISTS'), name)
  })

  it('are not replaced either when they came while it was written', async () => {
    const path = join(dir, 'a.qpqb')
    const file = await PartFile.create(path, false)
    await writeFile(path, 'came meanwhile')
    await assert.rejects(file.commit(), code('NODE_FILE_EXISTS'))
    await file.discard()
    assert.deepEqual(await readdir(dir), ['a.qpqb'])
    assert.equal(await readFile(path, 'utf8'), 'came meanwhile')
  })

  it('begin anew over what a killed export left', async () => {
    const path = join(dir, 'a.qpqb')
    await writeFile(`${path}.part`, 'half of it, and more than what comes')
    const file = await PartFile.create(path, false)
    await file.write(Uint8Array.of(1))
    await file.commit()
    assert.equal((await readFile(path)).length, 1)
  })

  it('are only read when they are regular, and no pipe makes the reader wait', async () => {
    execFileSync(MAKE_PIPE, [join(dir, 'pipe')])
    await writeFile(join(dir, 'file'), 'x')
    await symlink(join(dir, 'file'), join(dir, 'link'))
    for (const path of [join(dir, 'pipe'), join(dir, 'link'), dir, '/dev/zero']) await assert.rejects(openRegular(path), code('NODE_FILE_UNUSABLE'), path)
    await assert.rejects(
      openRegular(join(dir, 'file'), () => false),
      code('NODE_FILE_UNUSABLE'),
    )
    const file = await openRegular(join(dir, 'file'))
    assert.equal(file.size, 1)
    await file.close()
  })

  it('come without the sectors that the disk does not give back', async () => {
    const bytes = new Uint8Array(150_000).fill(7)
    const bad = [70_000, 140_000].map((at) => Math.floor(at / 4_096))
    const chunks = await all(faulty(bytes, bad))
    assert.equal(chunks.length, bytes.length)
    assert.deepEqual(
      [...new Set(Array.from(chunks, (byte, at) => (byte === 0 ? Math.floor(at / 4_096) : -1)))].filter((sector) => sector >= 0),
      bad,
    )
  })

  it('are given up when the disk gives nothing back at all', async () => {
    const sectors = Array.from({ length: 1_000 }, (_, i) => i)
    await assert.rejects(all(faulty(new Uint8Array(4_096_000), sectors)), /EIO/)
  })

  it('end although they say that they never end', async () => {
    const endless: RegularFile = {
      path: '/x',
      size: 10,
      handle: { read: async (buffer: Uint8Array) => ({ bytesRead: 65_536, buffer }) } as unknown as RegularFile['handle'],
      close: async () => {},
    }
    let bytes = 0
    await assert.rejects(
      (async () => {
        for await (const chunk of chunksOf(endless)) bytes += chunk.length
      })(),
      code('NODE_FILE_UNUSABLE'),
    )
    assert.ok(bytes <= 2 ** 32 + 65_536)
  })

  it('have names that are shown without harm, and parts with numbers', () => {
    assert.equal(partPath('/m/post.qpqb', 1), '/m/post.001.qpqb')
    assert.equal(partPath('/m/post', 1_234), '/m/post.1234.qpqb')
    assert.equal(shownName('/m/a\u001b[2Jb\u202ec\nd.qpqb'), 'a?[2Jb?c?d.qpqb')
    assert.ok(shownName(`/${'x'.repeat(250)}.qpqb`).length <= 80)
    for (const name of ['a.qpqb', 'A.QPQB', 'post.001.qpqb', 'für dich.qpqb']) assert.ok(isBundleName(name), name)
    for (const name of ['a.qpqb.part', '.qpqb', '.hidden.qpqb', 'a\u001b.qpqb', 'a\n.qpqb', '\u202ea.qpqb', 'a\uFFFD.qpqb', 'qpqb'])
      assert.ok(!isBundleName(name), name)
  })

  it('say what is wrong with a disk, and what of them is whole', () => {
    const failed = (system: string, whole: string[] = []) => writeError('/m/a.qpqb', Object.assign(new Error('x'), { code: system }), whole)
    const full = failed('ENOSPC', ['/m/a.001.qpqb', '/m/a.002.qpqb'])
    assert.equal(full.code, 'NODE_DISK_FULL')
    assert.match(`${full.message}. ${full.hint}`, /no room left for a\.qpqb\. 2 whole parts stay, the last is a\.002\.qpqb/)
    assert.match(failed('EFBIG').hint ?? '', /--max-bytes/)
    assert.equal(failed('ENOENT').code, 'NODE_FILE_MISSING')
    assert.equal(failed('EROFS').code, 'NODE_FILE_UNUSABLE')
    assert.equal(writeError('/m/a', new TypeError('bug'), []).code, 'MESH_INTERNAL')
    const own = new MeshError('MESH_STORE_CLOSED', 'x')
    assert.equal(writeError('/m/a', own, []), own)
  })
})

/** A file whose sectors of 4 KiB fail when they are read, alone or with others. */
function faulty(bytes: Uint8Array, bad: readonly number[]): RegularFile {
  const read = async (buffer: Uint8Array, offset: number, length: number, position: number) => {
    const end = Math.min(bytes.length, position + length)
    for (const sector of bad) if (sector * 4_096 < end && (sector + 1) * 4_096 > position) throw io()
    buffer.set(bytes.subarray(position, end), offset)
    return { bytesRead: Math.max(0, end - position), buffer }
  }
  return { path: '/stick/x.qpqb', size: bytes.length, handle: { read } as unknown as RegularFile['handle'], close: async () => {} }
}

async function all(file: RegularFile): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  for await (const chunk of chunksOf(file)) chunks.push(Uint8Array.from(chunk))
  return Buffer.concat(chunks)
}
