/** What a commit may do: carry out the orders that its author knew, and nothing else (GROUPS §7.4, R4). */
import { equalBytes } from '#mesh/codec'
import { sha256 } from '#mesh/crypto'
import { MeshError } from '#mesh/errors'
import type { DeviceId } from '#mesh/ids'
import type { MlsState } from '#mesh/mls'
import type { CommitClass } from './body.ts'
import type { Entry } from './entry.ts'
import { type GroupState, leavesOf } from './group-state.ts'
import type { Heard } from './roster.ts'

/** The order among commits that are otherwise equal: SHA-256, hex. */
export function commitHash(message: Uint8Array): string {
  return Array.from(sha256(message), (byte) => byte.toString(16).padStart(2, '0')).join('')
}

/** What differs between two epochs. */
export interface Difference {
  readonly added: readonly DeviceId[]
  readonly removed: readonly DeviceId[]
  /** In both, with another leaf. */
  readonly replaced: readonly DeviceId[]
}

/** The class of a commit that does this. */
export function classOf({ added, removed, replaced }: Difference): CommitClass {
  if (removed.length + replaced.length > 0) return 0
  return added.length > 0 ? 3 : 4
}

/** What a commit changed. */
export function differenceOf(before: MlsState, after: MlsState): Difference {
  const was = leavesOf(before)
  const is = leavesOf(after)
  const both = [...is].filter(([device]) => was.has(device))
  return {
    added: [...is.keys()].filter((device) => !was.has(device)),
    removed: [...was.keys()].filter((device) => !is.has(device)),
    replaced: both.filter(([device, { signatureKey }]) => !equalBytes(signatureKey, was.get(device)?.signatureKey ?? signatureKey)).map(([device]) => device),
  }
}

/** Asserts that a commit does what orders and requests ask for that its author had read. The verdict is the same at every member. @throws MeshError `MESH_PROTOCOL_VIOLATION` (peer) */
export function assertJustified(state: GroupState, entry: Entry, about: { before: MlsState; after: MlsState; sender: number; class: CommitClass }): void {
  const heard = state.heardAt(entry)
  const past = state.rosterAt(heard)
  const difference = differenceOf(about.before, about.after)
  const hasAsked = (device: DeviceId): boolean => askedBefore(state, heard, device)
  if (leavesOf(about.before).get(entry.author)?.leaf !== about.sender) throw violation('a commit was made by another member than its entry says')
  if (difference.added.some((device) => !past.members.has(device))) throw violation('a commit adds somebody whom nobody wanted to add')
  if (difference.removed.some((device) => past.members.has(device))) throw violation('a commit removes somebody whom nobody wanted to remove')
  if (difference.replaced.some((device) => !hasAsked(device))) throw violation('a commit replaces somebody who did not ask for it')
  if (classOf(difference) !== about.class) throw violation('a commit says that it is more urgent than it is')
}

/** The same for whoever is taken out of the tree and sees no more than that. @throws MeshError `MESH_PROTOCOL_VIOLATION` (peer) when nobody has ordered it, and he has not asked for it */
export function assertMayReplace(state: GroupState, entry: Entry, device: DeviceId): void {
  const heard = state.heardAt(entry)
  if (state.rosterAt(heard).members.has(device) && !askedBefore(state, heard, device)) throw violation('a commit removes somebody whom nobody wanted to remove')
}

function askedBefore(state: GroupState, heard: Heard, device: DeviceId): boolean {
  return state.resyncs.get(device)?.seqs.some((seq) => seq < (heard.get(device) ?? 0)) ?? false
}

function violation(sentence: string): MeshError {
  return new MeshError('MESH_PROTOCOL_VIOLATION', sentence)
}
