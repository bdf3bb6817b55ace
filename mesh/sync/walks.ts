import type { Address, DeviceId } from '#mesh/ids'
import type { EnvelopeMeta } from '#mesh/store'
import { ByPriority, PRIORITIES } from './by-priority.ts'
import type { ExchangeDeps, SyncStore } from './deps.ts'
import type { Walk } from './feed.ts'

/**
 * What the peer owns, the most important first, but for receipts: it wrote those itself, so they are offered. Within a priority in the order it was written, because
 * a message that comes before its parents has to wait for them. Holds 40 bytes for each envelope of
 * one priority that waits at one address.
 */
export function* walkOwned(store: SyncStore, addresses: ReadonlySet<Address>): Walk {
  for (const priority of PRIORITIES) {
    for (const address of addresses) {
      const waiting = new ByPriority()
      for (const meta of store.byAddress(address)) if (meta.priority === priority && meta.kind !== 'receipt') waiting.add(meta)
      while (!waiting.isEmpty) yield waiting.next()
    }
  }
}

/** What this node wrote itself and the peer has not promised to carry: to be offered even when both have it. */
export function* ownWaiting({ store, ledger }: Pick<ExchangeDeps, 'store' | 'ledger'>, peer: DeviceId): Iterable<EnvelopeMeta> {
  for (const id of ledger.ids()) {
    const meta = ledger.hasCustody(id, peer) ? undefined : store.meta(id)
    if (meta !== undefined) yield meta
  }
}

/** What others wrote that must not cross a bridge: which of it a peer may get depends on its link, so the two do not reconcile it. */
export function* confined(store: SyncStore): Iterable<EnvelopeMeta> {
  for (const id of store.confined()) {
    const meta = store.meta(id)
    if (meta !== undefined && !meta.own) yield meta
  }
}

/** Everything else by priority, in the order of the store. */
export function* walkOthers(store: SyncStore, owned: ReadonlySet<Address>): Walk {
  for (const priority of PRIORITIES) {
    for (const id of store.ids()) {
      const meta = store.meta(id)
      yield meta?.priority === priority && (!owned.has(meta.address) || meta.kind === 'receipt') ? id : undefined
    }
  }
}
