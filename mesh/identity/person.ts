import { ByteWriter } from '#mesh/codec'
import { hkdfSha256 } from '#mesh/crypto'
import { type PersonId, personIdOf, personKeyOf } from '#mesh/ids'
import type { Crypto } from '#mesh/ports'

/** All keys of a person, derived from the entropy behind the words. */
export interface PersonKeys {
  readonly person: PersonId
  readonly personKey: Uint8Array
  /** Ed25519 seed: signs certificates, revocations and cards. */
  readonly personSeed: Uint8Array
  /** Ed25519: the holder owns the inbox address, signs grants and retraction receipts. */
  readonly inboxKey: Uint8Array
  readonly inboxSeed: Uint8Array
  /** X25519: messages are sealed to it. */
  readonly sealKey: Uint8Array
  readonly sealSecret: Uint8Array
}

const NO_CONTEXT = new Uint8Array(0)
const SEED_BYTES = 32

/** Derives a person's keys. `generation` counts inboxes: a new one has other keys and another address. */
export function derivePerson(crypto: Crypto, entropy: Uint8Array, generation = 0): PersonKeys {
  const context = new ByteWriter(4).u32(generation).finish()
  const personSeed = hkdfSha256(entropy, 'qpq person 1', NO_CONTEXT, SEED_BYTES)
  const inboxSeed = hkdfSha256(entropy, 'qpq inbox sign 1', context, SEED_BYTES)
  const sealSecret = hkdfSha256(entropy, 'qpq inbox seal 1', context, SEED_BYTES)
  const personKey = crypto.ed25519PublicKey(personSeed)
  return {
    person: personIdOf(personKey),
    personKey,
    personSeed,
    inboxKey: crypto.ed25519PublicKey(inboxSeed),
    inboxSeed,
    sealKey: crypto.x25519PublicKey(sealSecret),
    sealSecret,
  }
}

/** Overwrites the secrets. JavaScript may have copied them elsewhere; this is what can be done. */
export function wipe(keys: PersonKeys): void {
  for (const secret of [keys.personSeed, keys.inboxSeed, keys.sealSecret]) secret.fill(0)
}

/** The seed of the key that this device signs with towards one person only, so that carriers cannot link its envelopes. */
export function deriveAuthorSeed(deviceSeed: Uint8Array, peer: PersonId): Uint8Array {
  return hkdfSha256(deviceSeed, 'qpq author 1', personKeyOf(peer), SEED_BYTES)
}

/** The key that encrypts what this device keeps at rest. */
export function deriveHistoryKey(deviceSeed: Uint8Array): Uint8Array {
  return hkdfSha256(deviceSeed, 'qpq history 1', NO_CONTEXT, SEED_BYTES)
}
