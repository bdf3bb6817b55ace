import { CERTIFICATE_VALIDITY_MS, type ContactCard, derivePerson, issueCard, issueCertificate, readCertificate } from '#mesh/identity'
import { deviceIdOf } from '#mesh/ids'
import type { Crypto } from '#mesh/ports'
import type { Secrets } from '#node/keystore'
import { START_MS } from './node-clock.ts'
import type { Seeded } from './seeded.ts'

/** Everybody got their keys and gave away their cards so long before the run begins, ms. */
const AGE_MS = 86_400_000

/** The keys of a person and a device, and the card that others have, by the seed alone. */
export function drawIdentity(crypto: Crypto, random: Seeded, name: string): { secrets: Secrets; card: ContactCard } {
  const [entropy, deviceSeed] = [random.bytes(32), random.bytes(32)]
  const person = derivePerson(crypto, entropy)
  const device = deviceIdOf(crypto.ed25519PublicKey(deviceSeed))
  const createdMs = START_MS - AGE_MS
  const about = { device, createdMs, expiresMs: createdMs + CERTIFICATE_VALIDITY_MS, name }
  const certificate = readCertificate(crypto, issueCertificate(crypto, person.personSeed, about))
  const card = issueCard(crypto, person, { issuedS: Math.floor(createdMs / 1_000), name })
  return { secrets: { entropy, deviceSeed, device, certificate, name, person }, card }
}
