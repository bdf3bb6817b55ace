/** Comparisons with contacts (`mesh/verification`), kept as sealed rows, one for each, and carried by messages of a type of their own. */
import { decode, encode } from 'cborg'
import { concatBytes } from '#mesh/codec'
import type { Contact } from '#mesh/contacts'
import { isMeshError, MeshError } from '#mesh/errors'
import type { DeviceId, PersonId } from '#mesh/ids'
import { type RowCodec, SealedTable, TABLES, type Transaction } from '#mesh/store'
import { agree, begin, type Comparison, decodeStep, type Emoji, encodeStep, isConfirmed, isOver, picturesOf, react, type Step } from '#mesh/verification'
import type { Composer } from './composer.ts'
import type { ConversationsDeps } from './deps.ts'

/** What people see of a comparison. */
export interface ComparisonView {
  /** `waiting`: for the other side. `asked`: the other side waits for us. */
  readonly state: 'none' | 'waiting' | 'asked' | 'ready'
  /** Seven, when it is ready. */
  readonly emoji: readonly Emoji[]
}

/** First byte of keys in the table of conversations. */
const COMPARISON = Uint8Array.of(3)

/** See the head of this file. */
export class Verifying {
  readonly #deps: Pick<ConversationsDeps, 'db' | 'contacts' | 'crypto' | 'random' | 'clock' | 'self' | 'log'>
  readonly #composer: Composer
  readonly #table: SealedTable<Comparison>

  constructor(deps: Pick<ConversationsDeps, 'db' | 'contacts' | 'crypto' | 'random' | 'clock' | 'self' | 'log'>, composer: Composer) {
    this.#deps = deps
    this.#composer = composer
    this.#table = new SealedTable(deps, TABLES.conversations, deps.self.historyKey, comparisonCodec)
  }

  /** How far the comparison with a person is. */
  async view(person: PersonId): Promise<ComparisonView> {
    return viewOf(await this.#current(this.#deps.db, person))
  }

  /** Begins a comparison, agrees to the one that the other side began, or shows how far it is. @throws as `send` */
  compare({ person }: Contact): Promise<ComparisonView> {
    const { db, crypto, random, clock } = this.#deps
    const bytes = (length: number): Uint8Array => random.bytes(length)
    return db.transaction(async (tx) => {
      const known = await this.#current(tx, person)
      const current = known === undefined || isConfirmed(known) ? undefined : known
      if (current !== undefined && current.phase !== 'asked') return viewOf(current)
      const { comparison, send } = current === undefined ? begin(crypto, bytes, this.#self, clock.now()) : agree(crypto, bytes, current)
      this.#table.put(tx, this.#keyOf(person), comparison)
      await this.#send(tx, person, send)
      return viewOf(comparison)
    })
  }

  /** The pictures are the same: the person is verified. @throws MeshError `MESH_VERIFICATION_FAILED` when there are none yet */
  confirm({ person }: Contact): Promise<Contact> {
    const { db, contacts } = this.#deps
    return db.transaction(async (tx) => {
      const current = await this.#current(tx, person)
      if (current?.phase !== 'ready' || isConfirmed(current)) {
        throw new MeshError('MESH_VERIFICATION_FAILED', 'there are no pictures to confirm yet', { hint: 'Both of you: `qpq contact verify NAME --emoji`.' })
      }
      this.#table.put(tx, this.#keyOf(person), { ...current, isConfirmed: true })
      return contacts.update(tx, person, { verified: true, alarms: [] })
    })
  }

  /** The pictures differ, or nobody wants to compare: ends it here and there. The person is verified no more if pictures were shown. */
  reject({ person }: Contact): Promise<Contact> {
    const { db, contacts } = this.#deps
    return db.transaction(async (tx) => {
      const current = await this.#current(tx, person)
      if (current === undefined) throw new MeshError('MESH_VERIFICATION_FAILED', 'there is no comparison with this person')
      this.#table.del(tx, this.#keyOf(person))
      await this.#send(tx, person, { kind: 'cancel', session: current.session })
      return contacts.update(tx, person, current.phase === 'ready' ? { verified: false } : {})
    })
  }

  /** Takes a step that arrived; who wrote it is proven, and is a contact. */
  async take(tx: Transaction, { person, device }: { person: PersonId; device: DeviceId }, bytes: Uint8Array): Promise<void> {
    const { crypto, clock, log } = this.#deps
    const step = stepIn(bytes)
    if (step === undefined) return log.debug('a step of a comparison was passed over', { person })
    const current = await this.#current(tx, person)
    const reaction = react(crypto, current, step, this.#self, { person, device }, clock.now())
    if (reaction.kind === 'ignore') return
    if (reaction.kind === 'end') {
      this.#table.del(tx, this.#keyOf(person))
      // Pictures that one side finds to be different were not the same, whatever was confirmed here.
      if (current !== undefined && isConfirmed(current)) await this.#deps.contacts.update(tx, person, { verified: false })
      tx.emit({ kind: 'trust-changed', person, what: reaction.why })
      return
    }
    const { comparison, send } = reaction
    this.#table.put(tx, this.#keyOf(person), comparison)
    if (send !== undefined) await this.#send(tx, person, send)
    tx.emit({ kind: 'trust-changed', person, what: comparison.phase === 'ready' ? 'ready' : 'asked' })
  }

  get #self(): { person: PersonId; device: DeviceId } {
    return { person: this.#deps.self.keys.person, device: this.#deps.self.device }
  }

  async #send(tx: Transaction, person: PersonId, step: Step): Promise<void> {
    const contact = this.#deps.contacts.current(person)
    if (contact === undefined) throw new MeshError('MESH_CONTACT_UNKNOWN', 'this person is not known here')
    await this.#composer.step(tx, contact, encodeStep(step))
  }

  async #current(reader: Parameters<SealedTable<Comparison>['get']>[0], person: PersonId): Promise<Comparison | undefined> {
    const comparison = await this.#table.get(reader, this.#keyOf(person))
    return comparison === undefined || isOver(comparison, this.#deps.clock.now()) ? undefined : comparison
  }

  #keyOf(person: PersonId): Uint8Array {
    return concatBytes(COMPARISON, this.#deps.contacts.blind(person))
  }
}

function viewOf(comparison: Comparison | undefined): ComparisonView {
  if (comparison === undefined || isConfirmed(comparison)) return { state: 'none', emoji: [] }
  if (comparison.phase === 'ready') return { state: 'ready', emoji: picturesOf(comparison.pictures) }
  return { state: comparison.phase === 'asked' ? 'asked' : 'waiting', emoji: [] }
}

function stepIn(bytes: Uint8Array): Step | undefined {
  try {
    return decodeStep(bytes)
  } catch (error) {
    if (isMeshError(error) && error.blame === 'peer') return undefined
    throw error
  }
}

/** A CBOR map of what it has; sealed by this node, so it is what it was. */
const comparisonCodec: RowCodec<Comparison> = {
  encode: (comparison) => encode(comparison),
  decode: (bytes) => decode(bytes) as Comparison,
}
