/**
 * The id of a message is a hash over who said it, where, what, and a salt (draft-ietf-mimi-content-08 §3.3).
 * It is not the id of an envelope: what is said to several inboxes, or again under new keys, travels in several
 * envelopes and is one message; and nobody but its author can make a message with that id, so one who edits,
 * deletes or answers names exactly what he has seen.
 */
import { ByteWriter, encodeUtf8 } from '#mesh/codec'
import { sha256 } from '#mesh/crypto'
import { isMeshError } from '#mesh/errors'
import { ENVELOPE_ID_BYTES, type MessageId, messageIdOf, type PersonId, parsePersonId } from '#mesh/ids'

/** SHA-256 in IANA's registry of named information. */
const SHA_256 = 1
const PERSON_URI = 'qpq://p/'

/** A person as content names one: in ids and in mentions. */
export function personUri(person: PersonId): string {
  return `${PERSON_URI}${person}`
}

/** The person that a link names, if it names one. */
export function personInUri(uri: string): PersonId | undefined {
  if (!uri.startsWith(PERSON_URI)) return undefined
  try {
    return parsePersonId(uri.slice(PERSON_URI.length))
  } catch (error) {
    if (isMeshError(error)) return undefined
    throw error
  }
}

/** Where two people talk: the same for both of them. */
export function directRoomUri(one: PersonId, other: PersonId): string {
  return `qpq://d/${[one, other].sort().join('/')}`
}

/** The id of what `sender` said in a room. @param bytes the encoded content, whose salt is `salt` */
export function messageId(sender: PersonId, roomUri: string, bytes: Uint8Array, salt: Uint8Array): MessageId {
  return hashedId(personUri(sender), roomUri, bytes, salt)
}

/** As the draft has it, for any kind of names. */
export function hashedId(senderUri: string, roomUri: string, bytes: Uint8Array, salt: Uint8Array): MessageId {
  const [sender, room] = [encodeUtf8(senderUri), encodeUtf8(roomUri)]
  // The lengths keep one name from flowing into the other; the salt at the end keeps the hash from being continued.
  const hash = sha256(u16(sender.length), sender, u16(room.length), room, bytes, salt)
  const id = new Uint8Array(ENVELOPE_ID_BYTES)
  id[0] = SHA_256
  id.set(hash.subarray(0, ENVELOPE_ID_BYTES - 1), 1)
  return messageIdOf(id)
}

function u16(length: number): Uint8Array {
  return new ByteWriter(2).u16(length).finish()
}
