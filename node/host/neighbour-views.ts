/**
 * What connected peers know about where this node is, whether discovery hears them or not.
 *
 * Who connected to us has found our port open, which needs no word. Where a peer sees us it says in
 * libp2p's identify: on a connection that it began, the address it dialled; on one that we began, our
 * address behind whatever router translates it, with a port of the moment. It may be a lie, so it is for
 * people to read, and nothing is dialled or announced because of it.
 */
import type { Connection, IdentifyResult, Libp2p } from '@libp2p/interface'
import type { DeviceId } from '#mesh/ids'
import { deviceOf } from './device-of.ts'
import { P2P_CODE } from './hints.ts'

/** The longest address of ours has 70 characters; identify lets a peer write thousands. */
const MAX_SEEN_AT_CHARACTERS = 128

/** What one peer knows about us. */
export interface NeighbourView {
  readonly device: DeviceId
  /** True when the peer has connected to us: our port is open for it. */
  readonly hasReachedUs: boolean
  /** The addresses at which it says it sees us, as multiaddrs; each connection has one, once it was identified. */
  readonly seenAt: readonly string[]
}

/** See the head of this file. Lives as long as the libp2p node, and holds nothing of connections that are gone. */
export class NeighbourViews {
  readonly #libp2p: Pick<Libp2p, 'getConnections'>
  readonly #seenAt = new WeakMap<Connection, string>()

  constructor(libp2p: Pick<Libp2p, 'getConnections' | 'addEventListener'>) {
    this.#libp2p = libp2p
    libp2p.addEventListener('peer:identify', ({ detail }: CustomEvent<IdentifyResult>) => {
      const { connection, observedAddr } = detail
      const seenAt = observedAddr?.decapsulateCode(P2P_CODE).toString() ?? ''
      if (seenAt !== '' && seenAt.length <= MAX_SEEN_AT_CHARACTERS) this.#seenAt.set(connection, seenAt)
    })
  }

  /** One for each connected device. */
  list(): NeighbourView[] {
    const views = new Map<DeviceId, { device: DeviceId; hasReachedUs: boolean; seenAt: string[] }>()
    for (const connection of this.#libp2p.getConnections()) {
      const device = deviceOf(connection.remotePeer)
      if (device === undefined) continue
      const view = views.get(device) ?? { device, hasReachedUs: false, seenAt: [] }
      const seenAt = this.#seenAt.get(connection)
      view.hasReachedUs ||= connection.direction === 'inbound'
      if (seenAt !== undefined) view.seenAt.push(seenAt)
      views.set(device, view)
    }
    return [...views.values()]
  }
}
