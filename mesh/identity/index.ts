export { bindAuthor, isAuthorBound } from './author.ts'
export { type ContactCard, cardUri, issueCard, MAX_CARD_BYTES, MAX_CARD_URI_CHARACTERS, parseCardUri, readCard } from './card.ts'
export {
  assertCertificateValid,
  CERTIFICATE_VALIDITY_MS,
  type Certificate,
  issueCertificate,
  MAX_CERTIFICATE_BYTES,
  MAX_DEVICES,
  readCertificate,
} from './certificate.ts'
export { cleanName, readName } from './name.ts'
export { deriveAuthorSeed, deriveHistoryKey, derivePerson, type PersonKeys, wipe } from './person.ts'
export { issueRevocation, type Revocation, readRevocation } from './revocation.ts'
export { fingerprint, safetyNumber } from './safety-number.ts'
export { ENTROPY_BYTES, entropyOfWords, wordsOf } from './words.ts'
