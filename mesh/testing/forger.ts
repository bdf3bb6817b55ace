import { type BodyPart, emptyBody, type MimiContent, textBody } from '#mesh/content'
import { SEALED_BOX_OVERHEAD, sealBox } from '#mesh/crypto'
import { padPayload, type Stamp, signEnvelope } from '#mesh/envelope'
import { bindAuthor, deriveAuthorSeed } from '#mesh/identity'
import { type EnvelopeId, idBytes, type MessageId } from '#mesh/ids'
import { encodeMessage } from '../conversations/message.ts'
import { sealContext } from '../conversations/opened.ts'
import { fakeCrypto } from './fake-crypto.ts'
import type { MeshPerson } from './mesh-people.ts'
import { seededRandom } from './seeded-random.ts'

const crypto = fakeCrypto()
const random = seededRandom('forger')

/**
 * Seals whatever content a person's node would never write to another person, and gives it to the other one. A text is what programs from before contents wrote.
 * @param stamp by the author's clock unless given
 */
export async function forge(
  by: MeshPerson,
  to: MeshPerson,
  forged: string | (Omit<MimiContent, 'salt' | 'extensions'> & Partial<MimiContent>),
  stamp: Stamp = by.hlc.next(),
): Promise<EnvelopeId> {
  const { keys } = to
  const author = deriveAuthorSeed(by.deviceSeed, keys.person)
  const authorKey = crypto.ed25519PublicKey(author)
  const binding = bindAuthor(crypto, by.deviceSeed, authorKey, keys.inboxKey)
  const said = typeof forged === 'string' ? { text: forged } : { text: '', content: { salt: random.bytes(16), extensions: new Map(), ...forged } }
  const bytes = encodeMessage({ type: 'message', certificate: by.certificate, binding, seq: 1_000, parents: [], ...said, composedMs: 1 })
  const address = to.conversations.ownInbox
  const payload = sealBox({ crypto, random }, keys.sealKey, padPayload(bytes, SEALED_BOX_OVERHEAD), sealContext(authorKey, idBytes(address)))
  const envelope = signEnvelope(crypto, author, { priority: 'normal', kind: 'inbox', address, stamp, lifetimeS: 3_600, payload })
  await to.take(envelope.bytes, by)
  return envelope.id
}

/** A body that takes the place of `target`: other words, or none. */
export function replacing(target: MessageId, text?: string): { replaces: MessageId; body: BodyPart } {
  return { replaces: target, body: text === undefined ? emptyBody() : textBody(text) }
}
