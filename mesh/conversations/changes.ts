/**
 * Edits, deletions and reactions of one conversation: each finds its message and rewrites its row, or waits
 * for it. What is deleted is overwritten; what is deleted before it arrives is never written.
 *
 * Keys in the table of content, by their first byte: 0 message id → envelope id; 1 blinded person ‖ message id ‖
 * operation → an operation that waits, sealed.
 */
import { encode } from 'cborg'
import { concatBytes, copyBytes, decodeCbor } from '#mesh/codec'
import { applied, type Operation } from '#mesh/content'
import { type EnvelopeId, envelopeIdOf, idBytes, type MessageId, messageIdOf, type PersonId } from '#mesh/ids'
import type { Crypto, Random } from '#mesh/ports'
import { type MessageChange, type Reader, type RowCodec, SealedTable, TABLES, type Transaction } from '#mesh/store'
import type { History, MessageRow } from './history.ts'

/** Operations of one conversation that wait for their message: above it the oldest goes. Messages that come late are few, and nobody fills a disk with changes of nothing. */
export const MAX_WAITING_CHANGES = 256

const REFERENCE = Uint8Array.of(0)
const WAITING = Uint8Array.of(1)
const CHANGES: Readonly<Record<Operation['intent']['kind'], MessageChange>> = { edit: 'edited', delete: 'deleted', react: 'reacted', unreact: 'reacted' }

/** What changes need. */
export interface ChangesDeps {
  readonly crypto: Crypto
  readonly random: Random
  readonly historyKey: Uint8Array
  readonly blind: (person: PersonId) => Uint8Array
  /** This person. */
  readonly self: PersonId
}

/** See the head of this file. */
export class Changes {
  readonly #deps: ChangesDeps
  readonly #history: History
  readonly #waiting: SealedTable<Operation>
  /** Conversations in which something has waited since the start, and those that were looked at for what waited before it. */
  readonly #waitedFor = new Set<PersonId>()
  readonly #looked = new Set<PersonId>()

  constructor(deps: ChangesDeps, history: History) {
    this.#deps = deps
    this.#history = history
    this.#waiting = new SealedTable(deps, TABLES.content, deps.historyKey, operationCodec)
  }

  /** The message of a conversation that others call by `ref`; texts from before there was content go by their envelope. */
  async find(reader: Reader, person: PersonId, ref: MessageId): Promise<MessageRow | undefined> {
    const envelope = await this.envelopeOf(reader, ref)
    const row = await this.#history.message(reader, envelope)
    return row?.person === person ? row : undefined
  }

  /** The envelope that brought a message. */
  async envelopeOf(reader: Reader, ref: MessageId): Promise<EnvelopeId> {
    return envelopeIdOf((await reader.get(TABLES.content, concatBytes(REFERENCE, idBytes(ref)))) ?? idBytes(ref))
  }

  /** Keeps a new message as what came before it has made of it. Returns the row that was kept. */
  async put(tx: Transaction, row: MessageRow): Promise<MessageRow> {
    const ref = refOf(row)
    const key = concatBytes(REFERENCE, idBytes(ref))
    // A second envelope with the same content is a message of its own, but the name stays with the first one.
    if (row.facts !== undefined && (await tx.get(TABLES.content, key)) === undefined) tx.put(TABLES.content, key, idBytes(row.id))
    const waited = (await this.#mayWait(tx, row.person)) ? await this.#takeWaiting(tx, row.person, ref) : []
    let kept = row
    // What takes a reaction back comes after the reactions.
    for (const operation of waited.sort((one, other) => Number(one.intent.kind === 'unreact') - Number(other.intent.kind === 'unreact'))) {
      kept = (await this.#outcome(tx, kept, operation)) ?? kept
    }
    this.#history.put(tx, kept)
    return kept
  }

  /** Takes what waits for a message. */
  async #takeWaiting(tx: Transaction, person: PersonId, on: MessageId): Promise<Operation[]> {
    const waited: Operation[] = []
    for await (const [key, operation] of this.#waiting.entries(tx, under(concatBytes(this.#prefix(person), idBytes(on))))) {
      waited.push(operation)
      this.#waiting.del(tx, copyBytes(key))
    }
    return waited
  }

  /** False when surely nothing waits in a conversation, which is nearly always: then no message has to look. */
  async #mayWait(tx: Transaction, person: PersonId): Promise<boolean> {
    if (this.#waitedFor.has(person)) return true
    if (this.#looked.has(person)) return false
    for await (const _ of tx.iterate(TABLES.content, { ...under(this.#prefix(person)), limit: 1 })) this.#waitedFor.add(person)
    this.#looked.add(person)
    return this.#waitedFor.has(person)
  }

  /** Joins the transaction that reads or writes an operation. */
  async take(tx: Transaction, person: PersonId, operation: Operation): Promise<void> {
    const { target } = operation.intent
    const row = await this.find(tx, person, target)
    if (row === undefined && (await this.#history.has(tx, await this.envelopeOf(tx, target)))) return // it was here and has disappeared
    if (row === undefined) return this.#wait(tx, person, target, operation)
    const changed = await this.#outcome(tx, row, operation)
    if (changed === undefined) return
    this.#history.rewrite(tx, changed, row)
    if (row.isShown) tx.emit({ kind: 'message-changed', conversation: person, id: row.id, change: CHANGES[operation.intent.kind] })
  }

  /** What an operation makes of its message; undefined when that stays as it is. What takes back a reaction that has not come waits for it. */
  async #outcome(tx: Transaction, row: MessageRow, operation: Operation): Promise<MessageRow | undefined> {
    const changed = this.#after(row, operation)
    const { intent } = operation
    if (intent.kind === 'react' && changed !== undefined) return this.#withoutUndone(tx, changed, operation.id)
    if (intent.kind === 'unreact' && changed === undefined && row.facts?.isDeleted !== true) await this.#wait(tx, row.person, intent.reaction, operation)
    return changed
  }

  #after(row: MessageRow, operation: Operation): MessageRow | undefined {
    if (row.facts?.isOnce === true && operation.intent.kind === 'edit') return undefined // nobody sees it twice
    const author = row.direction === 'in' ? row.person : this.#deps.self
    const facts = { ...(row.facts ?? { ref: refOf(row) }), text: row.text }
    const changed = applied(facts, author, operation)
    if (changed === undefined) return undefined
    const { text, ...rest } = changed
    return { ...row, text, facts: rest }
  }

  /** A reaction may have been taken back before it came. */
  async #withoutUndone(tx: Transaction, row: MessageRow, reaction: MessageId): Promise<MessageRow> {
    let kept = row
    for await (const [key, operation] of this.#waiting.entries(tx, under(concatBytes(this.#prefix(row.person), idBytes(reaction))))) {
      const changed = this.#after(kept, operation)
      if (changed === undefined) continue
      kept = changed
      this.#waiting.del(tx, copyBytes(key))
    }
    return kept
  }

  async #wait(tx: Transaction, person: PersonId, on: MessageId, operation: Operation): Promise<void> {
    this.#waitedFor.add(person)
    const prefix = this.#prefix(person)
    const others: { key: Uint8Array; ms: number }[] = []
    for await (const [key, { stamp }] of this.#waiting.entries(tx, under(prefix))) others.push({ key: copyBytes(key), ms: stamp.ms })
    const oldest = others.sort((a, b) => a.ms - b.ms)[0]
    if (oldest !== undefined && others.length >= MAX_WAITING_CHANGES) this.#waiting.del(tx, oldest.key)
    this.#waiting.put(tx, concatBytes(prefix, idBytes(on), idBytes(operation.id)), operation)
  }

  #prefix(person: PersonId): Uint8Array {
    return concatBytes(WAITING, this.#deps.blind(person))
  }
}

/** The name that others call a message by. */
export function refOf(row: Pick<MessageRow, 'id' | 'facts'>): MessageId {
  return row.facts?.ref ?? messageIdOf(idBytes(row.id))
}

/** Keys that begin with `prefix`: what follows it in a key are ids, and no id is all ones. */
function under(prefix: Uint8Array): { gte: Uint8Array; lt: Uint8Array } {
  return { gte: prefix, lt: concatBytes(prefix, new Uint8Array(96).fill(0xff)) }
}

const KINDS: readonly Operation['intent']['kind'][] = ['edit', 'delete', 'react', 'unreact']

const operationCodec: RowCodec<Operation> = {
  encode: ({ id, by, stamp, intent, text }) =>
    encode([
      1,
      idBytes(id),
      by,
      stamp.ms,
      stamp.counter,
      text,
      KINDS.indexOf(intent.kind),
      idBytes(intent.target),
      intent.kind === 'react' ? intent.emoji : null,
      intent.kind === 'unreact' ? idBytes(intent.reaction) : null,
    ]),
  decode(bytes) {
    const [, id, by, ms, counter, text, kind, targetBytes, emoji, reaction] = decodeCbor(bytes) as [
      number,
      Uint8Array,
      PersonId,
      number,
      number,
      string,
      number,
      Uint8Array,
      string | null,
      Uint8Array | null,
    ]
    const target = messageIdOf(targetBytes)
    const common = { id: messageIdOf(id), by, stamp: { ms, counter }, text }
    if (emoji !== null) return { ...common, intent: { kind: 'react', target, emoji } }
    if (reaction !== null) return { ...common, intent: { kind: 'unreact', target, reaction: messageIdOf(reaction) } }
    return { ...common, intent: { kind: KINDS[kind] === 'edit' ? 'edit' : 'delete', target } }
  },
}
