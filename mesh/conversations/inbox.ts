/**
 * Reading what arrived: the door puts envelopes to own addresses into the inbox queue, this takes them
 * out. One transaction makes the message part of the history, takes the envelope out of the store, lays a
 * tombstone and notes that a receipt is due; a crash before it repeats all, after it repeats nothing.
 *
 * What a stranger sends above his limits stays in the queue, up to a number, and is looked at again when
 * somebody is accepted. What nobody can ever read, and announcements by others than the person they are
 * about, go at once: both would count as ours, and so fill the store.
 */
import { addressOfKey, compareStamps, type Envelope, expiryOf, isBelievable } from '#mesh/envelope'
import { type ErrorCode, isMeshError, type MeshError } from '#mesh/errors'
import { type Revocation, readRevocation } from '#mesh/identity'
import { authorKeyOf, type EnvelopeId, envelopeIdOf, idBytes, type PersonId, personKeyOf } from '#mesh/ids'
import { type Runnable, spawn, type Task } from '#mesh/runtime'
import { TABLES, type Transaction } from '#mesh/store'
import type { Asides } from './asides.ts'
import type { Changes } from './changes.ts'
import type { ConversationsDeps } from './deps.ts'
import { latestHeads } from './heads.ts'
import type { History, MessageRow } from './history.ts'
import { Lanes } from './lanes.ts'
import { type OpenedMessage, openMessage } from './opened.ts'
import { Proven } from './proven.ts'
import type { Receipts } from './receipts.ts'
import { keptOf } from './said.ts'
import type { Verifying } from './verifying.ts'

/** Pause after a failed write, ms. */
const RETRY_MS = 5_000
/** Pause between two warnings of one kind about messages that were dropped, ms. */
const SAY_AGAIN_MS = 60_000
/** Messages kept of somebody who was not accepted yet; further ones wait in the queue. */
export const MAX_REQUEST_MESSAGES = 20
/** Envelopes of strangers that wait in the queue; further ones are dropped: each is opened again when somebody is accepted. */
const MAX_WAITING = 1_000

/** See the head of this file. */
export class Inbox implements Runnable {
  readonly #deps: ConversationsDeps
  readonly #history: History
  readonly #receipts: Receipts
  readonly #changes: Changes
  readonly #asides: Asides
  readonly #verifying: Pick<Verifying, 'take'>
  readonly #counters: Record<string, number> = {}
  readonly #lanes: Lanes
  readonly #proven: Proven
  /** Above the limits of strangers; they stay in the durable queue. */
  readonly #waiting = new Set<EnvelopeId>()
  /** When a kind of dropped message may be told again, by code. */
  readonly #quietUntilMs = new Map<ErrorCode, number>()
  /** Somebody nobody knew was read: what else he wrote may go first now. */
  #isAuthorNew = false
  #task: Task | undefined
  #unsubscribe: (() => void) | undefined

  constructor(
    deps: ConversationsDeps,
    history: History,
    receipts: Receipts,
    { changes, asides, verifying }: { changes: Changes; asides: Asides; verifying: Pick<Verifying, 'take'> },
  ) {
    this.#deps = deps
    this.#lanes = new Lanes(deps)
    this.#proven = new Proven(deps.crypto)
    this.#history = history
    this.#receipts = receipts
    this.#changes = changes
    this.#asides = asides
    this.#verifying = verifying
  }

  /** What was read and what was dropped, by reason. */
  get counters(): Readonly<Record<string, number>> {
    return this.#counters
  }

  async start(): Promise<void> {
    const { db, log, contacts, self } = this.#deps
    this.#unsubscribe = db.subscribe((event) => {
      if (event.kind === 'envelope-queued' && !this.#isOwn(event.id)) this.#lanes.add([event.id])
      if (event.kind === 'envelope-removed') this.#waiting.delete(event.id)
      if (event.kind === 'request-added') this.#lanes.add(this.#announcementsOf(event.person))
    })
    for await (const [key] of db.iterate(TABLES.inboxQueue)) this.#lanes.add([envelopeIdOf(key)])
    for (const { person } of [self.keys, ...contacts.list()]) this.#lanes.add(this.#announcementsOf(person))
    this.#task = spawn(
      (signal) => this.#run(signal),
      (error) => log.error('the inbox stopped', { error }),
    )
  }

  async stop(): Promise<void> {
    this.#unsubscribe?.()
    await this.#task?.stop()
  }

  /** Somebody was accepted: looks again at what waits, and at what the person had announced before anybody here listened. */
  rescan(accepted: PersonId): void {
    this.#lanes.add([...this.#announcementsOf(accepted), ...this.#waiting])
  }

  /** Receipts and announcements of this node say nothing new to it. */
  #isOwn(id: EnvelopeId): boolean {
    return this.#deps.store.meta(id)?.own === true
  }

  #announcementsOf(person: PersonId): EnvelopeId[] {
    const carried = [...this.#deps.store.byAddress(addressOfKey(personKeyOf(person)))]
    return carried.flatMap(({ id, kind, own }) => (kind === 'announcement' && !own ? [id] : []))
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { clock } = this.#deps
    while (!signal.aborted) {
      if (this.#lanes.isEmpty) await this.#lanes.bell.heard(signal)
      if (signal.aborted) return
      const isDone = this.#lanes.hasKnown ? await this.#readNext() : await this.#readStrange(signal)
      if (!isDone) await this.#lanes.bell.heardWithin(clock, RETRY_MS, signal) // what arrives meanwhile is not kept waiting
    }
  }

  async #readNext(): Promise<boolean> {
    const ids = this.#lanes.next()
    return (await this.#isRead(ids)) || (await this.#isReadSingly(ids))
  }

  /** Strangers get half of the time at most: what they write is opened before anybody knows what it is worth. */
  async #readStrange(signal: AbortSignal): Promise<boolean> {
    const { clock } = this.#deps
    const beganMs = clock.monotonic()
    const isDone = await this.#readNext()
    if (this.#isAuthorNew) this.#lanes.sortAnew()
    this.#isAuthorNew = false
    const tookMs = clock.monotonic() - beganMs
    if (tookMs > 0 && !this.#lanes.hasKnown) await this.#lanes.knownBell.heardWithin(clock, tookMs, signal)
    return isDone
  }

  /** Reads; false when that failed, and then the ids are still in the queue. */
  async #isRead(ids: readonly EnvelopeId[]): Promise<boolean> {
    try {
      await this.#read(ids)
      for (const id of ids) this.#lanes.forget(id)
      return true
    } catch (error) {
      this.#deps.log.warn('arrived messages could not be kept; trying again', { error, envelopes: ids.length })
      return false
    }
  }

  /** One that cannot be read must not keep the others back: it goes to the end of the queue. */
  async #isReadSingly(ids: readonly EnvelopeId[]): Promise<boolean> {
    if (this.#deps.db.lastFailure !== undefined) return false
    let isDone = true
    for (const id of ids) {
      if (ids.length > 1 && (await this.#isRead([id]))) continue
      isDone = false
      if (this.#deps.db.lastFailure !== undefined) break
      this.#lanes.putBack(id)
    }
    return isDone
  }

  async #read(ids: readonly EnvelopeId[]): Promise<void> {
    const { store, db } = this.#deps
    const found = await Promise.all(ids.map((id) => store.open(id)))
    const envelopes = found.filter((envelope) => envelope !== undefined).sort(inReadingOrder)
    const read = envelopes.map((envelope) => ({ envelope, outcome: this.#open(envelope) }))
    if (read.length === 0) return
    await db.transaction(async (tx) => {
      for (const { envelope, outcome } of read) await this.#take(tx, envelope, outcome)
    })
  }

  /** Everything that needs no store: the message, or in a word what else it is or why it is dropped. */
  #open(envelope: Envelope): OpenedMessage | string {
    const { crypto, self, clock, contacts } = this.#deps
    if (envelope.kind === 'receipt' || envelope.kind === 'announcement') return envelope.kind
    if (envelope.kind !== 'inbox' || envelope.address !== addressOfKey(self.keys.inboxKey)) return 'misplaced'
    try {
      return openMessage(
        { crypto, keys: self.keys, nowMs: clock.now(), proven: this.#proven, isRevoked: (person, device) => contacts.isRevoked(person, device) },
        envelope,
      )
    } catch (error) {
      if (!isMeshError(error)) throw error
      this.#sayDropped(error, envelope.id)
      return error.code
    }
  }

  /** Anybody can send what cannot be read, and a log must not fill the disk: each reason is told once in a while. */
  #sayDropped(error: MeshError, id: EnvelopeId): void {
    const { clock, log } = this.#deps
    const now = clock.monotonic()
    const isQuiet = now < (this.#quietUntilMs.get(error.code) ?? 0)
    if (!isQuiet) this.#quietUntilMs.set(error.code, now + SAY_AGAIN_MS)
    log[isQuiet ? 'debug' : 'warn']('a message was dropped', { error, id })
  }

  async #take(tx: Transaction, envelope: Envelope, outcome: OpenedMessage | string): Promise<void> {
    if (this.#deps.store.meta(envelope.id, tx) === undefined) return
    if (typeof outcome !== 'string') return this.#takeMessage(tx, envelope, outcome)
    if (outcome === 'announcement') await this.#takeAnnouncement(tx, envelope)
    else if (outcome === 'receipt') tx.del(TABLES.inboxQueue, idBytes(envelope.id))
    else this.#consume(tx, envelope, outcome)
  }

  async #takeMessage(tx: Transaction, envelope: Envelope, { content, certificate, card }: OpenedMessage): Promise<void> {
    const { contacts, hlc, self } = this.#deps
    const { person, device } = certificate
    if (contacts.isRevoked(person, device)) return this.#consume(tx, envelope, 'MESH_DEVICE_REVOKED')
    if (person === self.keys.person || (await this.#history.has(tx, envelope.id))) return this.#consume(tx, envelope, 'duplicate')
    const writer = await contacts.noteWriter(tx, { person, device }, envelope.author, card)
    if (writer === 'blocked') return this.#consume(tx, envelope, writer)
    if (typeof writer === 'string') return this.#wait(tx, envelope, writer)
    const isStranger = writer.state !== 'contact'
    if (isStranger && writer.requestMessages >= MAX_REQUEST_MESSAGES) return this.#wait(tx, envelope, 'too-many')
    if (isStranger) contacts.save(tx, { ...writer, requestMessages: writer.requestMessages + 1 })
    else {
      hlc.observe(envelope.stamp)
      if (this.#deps.store.meta(envelope.id, tx)?.pinned === false) this.#isAuthorNew = true
    }
    const aside = content.type !== 'message' ? 'kept' : await this.#asides.take(tx, envelope, person, content.content)
    if (aside === 'passing') return this.#consume(tx, envelope, 'read')
    if (aside === 'kept') this.#history.noteRequest(tx, envelope.id, person)
    else await this.#keep(tx, envelope, { content, certificate, card }, isStranger)
    if (content.step !== undefined && !isStranger) await this.#verifying.take(tx, { person, device }, content.step)
    const meta = this.#deps.store.meta(envelope.id, tx)
    if (meta !== undefined) this.#receipts.add(tx, meta)
    this.#consume(tx, envelope, 'read')
  }

  async #keep(tx: Transaction, envelope: Envelope, { content, certificate }: OpenedMessage, isStranger: boolean): Promise<void> {
    const { id } = envelope
    const { clock, hlc, self } = this.#deps
    const { person, device } = certificate
    const { parents, seq, composedMs } = content
    const kept = content.content === undefined ? { text: content.text } : keptOf({ by: person, to: self.keys.person, content: content.content })
    const written = isBelievable(envelope.stamp, clock.now()) ? envelope.stamp : hlc.next()
    const stamp = await this.#history.place(tx, written, parents)
    const isShown = !isStranger && (await this.#history.isAllShown(tx, parents))
    const base = { id, stamp, direction: 'in', person, device, composedMs, parents, seq, state: 'delivered', by: '', isShown } as const
    const row = await this.#changes.put(tx, this.#asides.begun(tx, { ...base, ...kept }, content.content))
    const conversation = await this.#history.conversation(tx, person)
    const heads = [...conversation.heads.filter((head) => !parents.includes(head)), id]
    this.#history.putConversation(tx, person, { ...conversation, heads: await latestHeads(this.#history, tx, heads) })
    if (isShown) tx.emit({ kind: 'message-added', conversation: person, id, direction: 'in' })
    else tx.onCommit(() => this.onHeld?.(row))
  }

  /** Called after the commit with a message that is not shown yet. */
  onHeld: ((row: MessageRow) => void) | undefined

  /**
   * A revocation: of somebody's device, or of one of ours by another of ours. It stays in the store, for
   * others; what was not signed by the person it is addressed to, and what strangers repeat, does not.
   */
  async #takeAnnouncement(tx: Transaction, envelope: Envelope): Promise<void> {
    const { contacts, self } = this.#deps
    const person = contacts.announcer(envelope.address)
    if (person === undefined || envelope.author !== authorKeyOf(personKeyOf(person))) return this.#consume(tx, envelope, 'misplaced')
    const revocation = this.#revocationIn(envelope)
    const isNew = revocation?.person === person && (await contacts.revoke(tx, revocation))
    const isKept = isNew || person === self.keys.person || contacts.current(person)?.state === 'contact'
    if (!isKept) return this.#consume(tx, envelope, 'repeated')
    tx.del(TABLES.inboxQueue, idBytes(envelope.id))
    if (isNew) tx.onCommit(() => this.#count('revocation'))
  }

  #revocationIn({ id, payload }: Envelope): Revocation | undefined {
    try {
      return readRevocation(this.#deps.crypto, payload)
    } catch (error) {
      if (!isMeshError(error)) throw error
      this.#deps.log.warn('an announcement was passed over', { code: error.code, id })
      return undefined
    }
  }

  /** Leaves an envelope in the queue until somebody is accepted, or drops it when too many wait. */
  #wait(tx: Transaction, envelope: Envelope, reason: string): void {
    const { id } = envelope
    if (this.#waiting.size >= MAX_WAITING && !this.#waiting.has(id)) this.#consume(tx, envelope, reason)
    else tx.onCommit(() => this.#waiting.add(id))
  }

  /** Takes the envelope out of the store for good. */
  #consume(tx: Transaction, { id, address }: Envelope, reason: string): void {
    const { store } = this.#deps
    const meta = store.meta(id, tx)
    if (meta !== undefined) store.bury(tx, id, address, expiryOf(meta, meta.firstSeenMs, meta.ageS))
    store.remove(tx, id, 'consumed')
    tx.onCommit(() => this.#count(reason))
  }

  #count(reason: string): void {
    this.#counters[reason] = (this.#counters[reason] ?? 0) + 1
  }
}

/** Announcements first: what a revocation forbids may be in the same batch. */
function inReadingOrder(a: Envelope, b: Envelope): number {
  return Number(b.kind === 'announcement') - Number(a.kind === 'announcement') || compareStamps(a.stamp, b.stamp)
}
