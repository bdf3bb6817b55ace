/**
 * From past facts to what people hear: the store's events carry ids only, this looks up what they are
 * about, one after the other, and tells whoever listens. A fact is told once; a listener that throws costs
 * the others nothing.
 */
import type { Contact } from '#mesh/contacts'
import type { EnvelopeId, PersonId } from '#mesh/ids'
import { Bell, type Runnable, spawn, type Task } from '#mesh/runtime'
import type { MeshEvent, MessageChange, TrustChange } from '#mesh/store'
import type { ConversationsDeps } from './deps.ts'
import type { History } from './history.ts'
import type { MessageState, MessageView, Views } from './views.ts'

/** What people want to hear at once; each leaves once. */
export type ConversationEvent =
  | { readonly kind: 'message'; readonly message: MessageView }
  /** What a message says or shows is not what it was. */
  | { readonly kind: 'change'; readonly change: MessageChange; readonly message: MessageView }
  | { readonly kind: 'gone'; readonly id: EnvelopeId; readonly person: PersonId }
  | { readonly kind: 'typing'; readonly person: PersonId; readonly isOn: boolean }
  | { readonly kind: 'lifetime'; readonly person: PersonId; readonly by: PersonId; readonly seconds: number }
  | { readonly kind: 'state'; readonly id: EnvelopeId; readonly person: PersonId; readonly state: MessageState; readonly by: string }
  | { readonly kind: 'request'; readonly contact: Contact }
  | { readonly kind: 'contact'; readonly contact: Contact }
  | { readonly kind: 'trust'; readonly contact: Contact; readonly what: TrustChange }
  /** Here stood events that could not be told in time; `log` has their messages. */
  | { readonly kind: 'lost'; readonly count: number }

/** Events that may wait for being looked up; above it the oldest are dropped, which listeners are told, and `log` has them all. */
const MAX_WAITING_EVENTS = 10_000
/** How long `stop` goes on with what waits, in ms: some thousand events. A message that is not told now is told never, and stands in `log` only. */
const LAST_WORDS_MS = 2_000

/** Facts that people may want to hear; floods of others must not push these out. */
const PRESENTED: ReadonlySet<MeshEvent['kind']> = new Set([
  'message-added',
  'message-changed',
  'message-gone',
  'typing',
  'lifetime-changed',
  'message-state',
  'custody-taken',
  'envelope-removed',
  'request-added',
  'contact-changed',
  'trust-changed',
])

/** See the head of this file. */
export class Presenter implements Runnable {
  readonly #deps: Pick<ConversationsDeps, 'db' | 'contacts' | 'ledger' | 'clock' | 'log'>
  readonly #history: History
  readonly #views: Views
  readonly #onExpired: (id: EnvelopeId) => Promise<void>
  readonly #listeners = new Set<(event: ConversationEvent) => void>()
  readonly #events: MeshEvent[] = []
  /** Dropped since the last event was told; all of them were older than what waits now. */
  #lost = 0
  readonly #bell = new Bell()
  /** Messages of which listeners know that somebody carries them; only such as wait in the outbox. */
  readonly #carried = new Set<EnvelopeId>()
  #task: Task | undefined
  #unsubscribe: (() => void) | undefined

  /** @param onExpired called when an envelope here has come to its end, in the order of events */
  constructor(
    deps: Pick<ConversationsDeps, 'db' | 'contacts' | 'ledger' | 'clock' | 'log'>,
    history: History,
    views: Views,
    onExpired: (id: EnvelopeId) => Promise<void>,
  ) {
    this.#deps = deps
    this.#history = history
    this.#views = views
    this.#onExpired = onExpired
  }

  async start(): Promise<void> {
    const { db, log } = this.#deps
    this.#unsubscribe = db.subscribe((event) => this.#note(event))
    this.#task = spawn(
      (signal) => this.#present(signal),
      (error) => log.error('events are no longer shown', { error }),
    )
  }

  /** Resolves when what was durable before is told, or when that takes too long. */
  async stop(): Promise<void> {
    const { clock } = this.#deps
    this.#unsubscribe?.()
    await this.#task?.stop()
    const endMs = clock.monotonic() + LAST_WORDS_MS
    while (this.#events.length > 0 && clock.monotonic() < endMs) await this.#presentNext()
    this.#lost += this.#events.length
    this.#tellGap()
  }

  /** Hears what happens, after it is durable. Returns how to stop listening. */
  subscribe(listener: (event: ConversationEvent) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  #note(event: MeshEvent): void {
    if (!PRESENTED.has(event.kind) || (event.kind === 'envelope-removed' && event.reason !== 'expired')) return
    if (this.#events.length >= MAX_WAITING_EVENTS) {
      this.#events.shift()
      this.#lost++
    }
    this.#events.push(event)
    this.#bell.ring()
  }

  async #present(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      if (this.#events.length === 0) await this.#bell.heard(signal)
      else await this.#presentNext()
    }
  }

  #tellGap(): void {
    if (this.#lost === 0) return
    this.#tell({ kind: 'lost', count: this.#lost })
    this.#lost = 0
  }

  async #presentNext(): Promise<void> {
    this.#tellGap()
    const event = this.#events.shift()
    if (event === undefined) return
    try {
      const shown = await this.#shown(event)
      if (shown !== undefined) this.#tell(shown)
    } catch (error) {
      this.#deps.log.warn('an event could not be shown', { error, kind: event.kind })
    }
  }

  #tell(event: ConversationEvent): void {
    for (const listener of this.#listeners) {
      try {
        listener(event)
      } catch (error) {
        this.#deps.log.warn('a listener threw', { error, kind: event.kind })
      }
    }
  }

  async #shown(event: MeshEvent): Promise<ConversationEvent | undefined> {
    const { db, contacts, ledger } = this.#deps
    switch (event.kind) {
      case 'message-added': {
        const row = await this.#history.message(db, event.id)
        return row === undefined ? undefined : { kind: 'message', message: await this.#views.of(row) }
      }
      case 'message-changed': {
        const row = await this.#history.message(db, event.id)
        return row === undefined ? undefined : { kind: 'change', change: event.change, message: await this.#views.of(row) }
      }
      case 'message-gone':
        return { kind: 'gone', id: event.id, person: event.conversation }
      case 'typing':
        return { kind: 'typing', person: event.conversation, isOn: event.isOn }
      case 'lifetime-changed':
        return { kind: 'lifetime', person: event.conversation, by: event.by, seconds: event.seconds }
      case 'message-state':
        this.#carried.delete(event.id)
        return { kind: 'state', id: event.id, person: event.conversation, state: event.state, by: event.by }
      case 'custody-taken': {
        if (this.#carried.has(event.id) || !ledger.has(event.id)) return undefined
        const row = await this.#history.message(db, event.id)
        if (row === undefined) return undefined
        this.#carried.add(event.id)
        return { kind: 'state', id: event.id, person: row.person, state: 'carried', by: event.device }
      }
      case 'envelope-removed':
        await this.#onExpired(event.id)
        return undefined
      case 'trust-changed': {
        const contact = contacts.get(event.person)
        return contact === undefined ? undefined : { kind: 'trust', contact, what: event.what }
      }
      case 'request-added':
      case 'contact-changed': {
        const contact = contacts.get(event.person)
        if (contact === undefined) return undefined
        if (event.kind === 'request-added') return { kind: 'request', contact }
        return contact.state === 'request' ? undefined : { kind: 'contact', contact }
      }
      default:
        return undefined
    }
  }
}
