import type { Address, EnvelopeId } from '#mesh/ids'
import type { Database } from './database.ts'
import type { EnvelopeMeta } from './envelope-meta.ts'
import { STORED_OVERHEAD_BYTES } from './limits.ts'
import { MetaDecoder } from './meta-row.ts'
import { TABLES } from './tables.ts'
import type { Transaction } from './transaction.ts'
import { Usage } from './usage.ts'

/**
 * The envelopes here, in memory: as they are on the disk, and beside that what the running group would
 * change. A commit moves the one into the other, a rollback forgets it.
 */
export class EnvelopeIndex {
  readonly #entries = new Map<EnvelopeId, EnvelopeMeta>()
  /** Built when first asked for: that is not when a node has to start fast. */
  #byAddress: Map<Address, Set<EnvelopeId>> | undefined
  readonly #staged = new Map<EnvelopeId, EnvelopeMeta | undefined>()
  /** Shares as they will be when everything staged is committed. */
  readonly projected = new Usage()
  #bytes = 0

  get size(): number {
    return this.#entries.size
  }

  get bytes(): number {
    return this.#bytes
  }

  /** Reads the rows of `db`; returns how many were not readable. */
  async load(db: Database): Promise<number> {
    const decoder = new MetaDecoder()
    let unreadable = 0
    for await (const rows of db.values(TABLES.envelopeMeta)) {
      for (const row of rows) {
        const meta = decoder.decode(row)
        if (meta === undefined) {
          unreadable++
          continue
        }
        this.#entries.set(meta.id, meta)
        this.#bytes += meta.size + STORED_OVERHEAD_BYTES
        this.projected.add(meta)
      }
    }
    return unreadable
  }

  get(id: EnvelopeId): EnvelopeMeta | undefined {
    return this.#entries.get(id)
  }

  /** As the running transaction sees it. */
  current(id: EnvelopeId): EnvelopeMeta | undefined {
    return this.#staged.has(id) ? this.#staged.get(id) : this.#entries.get(id)
  }

  isStaged(id: EnvelopeId): boolean {
    return this.#staged.has(id)
  }

  ids(): Iterable<EnvelopeId> {
    return this.#entries.keys()
  }

  all(): Iterable<EnvelopeMeta> {
    return this.#entries.values()
  }

  *byAddress(address: Address): Iterable<EnvelopeMeta> {
    if (this.#byAddress === undefined) {
      this.#byAddress = new Map()
      for (const meta of this.#entries.values()) this.#list(meta)
    }
    for (const id of this.#byAddress.get(address) ?? []) {
      const meta = this.#entries.get(id)
      if (meta !== undefined) yield meta
    }
  }

  /** Puts, replaces or (`undefined`) removes an entry when `tx` commits. */
  stage(tx: Transaction, id: EnvelopeId, next: EnvelopeMeta | undefined): void {
    const wasStaged = this.#staged.has(id)
    const before = this.current(id)
    this.#staged.set(id, next)
    this.#book(before, next)
    tx.onRollback(() => {
      this.#book(next, before)
      if (wasStaged) this.#staged.set(id, before)
      else this.#staged.delete(id)
    })
    tx.onCommit(() => {
      this.#apply(id, next)
      if (this.#staged.get(id) === next) this.#staged.delete(id) // a later work of the group may have staged it again
    })
  }

  #book(before: EnvelopeMeta | undefined, next: EnvelopeMeta | undefined): void {
    if (before !== undefined) this.projected.remove(before)
    if (next !== undefined) this.projected.add(next)
  }

  #apply(id: EnvelopeId, next: EnvelopeMeta | undefined): void {
    const before = this.#entries.get(id)
    if (before !== undefined) this.#bytes -= before.size + STORED_OVERHEAD_BYTES
    if (next !== undefined) {
      this.#bytes += next.size + STORED_OVERHEAD_BYTES
      this.#entries.set(id, next)
      if (before === undefined) this.#list(next)
    } else if (before !== undefined) {
      this.#entries.delete(id)
      const ids = this.#byAddress?.get(before.address)
      ids?.delete(id)
      if (ids?.size === 0) this.#byAddress?.delete(before.address)
    }
  }

  #list({ id, address }: EnvelopeMeta): void {
    const ids = this.#byAddress?.get(address)
    if (ids === undefined) this.#byAddress?.set(address, new Set([id]))
    else ids.add(id)
  }
}
