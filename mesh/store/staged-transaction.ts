import { compareBytes } from '#mesh/codec'
import { MeshError } from '#mesh/errors'
import type { MeshEvent } from './events.ts'
import type { Operation } from './level.ts'
import { boundsOf, stagedWithin } from './ranges.ts'
import { rowKey, type Table } from './tables.ts'
import type { Reader, RowRange, Transaction } from './transaction.ts'

/** The operations of a group so far, with an index that is made when first asked for. */
export class StagedGroup {
  readonly operations: Operation[] = []
  #index: Map<string, Uint8Array | undefined> | undefined

  add(operations: readonly Operation[]): void {
    for (const operation of operations) {
      this.operations.push(operation)
      this.#index?.set(nameOf(operation.key), operation.type === 'put' ? operation.value : undefined)
    }
  }

  index(): ReadonlyMap<string, Uint8Array | undefined> {
    this.#index ??= indexOf(this.operations)
    return this.#index
  }
}

/**
 * One work's changes, staged over those of the works before it in its group.
 *
 * Most works only write, so nothing is indexed until somebody reads by key; the group keeps its index,
 * so that a thousand works that read cost no more than one.
 */
export class StagedTransaction implements Transaction {
  readonly events: MeshEvent[] = []
  readonly commits: (() => void)[] = []
  readonly #undos: (() => void)[] = []
  readonly #base: Reader
  readonly #group: StagedGroup
  readonly #operations: Operation[] = []
  #staged: Map<string, Uint8Array | undefined> | undefined
  #bytes = 0
  #isOver = false

  /** @param group the operations of earlier works; `join` adds this one's. */
  constructor(base: Reader, group: StagedGroup) {
    this.#base = base
    this.#group = group
  }

  async get(table: Table, key: Uint8Array): Promise<Uint8Array | undefined> {
    if (this.#operations.length === 0 && this.#group.operations.length === 0) return this.#base.get(table, key)
    const name = nameOf(rowKey(table, key))
    const own = this.#index()
    if (own.has(name)) return own.get(name)
    const group = this.#group.index()
    return group.has(name) ? group.get(name) : this.#base.get(table, key)
  }

  async *iterate(table: Table, range: RowRange = {}): AsyncIterable<[Uint8Array, Uint8Array]> {
    const { limit = -1, ...bounds } = range
    const sign = range.reverse === true ? -1 : 1
    const staged = stagedWithin([...this.#group.operations, ...this.#operations], boundsOf(table, range), compareBytes)
    if (sign < 0) staged.reverse()
    let left = limit < 0 ? Number.POSITIVE_INFINITY : limit
    let next = 0
    // One pass over both: what is staged replaces or precedes the row behind it.
    for await (const [key, value] of this.#base.iterate(table, bounds)) {
      let isReplaced = false
      for (let operation = staged[next]; operation !== undefined; operation = staged[next]) {
        const order = compareBytes(operation.key.subarray(1), key) * sign
        if (order > 0) break
        next++
        isReplaced = order === 0
        if (operation.type !== 'put') continue
        if (left-- <= 0) return
        yield [operation.key.subarray(1), operation.value]
      }
      if (isReplaced) continue
      if (left-- <= 0) return
      yield [key, value]
    }
    for (const operation of staged.slice(next)) {
      if (operation.type !== 'put') continue
      if (left-- <= 0) return
      yield [operation.key.subarray(1), operation.value]
    }
  }

  put(table: Table, key: Uint8Array, value: Uint8Array): void {
    this.#stage({ type: 'put', key: rowKey(table, key), value })
    this.#bytes += key.length + value.length
  }

  del(table: Table, key: Uint8Array): void {
    this.#stage({ type: 'del', key: rowKey(table, key) })
    this.#bytes += key.length
  }

  emit(event: MeshEvent): void {
    this.#assertOpen()
    this.events.push(event)
  }

  onCommit(apply: () => void): void {
    this.#assertOpen()
    this.commits.push(apply)
  }

  onRollback(undo: () => void): void {
    this.#assertOpen()
    this.#undos.push(undo)
  }

  /** The work has succeeded: its operations join the group's. Returns their size in bytes. */
  join(): number {
    this.#isOver = true
    this.#group.add(this.#operations)
    return this.#bytes
  }

  /** The work or its group has failed: everything reserved is given back, last first. */
  rollback(): void {
    this.#isOver = true
    for (const undo of this.#undos.toReversed()) undo()
  }

  #stage(operation: Operation): void {
    this.#assertOpen()
    this.#operations.push(operation)
    this.#staged?.set(nameOf(operation.key), operation.type === 'put' ? operation.value : undefined)
  }

  #index(): Map<string, Uint8Array | undefined> {
    this.#staged ??= indexOf(this.#operations)
    return this.#staged
  }

  #assertOpen(): void {
    if (this.#isOver) throw new MeshError('MESH_INTERNAL', 'a transaction was used after its end')
  }
}

/** A key as a string, one character a byte: a cheap map key. */
function nameOf(key: Uint8Array): string {
  return String.fromCharCode.apply(null, key as unknown as number[]) // spreading takes six times as long
}

function indexOf(operations: readonly Operation[]): Map<string, Uint8Array | undefined> {
  return new Map(operations.map((operation) => [nameOf(operation.key), operation.type === 'put' ? operation.value : undefined]))
}
