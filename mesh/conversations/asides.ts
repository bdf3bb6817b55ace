/** What arrives and is no message of its own. Who said it is who signed, whatever the content says. */
import { intentOf, MAX_LIFETIME_S, type MimiContent } from '#mesh/content'
import { type Envelope, isBelievable, type Stamp } from '#mesh/envelope'
import type { MessageId, PersonId } from '#mesh/ids'
import type { Transaction } from '#mesh/store'
import type { Changes } from './changes.ts'
import type { ConversationsDeps } from './deps.ts'
import type { History, MessageRow } from './history.ts'
import { nameOf, operationOf } from './said.ts'
import type { SettingsTable } from './settings.ts'
import type { Vanishing } from './vanishing.ts'

interface AsidesParts {
  readonly history: History
  readonly changes: Changes
  readonly settings: SettingsTable
  readonly vanishing: Vanishing
}

/** `shown`: a message like any other. `kept`: taken, its id is to be remembered. `passing`: of use for this moment only. */
export type Aside = 'shown' | 'kept' | 'passing'

/** See the head of this file. */
export class Asides {
  readonly #deps: Pick<ConversationsDeps, 'self' | 'contacts' | 'clock' | 'hlc' | 'habits' | 'store'>
  readonly #parts: AsidesParts

  constructor(deps: Pick<ConversationsDeps, 'self' | 'contacts' | 'clock' | 'hlc' | 'habits' | 'store'>, parts: AsidesParts) {
    this.#deps = deps
    this.#parts = parts
  }

  /** Takes a content that changes others or means nothing here. */
  async take(tx: Transaction, envelope: Envelope, person: PersonId, content: MimiContent | undefined): Promise<Aside> {
    if (content === undefined) return 'shown'
    const intent = intentOf(content)
    const isContact = this.#deps.contacts.current(person)?.state === 'contact'
    const saying = { by: person, to: this.#deps.self.keys.person, content }
    switch (intent.kind) {
      case 'say':
        return 'shown'
      case 'edit':
      case 'delete':
      case 'react':
      case 'unreact':
        await this.#parts.changes.take(tx, person, operationOf(saying, intent, envelope.stamp))
        return 'kept'
      case 'read':
        for (const id of intent.ids) await this.#noteRead(tx, person, id, envelope)
        return 'kept'
      case 'typing':
        if (isContact && (await this.#isTypingShown(tx, person))) tx.emit({ kind: 'typing', conversation: person, isOn: intent.isOn })
        return 'passing'
      case 'lifetime': {
        const { seconds } = intent
        const revision = { stamp: this.#believedStampOf(envelope), id: nameOf(saying) }
        if (isContact && (await this.#parts.settings.agree(tx, person, { seconds, by: person, revision }))) {
          tx.emit({ kind: 'lifetime-changed', conversation: person, by: person, seconds })
        }
        return 'kept'
      }
      case 'nothing':
        return 'kept'
    }
  }

  /** A stamp that no sane clock makes counts as now, or nobody here could ever say something later. */
  #believedStampOf({ stamp }: Envelope): Stamp {
    const { clock, hlc } = this.#deps
    return isBelievable(stamp, clock.now()) ? stamp : hlc.next()
  }

  /** What is to go at a certain moment is dated when it arrives; what goes after reading, when it is read. */
  begun(tx: Transaction, row: MessageRow, content: MimiContent | undefined): MessageRow {
    const { expires } = content ?? {}
    if (expires === undefined || expires.isRelative || row.facts === undefined) return row
    const leftS = expires.timeS - Math.floor(this.#deps.store.surelyMs() / 1_000) // a clock that may be years ahead takes none away at once
    return this.#parts.vanishing.begin(tx, { ...row, facts: { ...row.facts, lifetimeS: Math.min(Math.max(leftS, 1), MAX_LIFETIME_S) } })
  }

  /** Only the one who was written to can say that he has read it. */
  async #noteRead(tx: Transaction, person: PersonId, id: MessageId, envelope: Envelope): Promise<void> {
    const row = await this.#parts.changes.find(tx, person, id)
    if (row === undefined || row.direction !== 'out' || row.state === 'read') return
    this.#parts.history.rewrite(tx, { ...row, state: 'read', by: envelope.id }, row)
    tx.emit({ kind: 'message-state', conversation: person, id: row.id, state: 'read', by: envelope.id })
  }

  /** Who does not tell is not told either. */
  async #isTypingShown(tx: Transaction, person: PersonId): Promise<boolean> {
    return (await this.#parts.settings.of(tx, person)).typing ?? this.#deps.habits?.typing ?? false
  }
}
