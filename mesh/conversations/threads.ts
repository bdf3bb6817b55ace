/** Threads of a conversation: messages that name the one that began it, and that one. */
import type { EnvelopeId, PersonId } from '#mesh/ids'
import { causalOrder } from './causal-order.ts'
import { refOf } from './changes.ts'
import type { ConversationsDeps } from './deps.ts'
import type { History, MessageRow } from './history.ts'
import type { MessageView, Views } from './views.ts'

/** How far back threads are looked for, messages. */
const LOOK_BACK = 10_000

/** One of the threads of a conversation. */
export interface Thread {
  readonly thread: EnvelopeId
  /** The message that began it, if it is here. */
  readonly first: MessageView | undefined
  readonly count: number
  readonly lastMs: number
}

/** See the head of this file. */
export class Threads {
  readonly #db: ConversationsDeps['db']
  readonly #history: History
  readonly #views: Views

  constructor(db: ConversationsDeps['db'], history: History, views: Views) {
    this.#db = db
    this.#history = history
    this.#views = views
  }

  /** The messages of the thread that a message stands in or has begun, in causal order. */
  async messages(person: PersonId, id: EnvelopeId): Promise<MessageView[]> {
    const named = await this.#history.message(this.#db, id)
    if (named === undefined) return []
    const thread = threadOf(named)
    const rows = (await this.#rows(person)).filter((row) => threadOf(row) === thread)
    return Promise.all(causalOrder(rows).map((row) => this.#views.of(row)))
  }

  /** All of them, the one that something was said in last at the end. */
  async list(person: PersonId): Promise<Thread[]> {
    const rows = causalOrder(await this.#rows(person))
    const begun = new Map(rows.map((row) => [threadOf(row), row]).reverse() as [string, MessageRow][])
    const threads = new Map<string, { last: MessageRow; count: number }>()
    for (const row of rows) {
      const thread = row.facts?.thread
      if (thread === undefined) continue
      const count = threads.get(thread)?.count ?? (begun.get(thread)?.facts?.thread === undefined ? 1 : 0)
      threads.delete(thread)
      threads.set(thread, { last: row, count: count + 1 })
    }
    return Promise.all([...threads].map(([thread, { last, count }]) => this.#thread(begun.get(thread), last, count)))
  }

  async #thread(first: MessageRow | undefined, last: MessageRow, count: number): Promise<Thread> {
    const { thread = last.id } = await this.#views.of(last)
    return { thread, first: first === undefined ? undefined : await this.#views.of(first), count, lastMs: last.composedMs }
  }

  async #rows(person: PersonId): Promise<MessageRow[]> {
    return (await this.#history.newest(this.#db, person, LOOK_BACK)).filter(({ isShown }) => isShown)
  }
}

/** The thread of a message; one that stands in none is the beginning of its own. */
function threadOf(row: MessageRow): string {
  return row.facts?.thread ?? refOf(row)
}
