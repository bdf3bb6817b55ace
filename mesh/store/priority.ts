import type { EnvelopeKind, Priority } from '#mesh/envelope'

/** Order on disk; append only. */
export const PRIORITIES: readonly Priority[] = ['critical', 'normal', 'bulk', 'ephemeral']
/** Order on disk; append only. */
export const KINDS: readonly EnvelopeKind[] = ['inbox', 'shared', 'receipt', 'announcement']

/** 0 for critical up to 3 for ephemeral: what is higher goes first. */
export function rankOf(priority: Priority): number {
  return PRIORITIES.indexOf(priority)
}

/** The rank of what goes first. */
export const LOWEST_RANK = PRIORITIES.length - 1
