/**
 * Shows devices of blocked people out: when somebody is blocked, and when a device comes that collects
 * for somebody who is. Who a device collects for is proven in each session, so that is where a blocked
 * person's devices are recognised. Who is unblocked is let in at once.
 */
import type { Contacts } from '#mesh/contacts'
import type { Address, DeviceId, PersonId } from '#mesh/ids'
import type { Log } from '#mesh/ports'
import type { Runnable } from '#mesh/runtime'
import type { Database } from '#mesh/store'
import type { Exchange } from '#mesh/sync'

/** What the bouncer needs. */
export interface BouncerDeps {
  readonly db: Pick<Database, 'subscribe'>
  readonly contacts: Pick<Contacts, 'get' | 'list'>
  readonly exchange: { sessions(): ReadonlyArray<Pick<ReturnType<Exchange['sessions']>[number], 'peer' | 'addresses'>> }
  /** The address of this person, whose other devices are never shown out. */
  readonly ownInbox: Address
  readonly log: Log
  /** Keeps out a device that collects for `inbox`. */
  readonly showOut: (device: DeviceId, inbox: Address) => Promise<void>
  /** Ends that for inboxes that are not blocked any more. */
  readonly letIn: (isBlocked: (inbox: Address) => boolean) => void
}

/** See the head of this file. */
export class Bouncer implements Runnable {
  readonly #deps: BouncerDeps
  #unsubscribe: (() => void) | undefined

  constructor(deps: BouncerDeps) {
    this.#deps = deps
  }

  /** Hears of people who are blocked, after it is durable. */
  async start(): Promise<void> {
    this.#unsubscribe = this.#deps.db.subscribe((event) => {
      if (event.kind === 'contact-changed') this.#changed(event.person)
    })
  }

  async stop(): Promise<void> {
    this.#unsubscribe?.()
  }

  /** A device has proven what it collects for. */
  met(device: DeviceId, addresses: ReadonlySet<Address>): void {
    const blocked = this.#deps.contacts.list().find(({ state, card }) => state === 'blocked' && addresses.has(card.inbox) && this.#isUnwanted(card.inbox))
    if (blocked !== undefined) this.#showOut(device, blocked.card.inbox)
  }

  #changed(person: PersonId): void {
    const { contacts, exchange, letIn } = this.#deps
    letIn((inbox) => this.#isBlocked(inbox))
    const contact = contacts.get(person)
    if (contact?.state !== 'blocked' || !this.#isUnwanted(contact.card.inbox)) return
    for (const { peer, addresses } of exchange.sessions()) if (addresses.includes(contact.card.inbox)) this.#showOut(peer, contact.card.inbox)
  }

  #isBlocked(inbox: Address): boolean {
    return this.#deps.contacts.list().some(({ state, card }) => state === 'blocked' && card.inbox === inbox) && this.#isUnwanted(inbox)
  }

  /** Anybody can put another's inbox on a card: to block such a person must not shut out a friend, or ourselves. */
  #isUnwanted(inbox: Address): boolean {
    const { contacts, ownInbox } = this.#deps
    return inbox !== ownInbox && !contacts.list().some(({ state, card }) => state === 'contact' && card.inbox === inbox)
  }

  #showOut(device: DeviceId, inbox: Address): void {
    const { showOut, log } = this.#deps
    showOut(device, inbox).catch((error: unknown) => log.warn('a blocked device could not be shown out', { device, error }))
  }
}
