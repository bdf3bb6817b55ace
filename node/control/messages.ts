/** What a running node can be asked about what is said; a part of `NodeApi`. */
export interface MessageApi {
  /**
   * Answered when the message is durable. `priority` is `normal` unless said otherwise; `bridge` says whether others may
   * hand it from one mesh to another, and is as the node is configured unless said.
   */
  send(params: SendParams): Promise<{ id: string; conversation: string; state: 'queued' }>
  /** Answers a message, in its thread if it stands in one. */
  reply(params: AmendParams & { text: string }): Promise<{ id: string; conversation: string; state: 'queued' }>
  /** Says something else instead; own messages only. `id` of the answer is that of the envelope that tells the other side. */
  edit(params: AmendParams & { text: string }): Promise<Amended>
  /** Takes a message away, here and at the other side; own messages only. */
  delete(params: AmendParams): Promise<Amended>
  /** Adds a reaction, one visible character, or with `undo` takes it back. */
  react(params: AmendParams & { emoji: string; undo?: boolean }): Promise<Amended>
  /** The messages of a thread, the one that began it first; any message of it names it. */
  thread(params: AmendParams): Promise<MessageInfo[]>
  /** The threads of a conversation, the one that something was said in last at the end. */
  threads(params: { to: string }): Promise<ThreadInfo[]>
  /** Reads one message; one that can be seen once is gone with that. */
  read(params: AmendParams): Promise<MessageInfo>
  /** Tells somebody that this person is typing, or no longer, if that is switched on; says whether it was told. */
  typing(params: { to: string; on: boolean }): Promise<{ told: boolean }>
  conversationGet(params: { who: string }): Promise<ConversationInfo>
  /** \`ttlS\`: seconds after which messages go, 0 for never; the other side is told of it, and of nothing else. */
  conversationSet(params: { who: string; readReceipts?: boolean; typing?: boolean; ttlS?: number }): Promise<ConversationInfo>
  /** What this gives and what \`watch\` hands out counts as read. */
  log(params: { to: string; since?: string; limit?: number }): Promise<MessageInfo[]>
}

export interface SendParams {
  to: string
  text: string
  priority?: MessagePriority
  bridge?: boolean
  /** A message of the thread that it belongs to, or one that begins a thread by that. */
  thread?: string
  /** It can be seen once at the other side, by \`read\`, and is kept nowhere here. */
  once?: boolean
}

/** The message that is meant: its id, the end of it, or `last`. */
export interface AmendParams {
  message: string
  /** The conversation it stands in; without one, ends of ids are looked for in all. */
  in?: string
}

export interface ConversationInfo {
  conversation: string
  petname?: string
  readReceipts: boolean
  typing: boolean
  /** Seconds after reading, or after sending; 0: messages stay. */
  ttlS: number
  /** Who said so last. */
  ttlBy?: string
}

export interface ThreadInfo {
  /** The message that began it, or an id that no \`log\` shows when that is not here. */
  thread: string
  conversation: string
  /** What was said first, as far as it is here. */
  text: string
  messages: number
  /** When something was said last. */
  at: string
}

export interface Amended {
  id: string
  message: string
  state: 'queued'
}

/**
 * `read` is backed by the word of who was written to, who may switch that off, and then it stays `delivered`. `delivered` is backed by the receiver's retraction receipt, `carried` by a custodian's custody receipt that
 * has not run out. `withdrawn`: taken back here before it was delivered; a copy that others carry may still
 * arrive, and then it is `delivered`.
 */
export type DeliveryState = 'queued' | 'carried' | 'delivered' | 'read' | 'expired' | 'withdrawn'

export interface MessageInfo {
  id: string
  conversation: string
  from: string
  fromPetname?: string
  direction: 'in' | 'out'
  text: string
  at: string
  parents: string[]
  /** Only on own messages that nobody may hand from one mesh to another. */
  bridge?: false
  /** Only on messages this person sent. */
  state?: DeliveryState
  /** Number of messages that this one follows and that have not arrived. */
  missing?: number
  /** Its author has changed it; `text` is what it says now. */
  edited?: true
  /** Its author has taken it away; `text` is empty. */
  deleted?: true
  /** It goes so many seconds after it was read, or after it was sent from here. */
  ttlS?: number
  /** When it goes here. */
  endsAt?: string
  /** It can be seen once, by \`read\`; \`text\` is empty. */
  once?: true
  /** When it was read here; only where something follows from it. */
  readAt?: string
  /** In no order that means anything. */
  reactions?: Array<{ by: string; petname?: string; emoji: string }>
  /** The message that it answers; an id that no `log` shows when that one is not here. */
  inReplyTo?: string
  /** The message that began its thread, likewise. */
  thread?: string
  /** Who is mentioned in `text`, where each is a Markdown link `[@name](qpq://p/PERSON)`. */
  mentions?: Array<{ person: string; petname?: string; you?: true }>
}

/** What was done to a message. */
export type MessageChangeKind = 'edited' | 'deleted' | 'reacted' | 'viewed'

/**
 * What goes first where not everything can go, here and at everybody who carries it. `ephemeral` is now or
 * never: given to who is connected within two minutes, and dropped otherwise.
 */
export type MessagePriority = 'critical' | 'normal' | 'bulk' | 'ephemeral'
