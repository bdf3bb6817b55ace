import { PLAUSIBLE_SINCE_MS } from '#mesh/envelope'
import { CERTIFICATE_VALIDITY_MS, deriveHistoryKey, entropyOfWords, issueCertificate, readCertificate, wordsOf } from '#mesh/identity'
import type { Clock, Crypto, Random } from '#mesh/ports'
import type { NodeOptions } from '#node/config'
import { type AskPassphrase, createKeystore, keystoreExists, openKeystore, renameKeystore, type Secrets } from '#node/keystore'

/** A certificate that has less than this left is made anew at the start, ms: a node may then run for a year. */
const RENEW_BEFORE_MS = 365 * 86_400_000

/** Opens the identity of the data directory, or makes one at the first start. @throws as the key store does, and `MESH_WORDS_INVALID` */
export async function openIdentity(options: NodeOptions, deps: { crypto: Crypto; random: Random; clock: Clock }): Promise<Secrets> {
  const { dataDir: dir, passphrase, name: wanted } = options
  const exists = await keystoreExists(dir)
  const kept = exists ? await openKeystore({ dir, crypto: deps.crypto, ...asked(passphrase, 'open') }) : await makeIdentity(options, deps)
  const name = wanted === undefined || wanted === kept.name ? kept.name : await renameKeystore(dir, wanted)
  const secrets = { ...kept, name, certificate: readCertificate(deps.crypto, currentCertificate(kept, deps)) }
  options.onIdentity?.({ created: !exists, words: () => wordsOf(secrets.entropy) })
  return secrets
}

/** The certificate of this device, made anew when it is about to expire: whoever holds the words can. */
export function currentCertificate(secrets: Secrets, deps: { crypto: Crypto; clock: Clock }): Uint8Array {
  const { certificate, device, person } = secrets
  const nowMs = Math.max(deps.clock.now(), PLAUSIBLE_SINCE_MS)
  if (certificate.expiresMs - nowMs > RENEW_BEFORE_MS) return certificate.bytes
  return issueCertificate(deps.crypto, person.personSeed, { device, createdMs: nowMs, expiresMs: nowMs + CERTIFICATE_VALIDITY_MS, name: certificate.name })
}

/** The key that encrypts what this device keeps. */
export function historyKeyOf(secrets: Secrets): Uint8Array {
  return deriveHistoryKey(secrets.deviceSeed)
}

async function makeIdentity(options: NodeOptions, deps: { crypto: Crypto; random: Random; clock: Clock }): Promise<Secrets> {
  const { dataDir: dir, restoreWords, passphrase } = options
  const entropy = restoreWords === undefined ? undefined : entropyOfWords(await restoreWords())
  const chosen = await passphrase?.('create')
  return createKeystore({
    dir,
    ...deps,
    name: options.name ?? options.defaultName,
    ...(entropy === undefined ? {} : { entropy }),
    ...(chosen === undefined ? {} : { passphrase: async () => chosen }),
  })
}

function asked(passphrase: NodeOptions['passphrase'], purpose: 'open'): { passphrase?: AskPassphrase } {
  if (passphrase === undefined) return {}
  return { passphrase: async () => (await passphrase(purpose)) ?? new Uint8Array(0) }
}
