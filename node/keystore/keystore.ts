/**
 * All secrets of a node in one file: the entropy behind the 24 words and the device's seed.
 *
 * Mode 0600 in a directory with mode 0700, refused when wider. With a passphrase the secrets are
 * encrypted (Argon2id, ChaCha20-Poly1305). Written beside and renamed, so that a crash leaves the old
 * file or the new one.
 */
import { open, rename, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { base64urlnopad } from '@scure/base'
import { z } from 'zod'
import { concatBytes, encodeUtf8 } from '#mesh/codec'
import { PLAUSIBLE_SINCE_MS } from '#mesh/envelope'
import { isMeshError, MeshError } from '#mesh/errors'
import {
  CERTIFICATE_VALIDITY_MS,
  type Certificate,
  cleanName,
  derivePerson,
  ENTROPY_BYTES,
  issueCertificate,
  type PersonKeys,
  readCertificate,
} from '#mesh/identity'
import { type DeviceId, deviceIdOf } from '#mesh/ids'
import type { Clock, Crypto, Random } from '#mesh/ports'
import { ARGON2, stretchPassphrase } from './passphrase.ts'
import { assertPrivate, ensurePrivateDir } from './private-dir.ts'

/** What a node knows and nobody else. */
export interface Secrets {
  readonly entropy: Uint8Array
  readonly deviceSeed: Uint8Array
  readonly device: DeviceId
  readonly certificate: Certificate
  /** The name that the person claims. */
  readonly name: string
  readonly person: PersonKeys
}

/** Asks for the passphrase; called only when one is needed. */
export type AskPassphrase = () => Promise<Uint8Array>

const FILE = 'keystore.json'
const VERSION = 1
const SEED_BYTES = 32
const NONCE_BYTES = 12
const LABEL = encodeUtf8('qpq keystore 1')
/** A key store is below one kilobyte. */
const MAX_FILE_BYTES = 16_384

const base64 = z.string().max(1_000)
const fileShape = z.strictObject({
  version: z.literal(VERSION),
  name: z.string().max(200),
  certificate: base64,
  secrets: z.union([
    z.strictObject({ plain: base64 }),
    z.strictObject({
      kdf: z.literal('argon2id'),
      memoryKiB: z.literal(ARGON2.memoryKiB),
      passes: z.literal(ARGON2.passes),
      salt: base64,
      nonce: base64,
      sealed: base64,
    }),
  ]),
})
type KeystoreFile = z.infer<typeof fileShape>
/** What every version of the file says, so that an older program knows a newer file from a damaged one. */
const anyShape = z.object({ version: z.int().positive() })

/** Where the secrets lie. */
export function keystorePath(dir: string): string {
  return join(dir, FILE)
}

/** True when this directory holds an identity. @throws MeshError `NODE_DATA_UNREADABLE` when that cannot be seen */
export async function keystoreExists(dir: string): Promise<boolean> {
  try {
    await stat(keystorePath(dir))
    return true
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return false
    throw new MeshError('NODE_DATA_UNREADABLE', `the data directory ${dir} cannot be read`, {
      cause,
      hint: 'Check that you own it, or choose another one with --data.',
    })
  }
}

/** Makes an identity, or takes up that of `entropy` with a new device. Never overwrites one. @throws MeshError `NODE_KEYSTORE_EXISTS`, `NODE_KEYSTORE_TOO_OPEN`, `NODE_DATA_UNREADABLE`, `NODE_PASSPHRASE_NEEDED` for an empty one, `MESH_NAME_INVALID` */
export async function createKeystore(options: {
  dir: string
  crypto: Crypto
  random: Random
  clock: Clock
  name: string
  entropy?: Uint8Array
  passphrase?: AskPassphrase
}): Promise<Secrets> {
  const { dir, crypto, random, clock } = options
  const name = cleanName(options.name)
  await ensurePrivateDir(dir)
  if (await keystoreExists(dir))
    throw new MeshError('NODE_KEYSTORE_EXISTS', `there is an identity in ${dir} already`, { hint: 'Choose another data directory with --data.' })
  const entropy = options.entropy ?? random.bytes(ENTROPY_BYTES)
  const deviceSeed = random.bytes(SEED_BYTES)
  const person = derivePerson(crypto, entropy)
  const device = deviceIdOf(crypto.ed25519PublicKey(deviceSeed))
  // A machine without a clock would write 1970, and everybody with one would call the certificate expired.
  const createdMs = Math.max(clock.now(), PLAUSIBLE_SINCE_MS)
  const certificate = issueCertificate(crypto, person.personSeed, { device, createdMs, expiresMs: createdMs + CERTIFICATE_VALIDITY_MS, name })
  const plain = concatBytes(entropy, deviceSeed)
  const secrets =
    options.passphrase === undefined ? { plain: base64urlnopad.encode(plain) } : await sealSecrets(crypto, random, plain, await options.passphrase())
  plain.fill(0)
  await writePrivately(dir, { version: VERSION, name, certificate: base64urlnopad.encode(certificate), secrets })
  return { entropy, deviceSeed, device, certificate: readCertificate(crypto, certificate), name, person }
}

/** Reads the identity of a directory. @throws MeshError `NODE_KEYSTORE_TOO_OPEN`, `NODE_KEYSTORE_DAMAGED`, `NODE_PASSPHRASE_NEEDED`, `NODE_PASSPHRASE_WRONG`, `NODE_DATA_UNREADABLE` */
export async function openKeystore(options: { dir: string; crypto: Crypto; passphrase?: AskPassphrase }): Promise<Secrets> {
  const { dir, crypto } = options
  await ensurePrivateDir(dir)
  await assertPrivate(keystorePath(dir), 'file', '600')
  const file = await readKeystore(keystorePath(dir))
  const plain = await openSecrets(crypto, file.secrets, options.passphrase)
  try {
    const entropy = plain.slice(0, ENTROPY_BYTES)
    const deviceSeed = plain.slice(ENTROPY_BYTES)
    if (deviceSeed.length !== SEED_BYTES) throw damaged()
    const person = derivePerson(crypto, entropy)
    const device = deviceIdOf(crypto.ed25519PublicKey(deviceSeed))
    const certificate = readCertificate(crypto, decode(file.certificate))
    if (certificate.device !== device || certificate.person !== person.person) throw damaged()
    return { entropy, deviceSeed, device, certificate, name: cleanName(file.name), person }
  } catch (cause) {
    throw isMeshError(cause) ? damaged() : cause
  } finally {
    plain.fill(0)
  }
}

/** Whether the keys of a directory are locked by a passphrase. @throws as {@link openKeystore} */
export async function isKeystoreLocked(dir: string): Promise<boolean> {
  return !('plain' in (await readKeystore(keystorePath(dir))).secrets)
}

/** Changes the claimed name of an identity. It stands beside the secrets, so no passphrase is needed. @returns the name as kept @throws MeshError `MESH_NAME_INVALID`, and as {@link openKeystore} */
export async function renameKeystore(dir: string, name: string): Promise<string> {
  const clean = cleanName(name)
  await writePrivately(dir, { ...(await readKeystore(keystorePath(dir))), name: clean })
  return clean
}

async function sealSecrets(crypto: Crypto, random: Random, plain: Uint8Array, passphrase: Uint8Array): Promise<KeystoreFile['secrets']> {
  assertNotEmpty(passphrase)
  const [salt, nonce] = [random.bytes(ARGON2.saltBytes), random.bytes(NONCE_BYTES)]
  const key = await stretchPassphrase(passphrase, salt)
  const sealed = crypto.aeadSeal(key, nonce, plain, LABEL)
  key.fill(0)
  passphrase.fill(0)
  const { memoryKiB, passes } = ARGON2
  return { kdf: 'argon2id', memoryKiB, passes, salt: base64urlnopad.encode(salt), nonce: base64urlnopad.encode(nonce), sealed: base64urlnopad.encode(sealed) }
}

async function openSecrets(crypto: Crypto, secrets: KeystoreFile['secrets'], ask: AskPassphrase | undefined): Promise<Uint8Array> {
  if ('plain' in secrets) return decode(secrets.plain)
  if (ask === undefined) {
    throw new MeshError('NODE_PASSPHRASE_NEEDED', 'the keys of this node are locked by a passphrase', {
      hint: 'Start it in a terminal, or with --passphrase-file FILE.',
    })
  }
  const passphrase = await ask()
  assertNotEmpty(passphrase)
  const [salt, nonce] = [decode(secrets.salt), decode(secrets.nonce)]
  if (salt.length !== ARGON2.saltBytes || nonce.length !== NONCE_BYTES) throw damaged()
  const key = await stretchPassphrase(passphrase, salt)
  const plain = crypto.aeadOpen(key, nonce, decode(secrets.sealed), LABEL)
  key.fill(0)
  passphrase.fill(0)
  if (plain === undefined)
    throw new MeshError('NODE_PASSPHRASE_WRONG', 'this is not the passphrase of these keys', { hint: 'Try again. Without it only the 24 words help.' })
  return plain
}

async function readKeystore(path: string): Promise<KeystoreFile> {
  const text = await readText(path)
  const content = parseJson(text)
  const any = anyShape.safeParse(content)
  if (any.success && any.data.version > VERSION) {
    throw new MeshError('NODE_KEYSTORE_DAMAGED', 'the key file of this node was written by a newer version', {
      hint: 'Start that version, or choose another data directory with --data.',
      detail: { version: any.data.version },
    })
  }
  const file = fileShape.safeParse(content)
  if (!file.success) throw damaged()
  return file.data
}

async function readText(path: string): Promise<string> {
  try {
    const handle = await open(path, 'r')
    try {
      if ((await handle.stat()).size > MAX_FILE_BYTES) throw damaged()
      return await handle.readFile('utf8')
    } finally {
      await handle.close()
    }
  } catch (cause) {
    if (isMeshError(cause)) throw cause
    throw new MeshError('NODE_DATA_UNREADABLE', `${path} cannot be read`, { cause, hint: 'Check the disk, and that the file is yours.' })
  }
}

/** Without a cause in its errors: what the parser says quotes the file, and the file holds secrets. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw damaged()
  }
}

/** Beside the old file, synced, renamed, directory synced: after a crash one of the two is there, whole. */
async function writePrivately(dir: string, file: KeystoreFile): Promise<void> {
  const path = keystorePath(dir)
  const beside = `${path}.new`
  try {
    const handle = await open(beside, 'w', 0o600)
    try {
      await handle.chmod(0o600)
      await handle.writeFile(`${JSON.stringify(file, undefined, 2)}\n`)
      await handle.sync()
    } finally {
      await handle.close()
    }
    await rename(beside, path)
    const directory = await open(dir, 'r')
    try {
      await directory.sync()
    } finally {
      await directory.close()
    }
  } catch (cause) {
    throw new MeshError('NODE_DATA_UNREADABLE', `the keys cannot be written to ${dir}`, {
      cause,
      hint: 'Make room on the disk, or choose another data directory with --data.',
    })
  }
}

function decode(text: string): Uint8Array {
  try {
    return base64urlnopad.decode(text)
  } catch {
    throw damaged()
  }
}

function assertNotEmpty(passphrase: Uint8Array): void {
  if (passphrase.length === 0)
    throw new MeshError('NODE_PASSPHRASE_NEEDED', 'a passphrase cannot be empty', { hint: 'Look into the file it came from, or type it again.' })
}

/** Never with the error underneath: it may quote the file. */
function damaged(): MeshError {
  return new MeshError('NODE_KEYSTORE_DAMAGED', 'the key file of this node is damaged', {
    hint: 'Restore keystore.json from a copy, or start with another --data and --restore from the 24 words.',
  })
}
