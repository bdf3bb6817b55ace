/**
 * One group, as one device lives it: no server, no order of commits, and one group again after every partition.
 *
 * ```
 * active      the head's state is here, and so is this device in its tree
 * behind      entries wait for others before them
 * quarantined the head's tree holds somebody whose removal is known: nothing is encrypted before he is out
 * stranded    the head cannot be followed: this device asks to be taken in again
 * removed     an order took this device out
 * ```
 *
 * Calls change the state in memory and give what follows from it; whoever calls makes rows and outputs durable
 * together, before anything leaves (`groups.ts`). Nothing here waits for time: `tick` does what is due.
 */
import { concatBytes, encodeUtf8, equalBytes } from '#mesh/codec'
import { sha256 } from '#mesh/crypto'
import { isMeshError, MeshError } from '#mesh/errors'
import { type DeviceId, deviceKeyOf } from '#mesh/ids'
import type { OwnKeyPackage, SuiteId } from '#mesh/mls'
import { randomBelow } from '#mesh/ports'
import type { GroupKind, Order } from './body.ts'
import { GROUP_TIMES, type GroupDeps, type GroupOutput, type GroupTimes } from './deps.ts'
import type { Entry } from './entry.ts'
import { GroupState } from './group-state.ts'
import { bytesOf, type EpochId, GROUP_ID_BYTES, type GroupId, groupIdOf } from './ids.ts'
import { decodePacket, decodeSeals, encodeSeals, type Packet } from './packet.ts'
import { Reading, type Taken } from './reading.ts'
import type { Roster } from './roster.ts'
import { epochOf, sealOf, tagBytes } from './seal.ts'
import { settle } from './settling.ts'
import { Writing } from './writing.ts'

/** Members that answer one question for seals: one may be away, and more would say the same. */
const ANSWERS = 3

/** The pause between two questions for seals doubles from four ranks up to this power of two: an hour and a half when a rank is 3 s. */
const MAX_ASK_DOUBLINGS = 11

/** How it stands with a group on this device. */
export type GroupHealth = 'active' | 'behind' | 'quarantined' | 'stranded' | 'removed'

/** See the head of this file. */
export class Group {
  readonly state: GroupState
  readonly #deps: GroupDeps
  readonly #times: GroupTimes
  readonly #outputs: GroupOutput[] = []
  readonly #reading: Reading
  readonly #writing: Writing
  /** Since when something is due at a head, by that head. */
  #due: { readonly head: EpochId; readonly sinceMs: number } | undefined
  /** When this device says where it stands. */
  #hereAtMs: number | undefined
  #askedMs = Number.NEGATIVE_INFINITY
  #askedForSealsMs = Number.NEGATIVE_INFINITY
  /** How often it was asked for seals that have not come. */
  #asks = 0
  #renewAtMs: number | undefined

  constructor(deps: GroupDeps, state: GroupState) {
    this.state = state
    this.#deps = deps
    this.#times = { ...GROUP_TIMES, ...deps.times }
    this.#reading = new Reading(deps, state, this.#outputs)
    this.#writing = new Writing(deps, state, this.#outputs)
  }

  /** Begins a group with this device alone in it. */
  static async create(deps: GroupDeps, about: { readonly kind: GroupKind; readonly suite: SuiteId; readonly id?: GroupId }): Promise<Group> {
    const { engine, self, random, clock } = deps
    const id = about.id ?? groupIdOf(random.bytes(GROUP_ID_BYTES))
    const own = await engine.createKeyPackage(about.suite, (key) => self.credential(key))
    const mls = await engine.createGroup(bytesOf(id), own)
    const epoch = await epochOf(engine, mls)
    const state = new GroupState(id, { kind: about.kind, creator: self.device, suite: about.suite }, epoch)
    state.addNode({ id: epoch, parent: undefined, class: 4, hash: '', author: self.device, isBad: false })
    state.setSeal(epoch, await sealOf(engine, mls, undefined))
    state.setEpoch(epoch, { state: mls, sinceMs: clock.now() })
    state.setRoot(epoch)
    const group = new Group(deps, state)
    group.#writing.append({ type: 'genesis', kind: about.kind, suite: about.suite }, epoch)
    await group.#writing.order({ op: 'add', keyPackage: own.bytes })
    return group
  }

  /** Joins by an invitation's packet and the own key package that was used for it. @throws MeshError as `MlsEngine.join`, `MESH_BYTES_INVALID` (peer) */
  static async join(deps: GroupDeps, packet: Uint8Array, own: OwnKeyPackage): Promise<Group> {
    const read = decodePacket(packet)
    const { group: id, kind, creator, suite, root } = read
    const group = new Group(deps, new GroupState(id, { kind, creator, suite }, root))
    group.state.setRoot(root)
    await group.#enter(read, own)
    return group
  }

  get id(): GroupId {
    return this.state.id
  }

  get roster(): Roster {
    return this.state.roster
  }

  get health(): GroupHealth {
    const { state } = this
    if (!state.roster.members.has(this.#deps.self.device)) return 'removed'
    const due = this.#writing.due()
    if (due === undefined) return state.pending.size > 0 ? 'behind' : 'stranded'
    if (due.remove.length > 0) return 'quarantined'
    return state.pending.size > 0 ? 'behind' : 'active'
  }

  /** What has followed since the last call; to be made durable with the rows, then it leaves. */
  takeOutputs(): GroupOutput[] {
    return this.#outputs.splice(0)
  }

  /** Takes what came to the group's address. Other people's faults are told by the error, and change nothing. @throws MeshError (peer) */
  async take(covered: Uint8Array): Promise<Taken> {
    return this.#reading.take(covered)
  }

  /** Says something. @throws MeshError `MESH_GROUP_BEHIND` when this device cannot write now */
  async say(content: Uint8Array): Promise<Entry> {
    return this.#writing.say(content)
  }

  /** Gives an order and, where it can, carries it out. @throws MeshError `MESH_GROUP_FORBIDDEN`, `MESH_GROUP_BEHIND` */
  async order(order: Order): Promise<Entry> {
    const entry = await this.#writing.order(order)
    if (order.op === 'add' || order.op === 'remove') await this.#writing.reconcile()
    return entry
  }

  /** A further invitation into a group that this device knows: it was taken in again. @throws MeshError as {@link join} */
  async rejoin(packet: Uint8Array, own: OwnKeyPackage): Promise<void> {
    const read = decodePacket(packet)
    if (read.group !== this.id) throw new MeshError('MESH_PROTOCOL_VIOLATION', 'an invitation is for another group')
    await this.#enter(read, own)
  }

  /** Takes seals that this device asked for. @throws MeshError (peer) */
  async takeSeals(packet: Uint8Array): Promise<void> {
    const { group, seals } = decodeSeals(packet)
    if (group !== this.id) throw new MeshError('MESH_PROTOCOL_VIOLATION', 'seals are for another group')
    for (const [epoch, seal] of seals) if (!this.state.seals.has(epoch)) this.state.setSeal(epoch, seal)
  }

  /** Does what is due now. */
  async tick(): Promise<void> {
    const nowMs = this.#deps.clock.now()
    this.#ask(nowMs) // who was removed too: perhaps he is back, on a branch that he cannot read yet
    if (!this.state.roster.members.has(this.#deps.self.device)) return
    await this.#publishProofs()
    this.#answer()
    if (this.#writing.usable === undefined) await this.#askAgain(nowMs)
    else {
      await this.#commitWhatIsDue(nowMs)
      this.#sayWhere(nowMs)
    }
    settle(this.state, nowMs)
  }

  async #enter(packet: Packet, own: OwnKeyPackage): Promise<void> {
    const { state } = this
    const { engine, clock } = this.#deps
    const mls = await engine.join(packet.welcome, own)
    if ((await epochOf(engine, mls)) !== packet.epoch) throw new MeshError('MESH_PROTOCOL_VIOLATION', 'an invitation leads to another epoch than it says')
    for (const node of packet.nodes) if (!state.tree.has(node.id)) state.addNode(node)
    for (const [epoch, seal] of packet.seals) if (!state.seals.has(epoch)) state.setSeal(epoch, seal)
    await this.#reading.learnOrders(packet.orders)
    const nowMs = clock.now()
    for (const [device, log] of packet.logs)
      if (log.count > state.logOf(device).count && device !== this.#deps.self.device) state.setLog(device, { ...log, readMs: nowMs })
    for (const [device, resync] of packet.resyncs) if ((state.resyncs.get(device)?.seqs.length ?? 0) < resync.seqs.length) state.putResync(device, resync)
    for (const [device, keyPackage] of packet.keyPackages) if (!state.keyPackages.has(device)) state.setKeyPackage(device, keyPackage)
    state.setEpoch(packet.epoch, { state: mls, sinceMs: nowMs })
    state.blocked.delete(packet.epoch)
    await this.#reading.drain()
    if (this.roster.members.has(this.#deps.self.device)) await this.#writing.publishKeyPackage()
    this.#renewAtMs = undefined
  }

  async #publishProofs(): Promise<void> {
    for (const [device, { first, second }] of [...this.state.proofs]) {
      const isSaid = [...this.state.orders.values()].some(({ order, target }) => order.op === 'expel' && target?.device === device)
      if (!isSaid && this.#writing.canAppend) await this.#writing.order({ op: 'expel', first, second })
      if (isSaid) this.state.dropProof(device)
    }
  }

  /** Asks for the seals of what came and cannot be opened: it was written on a branch that this device did not come from. */
  #ask(nowMs: number): void {
    const { state } = this
    const { rankMs } = this.#times
    const due = [...state.unknownTags].filter(([, sinceMs]) => nowMs - sinceMs >= rankMs)
    if (due.length === 0) this.#asks = 0
    const pauseMs = rankMs * 2 ** Math.min(2 + this.#asks, MAX_ASK_DOUBLINGS)
    if (due.length === 0 || nowMs - this.#askedForSealsMs < pauseMs || !this.#writing.canAppend) return
    this.#askedForSealsMs = nowMs
    this.#asks++
    this.#writing.append({ type: 'ask', tags: due.map(([tag]) => tagBytes(tag)) }, this.#writing.standing)
  }

  /** Hands out seals to members that ask: the first three by rank at once, three others each time it is asked again. */
  #answer(): void {
    const { state } = this
    for (const [device, { tags, seq }] of [...state.asked]) {
      state.asked.delete(device)
      const member = this.roster.members.get(device)
      const rank = this.#rankAt(state.head)
      const count = this.roster.members.size
      const turn = (rank + count - ((seq * ANSWERS) % count)) % count
      const seals = [...state.seals].filter(([, seal]) => tags.some((tag) => equalBytes(tag, seal.tag)))
      if (member === undefined || turn >= ANSWERS || seals.length === 0) continue
      this.#outputs.push({ kind: 'seals', device, person: member.person, packet: encodeSeals(state, seals) })
    }
  }

  /** R7: whoever is first by the hash of head and device commits first; the others only if nothing has come by then. */
  async #commitWhatIsDue(nowMs: number): Promise<void> {
    const due = this.#writing.due()
    if (due === undefined) return
    const isDue = due.remove.length + due.add.length + due.replace.length > 0
    if (!isDue) {
      this.#due = undefined
      return this.#renew(due.head, nowMs)
    }
    if (this.#due?.head !== due.head) this.#due = { head: due.head, sinceMs: nowMs }
    if (nowMs - this.#due.sinceMs < this.#rankAt(due.head) * this.#times.rankMs) return
    this.#due = undefined
    await this.#attempt(() => this.#writing.reconcile())
  }

  /** R12: fresh keys after joining, and from time to time. */
  async #renew(head: EpochId, nowMs: number): Promise<void> {
    if (this.state.roster.members.size < 2) return
    if (this.#renewAtMs === undefined) {
      const isFresh = !this.#hasCommitted()
      const waitMs = isFresh ? (1 + this.#rankAt(head)) * this.#times.rankMs : this.#times.renewMs
      this.#renewAtMs = nowMs + waitMs + randomBelow(this.#deps.random, Math.max(1, Math.floor(waitMs / 4)))
    }
    if (nowMs < this.#renewAtMs) return
    this.#renewAtMs = undefined
    await this.#attempt(() => this.#writing.reconcile({ renew: true }))
  }

  /** True when a commit of this device lies on the way to the head: the keys of its leaf are its own. */
  #hasCommitted(): boolean {
    const { tree, head, genesis } = this.state
    const { device } = this.#deps.self
    if (genesis.creator === device) return true
    for (const id of tree.path(head)) if (tree.get(id)?.author === device) return true
    return false
  }

  /** R9 needs words of everybody: says where this device stands when it has not said so by anything else. */
  #sayWhere(nowMs: number): void {
    const { state } = this
    const { device } = this.#deps.self
    const { head } = state
    const { heard } = state.logOf(device)
    const others = [...state.roster.members.keys()].filter((other) => other !== device)
    const isNew = others.some((other) => state.positionAt(other, heard.get(other) ?? 0) !== state.positionOf(other))
    const isUnread = [...state.orders.values()].some(({ author, seq }) => author !== device && seq >= (heard.get(author) ?? 0))
    if (state.epochs.size < 2 || (state.positionOf(device) === head && !isNew && !isUnread)) {
      this.#hereAtMs = undefined
      return
    }
    this.#hereAtMs ??= nowMs + this.#times.hereMs + randomBelow(this.#deps.random, Math.max(1, this.#times.hereMs >> 2))
    if (nowMs < this.#hereAtMs) return
    this.#hereAtMs = undefined
    this.#writing.append({ type: 'here' }, head)
  }

  /** R8: without the head's state nothing can be said; a member takes this device in again. */
  async #askAgain(nowMs: number): Promise<void> {
    const { state } = this
    if (state.pending.size > 0 || nowMs - this.#askedMs < this.#times.resyncMs || !this.#writing.canAppend) return
    if (state.resyncs.get(this.#deps.self.device)?.head === state.head && this.#askedMs > 0) return
    this.#askedMs = nowMs
    const reason = state.blocked.has(state.head) ? 'bad-path' : state.entered.size === 0 ? 'restore' : 'no-state'
    await this.#attempt(() => this.#writing.askAgain(reason))
  }

  async #attempt(work: () => Promise<unknown>): Promise<void> {
    try {
      await work()
    } catch (error) {
      if (!isMeshError(error)) throw error
      this.#deps.log.warn('a group could not be brought up to date', { error })
    }
  }

  /** The place of this device among the members of the head, by a hash that nobody chose. */
  #rankAt(head: EpochId): number {
    const { roster } = this.state
    const key = (device: DeviceId): string => String(sha256(concatBytes(encodeUtf8('qpq rank 1\0'), bytesOf(head), deviceKeyOf(device))))
    const own = key(this.#deps.self.device)
    let rank = 0
    for (const device of roster.members.keys()) if (key(device) < own) rank++
    return rank
  }
}
