/**
 * Messages that wait for what they follow. They are in the history, and are shown when their parents are,
 * or after a while with the number that is missing: order matters, and so does hearing anything at all.
 * Strangers' messages wait here until their author is accepted. Only what order needs is in memory.
 */
import { isMeshError } from '#mesh/errors'
import type { EnvelopeId, PersonId } from '#mesh/ids'
import { Bell, type Runnable, spawn, type Task } from '#mesh/runtime'
import type { Transaction } from '#mesh/store'
import { causalOrder, type Ordered } from './causal-order.ts'
import type { ConversationsDeps } from './deps.ts'
import type { History, MessageRow } from './history.ts'

/** How long a message waits for those before it, ms: longer than a session takes to bring them, if it can. */
export const HOLD_MS = 10_000
/** How often waiting messages are looked at for their time, ms. */
const LOOK_MS = 1_000
/** Pause after a failed write, ms. */
const RETRY_MS = 5_000
/** Waiting messages in memory (about 300 bytes each); further ones are shown at once. */
const MAX_HELD = 10_000

interface HeldMessage extends Ordered {
  readonly person: PersonId
  readonly sinceMs: number
}

/** See the head of this file. */
export class Held implements Runnable {
  readonly #deps: ConversationsDeps
  readonly #history: History
  readonly #messages = new Map<EnvelopeId, HeldMessage>()
  readonly #bell = new Bell()
  #task: Task | undefined
  #unsubscribe: (() => void) | undefined

  constructor(deps: ConversationsDeps, history: History) {
    this.#deps = deps
    this.#history = history
  }

  async start(): Promise<void> {
    const { db, log } = this.#deps
    this.#unsubscribe = db.subscribe((event) => {
      if (this.#messages.size > 0 && (event.kind === 'message-added' || event.kind === 'contact-changed')) this.#bell.ring()
    })
    for await (const row of this.#history.unshown(db)) this.add(row)
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
  add({ id, person, stamp, parents }: MessageRow): void {
    const sinceMs = this.#messages.size < MAX_HELD ? this.#deps.clock.monotonic() : Number.NEGATIVE_INFINITY
    this.#messages.set(id, { id, person, stamp, parents, sinceMs })
    this.#bell.ring()
  }

  /** How many are held, of everybody. */
  get size(): number {
    return this.#messages.size
  }

  /**
   * Says of a message whether it waits for what it follows. Not for longer than that may take, whether it could
   * be written down as shown or not, and not for those of a person who was not accepted: nothing is shown of
   * them by itself, and who asks for them wants to see whom to accept.
   */
  heldBack(): (message: Ordered & Pick<HeldMessage, 'person'>) => boolean {
    const due = this.#dueAmong([...this.#messages.values()])
    return ({ id, person }) => this.#messages.has(id) && !due.has(id) && this.#deps.contacts.get(person)?.state === 'contact'
  }

  /** Those whose time is over, and with them what they follow of what is here: it has to come first. */
  #dueAmong(held: readonly HeldMessage[]): ReadonlySet<EnvelopeId> {
    const now = this.#deps.clock.monotonic()
    const due = new Set<EnvelopeId>()
    const open = held.filter(({ sinceMs }) => now - sinceMs >= HOLD_MS)
    for (let message = open.pop(); message !== undefined; message = open.pop()) {
      if (due.has(message.id)) continue
      due.add(message.id)
      open.push(...message.parents.map((parent) => this.#messages.get(parent)).filter((parent) => parent !== undefined))
    }
    return due
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#deps
    while (!signal.aborted) {
      try {
        const isWaiting = await this.#show()
        // What waits for its author to be accepted waits for an event, not for time.
        if (isWaiting) await this.#bell.heardWithin(clock, LOOK_MS, signal)
        else await this.#bell.heard(signal)
      } catch (error) {
        if (!isMeshError(error)) throw error
        log.warn('held messages could not be shown; trying again', { error })
        this.#bell.ring()
        await clock.sleep(RETRY_MS, signal)
      }
    }
  }

  /** Shows what can be shown now, in causal order; says whether some wait for their time. */
  async #show(): Promise<boolean> {
    const { db, contacts } = this.#deps
    const accepted = [...this.#messages.values()].filter(({ person }) => contacts.get(person)?.state === 'contact')
    if (accepted.length === 0) return false
    const due = this.#dueAmong(accepted)
    const shown = await db.transaction(async (tx) => {
      const over: EnvelopeId[] = []
      for (const held of causalOrder(accepted)) if (await this.#isOver(tx, held, due.has(held.id))) over.push(held.id)
      return over
    })
    for (const id of shown) this.#messages.delete(id)
    return shown.length < accepted.length
  }

  /** Shows a message if it is its turn; true when it waits no longer. */
  async #isOver(tx: Transaction, { id, person, parents }: HeldMessage, isDue: boolean): Promise<boolean> {
    const row = await this.#history.message(tx, id)
    if (row === undefined || row.isShown) return true
    if (!isDue && !(await this.#history.isAllShown(tx, parents))) return false
    this.#history.rewrite(tx, { ...row, isShown: true }, row)
    tx.emit({ kind: 'message-added', conversation: person, id, direction: 'in' })
    return true
  }
}
