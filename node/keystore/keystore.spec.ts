import assert from 'node:assert/strict'
import { chmod, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isMeshError } from '#mesh/errors'
import { fakeClock, seededRandom } from '#mesh/testing'
import { nodeCrypto } from '#node/crypto'
import { createKeystore, keystoreExists, keystorePath, openKeystore } from './keystore.ts'
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
    await assert.rejects(createKeystore({ dir, ...parts }), (error) => isMeshError(error, 'NODE_KEYSTORE_DAMAGED'))
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
