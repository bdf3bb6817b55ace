import {
  addressOfKey,
  decodeEnvelope,
  type Envelope,
  expiryOf,
  HOP_LIMIT,
  INITIAL_COPIES,
  isEnvelopeSigned,
  type Passage,
  readRetraction,
} from '#mesh/envelope'
import { type ErrorCode, isMeshError, MeshError } from '#mesh/errors'
import { type Address, type AuthorKey, type DeviceId, type EnvelopeId, idBytes } from '#mesh/ids'
import { type Clock, type Crypto, MAX_FRAME_BYTES } from '#mesh/ports'
import { type Database, type EnvelopeMeta, type EnvelopeStore, expiryWithin, PINNED_SHARE, TABLES, type Transaction } from '#mesh/store'
import type { Candidate } from './candidate.ts'
import { InFlight } from './in-flight.ts'
import { fitsQuotas } from './quota.ts'
import type { RateLimits } from './token-buckets.ts'
import { Tolls } from './tolls.ts'
import type { IgnoreReason, Origin, Received, Verdict } from './verdict.ts'

/** What the door needs. */
export interface IntakeDeps {
  readonly db: Database
  readonly store: EnvelopeStore
  readonly crypto: Crypto
  readonly clock: Clock
  /** True for addresses whose mail the content handler of this node wants. */
  readonly isOwned: (address: Address) => boolean
  /** True when the author or the address is somebody known; everybody else is a stranger. */
  readonly isFriend: (author: AuthorKey, address: Address) => boolean
  /** True for keys that somebody known writes with. */
  readonly isFriendsKey: (author: AuthorKey) => boolean
  /** Joins the transaction in which an envelope is stored: custody rows, outbox rows. */
  readonly onAccepted?: (tx: Transaction, meta: EnvelopeMeta) => Promise<void> | void
  /** Joins the transaction in which a receipt is applied: outbox rows go, messages become `delivered`. */
  readonly onRetracted?: (tx: Transaction, retraction: { ids: readonly EnvelopeId[]; receipt: EnvelopeId; address: Address }) => Promise<void> | void
}

/** What can be tuned. */
export interface IntakeOptions {
  readonly rates?: Partial<RateLimits>
}

/** Ids of a receipt that cost its author as much as one envelope: a tombstone is small, but kept for long. */
const RETRACTED_IDS_PER_TOKEN = 100

const OWN_PASSAGE: Passage = { hops: 0, copies: INITIAL_COPIES, ageS: 0 }

/**
 * The one door for envelopes, whatever way they came: gossip, sync, direct, relay, stick, or this node.
 *
 * Cheap before dear: frame, shape, version, expiry, tombstone, duplicate, hops, rate, quota, signature,
 * and only then one transaction, in which what others committed meanwhile is asked again. What it costs whom is in
 * `tolls.ts`.
 */
export class Intake {
  readonly #deps: IntakeDeps
  readonly #tolls: Tolls
  readonly #counters: Record<string, number> = {}
  readonly #inFlight = new InFlight()

  constructor(deps: IntakeDeps, options: IntakeOptions = {}) {
    this.#deps = deps
    this.#tolls = new Tolls(deps.clock, options.rates)
  }

  /** Verdicts so far: `accept`, `ignore.<reason>`, `reject.<code>`, and `signature-checks`. */
  get counters(): Readonly<Record<string, number>> {
    return this.#counters
  }

  /** Judges one envelope; an `accept` is durable. @throws MeshError `MESH_STORE_FAILED`, `MESH_STORE_CLOSED` */
  async receive(bytes: Uint8Array, origin: Origin): Promise<Verdict> {
    const [verdict] = await this.#receive([{ bytes, passage: origin.passage }], origin.link)
    if (verdict === undefined) throw new MeshError('MESH_INTERNAL', 'an envelope got no verdict')
    return verdict
  }

  /** Judges a batch from one link in `mesh`, in its order, with one transaction. @throws MeshError `MESH_STORE_FAILED`, `MESH_STORE_CLOSED` */
  receiveAll(batch: readonly Received[], link: DeviceId, mesh?: string): Promise<Verdict[]> {
    return this.#receive(batch, link, mesh)
  }

  /**
   * Stores an envelope that this node signed, in the caller's transaction.
   * @throws MeshError `MESH_STORE_FULL` when own mail fills the store, `MESH_ENVELOPE_INVALID` when a receipt is not one
   */
  async storeOwn(tx: Transaction, envelope: Envelope, copies = INITIAL_COPIES): Promise<EnvelopeMeta> {
    const candidate = withRetraction(this.#candidateOf(envelope, { ...OWN_PASSAGE, copies }, 'self'))
    await this.#retract(tx, candidate)
    if (!this.#deps.store.makeRoom(tx, envelope.bytes.length, envelope.priority, true)) {
      throw new MeshError('MESH_STORE_FULL', 'the store is full of own mail that waits to be carried', {
        detail: { limitBytes: this.#deps.store.limits.maxBytes },
        hint: 'Raise the limit of the store, or wait until a neighbour has taken what waits.',
      })
    }
    return this.#put(tx, candidate)
  }

  async #receive(batch: readonly Received[], link: DeviceId | 'self', mesh = ''): Promise<Verdict[]> {
    const verdicts: (Verdict | Candidate)[] = []
    const seen = new Set<EnvelopeId>()
    const flight = this.#inFlight.begin()
    try {
      for (const { bytes, passage } of batch) verdicts.push(this.#judge(bytes, passage, link, seen, flight))
      const final = await this.#commit(
        verdicts.map((verdict) => (mesh !== '' && isCandidate(verdict) ? { ...verdict, arrival: { ...verdict.arrival, mesh } } : verdict)),
      )
      for (const verdict of final) this.#count(labelOf(verdict))
      return final
    } finally {
      this.#inFlight.end(flight)
    }
  }

  /** Everything that needs no disk. */
  #judge(bytes: Uint8Array, passage: Passage, link: DeviceId | 'self', seen: Set<EnvelopeId>, flight: Map<EnvelopeId, Uint8Array>): Verdict | Candidate {
    const { store, crypto } = this.#deps
    if (bytes.length > MAX_FRAME_BYTES) return this.#rejected('MESH_FRAME_TOO_LARGE', link)
    let candidate: Candidate
    try {
      candidate = this.#candidateOf(decodeEnvelope(bytes), passage, link)
    } catch (error) {
      return this.#rejected(peerCodeOf(error), link)
    }
    const { envelope } = candidate
    const now = store.surelyMs() // not what a clock says that may be years ahead
    if (expiryWithin(envelope, now, passage.ageS, store.limits.retentionMs) <= now) return ignored('expired')
    const refusal = this.#refusalOf(candidate)
    if (refusal !== undefined) return ignored(refusal)
    if (seen.has(envelope.id)) return ignored('duplicate')
    if (!candidate.isOwned && !candidate.arrival.own && passage.hops > HOP_LIMIT) return ignored('hops')
    if (!candidate.arrival.own && !this.#tolls.isOpen(candidate, link)) return ignored('rate')
    this.#tolls.chargeLink(candidate, link)
    // A receipt makes room: whether it does is known after its signature, and asked in #admit.
    if (!candidate.arrival.own && envelope.kind !== 'receipt' && !fitsQuotas(store, candidate)) return ignored('quota')
    if (!this.#inFlight.isVerified(envelope)) {
      this.#count('signature-checks')
      if (!isEnvelopeSigned(crypto, envelope)) {
        this.#tolls.chargeBadSignature(candidate, link)
        return { kind: 'reject', code: 'MESH_SIGNATURE_INVALID' }
      }
    }
    flight.set(envelope.id, bytes)
    try {
      candidate = withRetraction(candidate)
    } catch (error) {
      return this.#rejected(peerCodeOf(error), link)
    }
    this.#tolls.chargeAuthor(candidate, 1 + candidate.retracts.length / RETRACTED_IDS_PER_TOKEN)
    seen.add(envelope.id)
    return candidate
  }

  /** One transaction for all; the others' verdicts stay in their places. */
  async #commit(verdicts: readonly (Verdict | Candidate)[]): Promise<Verdict[]> {
    if (!verdicts.some(isCandidate)) return verdicts.filter(isVerdict)
    try {
      return await this.#deps.db.transaction(async (tx) => {
        const final: Verdict[] = []
        for (const verdict of verdicts) final.push(isCandidate(verdict) ? await this.#admit(tx, verdict) : verdict)
        return final
      })
    } catch (error) {
      if (!isMeshError(error, 'MESH_STORE_FULL')) throw error
      return verdicts.map((verdict) => (isCandidate(verdict) ? ignored('full') : verdict))
    }
  }

  /** Asks again what may have changed since, then stores. */
  async #admit(tx: Transaction, candidate: Candidate): Promise<Verdict> {
    const { store } = this.#deps
    const { envelope, arrival } = candidate
    const refusal = this.#refusalOf(candidate, tx)
    if (refusal !== undefined) return ignored(refusal)
    if (!arrival.own && !fitsQuotas(store, candidate, this.#freedBy(tx, candidate))) return ignored('quota')
    if (candidate.retracts.length > 0) await this.#retract(tx, candidate) // first: it may make the room that the receipt needs
    if (!store.makeRoom(tx, envelope.bytes.length, envelope.priority, arrival.own)) return ignored('full')
    const stored = this.#put(tx, candidate)
    if (stored instanceof Promise) await stored
    return { kind: 'accept', envelope, queued: candidate.isOwned }
  }

  /** What goes when a receipt is applied, each once, however often it is named. */
  #freedBy(tx: Transaction, { envelope, isOwned, retracts }: Candidate): EnvelopeMeta[] {
    if (isOwned) return []
    return [...new Set(retracts)].flatMap((id) => this.#deps.store.meta(id, tx) ?? []).filter(({ address }) => address === envelope.address)
  }

  #put(tx: Transaction, { envelope, arrival, isOwned }: Candidate): EnvelopeMeta | Promise<EnvelopeMeta> {
    const { store, onAccepted } = this.#deps
    const meta = store.put(tx, envelope, arrival)
    if (isOwned) {
      tx.put(TABLES.inboxQueue, idBytes(envelope.id), NOTHING)
      tx.emit({ kind: 'envelope-queued', id: envelope.id })
    }
    const done = onAccepted?.(tx, meta)
    return done instanceof Promise ? done.then(() => meta) : meta
  }

  /**
   * Applies a receipt: what it names goes and does not come back. What it names at an own address stays
   * until the content handler has read it: another device of the same person may have been first. Older
   * receipts that it takes the place of go everywhere.
   */
  async #retract(tx: Transaction, { envelope, isOwned, retracts }: Candidate): Promise<void> {
    if (retracts.length === 0) return
    const { store, clock, onRetracted } = this.#deps
    const { id: receipt, address } = envelope
    // By what their authors claim: others may keep them longer than this store does.
    const receiptExpiryMs = expiryOf(envelope, clock.now(), 0)
    for (const id of retracts) {
      const meta = store.meta(id, tx)
      if (meta !== undefined && (meta.address !== address || (isOwned && meta.kind !== 'receipt'))) continue
      store.bury(tx, id, address, Math.max(receiptExpiryMs, meta === undefined ? 0 : expiryOf(meta, meta.firstSeenMs, meta.ageS)))
      if (meta !== undefined) store.remove(tx, id, 'retracted')
    }
    tx.emit({ kind: 'retracted', ids: retracts, receipt, address })
    await onRetracted?.(tx, { ids: retracts, receipt, address })
  }

  #candidateOf(envelope: Envelope, passage: Passage, link: DeviceId | 'self'): Candidate {
    const { address, author } = envelope
    const own = link === 'self'
    const isOwned = this.#deps.isOwned(address)
    const isKnownAuthor = own || this.#deps.isFriendsKey(author)
    const isFriend = isKnownAuthor || this.#deps.isFriend(author, address)
    const { hops, copies, ageS } = passage
    return {
      envelope,
      isOwned,
      isKnown: isKnownAuthor || ((isOwned || isFriend) && addressOfKey(idBytes(author)) === address),
      retracts: [],
      arrival: {
        hops,
        copies,
        ageS,
        from: own ? undefined : link,
        own,
        pinned: isKnownAuthor || (isFriend && this.#mayPin()),
        stranger: !isFriend && !isOwned,
      },
    }
  }

  /** True while what others wrote does not pin too much of the store. */
  #mayPin(): boolean {
    const { limits } = this.#deps.store
    const pinned = this.#deps.store.usageOf('pinned')
    return pinned.bytes < limits.maxBytes * PINNED_SHARE && pinned.count < limits.maxEnvelopes * PINNED_SHARE
  }

  #refusalOf({ envelope: { id, address } }: Candidate, tx?: Transaction): IgnoreReason | undefined {
    const { store } = this.#deps
    if (store.isRetracted(id, address, tx)) return 'retracted'
    return store.has(id, tx) ? 'duplicate' : undefined
  }

  #rejected(code: ErrorCode, link: DeviceId | 'self'): Verdict {
    this.#tolls.chargeShapeless(link)
    return { kind: 'reject', code }
  }

  #count(label: string): void {
    this.#counters[label] = (this.#counters[label] ?? 0) + 1
  }
}

/** A queue row says nothing beyond its key. */
const NOTHING = new Uint8Array(0)

/** The candidate with what it takes back. @throws MeshError `MESH_ENVELOPE_INVALID` when a receipt is not one */
function withRetraction(candidate: Candidate): Candidate {
  return candidate.envelope.kind === 'receipt' ? { ...candidate, retracts: readRetraction(candidate.envelope) } : candidate
}

/** The code of a peer's fault; everything else is ours and goes on. */
function peerCodeOf(error: unknown): ErrorCode {
  if (isMeshError(error) && error.blame === 'peer') return error.code
  throw error
}

function isCandidate(verdict: Verdict | Candidate): verdict is Candidate {
  return 'arrival' in verdict
}

function isVerdict(verdict: Verdict | Candidate): verdict is Verdict {
  return !isCandidate(verdict)
}

function ignored(reason: IgnoreReason): Verdict {
  return { kind: 'ignore', reason }
}

function labelOf(verdict: Verdict): string {
  if (verdict.kind === 'accept') return 'accept'
  return verdict.kind === 'ignore' ? `ignore.${verdict.reason}` : `reject.${verdict.code}`
}
