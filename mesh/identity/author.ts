import { concatBytes, encodeUtf8 } from '#mesh/codec'
import { type DeviceId, deviceKeyOf } from '#mesh/ids'
import type { Crypto } from '#mesh/ports'

const LABEL = encodeUtf8('qpq author 1\0')

/** The device's signature that it uses `authorKey` towards the owner of `recipientInboxKey`: 64 bytes. */
export function bindAuthor(crypto: Crypto, deviceSeed: Uint8Array, authorKey: Uint8Array, recipientInboxKey: Uint8Array): Uint8Array {
  return crypto.ed25519Sign(deviceSeed, concatBytes(LABEL, authorKey, recipientInboxKey))
}

/** True when `device` signed that `authorKey` is its key towards the owner of `recipientInboxKey`. */
export function isAuthorBound(crypto: Crypto, device: DeviceId, authorKey: Uint8Array, recipientInboxKey: Uint8Array, binding: Uint8Array): boolean {
  return crypto.ed25519Verify(deviceKeyOf(device), concatBytes(LABEL, authorKey, recipientInboxKey), binding)
}
