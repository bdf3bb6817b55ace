/**
 * What stands in the blocks of a bundle.
 *
 * ```
 * hello      device 32 (who wrote it), then the frame HELLO
 * taken      device 32 (who is promised), device 32 (who promises), then the frame TAKEN
 * envelopes  the frame ENVELOPES
 * large      u8 hops, u8 copies, u32 age s, one envelope
 * end        u8 flags: bit 0 = no part follows; u32 blocks of this part, this one included; u32 envelopes in it
 * ```
 */
import { ByteReader, ByteWriter, concatBytes, copyBytes } from '#mesh/codec'
import { type DeviceId, deviceIdOf, deviceKeyOf, PUBLIC_KEY_BYTES } from '#mesh/ids'
import { type CarriedEnvelope, decodeFrame, encodeFrame, type HelloFrame, type TakenFrame } from '../frames.ts'
import { BLOCK_TYPE, type Block } from './block.ts'

/** What a block turned out to hold. */
export type Content =
  /** Who wrote the bundle, as it says itself: nobody has proven it. */
  | { readonly kind: 'hello'; readonly device: DeviceId; readonly hello: HelloFrame }
  | { readonly kind: 'taken'; readonly from: DeviceId; readonly custodian: DeviceId; readonly taken: TakenFrame }
  | { readonly kind: 'envelopes'; readonly envelopes: readonly CarriedEnvelope[] }
  | { readonly kind: 'end'; readonly isLast: boolean; readonly blocks: number; readonly envelopes: number }
  /** A block of a kind that this version does not know. */
  | { readonly kind: 'unknown' }

/** Payload of the first block. */
export function encodeHello(device: DeviceId, hello: Omit<HelloFrame, 'type'>): Uint8Array {
  return concatBytes(deviceKeyOf(device), encodeFrame({ type: 'hello', ...hello }))
}

/** Payload that tells `from` what `custodian` carries for it. */
export function encodeTaken(from: DeviceId, custodian: DeviceId, taken: Omit<TakenFrame, 'type'>): Uint8Array {
  return concatBytes(deviceKeyOf(from), deviceKeyOf(custodian), encodeFrame({ type: 'taken', ...taken }))
}

/** Payload of one envelope that fills a block alone. */
export function encodeLarge({ hops, copies, ageS, bytes }: CarriedEnvelope): Uint8Array {
  return new ByteWriter(8 + bytes.length).u8(hops).u8(copies).u32(ageS).bytes(bytes).finish()
}

/** Payload of the last block of a part. */
export function encodeEnd(isLast: boolean, blocks: number, envelopes: number): Uint8Array {
  return copyBytes(
    new ByteWriter(9)
      .u8(isLast ? 1 : 0)
      .u32(blocks)
      .u32(envelopes)
      .finish(),
  )
}

/** @throws MeshError (peer) `MESH_BYTES_…`, `MESH_VERSION_UNKNOWN`, `MESH_PROTOCOL_VIOLATION` */
export function decodeContent({ type, payload }: Block): Content {
  const reader = new ByteReader(payload)
  switch (type) {
    case BLOCK_TYPE.hello: {
      const device = deviceIdOf(reader.bytes(PUBLIC_KEY_BYTES))
      const hello = decodeFrame(reader.rest())
      return hello.type === 'hello' ? { kind: 'hello', device, hello } : { kind: 'unknown' }
    }
    case BLOCK_TYPE.taken: {
      const [from, custodian] = [deviceIdOf(reader.bytes(PUBLIC_KEY_BYTES)), deviceIdOf(reader.bytes(PUBLIC_KEY_BYTES))]
      const taken = decodeFrame(reader.rest())
      return taken.type === 'taken' ? { kind: 'taken', from, custodian, taken } : { kind: 'unknown' }
    }
    case BLOCK_TYPE.envelopes: {
      const frame = decodeFrame(payload)
      return frame.type === 'envelopes' ? { kind: 'envelopes', envelopes: frame.envelopes } : { kind: 'unknown' }
    }
    case BLOCK_TYPE.large:
      return { kind: 'envelopes', envelopes: [{ hops: reader.u8(), copies: reader.u8(), ageS: reader.u32(), bytes: reader.rest() }] }
    case BLOCK_TYPE.end: {
      const end = { kind: 'end' as const, isLast: (reader.u8() & 1) === 1, blocks: reader.u32(), envelopes: reader.u32() }
      reader.end()
      return end
    }
    default:
      return { kind: 'unknown' }
  }
}
