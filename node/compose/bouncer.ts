/**
 * Shows devices of blocked people out. Who a device collects for is proven in each session, so that is
 * where a blocked person's devices are recognised.
 */
import type { Contacts } from '#mesh/contacts'
import type { DeviceId } from '#mesh/ids'
import type { Clock, Log } from '#mesh/ports'
import { type Runnable, spawn, type Task } from '#mesh/runtime'
import type { Exchange } from '#mesh/sync'

/** What the bouncer needs. */
export interface BouncerDeps {
  readonly contacts: Contacts
  readonly exchange: Pick<Exchange, 'sessions'>
  readonly clock: Clock
  readonly log: Log
  readonly showOut: (device: DeviceId) => Promise<void>
}

/** Between two looks, ms. */
const EVERY_MS = 2_000

/** See the head of this file. */
export class Bouncer implements Runnable {
  readonly #deps: BouncerDeps
  #task: Task | undefined

  constructor(deps: BouncerDeps) {
    this.#deps = deps
  }

  async start(): Promise<void> {
    const { log, clock } = this.#deps
    this.#task = spawn(
      async (signal) => {
        while (!signal.aborted) {
          await this.#look()
          await clock.sleep(EVERY_MS, signal)
        }
      },
      (error) => log.error('blocked devices are no longer shown out', { error }),
    )
  }

  async stop(): Promise<void> {
    await this.#task?.stop()
  }

  async #look(): Promise<void> {
    const { contacts, exchange, showOut } = this.#deps
    const blocked = new Set(contacts.list().flatMap(({ state, card }) => (state === 'blocked' ? [card.inbox] : [])))
    if (blocked.size === 0) return
    for (const { peer, addresses } of exchange.sessions()) if (addresses.some((address) => blocked.has(address))) await showOut(peer)
  }
}
