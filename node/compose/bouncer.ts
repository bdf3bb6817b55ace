/**
 * Shows devices of blocked people out: when somebody is blocked, and when a device comes that collects
 * for somebody who is. Who a device collects for is proven in each session, so that is where a blocked
 * person's devices are recognised.
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
  readonly showOut: (device: DeviceId) => Promise<void>
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
    const { contacts } = this.#deps
    if (contacts.list().some(({ state, card }) => state === 'blocked' && addresses.has(card.inbox) && this.#isUnwanted(card.inbox))) this.#showOut(device)
  }

  #changed(person: PersonId): void {
    const contact = this.#deps.contacts.get(person)
    if (contact?.state !== 'blocked' || !this.#isUnwanted(contact.card.inbox)) return
    for (const { peer, addresses } of this.#deps.exchange.sessions()) if (addresses.includes(contact.card.inbox)) this.#showOut(peer)
  }

  /** Anybody can put another's inbox on a card: to block such a person must not shut out a friend, or ourselves. */
  #isUnwanted(inbox: Address): boolean {
    const { contacts, ownInbox } = this.#deps
    return inbox !== ownInbox && !contacts.list().some(({ state, card }) => state === 'contact' && card.inbox === inbox)
  }

  #showOut(device: DeviceId): void {
    const { showOut, log } = this.#deps
    showOut(device).catch((error: unknown) => log.warn('a blocked device could not be shown out', { device, error }))
  }
}
