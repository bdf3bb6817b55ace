/**
 * kad-dht among the nodes of a mesh: its own protocol, private addresses, and nothing in it but
 * announcements that verify. A hint for finding people behind more than one hop, never proof.
 */
import type { PeerInfo, StreamHandler, StreamHandlerOptions } from '@libp2p/interface'
import { type KadDHT, type KadDHTComponents, kadDHT } from '@libp2p/kad-dht'
import { peerIdFromString } from '@libp2p/peer-id'
import { base64urlnopad } from '@scure/base'
import { decodeUtf8, encodeUtf8 } from '#mesh/codec'
import { isMeshError, MeshError } from '#mesh/errors'
import { type Address, idBytes } from '#mesh/ids'
import type { Clock, Crypto } from '#mesh/ports'
import { type Announcement, readAnnouncement } from './announcement.ts'
import { asking } from './asking.ts'
import { limitAnswer, limitRequests, RequestBudget } from './stream-limit.ts'

/** Apart from every public DHT. */
export const DHT_PROTOCOL = '/qpq/lan/kad/1.0.0'

const NAMESPACE = 'qpq'
/** Streams of the DHT at a time with one peer, each way. */
const MAX_STREAMS = 8
/**
 * How long a peer may take to be dialled and to answer, ms: many hops of slow radio, and little enough that
 * some who are out of reach do not use up a question's time. kad-dht's own 5 to 60 s grow with each of them.
 */
const ANSWER_MS = { minTimeout: 2_000, maxTimeout: 4_000 }
/**
 * Namespaces that kad-dht would accept besides ours: keys of libp2p peers, and every name that a plain
 * object inherits. It looks up `validators[name]`, so a record under `/constructor/` was judged by `Object`,
 * which has no objection.
 */
const REFUSED = ['pk', ...Object.getOwnPropertyNames(Object.prototype)]

/** See the head of this file. */
export class LanDht {
  readonly #crypto: Crypto
  readonly #clock: Clock
  #dht: KadDHT | undefined

  constructor(deps: { readonly crypto: Crypto; readonly clock: Clock }) {
    this.#crypto = deps.crypto
    this.#clock = deps.clock
  }

  /** For the services of a host, which has the ping and identify that kad-dht asks for. */
  readonly service = (components: unknown): KadDHT => {
    this.#dht = kadDHT({
      protocol: DHT_PROTOCOL,
      peerInfoMapper: compact,
      clientMode: false,
      maxInboundStreams: MAX_STREAMS,
      maxOutboundStreams: MAX_STREAMS,
      networkDialTimeout: ANSWER_MS,
      validators: { ...Object.fromEntries(REFUSED.map((name) => [name, refuse])), [NAMESPACE]: async (key, value) => this.#judge(key, value) },
      selectors: { [NAMESPACE]: (key, values) => this.#newest(key, values) },
    })(limited(components as KadDHTComponents, new RequestBudget(this.#clock)))
    return this.#dht
  }

  /** Gives an announcement to the nodes that are nearest to its key; says how many took it. */
  async put(announcement: Uint8Array, signal: AbortSignal): Promise<number> {
    const { inbox, issuedMs, device } = readAnnouncement(this.#crypto, announcement, this.#clock.now())
    return asking.run({ peer: device, issuedMs, isOwn: true }, async () => {
      let takers = 0
      for await (const event of this.#running.put(keyOf(inbox), announcement, { signal })) {
        if (event.name === 'PEER_RESPONSE' && event.messageName === 'PUT_VALUE') takers += 1
      }
      return takers
    })
  }

  /**
   * What the mesh knows about an inbox; verified, the newest found. One peer that answers nonsense, or
   * keeps an old announcement and takes no other, ends kad-dht's lookup; what was found until then counts.
   */
  async get(inbox: Address, signal: AbortSignal): Promise<Announcement | undefined> {
    const key = keyOf(inbox)
    let newest: Announcement | undefined
    const note = (value: Uint8Array | undefined): void => {
      const found = value === undefined ? undefined : this.#tryRead(key, value)
      if (found !== undefined && found.issuedMs > (newest?.issuedMs ?? -1)) newest = found
    }
    try {
      for await (const event of this.#running.get(key, { signal })) {
        if (event.name === 'VALUE') note(event.value)
        else if (event.name === 'PEER_RESPONSE') note(event.record?.value)
      }
    } catch (error) {
      if (newest === undefined) throw error
    }
    return newest
  }

  get #running(): KadDHT {
    if (this.#dht === undefined) throw new MeshError('MESH_INTERNAL', 'the DHT is not started')
    return this.#dht
  }

  #read(key: Uint8Array, value: Uint8Array): Announcement {
    const announcement = readAnnouncement(this.#crypto, value, this.#clock.now())
    if (decodeUtf8(key) !== textKey(announcement.inbox)) throw new MeshError('MESH_SIGNATURE_INVALID', 'an announcement stands under a key that is not its own')
    return announcement
  }

  /** Whether an announcement may stand under a key; of one that somebody puts here, the datastore is told what it needs to know. */
  #judge(key: Uint8Array, value: Uint8Array): void {
    const { issuedMs, device } = this.#read(key, value)
    const asker = asking.getStore()
    if (asker !== undefined) Object.assign(asker, { issuedMs, isOwn: device === asker.peer })
  }

  #tryRead(key: Uint8Array, value: Uint8Array): Announcement | undefined {
    try {
      return this.#read(key, value)
    } catch (error) {
      if (isMeshError(error)) return undefined // anybody may answer anything: what does not verify was not said
      throw error
    }
  }

  /** Which of the values counts; kad-dht has checked each under its own key, which need not be this one. */
  #newest(key: Uint8Array, values: readonly Uint8Array[]): number {
    let best = 0
    let bestMs = -1
    values.forEach((value, at) => {
      const issuedMs = this.#tryRead(key, value)?.issuedMs ?? -1
      if (issuedMs > bestMs) [best, bestMs] = [at, issuedMs]
    })
    return best
  }
}

function keyOf(inbox: Address): Uint8Array {
  return encodeUtf8(textKey(inbox))
}

function textKey(inbox: Address): string {
  return `/${NAMESPACE}/${base64urlnopad.encode(idBytes(inbox))}`
}

/** Public keys of libp2p peers have no place here. */
async function refuse(): Promise<void> {
  throw new MeshError('MESH_PROTOCOL_VIOLATION', 'this DHT holds announcements only')
}

/**
 * A peer as kad-dht may keep it: private addresses and all, and an id of its own. That of a connection is
 * cut from a pool of 64 KiB, and the routing table would hold on to that for each of 1,280 peers.
 */
function compact({ id, multiaddrs }: PeerInfo): PeerInfo {
  return { id: peerIdFromString(id.toString()), multiaddrs }
}

/** The same components, with limits in front of what strangers ask and behind what they are asked. */
function limited(components: KadDHTComponents, budget: RequestBudget): KadDHTComponents {
  const { registrar, connectionManager } = components
  const handle = (protocol: string, handler: StreamHandler, options?: StreamHandlerOptions): Promise<void> =>
    registrar.handle(protocol, limitRequests(handler, budget), options)
  const openStream: typeof connectionManager.openStream = async (...asked) => limitAnswer(await connectionManager.openStream(...asked))
  return overlay(components, { registrar: overlay(registrar, { handle }), connectionManager: overlay(connectionManager, { openStream }) })
}

/** `target` with some of its properties replaced. */
function overlay<T extends object>(target: T, replaced: Partial<T>): T {
  return new Proxy(target, {
    get(_, name) {
      const value: unknown = Reflect.get(Object.hasOwn(replaced, name) ? replaced : target, name)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}
