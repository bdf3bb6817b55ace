export {
  addressOfKey,
  classByteOf,
  decodeEnvelope,
  ENVELOPE_OVERHEAD_BYTES,
  type Envelope,
  type EnvelopeContent,
  type EnvelopeKind,
  isEnvelopeSigned,
  MAX_ENVELOPE_BYTES,
  MAX_PAYLOAD_BYTES,
  type Priority,
  readClassByte,
  signEnvelope,
} from './envelope.ts'
export { expiryOf, isBelievable, MAX_LIFETIME_S } from './expiry.ts'
export { PADDING_CLASSES, padPayload, unpadPayload } from './padding.ts'
export { HOP_LIMIT, INITIAL_COPIES, type Passage } from './passage.ts'
export { encodeRetraction, MAX_RETRACTED_IDS, readRetraction } from './retraction.ts'
export { compareStamps, HybridClock, PLAUSIBLE_SINCE_MS, type Stamp, stampAfter } from './stamp.ts'
