import { ByteWriter, encodeUtf8 } from '#mesh/codec'
import { PLAUSIBLE_SINCE_MS } from '#mesh/envelope'
import { type DeviceId, deviceKeyOf } from '#mesh/ids'
import type { Crypto } from '#mesh/ports'

/** The permission of an inbox's owner for one device to collect there. */
export interface CollectGrant {
  readonly inboxKey: Uint8Array
  /** ms since 1970. */
  readonly untilMs: number
  readonly signature: Uint8Array
}

const LABEL = encodeUtf8('qpq collect 1\0')

/** Lets exactly `device` collect; worthless to anybody else, since the connection proves who asks. */
export function issueGrant(crypto: Crypto, inboxSeed: Uint8Array, device: DeviceId, untilMs: number): CollectGrant {
  return { inboxKey: crypto.ed25519PublicKey(inboxSeed), untilMs, signature: crypto.ed25519Sign(inboxSeed, grantMessage(device, untilMs)) }
}

/** True when the inbox's owner lets `device` collect now; a clock before 2026 judges no expiry. */
export function isGrantValid(crypto: Crypto, grant: CollectGrant, device: DeviceId, nowMs: number): boolean {
  if (nowMs >= PLAUSIBLE_SINCE_MS && nowMs > grant.untilMs) return false
  return crypto.ed25519Verify(grant.inboxKey, grantMessage(device, grant.untilMs), grant.signature)
}

function grantMessage(device: DeviceId, untilMs: number): Uint8Array {
  return new ByteWriter(64).bytes(LABEL).bytes(deviceKeyOf(device)).u48(untilMs).finish()
}
