/**
 * Who a leaf is. MLS leaves that to the application; here a leaf's credential binds leaf signature key → device → person:
 *
 * ```
 * u8 version = 1, certificate (u16 length, ≤ 174; the person says that the device is his), signature 64
 * ```
 *
 * The signature is the device's, over "qpq mls leaf 1\0" ‖ the leaf's signature key. Each leaf has a signature key
 * of its own, so the device key never signs what MLS composes.
 *
 * Whether the certificate has expired or the device is revoked is asked only where somebody is *added*. Receivers must
 * all come to the same verdict about a commit, whatever their clocks and revocations say, or the group falls apart;
 * who has to go is decided by orders, and a removal carries it out.
 */
import { ByteReader, ByteWriter, concatBytes, encodeUtf8 } from '#mesh/codec'
import { isMeshError, MeshError } from '#mesh/errors'
import { assertCertificateValid, type Certificate, MAX_CERTIFICATE_BYTES, readCertificate } from '#mesh/identity'
import { type DeviceId, deviceIdOf, deviceKeyOf, type PersonId, PUBLIC_KEY_BYTES, personIdOf } from '#mesh/ids'
import type { Clock, Crypto } from '#mesh/ports'

/** What a leaf says about itself; its signature over that was checked. */
export interface LeafClaim {
  readonly credential: Uint8Array
  readonly signatureKey: Uint8Array
}

/** Why a leaf is looked at: we add it ourselves, a message brings it, or it stands in a group that we join. */
export type Occasion = 'adding' | 'receiving' | 'joining'

/** What decides who may be a leaf. The engine asks for every Add, Update and path, at the sender and at each receiver, and for all leaves of a group that is joined. */
export interface LeafRules {
  /** Throws unless the claim is good. It has to be a pure function of the claim, except when `adding`. */
  check(claim: LeafClaim, occasion: Occasion): void
  /** A name of whoever the credential speaks of, without believing it: two leaves of one name are refused, and a leaf never changes its name. `undefined` for no such rule. Throws when it is no credential. */
  nameOf(credential: Uint8Array): string | undefined
}

const LABEL = encodeUtf8('qpq mls leaf 1\0')
const VERSION = 1
const SIGNATURE_BYTES = 64

/** The credential of a leaf whose signature key is `leafKey`, for the device that `certificate` is about. */
export function issueLeafCredential(crypto: Crypto, deviceSeed: Uint8Array, certificate: Uint8Array, leafKey: Uint8Array): Uint8Array {
  const signature = crypto.ed25519Sign(deviceSeed, concatBytes(LABEL, leafKey))
  return new ByteWriter(256).u8(VERSION).bytes16(certificate).bytes(signature).finish().slice()
}

/** Reads and verifies a leaf's credential. @throws MeshError `MESH_MLS_CREDENTIAL` (peer) */
export function readLeafCredential(crypto: Crypto, claim: LeafClaim): Certificate {
  const { certificate: bytes, signature } = split(claim.credential)
  const certificate = blamed(() => readCertificate(crypto, bytes))
  if (crypto.ed25519Verify(deviceKeyOf(certificate.device), concatBytes(LABEL, claim.signatureKey), signature)) return certificate
  throw new MeshError('MESH_MLS_CREDENTIAL', 'the device did not sign this leaf of the group')
}

/** The rules of this project: every leaf is a device with a certificate, and no device has two leaves. */
export function deviceLeafRules(deps: { crypto: Crypto; clock: Clock; isRevoked: (device: DeviceId) => boolean }): LeafRules {
  return {
    check(claim, occasion) {
      const certificate = readLeafCredential(deps.crypto, claim)
      if (occasion === 'adding') assertCertificateValid(certificate, deps.clock.now(), deps.isRevoked)
    },
    nameOf(credential) {
      // The device's key inside the certificate: u8 version, person 32, device 32.
      const key = split(credential).certificate.subarray(33, 65)
      return String.fromCharCode(...key)
    },
  }
}

/** The device and person that a credential speaks of, without believing it: for leaves that were checked before. @throws MeshError `MESH_MLS_CREDENTIAL` (peer) */
export function claimedBy(credential: Uint8Array): { device: DeviceId; person: PersonId } {
  const { certificate } = split(credential)
  return blamed(() => {
    const reader = new ByteReader(certificate)
    reader.u8()
    const person = personIdOf(reader.bytes(PUBLIC_KEY_BYTES))
    return { person, device: deviceIdOf(reader.bytes(PUBLIC_KEY_BYTES)) }
  })
}

function split(credential: Uint8Array): { certificate: Uint8Array; signature: Uint8Array } {
  return blamed(() => {
    const reader = new ByteReader(credential)
    const version = reader.u8()
    if (version !== VERSION) throw new MeshError('MESH_MLS_CREDENTIAL', `leaf credential version ${version} is not known here`, { detail: { version } })
    const certificate = reader.bytes16(MAX_CERTIFICATE_BYTES)
    const signature = reader.bytes(SIGNATURE_BYTES)
    reader.end()
    return { certificate, signature }
  })
}

function blamed<Result>(read: () => Result): Result {
  try {
    return read()
  } catch (cause) {
    if (!isMeshError(cause) || cause.code === 'MESH_MLS_CREDENTIAL') throw cause
    throw new MeshError('MESH_MLS_CREDENTIAL', 'a member of the group has no valid credential', { cause })
  }
}
