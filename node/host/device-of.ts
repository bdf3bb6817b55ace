import type { PeerId } from '@libp2p/interface'
import { isMeshError } from '#mesh/errors'
import { type DeviceId, parseDeviceId } from '#mesh/ids'

/** The device behind a PeerId; `undefined` for keys other than Ed25519, which none of ours has. */
export function deviceOf(peer: PeerId): DeviceId | undefined {
  try {
    return parseDeviceId(peer.toString())
  } catch (error) {
    if (isMeshError(error, 'MESH_BYTES_INVALID')) return undefined
    throw error
  }
}
