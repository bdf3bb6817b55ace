/**
 * The frames of `/qpq/sync/1`: one type byte, then the body; all numbers big-endian.
 *
 * ```
 * 1 HELLO      u8 version=1, u8 flags, u48 now ms, u16 known devices, u8 count ≤ 16 × (inbox key 32, until u48 ms, signature 64);
 *              with flag 1: u32 envelopes held, u8 days they are kept (0: unknown)
 * 2 OFFER      u16 count ≤ 128 × (id 32, u8 class, u16 bytes, u8 flags: bit 0 = "tell me if you carry it";
 *              with bit 1: address 16, u8 least utility)
 * 3 WANT       u16 count ≤ 128 × id 32; behind them nothing, or a u8 utility for each
 * 4 ENVELOPES  u16 count × (u8 hops, u8 copies, u32 age s, u16 length, bytes); length 0 = alone in the next frame, type 8
 * 5 TAKEN      u48 until ms, u16 count ≤ 1024 × id 32, signature 64
 * 6 REFUSED    u16 count ≤ 1024 × (id 32, u8 reason)
 * 7 SYNCED     nothing
 * 8 LARGE      the bytes of one envelope that fits into no other frame
 * 9 RECONCILE  u8 scope=0, a message of riblt/messages.ts
 * 10 FORWARDED custodian 32, device that handed over 32, then as TAKEN: a receipt between others; only to who has flag 2
 * ```
 *
 * Decoding checks every count against the bytes that are there before it allocates, and gives views:
 * the frame must stay untouched for as long as they are used. LARGE exists because the largest envelope
 * (65,535 bytes) and the type byte fill a frame (65,536 bytes) to the last byte.
 */
import { ByteReader, ByteWriter } from '#mesh/codec'
import { MeshError } from '#mesh/errors'
import {
  ADDRESS_BYTES,
  type Address,
  addressOf,
  type DeviceId,
  deviceIdOf,
  deviceKeyOf,
  ENVELOPE_ID_BYTES,
  type EnvelopeId,
  envelopeIdOf,
  idBytes,
  PUBLIC_KEY_BYTES,
} from '#mesh/ids'
import { MAX_FRAME_BYTES } from '#mesh/ports'
import { MAX_ANSWER_IDS, MAX_GRANTS, MAX_OFFER_IDS, SYNC_VERSION } from './limits.ts'

/** The type byte of each frame. */
export const FRAME_TYPE = { hello: 1, offer: 2, want: 3, envelopes: 4, taken: 5, refused: 6, synced: 7, large: 8, reconcile: 9, forwarded: 10 } as const

/** The scope of RECONCILE: everything that is carried. There is no other yet. */
export const ALL_CARRIED = 0

/** Why an envelope was not taken, or is not sent after all. */
export const REFUSAL_REASONS = ['gone', 'duplicate', 'retracted', 'expired', 'quota', 'rate', 'hops', 'full', 'invalid'] as const
export type RefusalReason = (typeof REFUSAL_REASONS)[number]

/** Bits of the flags of a HELLO. */
const RECONCILES = 1
const TAKES_FORWARDED = 2
const SIGNATURE_BYTES = 64
const GRANT_BYTES = PUBLIC_KEY_BYTES + 6 + SIGNATURE_BYTES
const OFFER_BYTES = ENVELOPE_ID_BYTES + 4
/** Flags of an offer. */
const TELL = 1
const SERVING = 2
const REFUSAL_BYTES = ENVELOPE_ID_BYTES + 1
/** Type byte and count in front of the envelopes of a frame. */
export const ENVELOPES_HEAD_BYTES = 3
/** Hops, copies, age and length in front of each envelope. */
export const CARRIED_OVERHEAD_BYTES = 8
const MAX_ENVELOPE_BYTES = 65_535

/** What a device shows to collect for an inbox; same fields as `CollectGrant` of `#mesh/identity`. */
export interface GrantClaim {
  readonly inboxKey: Uint8Array
  readonly untilMs: number
  readonly signature: Uint8Array
}

export interface HelloFrame {
  readonly type: 'hello'
  readonly nowMs: number
  readonly knownDevices: number
  readonly grants: readonly GrantClaim[]
  /** How many envelopes the sender holds; `undefined` from one that does not reconcile. */
  readonly held?: number
  /** How long it keeps them, in days; 0 when it does not say. */
  readonly keptDays?: number
  /** True for one that takes FORWARDED. */
  readonly takesForwarded?: boolean
}

/** One envelope that the sender holds. `tell`: answer with TAKEN when you carry it already. */
export interface Offer {
  readonly id: EnvelopeId
  /** The class byte of the envelope: priority and kind (DESIGN §6). */
  readonly classByte: number
  /** Length of the envelope in bytes. */
  readonly size: number
  readonly tell: boolean
  /** For those only who serve the address at least so well, 0 to 255, and who say how well. */
  readonly serving?: { readonly address: Address; readonly least: number }
}

/** An envelope on its way, with its passage; empty `bytes` announce that they come alone in a LARGE frame. */
export interface CarriedEnvelope {
  readonly hops: number
  readonly copies: number
  readonly ageS: number
  readonly bytes: Uint8Array
}

export interface TakenFrame {
  readonly type: 'taken'
  readonly untilMs: number
  readonly ids: readonly EnvelopeId[]
  readonly signature: Uint8Array
}

/** A custody receipt of somebody else: `custodian` has it from `from`. */
export interface ForwardedFrame extends Omit<TakenFrame, 'type'> {
  readonly type: 'forwarded'
  readonly custodian: DeviceId
  readonly from: DeviceId
}

export interface Refusal {
  readonly id: EnvelopeId
  readonly reason: RefusalReason
}

export type Frame =
  | HelloFrame
  | { readonly type: 'offer'; readonly offers: readonly Offer[] }
  /** `utilities`: how well this node serves the address of each, 0 where that was not asked; absent when nothing was. */
  | { readonly type: 'want'; readonly ids: readonly EnvelopeId[]; readonly utilities?: readonly number[] }
  | { readonly type: 'envelopes'; readonly envelopes: readonly CarriedEnvelope[] }
  | TakenFrame
  | { readonly type: 'refused'; readonly refusals: readonly Refusal[] }
  | { readonly type: 'synced' }
  | { readonly type: 'large'; readonly bytes: Uint8Array }
  | { readonly type: 'reconcile'; readonly scope: number; readonly message: Uint8Array }
  | ForwardedFrame

/** The bytes of a frame. A frame that is too large or has a number out of range is our own fault: `MESH_INTERNAL`. */
export function encodeFrame(frame: Frame): Uint8Array {
  const writer = new ByteWriter(sizeHint(frame))
  writer.u8(FRAME_TYPE[frame.type])
  writeBody(writer, frame)
  if (writer.length > MAX_FRAME_BYTES) throw new MeshError('MESH_INTERNAL', 'a sync frame is too large', { detail: { bytes: writer.length } })
  return writer.finish()
}

/** @throws MeshError (peer) `MESH_FRAME_TOO_LARGE`, `MESH_BYTES_…`, `MESH_VERSION_UNKNOWN`, `MESH_PROTOCOL_VIOLATION` for an unknown type */
export function decodeFrame(bytes: Uint8Array): Frame {
  if (bytes.length > MAX_FRAME_BYTES) throw new MeshError('MESH_FRAME_TOO_LARGE', 'a sync frame is too large', { detail: { bytes: bytes.length } })
  const reader = new ByteReader(bytes)
  const frame = readBody(reader, reader.u8())
  reader.end()
  return frame
}

function sizeHint(frame: Frame): number {
  switch (frame.type) {
    case 'envelopes':
      return frame.envelopes.reduce((sum, { bytes }) => sum + CARRIED_OVERHEAD_BYTES + bytes.length, ENVELOPES_HEAD_BYTES)
    case 'large':
      return 1 + frame.bytes.length
    case 'reconcile':
      return 2 + frame.message.length
    case 'offer':
      return ENVELOPES_HEAD_BYTES + frame.offers.length * OFFER_BYTES
    case 'want':
    case 'taken':
    case 'forwarded':
      return 192 + frame.ids.length * ENVELOPE_ID_BYTES
    default:
      return 256
  }
}

function writeBody(writer: ByteWriter, frame: Frame): void {
  switch (frame.type) {
    case 'hello':
      writer
        .u8(SYNC_VERSION)
        .u8((frame.held === undefined ? 0 : RECONCILES) | (frame.takesForwarded === true ? TAKES_FORWARDED : 0))
        .u48(frame.nowMs)
        .u16(frame.knownDevices)
        .u8(atMost(frame.grants.length, MAX_GRANTS))
      for (const grant of frame.grants)
        writer.bytes(exactly(grant.inboxKey, PUBLIC_KEY_BYTES)).u48(grant.untilMs).bytes(exactly(grant.signature, SIGNATURE_BYTES))
      if (frame.held !== undefined) writer.u32(frame.held).u8(frame.keptDays ?? 0)
      return
    case 'offer':
      writer.u16(atMost(frame.offers.length, MAX_OFFER_IDS))
      for (const { id, classByte, size, tell, serving } of frame.offers) {
        writer
          .bytes(idBytes(id))
          .u8(classByte)
          .u16(size)
          .u8((tell ? TELL : 0) | (serving === undefined ? 0 : SERVING))
        if (serving !== undefined) writer.bytes(idBytes(serving.address)).u8(serving.least)
      }
      return
    case 'want':
      writer.u16(atMost(frame.ids.length, MAX_OFFER_IDS))
      for (const id of frame.ids) writer.bytes(idBytes(id))
      for (const utility of frame.utilities ?? []) writer.u8(utility)
      return
    case 'envelopes':
      writer.u16(frame.envelopes.length)
      for (const { hops, copies, ageS, bytes } of frame.envelopes) writer.u8(hops).u8(copies).u32(ageS).bytes16(bytes)
      return
    case 'forwarded':
    case 'taken':
      if (frame.type === 'forwarded') writer.bytes(deviceKeyOf(frame.custodian)).bytes(deviceKeyOf(frame.from))
      writer.u48(frame.untilMs).u16(atMost(frame.ids.length, MAX_ANSWER_IDS))
      for (const id of frame.ids) writer.bytes(idBytes(id))
      writer.bytes(exactly(frame.signature, SIGNATURE_BYTES))
      return
    case 'refused':
      writer.u16(atMost(frame.refusals.length, MAX_ANSWER_IDS))
      for (const { id, reason } of frame.refusals) writer.bytes(idBytes(id)).u8(REFUSAL_REASONS.indexOf(reason))
      return
    case 'synced':
      return
    case 'large':
      writer.bytes(frame.bytes)
      return
    case 'reconcile':
      writer.u8(frame.scope).bytes(frame.message)
  }
}

function readBody(reader: ByteReader, type: number): Frame {
  switch (type) {
    case FRAME_TYPE.hello:
      return readHello(reader)
    case FRAME_TYPE.offer:
      return { type: 'offer', offers: readList(reader, OFFER_BYTES, MAX_OFFER_IDS, readOffer) }
    case FRAME_TYPE.want:
      return readWant(reader)
    case FRAME_TYPE.envelopes:
      return { type: 'envelopes', envelopes: readList(reader, CARRIED_OVERHEAD_BYTES, MAX_FRAME_BYTES, readCarried) }
    case FRAME_TYPE.taken:
      return { type: 'taken', ...readPromise(reader) }
    case FRAME_TYPE.forwarded: {
      const [custodian, from] = [deviceIdOf(reader.bytes(PUBLIC_KEY_BYTES)), deviceIdOf(reader.bytes(PUBLIC_KEY_BYTES))]
      return { type: 'forwarded', custodian, from, ...readPromise(reader) }
    }
    case FRAME_TYPE.refused:
      return { type: 'refused', refusals: readList(reader, REFUSAL_BYTES, MAX_ANSWER_IDS, readRefusal) }
    case FRAME_TYPE.synced:
      return { type: 'synced' }
    case FRAME_TYPE.large:
      return { type: 'large', bytes: reader.rest() }
    case FRAME_TYPE.reconcile:
      return { type: 'reconcile', scope: reader.u8(), message: reader.rest() }
    default:
      throw new MeshError('MESH_PROTOCOL_VIOLATION', 'a sync frame has an unknown type', { detail: { type } })
  }
}

/** Bits of `flags` that this version does not know are ignored, and what they append; a new version has its own number. */
function readHello(reader: ByteReader): HelloFrame {
  const version = reader.u8()
  if (version !== SYNC_VERSION) throw new MeshError('MESH_VERSION_UNKNOWN', 'the other node speaks another version of sync', { detail: { version } })
  const flags = reader.u8()
  const nowMs = reader.u48()
  const knownDevices = reader.u16()
  const count = limited(reader.u8(), MAX_GRANTS)
  if (count * GRANT_BYTES > reader.remaining) throw new MeshError('MESH_BYTES_TRUNCATED', 'a list is longer than the bytes behind it', { detail: { count } })
  const grants: GrantClaim[] = []
  for (let i = 0; i < count; i++) grants.push({ inboxKey: reader.bytes(PUBLIC_KEY_BYTES), untilMs: reader.u48(), signature: reader.bytes(SIGNATURE_BYTES) })
  const reconciles = (flags & RECONCILES) === 0 ? {} : { held: reader.u32(), keptDays: reader.u8() }
  if (flags > (RECONCILES | TAKES_FORWARDED)) reader.rest()
  const forwards = (flags & TAKES_FORWARDED) === 0 ? {} : { takesForwarded: true }
  return { type: 'hello', nowMs, knownDevices, grants, ...reconciles, ...forwards }
}

function readList<T>(reader: ByteReader, itemBytes: number, limit: number, read: (reader: ByteReader) => T): T[] {
  const count = limited(reader.count16(itemBytes), limit)
  const items: T[] = []
  for (let i = 0; i < count; i++) items.push(read(reader))
  return items
}

function readPromise(reader: ByteReader): Omit<TakenFrame, 'type'> {
  const untilMs = reader.u48()
  return { untilMs, ids: readList(reader, ENVELOPE_ID_BYTES, MAX_ANSWER_IDS, readId), signature: reader.bytes(SIGNATURE_BYTES) }
}

function readId(reader: ByteReader): EnvelopeId {
  return envelopeIdOf(reader.bytes(ENVELOPE_ID_BYTES))
}

function readOffer(reader: ByteReader): Offer {
  const [id, classByte, size, flags] = [readId(reader), reader.u8(), reader.u16(), reader.u8()]
  const offer = { id, classByte, size, tell: (flags & TELL) !== 0 }
  return (flags & SERVING) === 0 ? offer : { ...offer, serving: { address: addressOf(reader.bytes(ADDRESS_BYTES)), least: reader.u8() } }
}

function readWant(reader: ByteReader): Frame {
  const ids = readList(reader, ENVELOPE_ID_BYTES, MAX_OFFER_IDS, readId)
  return reader.remaining === 0 ? { type: 'want', ids } : { type: 'want', ids, utilities: [...reader.bytes(ids.length)] }
}

function readCarried(reader: ByteReader): CarriedEnvelope {
  return { hops: reader.u8(), copies: reader.u8(), ageS: reader.u32(), bytes: reader.bytes16(MAX_ENVELOPE_BYTES) }
}

function readRefusal(reader: ByteReader): Refusal {
  const id = readId(reader)
  return { id, reason: REFUSAL_REASONS[reader.u8()] ?? 'invalid' }
}

function limited(count: number, limit: number): number {
  if (count > limit) throw new MeshError('MESH_BYTES_INVALID', 'a list is longer than its limit', { detail: { count, limit } })
  return count
}

function atMost(count: number, limit: number): number {
  if (count > limit) throw new MeshError('MESH_INTERNAL', 'a list is too long for its frame', { detail: { count, limit } })
  return count
}

function exactly(bytes: Uint8Array, length: number): Uint8Array {
  if (bytes.length !== length) throw new MeshError('MESH_INTERNAL', 'a field has the wrong length', { detail: { bytes: bytes.length, length } })
  return bytes
}
