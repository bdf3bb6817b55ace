/**
 * Numbers that two people compare to know that no one is between them.
 *
 * As Signal's numeric fingerprints: 5,200 rounds of hashing make it dear to search a key whose number
 * looks alike; 60 digits, half of them from each person, in an order that is the same on both sides.
 */
import { ByteReader, encodeUtf8 } from '#mesh/codec'
import { sha256 } from '#mesh/crypto'
import { type PersonId, personKeyOf } from '#mesh/ids'

const ROUNDS = 5_200
const GROUPS_EACH = 6
const LABEL = encodeUtf8('qpq safety number 1\0')
const FINGERPRINT_CHARACTERS = 8
/** Characters of the bech32m checksum at the end. */
const CHECKSUM_CHARACTERS = 6

/** 12 groups of 5 digits, equal on both sides. */
export function safetyNumber(a: PersonId, b: PersonId): string {
  const [first, second] = [digitsOf(a), digitsOf(b)].sort()
  return `${first} ${second}`
}

/** Eight characters that tell persons of the same name apart; for the eye, never for a decision. */
export function fingerprint(person: PersonId): string {
  return person.slice(-FINGERPRINT_CHARACTERS - CHECKSUM_CHARACTERS, -CHECKSUM_CHARACTERS)
}

function digitsOf(person: PersonId): string {
  const key = personKeyOf(person)
  let hash = sha256(LABEL, key)
  for (let round = 1; round < ROUNDS; round++) hash = sha256(hash, key)
  // 40 bits a group, as Signal does: the bias of mod 100,000 is below one in ten million.
  const reader = new ByteReader(hash)
  return Array.from({ length: GROUPS_EACH }, () => {
    const value = reader.u8() * 0x1_0000_0000 + reader.u32()
    return String(value % 100_000).padStart(5, '0')
  }).join(' ')
}
