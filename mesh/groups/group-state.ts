/** All that a device knows of one group, in memory; `group-rows.ts` keeps it on the disk. */
import { equalBytes } from '#mesh/codec'
import { sha256 } from '#mesh/crypto'
import { type DeviceId, encodeBase64url } from '#mesh/ids'
import { claimedBy, type MlsState, membersOf, type OwnKeyPackage } from '#mesh/mls'
import { type Entry, isSelfContained } from './entry.ts'
import { type EpochNode, EpochTree } from './epoch-tree.ts'
import type { EntryId, EpochId, GroupId } from './ids.ts'
import { MAX_UNREAD } from './limits.ts'
import { type Genesis, type Heard, type JudgedOrder, knownTo, type Roster, rosterOf } from './roster.ts'
import { type Seal, tagText } from './seal.ts'

/** How far a device's log was read. */
export interface LogEnd {
  readonly count: number
  readonly last: EntryId | undefined
  /** What its author had read when he wrote the last entry, himself included. */
  readonly heard: Heard
  /** Where its author stood from the entry of that number on. */
  readonly positions: readonly { readonly from: number; readonly epoch: EpochId }[]
  /** When it was read last, by the own clock, ms. */
  readonly readMs: number
}

/** A member asks to be taken in again with this key package. */
export interface Resync {
  readonly keyPackage: Uint8Array
  readonly signatureKey: Uint8Array
  readonly head: EpochId
  /** The places in its log where it asked. */
  readonly seqs: readonly number[]
}

/** A member asks for seals. */
export interface Asked {
  readonly tags: readonly Uint8Array[]
  readonly seq: number
}

/** Two signed heads for one place in a log. */
export interface Proof {
  readonly first: Uint8Array
  readonly second: Uint8Array
  /** The place. */
  readonly from: number
}

/** An entry that was read, and what proves that its author signed it. */
export interface SeenEntry {
  readonly id: EntryId
  readonly testimony: Uint8Array
  readonly readMs: number
}

/** The state of an epoch and when it came. */
export interface HeldEpoch {
  readonly state: MlsState
  readonly sinceMs: number
  /** It was settled: it goes at this time. */
  readonly goesAtMs?: number
}

const NO_LOG: LogEnd = { count: 0, last: undefined, heard: new Map(), positions: [], readMs: 0 }

/** See the head of this file. Whoever changes it says so by `dirty`, and the rows follow. */
export class GroupState {
  readonly id: GroupId
  readonly genesis: Genesis & { readonly suite: number }
  /** The epoch that the head is looked for from: the first one, or the last that was settled. */
  root: EpochId
  readonly tree = new EpochTree()
  readonly logs = new Map<DeviceId, LogEnd>()
  readonly orders = new Map<EntryId, JudgedOrder & { readonly bytes: Uint8Array }>()
  readonly epochs = new Map<EpochId, HeldEpoch>()
  readonly seals = new Map<EpochId, Seal>()
  readonly resyncs = new Map<DeviceId, Resync>()
  readonly keyPackages = new Map<DeviceId, Uint8Array>()
  /** Own key packages, by SHA-256 of their public bytes, base64url. */
  readonly ownKeyPackages = new Map<string, OwnKeyPackage>()
  /** Epochs that this device has been in. */
  readonly entered = new Set<EpochId>()
  /** Members whose logs have two ends, until an order says so. */
  readonly proofs = new Map<DeviceId, Proof>()
  /** Commits that this device cannot follow, though their form is right. */
  readonly blocked = new Set<EpochId>()
  readonly pending = new Map<EntryId, Entry>()
  /** Seals that members ask for, until they are answered. */
  readonly asked = new Map<DeviceId, Asked>()
  /** Tags that came and that no seal here has, and when, ms. */
  readonly unknownTags = new Map<string, number>()
  /** What was said in epochs that this device has not come to, or not yet. */
  readonly unread = new Map<EntryId, Entry>()
  /** Rows to be written: a kind and a key. */
  readonly dirty = new Set<string>()
  readonly #seen = new Map<string, SeenEntry>()
  readonly #tags = new Map<string, Seal>()
  #roster: Roster | undefined
  #exposed: Map<DeviceId, number> | undefined

  constructor(id: GroupId, genesis: GroupState['genesis'], root: EpochId) {
    this.id = id
    this.genesis = genesis
    this.root = root
  }

  /** Who belongs to the group now. */
  get roster(): Roster {
    this.#roster ??= rosterOf(this.genesis, [...this.orders.values()])
    return this.#roster
  }

  /** Who belonged to it for somebody who had read so much. */
  rosterAt(heard: Heard): Roster {
    const known = knownTo(heard, this.orders.values())
    return known.length === this.orders.size ? this.roster : rosterOf(this.genesis, known)
  }

  logOf(device: DeviceId): LogEnd {
    return this.logs.get(device) ?? NO_LOG
  }

  /** Where the author of a log stood when it had `count` entries. */
  positionAt(device: DeviceId, count: number): EpochId | undefined {
    return this.logOf(device).positions.findLast(({ from }) => from < count)?.epoch
  }

  positionOf(device: DeviceId): EpochId | undefined {
    return this.logOf(device).positions.at(-1)?.epoch
  }

  /** Where the members stand. */
  positions(): Map<DeviceId, EpochId> {
    const positions = new Map<DeviceId, EpochId>()
    for (const device of this.roster.members.keys()) {
      const position = this.positionOf(device)
      if (position !== undefined) positions.set(device, position)
    }
    return positions
  }

  /** The epoch that counts, as far as is known here. */
  get head(): EpochId {
    return this.tree.headFrom(this.root, this.positions(), this.blocked)
  }

  /** The seal of this tag. */
  sealByTag(tag: string): Seal | undefined {
    return this.#tags.get(tag)
  }

  setLog(device: DeviceId, log: LogEnd): void {
    this.logs.set(device, log)
    this.dirty.add(`log ${device}`)
  }

  addOrder(order: JudgedOrder & { readonly bytes: Uint8Array }): void {
    this.orders.set(order.id, order)
    this.#roster = undefined
    this.#exposed = undefined
    this.dirty.add(`order ${order.id}`)
  }

  setSeal(epoch: EpochId, seal: Seal): void {
    this.seals.set(epoch, seal)
    this.#tags.set(tagText(seal.tag), seal)
    this.unknownTags.delete(tagText(seal.tag))
    this.dirty.add(`seal ${epoch}`)
  }

  setEpoch(epoch: EpochId, held: HeldEpoch): void {
    this.epochs.set(epoch, held)
    if (!this.entered.has(epoch)) this.dirty.add(`node ${epoch}`)
    this.entered.add(epoch)
    this.dirty.add(`epoch ${epoch}`)
  }

  addNode(node: EpochNode): void {
    this.tree.put(node)
    this.dirty.add(`node ${node.id}`)
  }

  /** This device cannot follow a commit. */
  block(epoch: EpochId): void {
    this.blocked.add(epoch)
    this.dirty.add(`node ${epoch}`)
  }

  addPending(entry: Entry): void {
    this.pending.set(entry.id, entry)
    this.dirty.add(`pending ${entry.id}`)
  }

  dropPending(id: EntryId): void {
    this.pending.delete(id)
    this.dirty.add(`pending ${id}`)
  }

  addUnread(entry: Entry): void {
    const oldest = this.unread.keys().next().value
    if (this.unread.size >= MAX_UNREAD && oldest !== undefined) this.dropUnread(oldest)
    this.unread.set(entry.id, entry)
    this.dirty.add(`unread ${entry.id}`)
  }

  dropUnread(id: EntryId): void {
    this.unread.delete(id)
    this.dirty.add(`unread ${id}`)
  }

  /** The entry that was read at this place of a log. */
  seen(author: DeviceId, seq: number): SeenEntry | undefined {
    return this.#seen.get(`${author} ${seq}`)
  }

  addSeen({ author, seq, id }: { author: DeviceId; seq: number; id: EntryId }, testimony: Uint8Array, readMs: number): void {
    this.#seen.set(`${author} ${seq}`, { id, testimony, readMs })
    this.dirty.add(`seen ${author} ${seq}`)
  }

  /** Forgets entries that nobody can bring any more. */
  dropSeenBefore(ms: number): void {
    for (const [place, { readMs }] of this.#seen) {
      if (readMs >= ms) break // in the order of reading
      this.#seen.delete(place)
      this.dirty.add(`seen ${place}`)
    }
  }

  setRoot(epoch: EpochId): void {
    this.root = epoch
    this.dirty.add('group')
  }

  setResync(device: DeviceId, asked: Omit<Resync, 'seqs'>, seq: number): void {
    this.resyncs.set(device, { ...asked, seqs: [...(this.resyncs.get(device)?.seqs ?? []), seq] })
    this.dirty.add(`resync ${device}`)
  }

  /** As an invitation tells it. */
  putResync(device: DeviceId, asked: Resync): void {
    this.resyncs.set(device, asked)
    this.dirty.add(`resync ${device}`)
  }

  setAsked(device: DeviceId, asked: Asked): void {
    this.asked.set(device, asked)
  }

  dropProof(device: DeviceId): void {
    this.proofs.delete(device)
    this.#exposed = undefined
    this.dirty.add(`proof ${device}`)
  }

  setKeyPackage(device: DeviceId, keyPackage: Uint8Array): void {
    this.keyPackages.set(device, keyPackage)
    this.dirty.add(`package ${device}`)
  }

  /** Keeps an own key package until somebody has used it. */
  addOwn(own: OwnKeyPackage): void {
    const name = encodeBase64url(sha256(own.bytes))
    this.ownKeyPackages.set(name, own)
    this.dirty.add(`own ${name}`)
  }

  addProof(device: DeviceId, proof: Proof): void {
    this.proofs.set(device, proof)
    this.#exposed = undefined
    this.dirty.add(`proof ${device}`)
  }

  /** The first entry of which a device has signed two; infinite for all who are honest. */
  exposedFrom(device: DeviceId): number {
    this.#exposed ??= this.#findExposed()
    return this.#exposed.get(device) ?? Number.POSITIVE_INFINITY
  }

  #findExposed(): Map<DeviceId, number> {
    const exposed = new Map<DeviceId, number>()
    const note = (device: DeviceId, from: number): void => void exposed.set(device, Math.min(from, exposed.get(device) ?? from))
    for (const [device, { from }] of this.proofs) note(device, from)
    for (const { target } of this.orders.values()) if (target?.fromSeq !== undefined) note(target.device, target.fromSeq)
    return exposed
  }

  /** What an author had read when he wrote an entry, his own log up to it included. Orders and commits say all of it, so that they can be judged at any time. */
  heardAt({ author, seq, heard, body }: Pick<Entry, 'author' | 'seq' | 'heard' | 'body'>): Map<DeviceId, number> {
    if (isSelfContained(body)) return new Map(heard).set(author, seq)
    const whole = new Map(this.logOf(author).heard)
    for (const [device, count] of heard) whole.set(device, Math.max(count, whole.get(device) ?? 0))
    return whole.set(author, seq)
  }

  setState(epoch: EpochId, state: MlsState): void {
    const held = this.epochs.get(epoch)
    if (held !== undefined) this.setEpoch(epoch, { ...held, state })
  }

  dropEpoch(epoch: EpochId): void {
    this.epochs.delete(epoch)
    this.dirty.add(`epoch ${epoch}`)
  }

  dropSeal(epoch: EpochId): void {
    const seal = this.seals.get(epoch)
    this.seals.delete(epoch)
    const isShared = [...this.seals.values()].some((other) => seal !== undefined && equalBytes(other.tag, seal.tag))
    if (seal !== undefined && !isShared) this.#tags.delete(tagText(seal.tag))
    this.dirty.add(`seal ${epoch}`)
  }

  /** The leaves of an epoch whose state is held: device → leaf. */
  leavesOf(epoch: EpochId): Map<DeviceId, { leaf: number; signatureKey: Uint8Array }> | undefined {
    const held = this.epochs.get(epoch)
    return held === undefined ? undefined : leavesOf(held.state)
  }
}

/** The leaves of a state: device → leaf. */
export function leavesOf(state: MlsState): Map<DeviceId, { leaf: number; signatureKey: Uint8Array }> {
  const leaves = new Map<DeviceId, { leaf: number; signatureKey: Uint8Array }>()
  for (const { leaf, credential, signatureKey } of membersOf(state)) leaves.set(claimedBy(credential).device, { leaf, signatureKey })
  return leaves
}
