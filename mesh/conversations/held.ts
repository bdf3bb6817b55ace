/**
 * Messages that wait for what they follow. They are in the history, and are shown when their parents are,
 * or after a while with the number that is missing: order matters, and so does hearing anything at all.
 */
import { isMeshError } from '#mesh/errors'
import type { EnvelopeId } from '#mesh/ids'
import { type Runnable, spawn, type Task } from '#mesh/runtime'
import { causalOrder } from './causal-order.ts'
import type { ConversationsDeps } from './deps.ts'
import type { History, MessageRow } from './history.ts'

/** How long a message waits for those before it, ms: longer than a session takes to bring them, if it can. */
export const HOLD_MS = 10_000
/** How often waiting messages are looked at, ms. */
const LOOK_MS = 1_000
/** Waiting messages in memory; further ones are shown at once. */
const MAX_HELD = 10_000

/** See the head of this file. */
export class Held implements Runnable {
  readonly #deps: ConversationsDeps
  readonly #history: History
  readonly #rows = new Map<EnvelopeId, { row: MessageRow; since: number }>()
  #task: Task | undefined
  #unsubscribe: (() => void) | undefined
  #isDirty = false

  constructor(deps: ConversationsDeps, history: History) {
    this.#deps = deps
    this.#history = history
  }

  async start(): Promise<void> {
    const { db, log } = this.#deps
    for (const row of await this.#history.unshown(db)) this.add(row)
    this.#unsubscribe = db.subscribe((event) => {
      if (this.#rows.size > 0 && (event.kind === 'message-added' || event.kind === 'contact-changed')) this.#isDirty = true
    })
    this.#task = spawn(
      (signal) => this.#run(signal),
      (error) => log.error('held messages stay held', { error }),
    )
  }

  async stop(): Promise<void> {
    this.#unsubscribe?.()
    await this.#task?.stop()
  }

  /** Holds a message that is not shown. */
  add(row: MessageRow): void {
    this.#rows.set(row.id, { row, since: this.#rows.size < MAX_HELD ? this.#deps.clock.monotonic() : 0 })
    this.#isDirty = true
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#deps
    while (!signal.aborted) {
      try {
        await this.#show()
      } catch (error) {
        if (!isMeshError(error)) throw error
        log.warn('held messages could not be shown; trying again', { error })
      }
      await clock.sleep(this.#isDirty ? 0 : LOOK_MS, signal)
    }
  }

  /** Shows what can be shown now, in causal order. */
  async #show(): Promise<void> {
    const { db, contacts, clock } = this.#deps
    this.#isDirty = false
    const accepted = [...this.#rows.values()].filter(({ row }) => contacts.get(row.person)?.state === 'contact')
    if (accepted.length === 0) return
    const late = new Set(accepted.filter(({ since }) => clock.monotonic() - since >= HOLD_MS).map(({ row }) => row.id))
    const shown = await db.transaction(async (tx) => {
      const ready: EnvelopeId[] = []
      for (const row of causalOrder(accepted.map((held) => held.row))) {
        const current = await this.#history.message(tx, row.id)
        if (current === undefined || current.isShown) ready.push(row.id)
        else if (late.has(row.id) || (await this.#hasAll(tx, row))) {
          this.#history.rewrite(tx, { ...current, isShown: true })
          tx.emit({ kind: 'message-added', conversation: row.person, id: row.id, direction: 'in' })
          ready.push(row.id)
        }
      }
      return ready
    })
    for (const id of shown) this.#rows.delete(id)
  }

  async #hasAll(tx: Parameters<History['message']>[0], row: MessageRow): Promise<boolean> {
    for (const parent of row.parents) if ((await this.#history.message(tx, parent))?.isShown !== true) return false
    return true
  }
}
