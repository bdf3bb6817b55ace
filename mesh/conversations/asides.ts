/** What arrives and is no message of its own. Who said it is who signed, whatever the content says. */
import { intentOf, type MimiContent } from '#mesh/content'
import type { Envelope } from '#mesh/envelope'
import type { PersonId } from '#mesh/ids'
import type { Transaction } from '#mesh/store'
import type { Changes } from './changes.ts'
import { operationOf } from './said.ts'

/** See the head of this file. */
export class Asides {
  readonly #self: PersonId
  readonly #changes: Changes

  constructor(self: PersonId, changes: Changes) {
    this.#self = self
    this.#changes = changes
  }

  /** Takes a content that changes others or means nothing here; false when it is to be shown. */
  async take(tx: Transaction, envelope: Envelope, person: PersonId, content: MimiContent | undefined): Promise<boolean> {
    if (content === undefined) return false
    const intent = intentOf(content)
    switch (intent.kind) {
      case 'say':
        return false
      case 'edit':
      case 'delete':
      case 'react':
      case 'unreact':
        await this.#changes.take(tx, person, operationOf({ by: person, to: this.#self, content }, intent, envelope.stamp))
        return true
      default:
        return true
    }
  }
}
