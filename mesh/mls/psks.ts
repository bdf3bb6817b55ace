import type { PreSharedKeyID } from 'ts-mls/presharedkey.js'
import type { PskIndex } from 'ts-mls/pskIndex.js'
import { MeshError } from '#mesh/errors'
import { encodeBytes } from './bytes-key.ts'
import { invalid } from './faults.ts'
import { MAX_PSKS } from './limits.ts'

/** A secret that a commit can ask for: one that members have by other means, or the resumption key of an epoch that they were in. */
export type Psk =
  | { readonly id: Uint8Array; readonly secret: Uint8Array }
  | { readonly groupId: Uint8Array; readonly epoch: bigint; readonly secret: Uint8Array }

/** The keys at hand, for the package. It asks only for what {@link assertPsks} has seen. */
export function pskIndex(psks: readonly Psk[]): PskIndex {
  const known = new Map(psks.map((psk) => ['id' in psk ? externalName(psk.id) : resumptionName(psk.groupId, psk.epoch), psk.secret]))
  return { findPsk: (id) => known.get(id.psktype === 'external' ? externalName(id.pskId) : resumptionName(id.pskGroupId, id.pskEpoch)) }
}

/** Asserts that all `wanted` keys are at hand, and not too many. @throws MeshError `MESH_MLS_INVALID`, `MESH_MLS_REFUSED` (peer), `MESH_MLS_PSK_MISSING` (us) */
export function assertPsks(wanted: readonly PreSharedKeyID[], index: PskIndex, nonceBytes: number): void {
  if (wanted.length > MAX_PSKS) throw invalid('a commit names too many pre-shared keys', { count: wanted.length, limit: MAX_PSKS })
  for (const id of wanted) {
    if (id.psktype === 'resumption' && id.usage !== 'application') throw new MeshError('MESH_MLS_REFUSED', 'groups are not branched or made anew here')
    if (id.pskNonce.length !== nonceBytes) throw invalid('the nonce of a pre-shared key has the wrong length', { bytes: id.pskNonce.length })
    if (index.findPsk(id) === undefined) throw new MeshError('MESH_MLS_PSK_MISSING', 'a pre-shared key of this group is not here (yet)')
  }
}

function externalName(id: Uint8Array): string {
  return `e${encodeBytes(id)}`
}

function resumptionName(groupId: Uint8Array, epoch: bigint): string {
  return `r${epoch}:${encodeBytes(groupId)}`
}
