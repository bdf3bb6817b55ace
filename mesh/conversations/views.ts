import type { ConversationsDeps } from './deps.ts'
import type { History, KeptState, MessageRow } from './history.ts'

/** How far a message has come. */
export type MessageState = KeptState | 'carried'

/** A message as people see it. */
export interface MessageView extends Omit<MessageRow, 'state' | 'isShown'> {
  readonly state: MessageState
  /** How many messages that it follows are not here. */
  readonly missing: number
}

/** From rows to what people see: with what follows from other tables at the moment of looking. */
export class Views {
  readonly #deps: Pick<ConversationsDeps, 'db' | 'ledger'>
  readonly #history: History

  constructor(deps: Pick<ConversationsDeps, 'db' | 'ledger'>, history: History) {
    this.#deps = deps
    this.#history = history
  }

  async of(row: MessageRow): Promise<MessageView> {
    const { db, ledger } = this.#deps
    const { isShown: _, ...shown } = row
    let missing = 0
    for (const parent of row.parents) if (!(await this.#history.has(db, parent))) missing += 1
    const isCarried = row.state === 'queued' && ledger.get(row.id)?.state === 'carried'
    return { ...shown, state: isCarried ? 'carried' : row.state, missing }
  }
}
