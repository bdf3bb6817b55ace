/** Opening an envelope to the own inbox: everything about it that can be judged without the store. */
import { concatBytes } from '#mesh/codec'
import { openBox } from '#mesh/crypto'
import { type Envelope, unpadPayload } from '#mesh/envelope'
import { MeshError } from '#mesh/errors'
import { assertCertificateValid, type Certificate, type ContactCard, type PersonKeys, readCard } from '#mesh/identity'
import { type DeviceId, idBytes, type PersonId } from '#mesh/ids'
import type { Crypto } from '#mesh/ports'
import { decodeMessage, type MessageContent } from './message.ts'
import type { Proven } from './proven.ts'

/** A message whose author is proven. */
export interface OpenedMessage {
  readonly content: MessageContent
  readonly certificate: Certificate
  readonly card: ContactCard | undefined
}

/** What opening needs to know. */
export interface OpeningDeps {
  readonly crypto: Crypto
  readonly keys: Pick<PersonKeys, 'inboxKey' | 'sealKey' | 'sealSecret'>
  readonly nowMs: number
  /** What was checked before. */
  readonly proven: Proven
  readonly isRevoked: (person: PersonId, device: DeviceId) => boolean
}

/** What the seal is bound to: a payload does not open under another author or to another address. */
export function sealContext(author: Uint8Array, address: Uint8Array): Uint8Array {
  return concatBytes(author, address)
}

/**
 * Opens and checks: seal, padding, shape, certificate, revocation, the binding of device and author key, card.
 * @throws MeshError (peer) `MESH_SEALED_UNREADABLE`, `MESH_BYTES_*`, `MESH_CERTIFICATE_*`, `MESH_DEVICE_REVOKED`, `MESH_SIGNATURE_INVALID`
 */
export function openMessage(deps: OpeningDeps, envelope: Envelope): OpenedMessage {
  const { crypto, keys } = deps
  const author = idBytes(envelope.author)
  const padded = openBox(crypto, keys.sealSecret, keys.sealKey, envelope.payload, sealContext(author, idBytes(envelope.address)))
  if (padded === undefined) throw new MeshError('MESH_SEALED_UNREADABLE', 'an envelope was not sealed to this inbox')
  const content = decodeMessage(unpadPayload(padded))
  const certificate = deps.proven.certificate(content.certificate)
  assertCertificateValid(certificate, deps.nowMs, (device) => deps.isRevoked(certificate.person, device))
  if (!deps.proven.isAuthorBound(certificate.device, author, keys.inboxKey, content.binding)) {
    throw new MeshError('MESH_SIGNATURE_INVALID', 'the key that signed an envelope is not the device that it names')
  }
  const card = content.card === undefined ? undefined : readCard(crypto, content.card)
  if (card !== undefined && card.person !== certificate.person) throw new MeshError('MESH_CERTIFICATE_INVALID', 'a message brings the card of somebody else')
  return { content, certificate, card }
}
