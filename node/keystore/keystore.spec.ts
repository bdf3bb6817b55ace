import assert from 'node:assert/strict'
import { chmod, mkdir, mkdtemp, readdir, readFile, rename, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PLAUSIBLE_SINCE_MS } from '#mesh/envelope'
import { isMeshError } from '#mesh/errors'
import { fakeClock, seededRandom } from '#mesh/testing'
import { nodeCrypto } from '#node/crypto'
import { createKeystore, keystoreExists, keystorePath, openKeystore, renameKeystore } from './keystore.ts'
import { stretchBySodium, stretchPortably } from './passphrase.ts'

describe('the key store', () => {
  const crypto = nodeCrypto()
  let root: string
  let dir: string
  const parts = { crypto, random: seededRandom('keys'), clock: fakeClock(), name: 'alice' }

  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'qpq-keys-'))
    dir = join(root, 'data')
  })

  afterEach(() => rm(root, { recursive: true, force: true }))

  it('keeps an identity in a file that nobody else can read', async () => {
    assert.equal(await keystoreExists(dir), false)
    const made = await createKeystore({ dir, ...parts })
    assert.equal((await stat(dir)).mode & 0o777, 0o700)
    assert.equal((await stat(keystorePath(dir))).mode & 0o777, 0o600)
    assert.deepEqual(await openKeystore({ dir, crypto }), made)
    assert.equal(made.certificate.device, made.device)
  })

  it('is refused when file or directory is open to others, with the command that mends it', async () => {
    await createKeystore({ dir, ...parts })
    await chmod(keystorePath(dir), 0o640)
    await assert.rejects(openKeystore({ dir, crypto }), (error) => isMeshError(error, 'NODE_KEYSTORE_TOO_OPEN') && (error.hint ?? '').includes('chmod 600'))
    await chmod(keystorePath(dir), 0o600)
    await chmod(dir, 0o755)
    await assert.rejects(openKeystore({ dir, crypto }), (error) => isMeshError(error, 'NODE_KEYSTORE_TOO_OPEN') && (error.hint ?? '').includes('chmod 700'))
  })

  it('never overwrites an identity', async () => {
    await createKeystore({ dir, ...parts })
    await assert.rejects(createKeystore({ dir, ...parts }), (error) => isMeshError(error, 'NODE_KEYSTORE_EXISTS'))
  })

  it('takes up a person from entropy, on a new device', async () => {
    const first = await createKeystore({ dir, ...parts })
    const second = await createKeystore({ dir: join(root, 'other'), ...parts, entropy: first.entropy })
    assert.equal(second.person.person, first.person.person)
    assert.notEqual(second.device, first.device)
  })

  it('says that it is damaged, whatever the damage', async () => {
    await createKeystore({ dir, ...parts })
    const whole = await readFile(keystorePath(dir), 'utf8')
    for (const text of [
      '',
      '{',
      '[]',
      whole.slice(0, -20),
      whole.replace('"plain": "', '"plain": "AAAA'),
      whole.replace('"version": 1', '"version": 2'),
      'x'.repeat(100_000),
    ]) {
      await writeFile(keystorePath(dir), text)
      await assert.rejects(openKeystore({ dir, crypto }), (error) => isMeshError(error, 'NODE_KEYSTORE_DAMAGED') && error.hint !== undefined, text.slice(0, 20))
    }
  })

  it('quotes nothing of a damaged file in its errors', async () => {
    await createKeystore({ dir, ...parts })
    const whole = await readFile(keystorePath(dir), 'utf8')
    await writeFile(keystorePath(dir), whole.replace('"plain": "', '"plain": '))
    await assert.rejects(openKeystore({ dir, crypto }), (error) => isMeshError(error, 'NODE_KEYSTORE_DAMAGED') && error.cause === undefined)
  })

  it('is refused as damaged when any of its bytes changed and it means something else', async () => {
    const made = await createKeystore({ dir, ...parts })
    const whole = await readFile(keystorePath(dir))
    for (let at = 0; at < whole.length; at += 7) {
      const changed = Buffer.from(whole)
      changed[at] = (changed[at] ?? 0) ^ 1
      await writeFile(keystorePath(dir), changed)
      const found = await openKeystore({ dir, crypto }).catch((error: unknown) => error)
      if (!isMeshError(found, 'NODE_KEYSTORE_DAMAGED')) assert.deepEqual(withoutName(found), withoutName(made), `byte ${at}`)
    }
  })

  it('says of a file by a newer version that it is one', async () => {
    await createKeystore({ dir, ...parts })
    await writeFile(keystorePath(dir), '{"version": 2, "something": "new"}')
    await assert.rejects(openKeystore({ dir, crypto }), (error) => isMeshError(error, 'NODE_KEYSTORE_DAMAGED') && error.message.includes('newer'))
  })

  it('says so when there is no identity, or something else in its place', async () => {
    const unreadable = (error: unknown): boolean => isMeshError(error, 'NODE_DATA_UNREADABLE') && error.hint !== undefined
    await assert.rejects(openKeystore({ dir, crypto }), unreadable)
    await mkdir(keystorePath(dir))
    await assert.rejects(openKeystore({ dir, crypto }), unreadable)
    await writeFile(join(root, 'file'), '')
    await assert.rejects(createKeystore({ dir: join(root, 'file', 'data'), ...parts }), unreadable)
    await assert.rejects(createKeystore({ dir: join(root, 'file'), ...parts }), (error) => unreadable(error) && /is not a directory/.test(String(error)))
    await assert.rejects(createKeystore({ dir: '/proc/qpq/data', ...parts }), unreadable) // where making directories by `recursive` never ends
  })

  it('follows a directory to another disk, and no key file to another place', async () => {
    await createKeystore({ dir: join(root, 'disk'), ...parts })
    await symlink(join(root, 'disk'), dir)
    await openKeystore({ dir, crypto })
    await rename(keystorePath(dir), join(root, 'elsewhere.json'))
    await symlink(join(root, 'elsewhere.json'), keystorePath(dir))
    await assert.rejects(openKeystore({ dir, crypto }), (error) => isMeshError(error, 'NODE_DATA_UNREADABLE'))
  })

  it('is written whole or not at all, and leaves nothing beside it', async () => {
    await mkdir(dir, { mode: 0o700 })
    await writeFile(`${keystorePath(dir)}.new`, 'half of', { mode: 0o644 }) // a crash before the rename
    assert.equal(await keystoreExists(dir), false)
    await createKeystore({ dir, ...parts })
    assert.deepEqual(await readdir(dir), ['keystore.json'])
    assert.equal((await stat(keystorePath(dir))).mode & 0o777, 0o600)
  })

  it('dates a certificate so that it counts elsewhere, even when this machine has no clock', async () => {
    const { certificate } = await createKeystore({ dir, ...parts, clock: fakeClock(0) })
    assert.ok(certificate.createdMs >= PLAUSIBLE_SINCE_MS)
  })

  it('changes the claimed name without the passphrase, and nothing else', async () => {
    const passphrase = async (): Promise<Uint8Array> => new TextEncoder().encode('correct horse')
    const made = await createKeystore({ dir, ...parts, passphrase })
    assert.equal(await renameKeystore(dir, ' alice  the second '), 'alice the second')
    await assert.rejects(renameKeystore(dir, 'x\u001b[2J'), (error) => isMeshError(error, 'MESH_NAME_INVALID'))
    assert.deepEqual(await openKeystore({ dir, crypto, passphrase }), { ...made, name: 'alice the second' })
    assert.equal((await stat(keystorePath(dir))).mode & 0o777, 0o600)
  })

  it('takes no empty passphrase', async () => {
    const passphrase = async (): Promise<Uint8Array> => new Uint8Array(0)
    await assert.rejects(createKeystore({ dir, ...parts, passphrase }), (error) => isMeshError(error, 'NODE_PASSPHRASE_NEEDED'))
    assert.equal(await keystoreExists(dir), false)
  })

  it('locks the secrets by a passphrase, and tells a wrong one from none', async () => {
    const passphrase = async (): Promise<Uint8Array> => new TextEncoder().encode('correct horse')
    const made = await createKeystore({ dir, ...parts, passphrase })
    const text = await readFile(keystorePath(dir), 'utf8')
    assert.ok(!text.includes(Buffer.from(made.entropy).toString('base64url')))
    assert.deepEqual((await openKeystore({ dir, crypto, passphrase })).entropy, made.entropy)
    await assert.rejects(openKeystore({ dir, crypto }), (error) => isMeshError(error, 'NODE_PASSPHRASE_NEEDED'))
    const wrong = async (): Promise<Uint8Array> => new TextEncoder().encode('wrong horse')
    await assert.rejects(openKeystore({ dir, crypto, passphrase: wrong }), (error) => isMeshError(error, 'NODE_PASSPHRASE_WRONG'))
  })

  it('stretches a passphrase to the same key with libsodium and without', async () => {
    const [passphrase, salt] = [new TextEncoder().encode('x'), new Uint8Array(16).fill(1)]
    assert.deepEqual(await stretchBySodium(passphrase, salt), await stretchPortably(passphrase, salt))
  }).timeout(30_000)
})

/** The name stands in the file unsigned: its owner may change it. */
function withoutName(secrets: unknown): unknown {
  return { ...(secrets as object), name: undefined }
}
