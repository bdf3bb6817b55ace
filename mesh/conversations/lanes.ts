import { addressOfKey } from '#mesh/envelope'
import { type EnvelopeId, idBytes } from '#mesh/ids'
import { Bell } from '#mesh/runtime'
import type { ConversationsDeps } from './deps.ts'

/** Envelopes read in one transaction: enough to share an fsync, few enough to show the first one soon. */
const MAX_BATCH = 200
/** The same of people nobody here knows, while nothing else waits: opening one costs up to 0.3 ms on a desk, and a friend may write meanwhile. */
const MAX_STRANGE_BATCH = 32

/** What waits to be read, in two lanes: authors whom nobody here knows are read when nothing else waits, so that a flood of them delays no friend. */
export class Lanes {
  readonly #deps: Pick<ConversationsDeps, 'store' | 'contacts'>
  readonly #known = new Set<EnvelopeId>()
  readonly #strange = new Set<EnvelopeId>()
  /** Rings when something was added. */
  readonly bell = new Bell()
  /** Rings when something was added that is read first. */
  readonly knownBell = new Bell()

  constructor(deps: Pick<ConversationsDeps, 'store' | 'contacts'>) {
    this.#deps = deps
  }

  get isEmpty(): boolean {
    return this.#known.size + this.#strange.size === 0
  }

  get hasKnown(): boolean {
    return this.#known.size > 0
  }

  add(ids: readonly EnvelopeId[]): void {
    for (const id of ids) {
      const lane = this.#laneOf(id)
      lane.add(id)
      if (lane === this.#known) this.knownBell.ring()
    }
    if (ids.length > 0) this.bell.ring()
  }

  /** The next ones to read together; they stay until they are forgotten. */
  next(): EnvelopeId[] {
    return this.hasKnown ? firstOf(this.#known, MAX_BATCH) : firstOf(this.#strange, MAX_STRANGE_BATCH)
  }

  forget(id: EnvelopeId): void {
    this.#known.delete(id)
    this.#strange.delete(id)
  }

  /** To the end of its lane. */
  putBack(id: EnvelopeId): void {
    this.forget(id)
    this.#laneOf(id).add(id)
  }

  /** Somebody became known: what else he wrote goes first from now on. */
  sortAnew(): void {
    for (const id of [...this.#strange]) if (this.#laneOf(id) === this.#known) this.putBack(id)
  }

  /** Known authors, and what people say about their own devices, go first. */
  #laneOf(id: EnvelopeId): Set<EnvelopeId> {
    const { store, contacts } = this.#deps
    const meta = store.meta(id)
    if (meta === undefined || contacts.isFriend(meta.author, meta.address)) return this.#known
    const isOwnWord = meta.kind === 'announcement' && addressOfKey(idBytes(meta.author)) === meta.address
    return isOwnWord ? this.#known : this.#strange
  }
}

function firstOf(ids: ReadonlySet<EnvelopeId>, count: number): EnvelopeId[] {
  const first: EnvelopeId[] = []
  for (const id of ids) if (first.push(id) >= count) break
  return first
}
