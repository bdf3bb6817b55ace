/**
 * The packets of discovery: DNS messages as libp2p's mDNS specification wants them
 * (https://github.com/libp2p/specs/blob/master/discovery/mdns.md), the same in all groups.
 *
 *   query   question  PTR _p2p._udp.local
 *           answer    PTR _p2p._udp.local → <name>._p2p._udp.local      our own, as a "known answer"
 *   answer  answer    PTR _p2p._udp.local → <name>._p2p._udp.local, ttl 120
 *           extra     TXT <name>._p2p._udp.local: "dnsaddr=<multiaddr>/p2p/<id>" …, "qpq=<port>", "view=open"
 *   beacon  both of the above in one packet; only in our own group and by unicast, because other mDNS
 *           responders (avahi) complain about queries with extra records
 *
 * `<name>` is random for each start. A query that carries our own name is our own, come back by multicast
 * loopback. `qpq=` is the UDP port where the sender listens for unicast; `view=` says whether the sender
 * could reach the libp2p port of the receiver (only in unicast). Nothing is signed: these are hints.
 */
import { type Answer, decode, encode, type Packet } from 'dns-packet'
import { type Random, randomBelow } from '#mesh/ports'
import { MAX_ADDRESSES_PER_PEER, MAX_DNSADDR_BYTES } from './multiaddrs.ts'

/** The service name of libp2p's mDNS. */
export const SERVICE_NAME = '_p2p._udp.local'
/** The largest mDNS packet in bytes (RFC 6762 §17); larger ones are not looked at. */
export const MAX_PACKET_BYTES = 9_000
/** Our own packets stay below this many bytes, so that they pass every IPv6 link unfragmented (MTU 1280). */
export const MAX_OWN_PACKET_BYTES = 1_200
/** How long an announcement is good for, in seconds; the value every libp2p implementation uses. */
export const ANNOUNCEMENT_TTL_S = 120
/** Length of our random name; the specification wants at least 32, a DNS label holds at most 63. */
const NAME_CHARACTERS = 40
const NAME_ALPHABET = 'abcdefghijklmnopqrstuvwxyz0123456789'
/** DNS header flag AA; mDNS answers are authoritative (RFC 6762 §18.4). */
const AUTHORITATIVE = 1 << 10
const FLAGS_NOT_PLAIN = 0x780f // opcode and rcode; anything else than 0 is ignored (RFC 6762 §18.3, §18.11)
const HEADER_BYTES = 12
const SERVICE_LABELS = Uint8Array.from([4, ...Buffer.from('_p2p'), 4, ...Buffer.from('_udp')])

/** What a packet says about whether the receiver's libp2p port could be reached. */
export type View = 'open' | 'closed'

/** What to put into a packet of our own. */
export interface OwnPacket {
  readonly kind: 'query' | 'answer' | 'beacon'
  readonly name: string
  readonly multiaddrs: readonly string[]
  /** The UDP port where we listen for unicast on this interface and in this family. */
  readonly voicePort?: number
  readonly view?: View
}

/** What a packet of somebody else says; nothing in it is proven. */
export interface HeardPacket {
  readonly asks: boolean
  /** The names in PTR records. */
  readonly names: readonly string[]
  /** Multiaddrs as they came, at most {@link MAX_ADDRESSES_PER_PEER}. */
  readonly multiaddrs: readonly string[]
  readonly voicePort?: number
  readonly view?: View
}

/** A fresh random name. */
export function randomName(random: Random): string {
  return Array.from({ length: NAME_CHARACTERS }, () => NAME_ALPHABET[randomBelow(random, NAME_ALPHABET.length)]).join('')
}

/** The bytes of a packet; addresses that do not fit into {@link MAX_OWN_PACKET_BYTES} are left out, last first. */
export function encodePacket(own: OwnPacket): Uint8Array {
  const instance = `${own.name}.${SERVICE_NAME}`
  const pointer: Answer = { type: 'PTR', name: SERVICE_NAME, ttl: ANNOUNCEMENT_TTL_S, class: 'IN', data: instance }
  const question = { type: 'PTR', name: SERVICE_NAME, class: 'IN' } as const
  if (own.kind === 'query') return encode({ type: 'query', id: 0, flags: 0, questions: [question], answers: [pointer] })
  const notes = [...(own.voicePort === undefined ? [] : [`qpq=${own.voicePort}`]), ...(own.view === undefined ? [] : [`view=${own.view}`])]
  for (let count = Math.min(own.multiaddrs.length, MAX_ADDRESSES_PER_PEER); ; count--) {
    const data = [...own.multiaddrs.slice(0, count).map((multiaddr) => `dnsaddr=${multiaddr}`), ...notes]
    const text: Answer = { type: 'TXT', name: instance, ttl: ANNOUNCEMENT_TTL_S, class: 'IN', data }
    const bytes = encode(
      own.kind === 'answer'
        ? { type: 'response', id: 0, flags: AUTHORITATIVE, answers: [pointer], additionals: [text] }
        : { type: 'query', id: 0, flags: 0, questions: [question], answers: [pointer], additionals: [text] },
    )
    if (bytes.length <= MAX_OWN_PACKET_BYTES || count === 0) return bytes
  }
}

/** A look at size, flags and name without parsing, because on a home LAN nearly all mDNS packets are about printers. */
export function mayBeOurs(bytes: Uint8Array): boolean {
  if (bytes.length < HEADER_BYTES || bytes.length > MAX_PACKET_BYTES) return false
  const buffer = bufferOf(bytes)
  return (buffer.readUInt16BE(2) & FLAGS_NOT_PLAIN) === 0 && buffer.indexOf(SERVICE_LABELS) !== -1
}

/** What `bytes` say, or `undefined` when they are not about libp2p or not well-formed. */
export function readPacket(bytes: Uint8Array): HeardPacket | undefined {
  if (!mayBeOurs(bytes)) return undefined
  const packet = tryDecode(bufferOf(bytes))
  return packet === undefined ? undefined : summarise(packet)
}

const bufferOf = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)

function tryDecode(buffer: Buffer): Packet | undefined {
  try {
    return decode(buffer)
  } catch {
    return undefined // the decoder throws plain errors at whatever is malformed; there is nothing to tell apart
  }
}

function summarise(packet: Packet): HeardPacket | undefined {
  const records = [...(packet.answers ?? []), ...(packet.additionals ?? [])]
  const asks = packet.type === 'query' && (packet.questions ?? []).some(({ name, type }) => isService(name) && ['PTR', 'ANY'].includes(type))
  const names = records.flatMap((record) => (record.type === 'PTR' && isService(record.name) ? [nameIn(record.data)] : []))
  if (!asks && names.length === 0) return undefined
  const texts = records
    .filter((record) => record.type === 'TXT' && record.name.toLowerCase().endsWith(`.${SERVICE_NAME}`))
    .flatMap((record) => ('data' in record && Array.isArray(record.data) ? record.data : []))
    .slice(0, MAX_ADDRESSES_PER_PEER * 2)
    .map((part) => part.toString())
    .filter((text) => text.length <= MAX_DNSADDR_BYTES)
  const voicePort = Number(noteIn(texts, 'qpq='))
  const view = noteIn(texts, 'view=')
  return {
    asks,
    names,
    multiaddrs: texts
      .filter((text) => text.startsWith('dnsaddr='))
      .slice(0, MAX_ADDRESSES_PER_PEER)
      .map((text) => text.slice('dnsaddr='.length)),
    ...(Number.isInteger(voicePort) && voicePort > 0 && voicePort <= 65_535 ? { voicePort } : {}),
    ...(view === 'open' || view === 'closed' ? { view } : {}),
  }
}

const isService = (name: string): boolean => name.toLowerCase() === SERVICE_NAME
const nameIn = (instance: string): string => instance.split('.')[0] ?? ''
const noteIn = (texts: readonly string[], key: string): string | undefined => texts.find((text) => text.startsWith(key))?.slice(key.length)
