import { compareStamps, type Priority } from '#mesh/envelope'
import type { Address } from '#mesh/ids'
import type { SyncStore } from './deps.ts'
import type { Walk } from './feed.ts'

/** The order in which envelopes cross a link: keys, receipts and calls for help before the rest (DESIGN §9). */
export const PRIORITIES: readonly Priority[] = ['critical', 'normal', 'bulk', 'ephemeral']

/**
 * What the peer owns, the most important first; within a priority in the order it was written, because
 * a message that comes before its parents has to wait for them. Holds 8 bytes for each envelope that
 * waits for this peer.
 */
export function* walkOwned(store: SyncStore, addresses: ReadonlySet<Address>): Walk {
  for (const priority of PRIORITIES) {
    for (const address of addresses) {
      const waiting = [...store.byAddress(address)].filter((meta) => meta.priority === priority)
      for (const { id } of waiting.sort((a, b) => compareStamps(a.stamp, b.stamp))) yield id
    }
  }
}

/** Everything else by priority, in the order of the store. */
export function* walkOthers(store: SyncStore, owned: ReadonlySet<Address>): Walk {
  for (const priority of PRIORITIES) {
    for (const id of store.ids()) {
      const meta = store.meta(id)
      yield meta?.priority === priority && !owned.has(meta.address) ? id : undefined
    }
  }
}
