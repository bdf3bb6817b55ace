/**
 * A revocation: a person says that a device is no longer his, for ever. Signed over "qpq revocation 1\0" ‖ body.
 *
 * ```
 * u8 version = 1, person 32, device 32, at u48 ms, signature 64
 * ```
 */
import { ByteReader, ByteWriter, copyBytes } from '#mesh/codec'
import { type DeviceId, deviceIdOf, deviceKeyOf, type PersonId, PUBLIC_KEY_BYTES, personIdOf } from '#mesh/ids'
import type { Crypto } from '#mesh/ports'
import { assertRecordSigned, expectVersion, SIGNATURE_BYTES, signRecord } from './signed-record.ts'

/** What a revocation says. */
export interface Revocation {
  readonly person: PersonId
  readonly device: DeviceId
  readonly atMs: number
  readonly bytes: Uint8Array
}

const LABEL = 'qpq revocation 1\0'
const VERSION = 1

/** Revokes a device. */
export function issueRevocation(crypto: Crypto, personSeed: Uint8Array, about: { device: DeviceId; atMs: number }): Uint8Array {
  const body = new ByteWriter(71).u8(VERSION).bytes(crypto.ed25519PublicKey(personSeed)).bytes(deviceKeyOf(about.device)).u48(about.atMs).finish()
  return signRecord(crypto, personSeed, LABEL, body)
}

/** Reads and verifies a revocation. @throws MeshError `MESH_BYTES_*`, `MESH_VERSION_UNKNOWN`, `MESH_SIGNATURE_INVALID` (peer) */
export function readRevocation(crypto: Crypto, bytes: Uint8Array): Revocation {
  const reader = new ByteReader(bytes)
  expectVersion(reader, VERSION, 'revocation')
  const personKey = reader.bytes(PUBLIC_KEY_BYTES)
  const device = deviceIdOf(reader.bytes(PUBLIC_KEY_BYTES))
  const atMs = reader.u48()
  reader.bytes(SIGNATURE_BYTES)
  reader.end()
  assertRecordSigned(crypto, personKey, LABEL, bytes)
  return { person: personIdOf(personKey), device, atMs, bytes: copyBytes(bytes) }
}
