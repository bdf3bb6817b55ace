/**
 * Where the owner of an inbox may be found: a hint that anybody can check and nobody has to believe.
 *
 * ```
 * u8 version = 1, inbox key 32, device key 32, issued u48 ms, expires u48 ms,
 * u8 count ≤ 8 × (u8 length ‖ binary multiaddr), signature 64 by the inbox key over "qpq announcement 1\0" ‖ body
 * ```
 * Kept in the DHT under `/qpq/` and base64url of the inbox's address. What it names is dialled with the
 * device's id, so a connection exists only when the handshake proves that device.
 */
import { ByteReader, ByteWriter, concatBytes, encodeUtf8 } from '#mesh/codec'
import { addressOfKey } from '#mesh/envelope'
import { MeshError } from '#mesh/errors'
import { type Address, type DeviceId, deviceIdOf, deviceKeyOf, PUBLIC_KEY_BYTES } from '#mesh/ids'
import type { Crypto } from '#mesh/ports'

/** What an announcement says. */
export interface Announcement {
  readonly inbox: Address
  readonly device: DeviceId
  readonly issuedMs: number
  readonly expiresMs: number
  /** Binary multiaddrs. */
  readonly addresses: readonly Uint8Array[]
}

/** Bytes of a whole announcement: eight long addresses fit. */
export const MAX_ANNOUNCEMENT_BYTES = 1_024
/** How long one counts, ms: addresses on a mesh change daily. */
export const MAX_VALIDITY_MS = 48 * 3_600_000
/** How far ahead a stamp may lie, ms: the clocks of honest machines differ by less than a day. */
const MAX_AHEAD_MS = 86_400_000
const MAX_ADDRESSES = 8
const SIGNATURE_BYTES = 64
const VERSION = 1
const LABEL = encodeUtf8('qpq announcement 1\0')

/** Signs an announcement; addresses that do not fit are left out. */
export function issueAnnouncement(crypto: Crypto, inboxSeed: Uint8Array, about: Omit<Announcement, 'inbox'>): Uint8Array {
  const addresses = about.addresses.filter(({ length }) => length > 0 && length < 100).slice(0, MAX_ADDRESSES)
  const body = new ByteWriter(256)
    .u8(VERSION)
    .bytes(crypto.ed25519PublicKey(inboxSeed))
    .bytes(deviceKeyOf(about.device))
    .u48(about.issuedMs)
    .u48(about.expiresMs)
    .u8(addresses.length)
  for (const address of addresses) body.u8(address.length).bytes(address)
  const signed = body.finish()
  return concatBytes(signed, crypto.ed25519Sign(inboxSeed, concatBytes(LABEL, signed)))
}

/** Reads and verifies an announcement as of `nowMs`. @throws MeshError (peer) `MESH_BYTES_*`, `MESH_VERSION_UNKNOWN`, `MESH_SIGNATURE_INVALID`, `MESH_CERTIFICATE_EXPIRED` */
export function readAnnouncement(crypto: Crypto, given: Uint8Array, nowMs: number): Announcement {
  if (given.length > MAX_ANNOUNCEMENT_BYTES) throw new MeshError('MESH_BYTES_INVALID', 'an announcement is too long', { detail: { bytes: given.length } })
  // A copy, and never a Buffer (whose `slice` is none): kad-dht hands out views of what it received.
  const bytes = new Uint8Array(given)
  const reader = new ByteReader(bytes)
  const version = reader.u8()
  if (version !== VERSION) throw new MeshError('MESH_VERSION_UNKNOWN', `announcement version ${version} is not known here`)
  const inboxKey = reader.bytes(PUBLIC_KEY_BYTES)
  const device = deviceIdOf(reader.bytes(PUBLIC_KEY_BYTES))
  const issuedMs = reader.u48()
  const expiresMs = reader.u48()
  const count = reader.u8()
  if (count > MAX_ADDRESSES) throw new MeshError('MESH_BYTES_INVALID', 'an announcement has too many addresses')
  const addresses = Array.from({ length: count }, () => reader.bytes(reader.u8()))
  const signature = reader.bytes(SIGNATURE_BYTES)
  reader.end()
  if (expiresMs < nowMs || expiresMs < issuedMs || expiresMs - issuedMs > MAX_VALIDITY_MS || issuedMs > nowMs + MAX_AHEAD_MS) {
    throw new MeshError('MESH_CERTIFICATE_EXPIRED', 'an announcement is not of this time')
  }
  if (!crypto.ed25519Verify(inboxKey, concatBytes(LABEL, bytes.subarray(0, bytes.length - SIGNATURE_BYTES)), signature)) {
    throw new MeshError('MESH_SIGNATURE_INVALID', 'an announcement is not signed by the owner of the inbox')
  }
  return { inbox: addressOfKey(inboxKey), device, issuedMs, expiresMs, addresses }
}
