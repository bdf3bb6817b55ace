/** What certificates, revocations and cards share: a body, and a signature by the person over a label and the body. */
import { type ByteReader, concatBytes, encodeUtf8 } from '#mesh/codec'
import { MeshError } from '#mesh/errors'
import type { Crypto } from '#mesh/ports'

/** Bytes of an Ed25519 signature. */
export const SIGNATURE_BYTES = 64

/** body ‖ signature over label ‖ body. */
export function signRecord(crypto: Crypto, seed: Uint8Array, label: string, body: Uint8Array): Uint8Array {
  return concatBytes(body, crypto.ed25519Sign(seed, concatBytes(encodeUtf8(label), body)))
}

/** Asserts the signature at the end of `bytes`. @throws MeshError `MESH_SIGNATURE_INVALID` (peer) */
export function assertRecordSigned(crypto: Crypto, publicKey: Uint8Array, label: string, bytes: Uint8Array): void {
  const end = bytes.length - SIGNATURE_BYTES
  const isSigned = end >= 0 && crypto.ed25519Verify(publicKey, concatBytes(encodeUtf8(label), bytes.subarray(0, end)), bytes.subarray(end))
  if (!isSigned) throw new MeshError('MESH_SIGNATURE_INVALID', 'a signature does not fit')
}

/** Reads the version byte. @throws MeshError `MESH_VERSION_UNKNOWN` (peer) */
export function expectVersion(reader: ByteReader, version: number, what: string): void {
  const found = reader.u8()
  if (found !== version) throw new MeshError('MESH_VERSION_UNKNOWN', `${what} version ${found} is not known here`, { detail: { version: found } })
}
