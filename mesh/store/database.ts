import { MeshError } from '#mesh/errors'
import type { Log } from '#mesh/ports'
import type { MeshEvent } from './events.ts'
import { closedError, guarded, storeError } from './failure.ts'
import type { Level, Operation } from './level.ts'
import { LevelReader } from './level-reader.ts'
import { assertSchema } from './schema.ts'
import { StagedGroup, StagedTransaction } from './staged-transaction.ts'
import type { Table } from './tables.ts'
import type { Reader, RowRange, Transaction } from './transaction.ts'

/** What a database needs from outside. */
export interface DatabaseDeps {
  readonly log: Log
  /** Whether the disk would take a few megabytes; asked after a failed write and before the level is opened again. */
  readonly hasRoom?: () => Promise<boolean>
}

/** fsync before the answer. */
const DURABLE = { sync: true, keyEncoding: 'view', valueEncoding: 'view' } as const
/** Works that share one fsync. Bounds how long the first one waits for the last. */
const MAX_GROUP_WORKS = 1_000
/** Bytes that share one fsync: LevelDB's write buffer, so that one group never fills two. */
const MAX_GROUP_BYTES = 4 * 1024 * 1024

interface Work {
  /** Runs the work on `tx`; returns what to call when the group is durable, or has settled the caller itself and returns `undefined`. */
  readonly run: (tx: StagedTransaction) => Promise<Settle | undefined>
  readonly reject: (error: unknown) => void
}

interface Settle {
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

interface Done extends Settle {
  readonly tx: StagedTransaction
}

/**
 * Transactions with group commit over a level.
 *
 * Works run one after the other on a staged overlay; those that are waiting when one is being written
 * share the next `batch({ sync: true })`. A promise resolves when its batch is on the disk. When the
 * batch fails, everybody in it learns that and nothing has changed, in memory or on disk. After a
 * failed write LevelDB's log may end in half a record, and appending behind it would lose what follows, or
 * in a whole one that nobody was promised: so the level is closed, opened again and put right before the next
 * write, not before there is room for that.
 *
 * A work must not wait for another transaction: they run in a row, it would wait for itself.
 */
export class Database implements Reader {
  readonly #level: Level
  readonly #deps: DatabaseDeps
  readonly #queue: Work[] = []
  readonly #seals: ((tx: Transaction) => Promise<void>)[] = []
  readonly #listeners = new Set<(event: MeshEvent) => void>()
  /** Works read with it, which may come to their end when nobody else is answered any more. */
  readonly #reader: LevelReader
  #draining: Promise<void> | undefined
  #closing: Promise<void> | undefined
  #isClosed = false
  readonly #isOver = (): boolean => this.#isClosed
  /** A write failed: the end of LevelDB's log is not known. */
  #isSuspect = false
  /** The rows of the batch that failed, as they were before it. */
  #before: Operation[] = []
  #reopening: Promise<void> | undefined
  #lastFailure: MeshError | undefined

  private constructor(level: Level, deps: DatabaseDeps) {
    this.#level = level
    this.#reader = new LevelReader(level)
    this.#deps = deps
  }

  /** Opens `level` and checks its schema. @throws MeshError `MESH_STORE_VERSION`, `MESH_STORE_FAILED` */
  static async open(level: Level, deps: DatabaseDeps): Promise<Database> {
    await guarded(() => level.open())
    const database = new Database(level, deps)
    await assertSchema(database)
    return database
  }

  /** The failure of the last write, until a write succeeds again; for `status` and `doctor`. */
  get lastFailure(): MeshError | undefined {
    return this.#lastFailure
  }

  /**
   * Runs `work` and resolves with its result when its rows are durable.
   * @throws whatever `work` throws, and then nothing has happened; MeshError `MESH_STORE_FULL`, `MESH_STORE_FAILED`, `MESH_STORE_CLOSED`
   */
  transaction<T>(work: (tx: Transaction) => Promise<T> | T): Promise<T> {
    if (this.#isClosed) return Promise.reject(closedError())
    const { promise, resolve, reject } = Promise.withResolvers<T>()
    this.#queue.push({
      reject,
      async run(tx) {
        try {
          const value = await work(tx)
          return { resolve: () => resolve(value), reject }
        } catch (error) {
          tx.rollback()
          reject(error)
          return undefined
        }
      },
    })
    this.#draining ??= this.#drain()
    return promise
  }

  async get(table: Table, key: Uint8Array): Promise<Uint8Array | undefined> {
    await this.#readable()
    return this.#reader.get(table, key, this.#isOver)
  }

  async *iterate(table: Table, range: RowRange = {}): AsyncIterable<[Uint8Array, Uint8Array]> {
    await this.#readable()
    yield* this.#reader.iterate(table, range, this.#isOver)
  }

  /** As `iterate`, but about a thousand rows at a time: for reading whole tables. */
  async *chunks(table: Table, range: RowRange = {}): AsyncIterable<[Uint8Array, Uint8Array][]> {
    await this.#readable()
    yield* this.#reader.chunks(table, range, this.#isOver)
  }

  /**
   * Has `seal` end every group of transactions with rows of its own, so that something that a thousand works
   * changed is written once. Its commit hooks run before those of the works. When it throws, the group fails.
   */
  beforeCommit(seal: (tx: Transaction) => Promise<void>): void {
    this.#seals.push(seal)
  }

  /** Calls `listener` with every event after its commit; returns how to end that. */
  subscribe(listener: (event: MeshEvent) => void): () => void {
    this.#listeners.add(listener)
    return () => {
      this.#listeners.delete(listener)
    }
  }

  /**
   * Finishes what was begun, then closes the level: transactions and reads that have begun are answered. An iteration
   * ends with `MESH_STORE_CLOSED` when it asks for more, since whoever iterates may take any time, and may wait for this.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    this.#isClosed = true
    await this.#draining
    await this.#reader.idle()
    await guarded(() => this.#level.close())
  }

  async #drain(): Promise<void> {
    while (this.#queue.length > 0) await this.#commitGroup()
    this.#draining = undefined
  }

  async #commitGroup(): Promise<void> {
    try {
      await this.#healed()
    } catch (error) {
      for (const work of this.#queue.splice(0)) work.reject(error)
      return
    }
    const group = new StagedGroup()
    const done = await this.#stageGroup(group)
    const { operations } = group
    try {
      if (done.length > 0) done.unshift(await this.#sealed(group))
    } catch (cause) {
      this.#rollback(done, storeError(cause))
      return
    }
    try {
      if (operations.length > 0) await this.#level.batch(operations, DURABLE)
    } catch (cause) {
      this.#before = await this.#imageOf(operations)
      this.#rollback(done, this.#failed(cause))
      return
    }
    if (operations.length > 0) this.#lastFailure = undefined
    this.#publish(done)
  }

  async #stageGroup(group: StagedGroup): Promise<Done[]> {
    const done: Done[] = []
    let bytes = 0
    for (let works = 0; works < MAX_GROUP_WORKS && bytes < MAX_GROUP_BYTES; works++) {
      const work = this.#queue.shift()
      if (work === undefined) break
      const tx = new StagedTransaction(this.#reader, group)
      const settle = await work.run(tx)
      if (settle === undefined) continue
      bytes += tx.join()
      done.push({ ...settle, tx })
    }
    return done
  }

  /** What ends the group: nobody waits for it, and it is committed first and rolled back last. */
  async #sealed(group: StagedGroup): Promise<Done> {
    const tx = new StagedTransaction(this.#reader, group)
    for (const seal of this.#seals) await seal(tx)
    tx.join()
    return { tx, resolve() {}, reject() {} }
  }

  #publish(done: readonly Done[]): void {
    for (const { tx } of done) for (const apply of tx.commits) this.#guard('a commit hook threw', apply)
    for (const { tx } of done) {
      for (const event of tx.events) for (const listener of this.#listeners) this.#guard('an event listener threw', () => listener(event))
    }
    for (const { resolve } of done) resolve()
  }

  #rollback(done: readonly Done[], error: MeshError): void {
    for (const { tx } of done.toReversed()) tx.rollback()
    for (const { reject } of done) reject(error)
  }

  #failed(cause: unknown): MeshError {
    const error = storeError(cause)
    if (this.#lastFailure === undefined) this.#deps.log.error('the store cannot write', { error })
    this.#lastFailure = error
    this.#isSuspect = true
    return error
  }

  /** After a failed write: opens the level again, as soon as there is room to do so. */
  async #healed(): Promise<void> {
    if (!this.#isSuspect) return
    const { hasRoom, log } = this.#deps
    if (hasRoom !== undefined && !(await hasRoom())) throw this.#lastFailure ?? new MeshError('MESH_STORE_FULL', 'the disk is full')
    this.#reopening = this.#reopen()
    try {
      await this.#reopening
    } finally {
      this.#reopening = undefined
    }
    this.#isSuspect = false
    log.info('the store was opened again after a failed write')
  }

  async #reopen(): Promise<void> {
    try {
      await this.#reader.idle()
      await this.#level.close()
      await this.#level.open()
      if (this.#before.length > 0) await this.#level.batch(this.#before, DURABLE)
    } catch (cause) {
      throw this.#failed(cause)
    }
    this.#before = []
  }

  /**
   * What puts the rows that `operations` would have changed back to what they are. A batch whose fsync failed may be in
   * the log: nothing shows it until the level is opened again, and by then everybody was told that it failed.
   */
  async #imageOf(operations: readonly Operation[]): Promise<Operation[]> {
    const image: Operation[] = []
    try {
      for (const { key } of operations) {
        const value = await this.#level.get(key)
        image.push(value === undefined ? { type: 'del', key } : { type: 'put', key, value })
      }
    } catch (error) {
      this.#deps.log.warn('it cannot be said what a failed write leaves behind', { error })
    }
    return image
  }

  async #readable(): Promise<void> {
    if (this.#isClosed) throw closedError()
    if (this.#reopening !== undefined) await this.#reopening.catch((error: unknown) => this.#deps.log.debug('read after a failed opening', { error }))
  }

  #guard(what: string, run: () => void): void {
    try {
      run()
    } catch (error) {
      this.#deps.log.error(what, { error })
    }
  }
}
