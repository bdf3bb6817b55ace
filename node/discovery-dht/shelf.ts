/**
 * The rows of one kind, counted for those who put them. When there are too many, a row goes of whoever
 * has most, the one that was used longest ago: a peer that puts much displaces what is its own, and
 * never the one row of somebody else.
 */

/** How much of one kind is kept. */
export interface Quota {
  readonly prefix: string
  readonly rows: number
  readonly rowBytes: number
  readonly bytes: number
}

/** What is remembered of a row. */
export interface Row {
  readonly bytes: number
  /** Who put it; rows without one belong together. */
  readonly owner?: string | undefined
  /** When it was signed, ms; an older one does not take its place. */
  readonly issuedMs?: number | undefined
  /** Whether the owner put what is its own, and not what it has from others. */
  readonly isOwn?: boolean | undefined
}

interface Load {
  rows: number
  bytes: number
}

/** See the head of this file. */
export class Shelf {
  readonly quota: Quota
  /** The row that was used longest ago first. */
  readonly #rows = new Map<string, Row>()
  readonly #loads = new Map<string, Load>()
  #bytes = 0

  constructor(quota: Quota) {
    this.quota = quota
  }

  get size(): number {
    return this.#rows.size
  }

  /** Makes room for a row; returns those that have to go. @throws RangeError when it is too large, or older than what is kept */
  add(name: string, row: Row): string[] {
    if (row.bytes > this.quota.rowBytes) throw new RangeError('a row is too large to be kept')
    const known = this.#rows.get(name)
    if (known?.issuedMs !== undefined && row.issuedMs !== undefined && row.issuedMs < known.issuedMs) throw new RangeError('a newer row is kept already')
    this.remove(name)
    // Who passes on what others said does not get it counted as theirs, or away from them.
    const { owner, issuedMs, isOwn } = known === undefined || row.isOwn === true ? row : { ...known, issuedMs: row.issuedMs ?? known.issuedMs }
    this.#count(owner, 1, row.bytes)
    this.#rows.set(name, { bytes: row.bytes, owner, issuedMs, isOwn })
    const gone: string[] = []
    while (this.#rows.size > this.quota.rows || this.#bytes > this.quota.bytes) {
      const old = this.#next()
      this.remove(old)
      gone.push(old)
    }
    return gone
  }

  touch(name: string): void {
    const row = this.#rows.get(name)
    if (row === undefined) return
    this.#rows.delete(name)
    this.#rows.set(name, row)
  }

  remove(name: string): void {
    const row = this.#rows.get(name)
    if (row === undefined) return
    this.#rows.delete(name)
    this.#count(row.owner, -1, -row.bytes)
  }

  /** The row that goes next. */
  #next(): string {
    let most = 0
    for (const load of this.#loads.values()) most = Math.max(most, this.#share(load))
    for (const [name, { owner = '' }] of this.#rows) {
      const load = this.#loads.get(owner)
      if (load !== undefined && this.#share(load) >= most) return name
    }
    throw new RangeError('an empty shelf is never too full')
  }

  /** The part of the shelf that somebody has, by number or by size, whichever is more. */
  #share({ rows, bytes }: Load): number {
    return Math.max(rows / this.quota.rows, bytes / this.quota.bytes)
  }

  #count(owner = '', rows: number, bytes: number): void {
    this.#bytes += bytes
    const load = this.#loads.get(owner) ?? { rows: 0, bytes: 0 }
    load.rows += rows
    load.bytes += bytes
    if (load.rows === 0) this.#loads.delete(owner)
    else this.#loads.set(owner, load)
  }
}
