/** Names of groups, epochs and entries, as branded strings (base64url). */
import { base64urlnopad } from '@scure/base'
import { MeshError } from '#mesh/errors'
import { encodeBase64url } from '#mesh/ids'

type Brand<Name extends string> = string & { readonly __group: Name }

/** 16 random bytes that name a group for its members. */
export type GroupId = Brand<'GroupId'>
/** 16 bytes exported from an epoch: one name on each branch, and nothing that an outsider could compute. */
export type EpochId = Brand<'EpochId'>
/** 32-byte hash that names an entry of a member's log. */
export type EntryId = Brand<'EntryId'>

export const GROUP_ID_BYTES = 16
export const EPOCH_ID_BYTES = 16
export const ENTRY_ID_BYTES = 32

export function groupIdOf(bytes: Uint8Array): GroupId {
  return named(bytes, GROUP_ID_BYTES, 'group id') as GroupId
}

export function epochIdOf(bytes: Uint8Array): EpochId {
  return named(bytes, EPOCH_ID_BYTES, 'epoch id') as EpochId
}

export function entryIdOf(bytes: Uint8Array): EntryId {
  return named(bytes, ENTRY_ID_BYTES, 'entry id') as EntryId
}

/** The bytes behind a name. */
export function bytesOf(id: GroupId | EpochId | EntryId): Uint8Array {
  return base64urlnopad.decode(id)
}

function named(bytes: Uint8Array, length: number, what: string): string {
  if (bytes.length !== length) throw new MeshError('MESH_BYTES_INVALID', `a ${what} has ${length} bytes`, { detail: { bytes: bytes.length } })
  return encodeBase64url(bytes)
}
