/**
 * A certificate: a person says that a device is his. Signed over "qpq certificate 1\0" ‖ body.
 *
 * ```
 * u8 version = 1, person 32, device 32, created u48 ms, expires u48 ms, name (u8 length ‖ UTF-8, ≤ 32), signature 64
 * ```
 */
import { ByteReader, ByteWriter, copyBytes } from '#mesh/codec'
import { PLAUSIBLE_SINCE_MS } from '#mesh/envelope'
import { isMeshError, MeshError } from '#mesh/errors'
import { type DeviceId, deviceIdOf, deviceKeyOf, type PersonId, PUBLIC_KEY_BYTES, personIdOf } from '#mesh/ids'
import type { Crypto } from '#mesh/ports'
import { cleanName, readName } from './name.ts'
import { assertRecordSigned, expectVersion, SIGNATURE_BYTES, signRecord } from './signed-record.ts'

/** What a certificate says. */
export interface Certificate {
  readonly person: PersonId
  readonly device: DeviceId
  readonly createdMs: number
  readonly expiresMs: number
  /** The device's name, for its owner's eyes. */
  readonly name: string
  readonly bytes: Uint8Array
}

/** Live devices of one person (DESIGN §2). */
export const MAX_DEVICES = 5
/** How long a certificate is valid when nothing else is said, in ms: five years. */
export const CERTIFICATE_VALIDITY_MS = 5 * 365 * 86_400_000
/** A certificate is never longer than this: 1 + 32 + 32 + 6 + 6 + 1 + 32 + 64. */
export const MAX_CERTIFICATE_BYTES = 174

const LABEL = 'qpq certificate 1\0'
const VERSION = 1

/** Issues a certificate. @throws MeshError `MESH_NAME_INVALID` */
export function issueCertificate(
  crypto: Crypto,
  personSeed: Uint8Array,
  about: { device: DeviceId; createdMs: number; expiresMs: number; name: string },
): Uint8Array {
  const body = new ByteWriter(MAX_CERTIFICATE_BYTES)
    .u8(VERSION)
    .bytes(crypto.ed25519PublicKey(personSeed))
    .bytes(deviceKeyOf(about.device))
    .u48(about.createdMs)
    .u48(about.expiresMs)
    .text8(cleanName(about.name))
    .finish()
  return signRecord(crypto, personSeed, LABEL, body)
}

/** Reads and verifies a certificate; whether it is still valid says {@link assertCertificateValid}. @throws MeshError `MESH_CERTIFICATE_INVALID` (peer) */
export function readCertificate(crypto: Crypto, bytes: Uint8Array): Certificate {
  try {
    return decodeCertificate(crypto, bytes)
  } catch (cause) {
    if (!isMeshError(cause)) throw cause
    throw new MeshError('MESH_CERTIFICATE_INVALID', 'a device certificate is not valid', { cause })
  }
}

/**
 * Asserts that a certificate counts now. A machine whose clock is before 2026 has none, and judges no expiry.
 * @throws MeshError `MESH_CERTIFICATE_EXPIRED`, `MESH_DEVICE_REVOKED` (peer)
 */
export function assertCertificateValid(certificate: Certificate, nowMs: number, isRevoked: (device: DeviceId) => boolean): void {
  if (isRevoked(certificate.device)) {
    throw new MeshError('MESH_DEVICE_REVOKED', 'this device was revoked by its person', { hint: 'ask the person for a new message from another device' })
  }
  if (nowMs >= PLAUSIBLE_SINCE_MS && nowMs > certificate.expiresMs) {
    throw new MeshError('MESH_CERTIFICATE_EXPIRED', 'the certificate of this device has expired', {
      hint: 'check the clocks of both devices; if they are right, the person has to renew the certificate',
    })
  }
}

function decodeCertificate(crypto: Crypto, bytes: Uint8Array): Certificate {
  const reader = new ByteReader(bytes)
  expectVersion(reader, VERSION, 'certificate')
  const personKey = reader.bytes(PUBLIC_KEY_BYTES)
  const device = deviceIdOf(reader.bytes(PUBLIC_KEY_BYTES))
  const createdMs = reader.u48()
  const expiresMs = reader.u48()
  const name = readName(reader)
  reader.bytes(SIGNATURE_BYTES)
  reader.end()
  if (expiresMs <= createdMs) throw new MeshError('MESH_CERTIFICATE_INVALID', 'a certificate ends before it begins')
  assertRecordSigned(crypto, personKey, LABEL, bytes)
  return { person: personIdOf(personKey), device, createdMs, expiresMs, name, bytes: copyBytes(bytes) }
}
