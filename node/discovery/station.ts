/**
 * The sockets of one family on one interface: a voice that speaks and hears unicast, and the multicast
 * groups. In an mDNS group questions and answers are multicast from port 5353, as the standard wants. In
 * our own group the voice speaks, so that its port tells the others where to answer by unicast: one
 * multicast for a question and none for the answers, which is what a radio mesh can afford.
 */
import type { DeviceId } from '#mesh/ids'
import { type Clock, type Random, randomBelow } from '#mesh/ports'
import { afterAnswer, afterAsk, afterSameQuestion, Bucket, dueMs, isSettled, type Pacing, restart, wantAnswer } from './pacing.ts'
import type { Voice } from './peer-book.ts'
import type { DatagramSource, IpFamily, SocketFactory, SocketRequest, UdpSocket } from './ports.ts'
import type { OwnPacket } from './wire.ts'

/** A multicast group that we are in. */
export interface Group {
  readonly name: 'mdns' | 'own'
  readonly family: IpFamily
  readonly address: string
  readonly port: number
  /** 255 in mDNS (RFC 6762 §11); 1 in our own group, which never leaves the link. */
  readonly hops: number
}

/** What an interface counts; shared by its stations. */
export interface Counters {
  sent: number
  received: number
  errors: number
  lastError: string | undefined
}

/** What a station needs from its interface. */
export interface StationDeps {
  readonly clock: Clock
  readonly random: Random
  readonly sockets: SocketFactory
  readonly counters: Counters
  readonly groups: readonly Group[]
  /** The bytes to send; `undefined` when there is nothing to announce. */
  packet(kind: OwnPacket['kind'], voicePort: number | undefined, asker?: DeviceId): Uint8Array | undefined
  onDatagram(station: Station, via: Group | 'voice', bytes: Uint8Array, from: DatagramSource): void
  /** Something is due earlier than before. */
  ring(): void
}

interface Membership {
  readonly group: Group
  socket: UdpSocket | undefined
  pacing: Pacing
  failures: number
}

interface Reply {
  readonly address: string
  readonly port: number
  readonly dueMs: number
  readonly asker: DeviceId | undefined
}

/** Answers that wait at one time; a question beyond that is not answered (the asker asks again). */
const MAX_PENDING_REPLIES = 64
/** Unicast answers per second and at once: a hundred nodes that start together are served, a flood of forged questions is not. */
const REPLY_RATE = { perSecond: 50, burst: 100 }
/** Unicast answers to a multicast question are spread over this time, in ms. */
const REPLY_SPREAD_MS = 60
/** Time until a question that the system refused is tried again, in ms. */
const RETRY_MS = 500
/** Send errors in a row after which a socket is opened anew. */
const MAX_SEND_FAILURES = 3

/** See the head of this file. */
export class Station {
  readonly family: IpFamily
  readonly #deps: StationDeps
  readonly #interfaceName: string
  readonly #ownAddress: string
  readonly #memberships: Membership[]
  readonly #replies = new Map<string, Reply>()
  readonly #replyBucket = new Bucket(REPLY_RATE.perSecond, REPLY_RATE.burst)
  #voice: UdpSocket | undefined

  constructor(deps: StationDeps, place: { family: IpFamily; interfaceName: string; ownAddress: string }) {
    this.#deps = deps
    this.family = place.family
    this.#interfaceName = place.interfaceName
    this.#ownAddress = place.ownAddress
    const now = deps.clock.monotonic()
    this.#memberships = deps.groups
      .filter((group) => group.family === place.family)
      .map((group) => ({ group, socket: undefined, pacing: restart(now), failures: 0 }))
  }

  /** True when every socket is open. */
  get isWhole(): boolean {
    return this.#voice !== undefined && this.#memberships.every(({ socket }) => socket !== undefined)
  }

  /** True when at least one group can be spoken to and heard. */
  get isOpen(): boolean {
    return this.#memberships.some(({ socket }) => socket !== undefined)
  }

  /** Opens what is not open. What fails is counted and tried again by the next call. */
  async open(): Promise<void> {
    if (this.#voice === undefined) {
      this.#voice = await this.#openSocket('voice')
      if (this.#voice !== undefined) this.restart(this.#deps.clock.monotonic())
    }
    for (const membership of this.#memberships) {
      if (membership.socket !== undefined) continue
      membership.socket = await this.#openSocket(membership.group)
      if (membership.socket === undefined) continue
      membership.failures = 0
      membership.pacing = restart(this.#deps.clock.monotonic(), membership.pacing)
    }
  }

  close(): void {
    this.#voice?.close()
    this.#voice = undefined
    for (const membership of this.#memberships) {
      membership.socket?.close()
      membership.socket = undefined
    }
    this.#replies.clear()
  }

  /** Begins to ask anew, because something changed. */
  restart(now: number): void {
    for (const membership of this.#memberships) membership.pacing = restart(now, membership.pacing)
  }

  /** Somebody asked in an mDNS group: everybody there gets an answer soon. */
  answerGroup(group: Group): void {
    const { clock, random } = this.#deps
    const membership = this.#memberships.find((one) => one.group === group)
    if (membership === undefined) return
    const now = clock.monotonic()
    membership.pacing = wantAnswer(afterSameQuestion(membership.pacing, now, random), now, random)
    this.#deps.ring()
  }

  /** Somebody asked in our own group or by unicast: only the asker gets an answer. */
  answerAsker(from: DatagramSource, asker: DeviceId | undefined, wasUnicast: boolean): void {
    const { clock, random } = this.#deps
    const key = `${from.address} ${from.port}`
    if (this.#replies.has(key) || this.#replies.size >= MAX_PENDING_REPLIES || !this.#replyBucket.take(clock.monotonic())) return
    const dueMs = clock.monotonic() + (wasUnicast ? 0 : randomBelow(random, REPLY_SPREAD_MS))
    this.#replies.set(key, { address: from.address, port: from.port, dueMs, asker })
    this.#deps.ring()
  }

  /** Asks one peer by unicast; the packet carries our own records too. */
  async probe(voice: Voice, peer: DeviceId): Promise<void> {
    const bytes = this.#deps.packet('beacon', this.#voice?.port, peer)
    if (this.#voice !== undefined && bytes !== undefined) await this.#send(this.#voice, bytes, voice.address, voice.port)
  }

  /** When something is due next. */
  dueMs(): number {
    let due = Number.POSITIVE_INFINITY
    for (const { socket, pacing } of this.#memberships) if (socket !== undefined) due = Math.min(due, dueMs(pacing))
    for (const reply of this.#replies.values()) due = Math.min(due, reply.dueMs)
    return due
  }

  /** Sends what is due. */
  async tick(now: number): Promise<void> {
    for (const membership of this.#memberships) {
      if (membership.socket === undefined) continue
      if (membership.pacing.askDueMs <= now) await this.#ask(membership, now)
      if ((membership.pacing.answerDueMs ?? Number.POSITIVE_INFINITY) <= now) await this.#answer(membership, now)
    }
    for (const [key, reply] of this.#replies) {
      if (reply.dueMs > now) continue
      this.#replies.delete(key)
      const bytes = this.#deps.packet('answer', this.#voice?.port, reply.asker)
      if (this.#voice !== undefined && bytes !== undefined) await this.#send(this.#voice, bytes, reply.address, reply.port)
    }
  }

  async #ask(membership: Membership, now: number): Promise<void> {
    const { group, pacing } = membership
    const next = afterAsk(pacing, now, this.#deps.random)
    // In our own group the question carries our records, and once it is settled there is only the announcement.
    membership.pacing = group.name === 'own' ? { ...next, answerDueMs: undefined } : next
    const kind = group.name === 'mdns' ? 'query' : isSettled(pacing) ? 'answer' : 'beacon'
    // What did not leave was not asked: the back-off does not go on. An IPv6 address is unusable for its first second or two.
    if (!(await this.#sendToGroup(membership, kind))) membership.pacing = { ...membership.pacing, round: pacing.round, askDueMs: now + RETRY_MS }
  }

  async #answer(membership: Membership, now: number): Promise<void> {
    membership.pacing = afterAnswer(membership.pacing, now)
    await this.#sendToGroup(membership, 'answer')
  }

  /** False when the system refused; having nothing to say is no failure. */
  async #sendToGroup(membership: Membership, kind: OwnPacket['kind']): Promise<boolean> {
    const { group } = membership
    const bytes = this.#deps.packet(kind, this.#voice?.port)
    const socket = group.name === 'mdns' ? membership.socket : this.#voice
    if (bytes === undefined || socket === undefined) return true
    const sent = await this.#send(socket, bytes, group.address, group.port)
    membership.failures = sent ? 0 : membership.failures + 1
    if (membership.failures >= MAX_SEND_FAILURES) {
      this.#drop(socket)
      membership.failures = 0
    }
    return sent
  }

  async #send(socket: UdpSocket, bytes: Uint8Array, address: string, port: number): Promise<boolean> {
    const { counters } = this.#deps
    try {
      await socket.send(bytes, address, port)
      counters.sent += 1
      return true
    } catch (error) {
      this.#count(`sending to ${address}`, error)
      return false
    }
  }

  async #openSocket(what: Group | 'voice'): Promise<UdpSocket | undefined> {
    const request: SocketRequest = {
      family: this.family,
      interfaceName: this.#interfaceName,
      ownAddress: this.#ownAddress,
      ...(what === 'voice' ? { port: 0, hops: 1 } : { group: what.address, port: what.port, hops: what.hops }),
    }
    try {
      const opened: UdpSocket = await this.#deps.sockets.open(request, {
        onDatagram: (bytes, from) => this.#deps.onDatagram(this, what, bytes, from),
        onError: (error) => {
          this.#count(what === 'voice' ? 'the unicast socket' : `the socket of ${what.address}`, error)
          this.#drop(opened)
        },
      })
      return opened
    } catch (error) {
      this.#count(what === 'voice' ? `opening a socket on ${this.#ownAddress}` : `joining ${what.address} port ${what.port}`, error)
      return undefined
    }
  }

  /** Closes a socket that broke; the next `open` brings another. */
  #drop(socket: UdpSocket): void {
    if (this.#voice === socket) this.#voice = undefined
    for (const membership of this.#memberships) if (membership.socket === socket) membership.socket = undefined
    socket.close()
  }

  #count(doing: string, error: unknown): void {
    const { counters } = this.#deps
    counters.errors += 1
    counters.lastError = `${doing}: ${codeOf(error)}`
  }
}

/** The system's short code (`ENETUNREACH`), which is what people search for. */
function codeOf(error: unknown): string {
  if (error instanceof Error) return 'code' in error && typeof error.code === 'string' ? error.code : error.message
  return String(error)
}
