export { HLC_KEY } from './composer.ts'
export { type ConversationEvent, Conversations, type MessageState, type MessageView } from './conversations.ts'
export type { ConversationsDeps, Self } from './deps.ts'
export { MAX_TEXT_BYTES } from './message.ts'
