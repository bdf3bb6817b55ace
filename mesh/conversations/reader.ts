/**
 * What follows from reading: the time of a disappearing message begins, a view-once message is gone, and the
 * author learns of it if this person wants that. Read receipts and typing are off unless somebody turns them
 * on: that a message was read says when its reader was at his machine, and he has not been asked.
 */
import type { Contact } from '#mesh/contacts'
import { emptyBody, extensionsFor, MAX_LIFETIME_S, MAX_REPORTED, readReportBody } from '#mesh/content'
import { isMeshError, MeshError } from '#mesh/errors'
import type { EnvelopeId, MessageId, PersonId } from '#mesh/ids'
import { Bell, type Runnable, spawn, type Task } from '#mesh/runtime'
import type { Transaction } from '#mesh/store'
import { noSuchMessage } from './amender.ts'
import { refOf } from './changes.ts'
import type { Composer } from './composer.ts'
import type { ConversationsDeps } from './deps.ts'
import type { History, MessageRow } from './history.ts'
import { nameOf } from './said.ts'
import type { Settings, SettingsTable } from './settings.ts'
import type { Vanishing } from './vanishing.ts'
import type { MessageView, Views } from './views.ts'

/** That somebody types is told again after this time at the earliest, ms: it is forgotten about as fast at the other side. */
const TYPING_PAUSE_MS = 5_000

/** Messages that may wait for being noted as read; what comes above is noted when it is read again. */
const MAX_TOLD = 10_000

/** How a conversation is set, and how it would be if nobody had set it. */
export interface ConversationSettings {
  readonly person: PersonId
  readonly readReceipts: boolean
  readonly typing: boolean
  /** Seconds after reading; 0: messages stay. */
  readonly lifetimeS: number
  readonly lifetimeBy?: PersonId
}

/** What can be set; `undefined` leaves it. */
export interface SettingsChange {
  readonly readReceipts?: boolean
  readonly typing?: boolean
  readonly lifetimeS?: number
}

interface ReaderParts {
  readonly history: History
  readonly composer: Composer
  readonly settings: SettingsTable
  readonly vanishing: Vanishing
  readonly views: Views
}

type ReaderDeps = Pick<ConversationsDeps, 'db' | 'contacts' | 'clock' | 'log' | 'self' | 'mayCross' | 'habits'>
type Shown = Pick<MessageView, 'id' | 'person' | 'direction' | 'isDeleted' | 'readMs' | 'lifetimeS' | 'isOnce'>

/** See the head of this file. */
export class Reader implements Runnable {
  readonly #deps: ReaderDeps
  readonly #parts: ReaderParts
  /** Told to listeners and not noted yet. */
  readonly #told: EnvelopeId[] = []
  readonly #bell = new Bell()
  #task: Task | undefined
  readonly #typing = new Map<PersonId, { readonly isOn: boolean; readonly atMs: number }>()

  constructor(deps: ReaderDeps, parts: ReaderParts) {
    this.#deps = deps
    this.#parts = parts
  }

  /** Notes that messages were shown to this person. Cheap when nothing follows from it; when it cannot be noted now, that is logged. */
  async markRead(messages: readonly Shown[]): Promise<void> {
    try {
      await this.#markRead(messages)
    } catch (error) {
      if (!isMeshError(error)) throw error
      this.#deps.log.warn('it could not be noted what was read', { error })
    }
  }

  /** The same of one message that a listener was told of, soon: whoever tells must not wait for the disk, nor fail with it. */
  noteShown(id: EnvelopeId): void {
    if (this.#told.length < MAX_TOLD) this.#told.push(id)
    this.#bell.ring()
  }

  async start(): Promise<void> {
    const { log } = this.#deps
    this.#task = spawn(
      (signal) => this.#run(signal),
      (error) => log.error('it is no longer noted what was read', { error }),
    )
  }

  /** Resolves when what was told until now is noted. */
  async stop(): Promise<void> {
    await this.#task?.stop()
    await this.#noteTold()
  }

  async #run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#bell.heard(signal)
      await this.#noteTold()
    }
  }

  async #noteTold(): Promise<void> {
    while (this.#told.length > 0) {
      try {
        const rows = await Promise.all(this.#told.splice(0, MAX_REPORTED).map((id) => this.#parts.history.message(this.#deps.db, id)))
        await this.markRead(await Promise.all(rows.filter((row) => row !== undefined).map((row) => this.#parts.views.of(row))))
      } catch (error) {
        if (!isMeshError(error)) throw error
        this.#deps.log.warn('it could not be noted what was read', { error })
      }
    }
  }

  async #markRead(messages: readonly Shown[]): Promise<void> {
    const { db, contacts } = this.#deps
    const unread = messages.filter((message) => message.direction === 'in' && message.readMs === undefined && !message.isDeleted && !message.isOnce)
    for (const person of new Set(unread.map((message) => message.person))) {
      const contact = contacts.get(person)
      if (contact?.state !== 'contact') continue
      const { readReceipts } = await this.settings(person)
      const wanted = unread.filter((message) => message.person === person && (readReceipts || message.lifetimeS !== undefined))
      if (wanted.length === 0) continue
      await db.transaction(async (tx) => {
        const read: MessageId[] = []
        for (const { id } of wanted) {
          const row = await this.#parts.history.message(tx, id)
          if (row === undefined || !row.isShown || row.facts?.readMs !== undefined) continue
          this.#noteRead(tx, row)
          read.push(refOf(row))
        }
        if (readReceipts) await this.#tellRead(tx, contact, read)
      })
    }
  }

  /** Reads one message. One that can be seen once is gone with that. @throws MeshError `MESH_MESSAGE_UNKNOWN` */
  async read(id: EnvelopeId): Promise<MessageView> {
    const { db, contacts } = this.#deps
    return db.transaction(async (tx) => {
      const row = await this.#parts.history.message(tx, id)
      if (row === undefined || !row.isShown) throw noSuchMessage()
      const { isOnce, readMs } = row.facts ?? {}
      if (isOnce === true && (row.direction === 'out' || readMs !== undefined)) {
        throw new MeshError('MESH_MESSAGE_UNKNOWN', 'this message could be seen once, and is gone', { hint: 'Nobody keeps it here; ask who wrote it.' })
      }
      const view = { ...(await this.#parts.views.of(row)), text: row.text }
      if (row.direction === 'out' || readMs !== undefined) return view
      const { readReceipts } = this.#effective(await this.#parts.settings.of(tx, row.person), row.person)
      this.#noteRead(tx, isOnce === true ? { ...row, text: '' } : row)
      if (isOnce === true) tx.emit({ kind: 'message-changed', conversation: row.person, id, change: 'viewed' })
      const contact = contacts.current(row.person)
      if (readReceipts && contact?.state === 'contact') await this.#tellRead(tx, contact, [refOf(row)])
      return view
    })
  }

  /** How a conversation is set. */
  async settings(person: PersonId): Promise<ConversationSettings> {
    return this.#effective(await this.#parts.settings.of(this.#deps.db, person), person)
  }

  /** Sets a conversation; the other side is told of a lifetime and of nothing else. @throws MeshError `NODE_PARAMS_INVALID` and as `send` */
  async set(contact: Contact, change: SettingsChange): Promise<ConversationSettings> {
    const { db, self, mayCross = true } = this.#deps
    const { readReceipts, typing, lifetimeS } = change
    const { person } = contact
    if (lifetimeS !== undefined && !(Number.isInteger(lifetimeS) && lifetimeS >= 0 && lifetimeS <= MAX_LIFETIME_S)) {
      throw new MeshError('NODE_PARAMS_INVALID', 'messages last from a second to a year', { hint: 'For example 1d, 12h, 90s, or off.' })
    }
    await db.transaction(async (tx) => {
      const before = await this.#parts.settings.of(tx, person)
      this.#parts.settings.put(tx, person, { ...before, ...(readReceipts === undefined ? {} : { readReceipts }), ...(typing === undefined ? {} : { typing }) })
      if (lifetimeS === undefined) return
      const said = { body: emptyBody(), extensions: extensionsFor({ lifetimeS }) }
      const { stamp, content } = await this.#parts.composer.aside(tx, contact, said, { priority: 'normal', mayCross })
      const revision = { stamp, id: nameOf({ by: self.keys.person, to: person, content }) }
      await this.#parts.settings.agree(tx, person, { seconds: lifetimeS, by: self.keys.person, revision })
    })
    return this.settings(person)
  }

  /** Tells a person that this one is typing, or no longer; true when it was told. Does nothing when that is off, or was told just now. */
  async tellTyping(contact: Contact, isOn: boolean): Promise<boolean> {
    const { db, clock, mayCross = true } = this.#deps
    const { person } = contact
    if (!(await this.settings(person)).typing) return false
    const told = this.#typing.get(person)
    const isFresh = told !== undefined && clock.monotonic() - told.atMs < TYPING_PAUSE_MS
    if (isOn ? told?.isOn === true && isFresh : told?.isOn !== true) return false
    this.#typing.set(person, { isOn, atMs: clock.monotonic() })
    await db.transaction((tx) => this.#parts.composer.passing(tx, contact, { body: emptyBody(), extensions: extensionsFor({ typing: isOn }) }, mayCross))
    return true
  }

  async #tellRead(tx: Transaction, contact: Contact, ids: readonly MessageId[]): Promise<void> {
    const { mayCross = true } = this.#deps
    for (let at = 0; at < ids.length; at += MAX_REPORTED) {
      const body = readReportBody(ids.slice(at, at + MAX_REPORTED))
      await this.#parts.composer.aside(tx, contact, { body, extensions: new Map() }, { priority: 'bulk', mayCross })
    }
  }

  #noteRead(tx: Transaction, row: MessageRow): void {
    const readMs = Math.max(Math.floor(this.#deps.clock.now()), 0)
    const facts = { ...(row.facts ?? { ref: refOf(row) }), readMs }
    this.#parts.history.rewrite(tx, this.#parts.vanishing.begin(tx, { ...row, facts }), row)
  }

  #effective({ readReceipts, typing, lifetime }: Settings, person: PersonId): ConversationSettings {
    const { habits } = this.#deps
    return {
      person,
      readReceipts: readReceipts ?? habits?.readReceipts ?? false,
      typing: typing ?? habits?.typing ?? false,
      lifetimeS: lifetime?.seconds ?? 0,
      ...(lifetime === undefined ? {} : { lifetimeBy: lifetime.by }),
    }
  }
}
