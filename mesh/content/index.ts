export { decodeContent, type Expiration, encodeContent, MAX_CONTENT_BYTES, type MimiContent, SALT_BYTES } from './content.ts'
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
export { DISPOSITION } from './part.ts'
