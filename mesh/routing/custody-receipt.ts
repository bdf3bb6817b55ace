/**
 * A custody receipt: a device says by its own key that it carries envelopes for the device it got them from.
 *
 * Signed: "qpq custody 1\0" ‖ key of the device that handed them over (32) ‖ until (48-bit ms) ‖ ids (32 each).
 * It names both devices, so it cannot be shown in another's name, and all ids, so it is kept whole.
 */
import { ByteReader, ByteWriter, copyBytes, encodeUtf8 } from '#mesh/codec'
import { sha256 } from '#mesh/crypto'
import { type DeviceId, deviceIdOf, deviceKeyOf, ENVELOPE_ID_BYTES, type EnvelopeId, envelopeIdOf, idBytes, PUBLIC_KEY_BYTES } from '#mesh/ids'
import type { Crypto } from '#mesh/ports'

/** One signed promise to carry. */
export interface CustodyReceipt {
  /** Who carries. */
  readonly custodian: DeviceId
  /** Until when, ms since 1970 by the custodian's clock. */
  readonly untilMs: number
  readonly ids: readonly EnvelopeId[]
  readonly signature: Uint8Array
  /** Who handed the envelopes over; absent when it was this node. */
  readonly from?: DeviceId
}

/** A promise that somebody else was given, and passed on. */
export interface ForwardedReceipt extends CustodyReceipt {
  readonly from: DeviceId
}

const LABEL = encodeUtf8('qpq custody 1\0')
const SIGNATURE_BYTES = 64

/** The bytes that a custodian signs. */
export function custodyMessage(from: DeviceId, untilMs: number, ids: readonly EnvelopeId[]): Uint8Array {
  const writer = new ByteWriter(64 + ids.length * ENVELOPE_ID_BYTES).bytes(LABEL).bytes(deviceKeyOf(from)).u48(untilMs)
  for (const id of ids) writer.bytes(idBytes(id))
  return writer.finish()
}

/** True when `receipt` was signed by its custodian for what `from` handed over. */
export function isCustodySigned(crypto: Crypto, from: DeviceId, receipt: CustodyReceipt): boolean {
  return crypto.ed25519Verify(deviceKeyOf(receipt.custodian), custodyMessage(from, receipt.untilMs, receipt.ids), receipt.signature)
}

/** Custodian (32) ‖ until (48) ‖ u16 count × id ‖ signature ‖ who handed over (32) unless this node did: the receipt as it is kept. */
export function encodeCustodyReceipt(receipt: CustodyReceipt): Uint8Array {
  const writer = new ByteWriter(136 + receipt.ids.length * ENVELOPE_ID_BYTES).bytes(deviceKeyOf(receipt.custodian)).u48(receipt.untilMs).u16(receipt.ids.length)
  for (const id of receipt.ids) writer.bytes(idBytes(id))
  writer.bytes(receipt.signature)
  if (receipt.from !== undefined) writer.bytes(deviceKeyOf(receipt.from))
  return writer.finish()
}

/** The receipt in a row. @throws MeshError `MESH_BYTES_*` when the row is damaged */
export function decodeCustodyReceipt(row: Uint8Array): CustodyReceipt {
  const reader = new ByteReader(row)
  const custodian = deviceIdOf(reader.bytes(PUBLIC_KEY_BYTES))
  const untilMs = reader.u48()
  const ids = Array.from({ length: reader.count16(ENVELOPE_ID_BYTES) }, () => envelopeIdOf(reader.bytes(ENVELOPE_ID_BYTES)))
  const signature = copyBytes(reader.bytes(SIGNATURE_BYTES))
  const from = reader.remaining > 0 ? { from: deviceIdOf(reader.bytes(PUBLIC_KEY_BYTES)) } : {}
  reader.end()
  return { custodian, untilMs, ids, signature, ...from }
}

/** The key that a receipt is kept under. */
export function custodyKey(receipt: CustodyReceipt): Uint8Array {
  return sha256(receipt.signature)
}
