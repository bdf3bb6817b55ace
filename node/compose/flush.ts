/** Trying everything at once: for somebody who knows that now is a better moment than the node does. */
import type { Contact } from '#mesh/contacts'
import type { OutboxFlushed } from '#node/control'
import { type DialTarget, hintText } from '#node/host'
import type { Carriage } from './carriage.ts'
import type { Network } from './network.ts'

/** What is asked and told to hurry. */
export interface FlushDeps {
  readonly carriage: Pick<Carriage, 'ledger' | 'conversations' | 'contacts' | 'exchange'>
  readonly network: Pick<Network, 'host' | 'dialer' | 'discovery' | 'peers' | 'hurryLinks'>
}

/** How long it takes unless somebody says otherwise, ms: a dial ends after ten seconds. */
const DEFAULT_FLUSH_MS = 15_000

/**
 * Dials everybody who is away and whose address is known (named peers, neighbours that discovery heard, the
 * cards of those something waits for), ends all pauses, and offers anew what was not confirmed. Resolves when
 * the dials have ended or the time is over.
 * @throws MeshError `MESH_CONTACT_UNKNOWN`, `MESH_CONTACT_AMBIGUOUS`
 */
export async function flushOutbox({ carriage, network }: FlushDeps, { to, timeoutMs }: { to?: string; timeoutMs?: number }): Promise<OutboxFlushed> {
  const { ledger, conversations, contacts, exchange } = carriage
  const only = to === undefined ? undefined : contacts.find(to)
  const persons = async () =>
    (await Promise.all(ledger.list().map(({ id }) => conversations.personOf(id)))).filter((person) => only === undefined || person === only.person)
  const here = new Set(exchange.sessions().flatMap(({ addresses }) => addresses))
  const receivers = new Set(await persons())
  const people = contacts.list().filter(({ person, state, card }) => state === 'contact' && receivers.has(person) && !here.has(card.inbox))
  const neighbours = (network.discovery?.peers() ?? []).map(({ peer, multiaddrs }) => ({ device: peer, addresses: multiaddrs }))
  const signal = AbortSignal.timeout(timeoutMs ?? DEFAULT_FLUSH_MS)
  network.hurryLinks()
  exchange.hurry({ all: true })
  const counts = await Promise.all([network.peers.dialNow(signal), network.dialer.dialNow([...neighbours, ...people.flatMap(targetOf)], signal)])
  return {
    dialled: counts.reduce((sum, { dialled }) => sum + dialled, 0),
    reached: counts.reduce((sum, { reached }) => sum + reached, 0),
    peers: network.host.peers().length,
    waiting: (await persons()).length,
  }
}

function targetOf({ card }: Contact): DialTarget[] {
  const addresses = card.hints.map(hintText).filter((hint) => hint !== undefined)
  return addresses.length === 0 ? [] : [{ addresses }]
}
