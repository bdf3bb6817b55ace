/**
 * Which epochs need not be kept (GROUPS §7.4, R9–R11).
 *
 * An epoch is settled when every member stands under it, every member has read that of every other one, and every
 * member has read every order that is known here: then no fork before it can win any more. What lies beside it goes;
 * where somebody stands who has not moved on it stays for a while, or what he wrote there would be lost.
 */
import type { DeviceId } from '#mesh/ids'
import type { GroupState } from './group-state.ts'
import type { EpochId } from './ids.ts'
import { EPOCH_LIFETIME_MS, GRACE_MS, MAX_EPOCHS, SEEN_MS, SILENT_MS } from './limits.ts'

/** Settles what can be settled, and forgets what is over. */
export function settle(state: GroupState, nowMs: number): void {
  const settled = settledEpoch(state, nowMs)
  if (settled !== undefined && settled !== state.root) {
    state.setRoot(settled)
    leave(state, nowMs)
  }
  forget(state, nowMs)
}

/** The members who are waited for: those who were heard of lately. */
function quorum(state: GroupState, nowMs: number): DeviceId[] {
  return [...state.roster.members.keys()].filter((device) => {
    const { count, readMs } = state.logOf(device)
    return count > 0 && readMs > nowMs - SILENT_MS
  })
}

/** The deepest epoch that is settled, by the rule of two rounds. */
function settledEpoch(state: GroupState, nowMs: number): EpochId | undefined {
  if (state.pending.size > 0) return undefined
  const members = quorum(state, nowMs)
  // Whoever belongs to the group and was never heard cannot be waited for, and cannot be left behind: it may stand on any branch.
  if ([...state.roster.members.keys()].some((device) => state.logOf(device).count === 0)) return undefined
  const hasReadAll = members.every((device) => {
    const { heard } = state.logOf(device)
    return [...state.orders.values()].every(({ author, seq }) => seq < (heard.get(author) ?? 0))
  })
  const first = members[0]
  const start = first === undefined ? undefined : state.positionOf(first)
  if (!hasReadAll || start === undefined) return undefined
  const isSettled = (epoch: EpochId): boolean =>
    members.every((device) => {
      const { heard } = state.logOf(device)
      return (
        state.tree.isUnder(state.positionOf(device), epoch) &&
        members.every((other) => state.tree.isUnder(state.positionAt(other, heard.get(other) ?? 0), epoch))
      )
    })
  for (const epoch of state.tree.path(start)) if (isSettled(epoch)) return epoch
  return undefined
}

/** Lets go of every epoch that is not under the root. */
function leave(state: GroupState, nowMs: number): void {
  const { members } = state.roster
  for (const [epoch, held] of state.epochs) {
    if (state.tree.isUnder(epoch, state.root) || held.goesAtMs !== undefined) continue
    const isAwaited = [...(state.leavesOf(epoch)?.keys() ?? [])].some(
      (device) => !members.has(device) || !state.tree.isUnder(state.positionOf(device), state.root),
    )
    if (isAwaited) state.setEpoch(epoch, { ...held, goesAtMs: nowMs + GRACE_MS })
    else state.dropEpoch(epoch)
  }
}

/** Lets go of what is too old or too much; the head stays. */
function forget(state: GroupState, nowMs: number): void {
  const { head } = state
  const oldest = [...state.epochs].filter(([epoch]) => epoch !== head).sort(([, a], [, b]) => a.sinceMs - b.sinceMs)
  let count = state.epochs.size
  for (const [epoch, { sinceMs, goesAtMs }] of oldest) {
    const isOver = nowMs >= (goesAtMs ?? Number.POSITIVE_INFINITY) || nowMs - sinceMs > EPOCH_LIFETIME_MS || count > MAX_EPOCHS
    if (!isOver) continue
    state.dropEpoch(epoch)
    count--
  }
  state.dropSeenBefore(nowMs - SEEN_MS)
  for (const epoch of state.seals.keys()) {
    if (!state.epochs.has(epoch) && !state.tree.isUnder(epoch, state.root) && !state.tree.isUnder(state.root, epoch)) state.dropSeal(epoch)
  }
}
