/**
 * A retraction receipt: the owner of an inbox says that envelopes arrived, so that every carrier drops its copies.
 *
 * It is an envelope of kind `receipt` to the inbox's own address, signed by the inbox key. The address is
 * the hash of that key, so anybody can check it. Payload: u8 type = 1, u16 count, count × 32-byte id.
 */
import { ByteReader, ByteWriter } from '#mesh/codec'
import { MeshError } from '#mesh/errors'
import { ENVELOPE_ID_BYTES, type EnvelopeId, envelopeIdOf, idBytes } from '#mesh/ids'
import { addressOfKey, type Envelope } from './envelope.ts'

/** Ids in one receipt: 64,003 bytes of payload, just below the largest envelope. */
export const MAX_RETRACTED_IDS = 2_000
const RETRACTION = 1

/** The payload of a retraction receipt. @throws MeshError `MESH_INTERNAL` for none or too many */
export function encodeRetraction(ids: readonly EnvelopeId[]): Uint8Array {
  if (ids.length === 0 || ids.length > MAX_RETRACTED_IDS) throw new MeshError('MESH_INTERNAL', 'a receipt has 1 to 2,000 ids', { detail: { ids: ids.length } })
  const writer = new ByteWriter(3 + ids.length * ENVELOPE_ID_BYTES).u8(RETRACTION).u16(ids.length)
  for (const id of ids) writer.bytes(idBytes(id))
  return writer.finish()
}

/** The ids that a receipt takes back. The signature is the envelope's. @throws MeshError `MESH_ENVELOPE_INVALID` or `MESH_BYTES_*` (peer) */
export function readRetraction(envelope: Envelope): EnvelopeId[] {
  if (envelope.kind !== 'receipt') throw new MeshError('MESH_ENVELOPE_INVALID', 'this envelope is not a receipt')
  if (addressOfKey(idBytes(envelope.author)) !== envelope.address)
    throw new MeshError('MESH_ENVELOPE_INVALID', 'a receipt was not signed by the owner of its address')
  const reader = new ByteReader(envelope.payload)
  if (reader.u8() !== RETRACTION) throw new MeshError('MESH_ENVELOPE_INVALID', 'this kind of receipt is not known here')
  const count = reader.count16(ENVELOPE_ID_BYTES)
  if (count === 0 || count > MAX_RETRACTED_IDS) throw new MeshError('MESH_ENVELOPE_INVALID', 'a receipt has 1 to 2,000 ids', { detail: { ids: count } })
  const ids = Array.from({ length: count }, () => envelopeIdOf(reader.bytes(ENVELOPE_ID_BYTES)))
  reader.end()
  return ids
}
