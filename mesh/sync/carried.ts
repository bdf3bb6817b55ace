import type { Address, DeviceId, EnvelopeId } from '#mesh/ids'
import { TokenBuckets } from '#mesh/intake'
import type { EnvelopeMeta, MeshEvent } from '#mesh/store'
import type { ExchangeDeps } from './deps.ts'
import { KeyedIds } from './keyed-ids.ts'
import { HASHED_IDS, HASHINGS, KEY_MS, MAX_SHARED_IDS, MAX_WAITING_KEYS, MIN_KEYS, SLICE_IDS, USUAL_KEYS } from './limits.ts'

const KEY_BYTES = 16

/** An index under a peer's key, kept until it is given back. */
export interface Loan {
  readonly ids: KeyedIds
  giveBack(): void
}

interface Entry {
  readonly ids: KeyedIds
  readonly ready: Promise<void>
  users: number
}

/** What {@link CarriedIds} needs. */
export type CarriedDeps = Pick<ExchangeDeps, 'store' | 'clock' | 'random'>

/**
 * The set that two nodes reconcile: what is carried here, which is everything but mail to this node itself and what
 * must not cross a bridge: both sides can tell by the envelope, so equal sets have equal digests whatever the meshes are.
 * Receipts of our own belong to it, since everybody carries them.
 *
 * It is hashed under a key of our own, drawn every day, which serves all exchanges that we begin, and under the
 * keys of the peers that we answer. The own index is made when it is first asked for. All of them follow the
 * store from then on. Making one is the dear part, so it is done in slices, seldom for one peer, and not for
 * more peers at once than memory allows; others wait.
 */
export class CarriedIds {
  readonly #deps: CarriedDeps
  readonly #isOurs: (address: Address) => boolean
  readonly #sliceIds: number
  readonly #hashings: TokenBuckets
  readonly #hashed: TokenBuckets
  #own: { readonly ids: KeyedIds; readonly ready: Promise<void>; readonly sinceMs: number } | undefined
  /** By key, in the order of last use. */
  readonly #foreign = new Map<string, Entry>()
  readonly #waiting: Array<() => void> = []

  /** @param isOurs whether this node collects what is sent to an address */
  constructor(deps: CarriedDeps, isOurs: (address: Address) => boolean, options: { sliceIds?: number } = {}) {
    this.#deps = deps
    this.#sliceIds = options.sliceIds ?? SLICE_IDS
    this.#isOurs = isOurs
    this.#hashings = new TokenBuckets(deps.clock, HASHINGS)
    this.#hashed = new TokenBuckets(deps.clock, HASHED_IDS, 1)
  }

  /** How many there are, about: what a peer is told. */
  get size(): number {
    return this.#deps.store.usage().envelopes
  }

  /** Follows the store. */
  note(event: MeshEvent): void {
    if (event.kind === 'envelope-removed') for (const ids of this.#all()) ids.remove(event.id)
    if (event.kind === 'envelope-stored') for (const ids of this.#all()) this.#add(ids, event.id)
  }

  /** All ids under the key of today. */
  async own(): Promise<KeyedIds> {
    const nowMs = this.#deps.clock.monotonic()
    if (this.#own === undefined || nowMs - this.#own.sinceMs >= KEY_MS) {
      const ids = this.#newIds(this.#deps.random.bytes(KEY_BYTES))
      this.#own = { ids, sinceMs: nowMs, ready: this.#fill(ids) }
    }
    const { ids, ready } = this.#own
    await ready
    return ids
  }

  /**
   * All ids under a key of `peer`; `undefined` when that was asked for too often, or `signal` says that nobody needs it
   * any more. Waits while too many others have one.
   */
  async under(key: Uint8Array, peer: DeviceId, signal: AbortSignal): Promise<Loan | undefined> {
    const name = key.toString()
    while (!signal.aborted) {
      const known = this.#foreign.get(name)
      if (known !== undefined) return this.#lend(name, known)
      if (!this.#mayHash(peer)) break
      if (this.#makePlace()) return this.#lend(name, this.#newEntry(key, peer))
      if (this.#waiting.length >= MAX_WAITING_KEYS) return undefined
      await this.#woken(signal)
    }
    this.#waiting.shift()?.() // whoever comes next may
    return undefined
  }

  #newEntry(key: Uint8Array, peer: DeviceId): Entry {
    this.#hashings.take(peer)
    this.#hashed.take('', this.size)
    const ids = this.#newIds(key)
    return { ids, ready: this.#fill(ids), users: 0 }
  }

  /** Waits for its turn, or until nobody needs it: then it stands in nobody's way. */
  #woken(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        signal.removeEventListener('abort', leave)
        resolve()
      }
      const leave = (): void => {
        this.#waiting.splice(this.#waiting.indexOf(wake), 1)
        wake()
      }
      signal.addEventListener('abort', leave)
      this.#waiting.push(wake)
    })
  }

  #mayHash(peer: DeviceId): boolean {
    return this.#hashings.has(peer) && this.#hashed.has('')
  }

  /** Forgets the index that was not used for longest; false when all are in use. */
  #makePlace(): boolean {
    const places = Math.max(MIN_KEYS, Math.min(USUAL_KEYS, Math.floor(MAX_SHARED_IDS / (this.size + 1))))
    for (const [name, { users }] of this.#foreign) {
      if (this.#foreign.size < places) break
      if (users === 0) this.#foreign.delete(name)
    }
    return this.#foreign.size < places
  }

  async #lend(name: string, entry: Entry): Promise<Loan> {
    entry.users++
    this.#foreign.delete(name)
    this.#foreign.set(name, entry)
    await entry.ready
    let isOut = true
    return {
      ids: entry.ids,
      giveBack: () => {
        if (!isOut) return
        isOut = false
        entry.users--
        this.#waiting.shift()?.()
      },
    }
  }

  #newIds(key: Uint8Array): KeyedIds {
    return new KeyedIds(key, this.size)
  }

  /** What is stored or removed meanwhile comes by {@link note}; a row that comes both ways counts once. */
  async #fill(ids: KeyedIds): Promise<void> {
    let left = this.#sliceIds
    for (const id of this.#deps.store.ids()) {
      this.#add(ids, id)
      if (--left > 0) continue
      left = this.#sliceIds
      await this.#deps.clock.sleep(0)
    }
  }

  #add(ids: KeyedIds, id: EnvelopeId): void {
    const meta = this.#deps.store.meta(id)
    if (meta !== undefined && this.#isCarried(meta)) ids.add(id, meta.stamp.ms)
  }

  #isCarried({ kind, address, mayCross }: EnvelopeMeta): boolean {
    return mayCross && (kind !== 'inbox' || !this.#isOurs(address))
  }

  *#all(): Iterable<KeyedIds> {
    if (this.#own !== undefined) yield this.#own.ids
    for (const { ids } of this.#foreign.values()) yield ids
  }
}
