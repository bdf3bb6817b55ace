export { decodeContent, type Expiration, encodeContent, MAX_CONTENT_BYTES, type MimiContent, SALT_BYTES } from './content.ts'
export { applied, type Effects, type Operation, type Reaction, type Revision } from './effects.ts'
export {
  bodyText,
  cleanReaction,
  emptyBody,
  extensionsFor,
  type Intent,
  intentOf,
  isOnce,
  MAX_LIFETIME_S,
  MAX_REPORTED,
  reactionBody,
  readReportBody,
  textBody,
} from './intent.ts'
export { directRoomUri, messageId, personInUri, personUri } from './message-id.ts'
export { type BodyPart, DISPOSITION } from './part.ts'
