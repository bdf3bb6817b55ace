/**
 * Writing into one's own log: words, orders, and the commits that bring the tree of the head to what the roster says.
 *
 * Before anything is encrypted the tree of the head must hold nobody whose removal is known here (GROUPS §7.4, R6);
 * if it does, the removal is committed first. Own commits are applied at once, and the state before them stays.
 */
import { equalBytes } from '#mesh/codec'
import { sha256 } from '#mesh/crypto'
import { isMeshError, MeshError } from '#mesh/errors'
import type { DeviceId } from '#mesh/ids'
import { claimedBy, type MlsChange, type MlsCommit } from '#mesh/mls'
import type { Body, Order, ResyncReason } from './body.ts'
import { classOf, commitHash, differenceOf } from './commits.ts'
import type { GroupDeps, GroupOutput, Invited } from './deps.ts'
import { type Entry, isSelfContained, signEntry, testimonyOf } from './entry.ts'
import type { GroupState } from './group-state.ts'
import type { EpochId } from './ids.ts'
import { MAX_MEMBERS } from './limits.ts'
import { encodePacket } from './packet.ts'
import { authenticatedFor } from './reading.ts'
import { authorityFor } from './roster.ts'
import { cover, epochOf, sealOf } from './seal.ts'

/** What the head's tree lacks, as this device sees it. */
export interface Due {
  readonly head: EpochId
  readonly remove: readonly DeviceId[]
  readonly add: readonly DeviceId[]
  /** Members that asked to be taken in again. */
  readonly replace: readonly DeviceId[]
}

/** See the head of this file. */
export class Writing {
  readonly #deps: GroupDeps
  readonly #state: GroupState
  readonly #outputs: GroupOutput[]

  constructor(deps: GroupDeps, state: GroupState, outputs: GroupOutput[]) {
    this.#deps = deps
    this.#state = state
    this.#outputs = outputs
  }

  /** The head, when this device can write there: it holds its state, stands in its tree and belongs to the group. */
  get usable(): EpochId | undefined {
    const state = this.#state
    const { device } = this.#deps.self
    const { head } = state
    return state.roster.members.has(device) && state.leavesOf(head)?.has(device) === true ? head : undefined
  }

  /** What has to be committed at the head; `undefined` when this device cannot. */
  due(): Due | undefined {
    const head = this.usable
    const leaves = head === undefined ? undefined : this.#state.leavesOf(head)
    if (head === undefined || leaves === undefined) return undefined
    const { members } = this.#state.roster
    const replace = [...leaves].filter(([device, { signatureKey }]) => members.has(device) && this.#hasAsked(device, signatureKey)).map(([device]) => device)
    return {
      head,
      remove: [...leaves.keys()].filter((device) => !members.has(device)),
      add: [...members.keys()].filter((device) => !leaves.has(device)),
      replace: replace.filter((device) => device !== this.#deps.self.device),
    }
  }

  /** Says something to everybody who belongs to the group. @throws MeshError `MESH_MLS_STATE` when this device cannot write now */
  async say(content: Uint8Array): Promise<Entry> {
    if ((this.due()?.remove.length ?? 0) > 0) await this.reconcile()
    const head = this.#usableHead()
    const held = this.#state.epochs.get(head)
    if (held === undefined || (this.due()?.remove.length ?? 0) > 0) throw cannotWrite()
    const { device } = this.#deps.self
    const { state, message } = await this.#deps.engine.encrypt(held.state, content, authenticatedFor({ author: device, seq: this.#state.logOf(device).count }))
    this.#state.setState(head, state)
    return this.append({ type: 'message', message }, head)
  }

  /** Gives an order, and commits what follows from it when that is possible now. @throws MeshError `MESH_MLS_REFUSED` when this device may not give it */
  async order(order: Order): Promise<Entry> {
    const state = this.#state
    const target = order.op === 'add' ? await this.#invitee(order.keyPackage) : undefined
    if (authorityFor(state.genesis, state.roster, this.#deps.self.device, order, target) === undefined) {
      throw new MeshError('MESH_GROUP_FORBIDDEN', 'you may not do this in this group', { hint: 'ask somebody who looks after the group' })
    }
    const entry = this.append({ type: 'order', order }, this.standing)
    const heard = state.heardAt(entry)
    const past = state.rosterAt(heard)
    const removed = order.op === 'remove' ? { device: order.device, ...personOf(past.members.get(order.device)?.person) } : undefined
    const about = target ?? removed ?? this.#exposedTarget(order)
    const authority = authorityFor(state.genesis, past, entry.author, order, about)
    state.addOrder({
      id: entry.id,
      author: entry.author,
      seq: entry.seq,
      order,
      bytes: entry.bytes,
      heard,
      ...(about === undefined ? {} : { target: about }),
      ...(authority === undefined ? {} : { authority }),
    })
    return entry
  }

  /** Commits all that is due at the head; false when nothing was, or it cannot be done here. */
  async reconcile(options: { readonly renew?: boolean } = {}): Promise<boolean> {
    const due = this.due()
    const leaves = due === undefined ? undefined : this.#state.leavesOf(due.head)
    if (due === undefined || leaves === undefined) return false
    const invited = await this.#invitable(due, leaves.size - due.remove.length)
    const gone = [...due.remove, ...due.replace.filter((device) => invited.some((one) => one.device === device))]
    const changes: MlsChange[] = gone.flatMap((device) => {
      const leaf = leaves.get(device)?.leaf
      return leaf === undefined ? [] : [{ kind: 'remove' as const, leaf }]
    })
    for (const { bytes } of invited) changes.push({ kind: 'add', keyPackage: bytes })
    if (changes.length === 0 && options.renew !== true) return false
    await this.#commit(due.head, changes, invited)
    return true
  }

  /** Asks to be taken in again, with a new key package. */
  async askAgain(reason: ResyncReason): Promise<void> {
    const own = await this.#ownKeyPackage()
    const entry = this.append({ type: 'resync', reason, keyPackage: own }, this.standing)
    const { signatureKey } = await this.#deps.engine.readKeyPackage(own, 'receiving')
    this.#state.setResync(entry.author, { keyPackage: own, signatureKey, head: this.#state.head }, entry.seq)
    this.#state.setKeyPackage(entry.author, own)
  }

  /** Publishes a new key package, for whoever has to take this device in again. */
  async publishKeyPackage(): Promise<void> {
    const keyPackage = await this.#ownKeyPackage()
    this.append({ type: 'key-package', keyPackage }, this.standing)
    this.#state.setKeyPackage(this.#deps.self.device, keyPackage)
  }

  /** Adds an entry to the own log and hands it out under the seal of the epoch where this device stands. */
  append(body: Body, epoch: EpochId | undefined): Entry {
    const state = this.#state
    const { crypto, self, stamp, clock } = this.#deps
    const seal = epoch === undefined ? undefined : state.seals.get(epoch)
    if (epoch === undefined || seal === undefined) throw cannotWrite()
    const log = state.logOf(self.device)
    const whole = new Map([...log.heard, ...[...state.logs].map(([device, { count }]) => [device, count] as const)])
    whole.delete(self.device)
    const heard = isSelfContained(body) ? new Map(whole) : new Map([...whole].filter(([device, count]) => count !== log.heard.get(device)))
    const entry = signEntry(crypto, self.deviceSeed, {
      group: state.id,
      author: self.device,
      seq: log.count,
      prev: log.last,
      epoch,
      stamp: stamp(),
      heard,
      body,
    })
    whole.set(self.device, log.count + 1)
    const stands = body.type === 'commit' ? body.child : epoch
    const positions = log.positions.at(-1)?.epoch === stands ? log.positions : [...log.positions, { from: log.count, epoch: stands }]
    state.setLog(self.device, { count: log.count + 1, last: entry.id, heard: whole, positions, readMs: clock.now() })
    state.addSeen(entry, testimonyOf(entry), clock.now())
    const payload = cover(this.#deps, seal, entry.bytes)
    this.#outputs.push({ kind: 'entry', payload, addressSeed: seal.addressSeed, isUrgent: body.type !== 'message' && body.type !== 'here' })
    return entry
  }

  async #commit(parent: EpochId, changes: readonly MlsChange[], invited: readonly (Invited & { bytes: Uint8Array })[]): Promise<void> {
    const state = this.#state
    const { engine, clock } = this.#deps
    const held = state.epochs.get(parent)
    if (held === undefined) throw cannotWrite()
    const made: MlsCommit = await engine.commit(held.state, changes)
    const child = await epochOf(engine, made.state)
    const kind = classOf(differenceOf(held.state, made.state))
    const seal = await sealOf(engine, made.state, kind === 0 ? undefined : state.seals.get(parent))
    const entry = this.append({ type: 'commit', child, class: kind, message: made.commit }, parent)
    state.addNode({ id: child, parent, class: kind, hash: commitHash(made.commit), author: entry.author, isBad: false })
    state.setSeal(child, seal)
    state.setEpoch(child, { state: made.state, sinceMs: clock.now() })
    if (made.welcome === undefined) return
    const packet = encodePacket(state, { welcome: made.welcome, epoch: child })
    this.#outputs.push({ kind: 'invitation', to: invited.map(({ device, person, keyPackage }) => ({ device, person, keyPackage })), packet })
  }

  /** Of whom a key package is here that can be used now; no more than a group holds. */
  async #invitable({ add, replace }: Due, taken: number): Promise<(Invited & { bytes: Uint8Array })[]> {
    const state = this.#state
    const invitable: (Invited & { bytes: Uint8Array })[] = []
    for (const device of [...add, ...replace]) {
      const member = state.roster.members.get(device)
      const asked = replace.includes(device) ? state.resyncs.get(device)?.keyPackage : undefined
      const bytes = asked ?? state.keyPackages.get(device) ?? member?.keyPackage
      if (member === undefined || bytes === undefined || invitable.length + taken >= MAX_MEMBERS) continue
      try {
        await this.#deps.engine.readKeyPackage(bytes)
        invitable.push({ device, person: member.person, keyPackage: sha256(bytes), bytes })
      } catch (error) {
        if (!isMeshError(error)) throw error
        this.#deps.log.info('somebody cannot be added to the group now', { code: error.code, device })
      }
    }
    return invitable
  }

  async #invitee(keyPackage: Uint8Array): Promise<{ device: DeviceId; person: Invited['person'] }> {
    const { credential, suite } = await this.#deps.engine.readKeyPackage(keyPackage)
    if (suite !== this.#state.genesis.suite) throw new MeshError('MESH_MLS_SUITE', 'this device speaks another cipher suite than the group')
    return claimedBy(credential)
  }

  #exposedTarget(order: Order): { device: DeviceId; fromSeq: number } | undefined {
    if (order.op !== 'expel') return undefined
    for (const [device, proof] of this.#state.proofs) if (equalBytes(proof.first, order.first)) return { device, fromSeq: proof.from }
    return undefined
  }

  /** True when a member wants to be taken in again and has another leaf than the one it offers. */
  #hasAsked(device: DeviceId, signatureKey: Uint8Array): boolean {
    const asked = this.#state.resyncs.get(device)
    return asked !== undefined && !equalBytes(asked.signatureKey, signatureKey)
  }

  async #ownKeyPackage(): Promise<Uint8Array> {
    const own = await this.#deps.engine.createKeyPackage(this.#state.genesis.suite, (key) => this.#deps.self.credential(key))
    this.#state.addOwn(own)
    return own.bytes
  }

  #usableHead(): EpochId {
    const head = this.usable
    if (head === undefined) throw cannotWrite()
    return head
  }

  /** True when this device can say anything that others can open. */
  get canAppend(): boolean {
    return this.standing !== undefined
  }

  /** The last epoch on the way to the head whose seal is here. */
  get standing(): EpochId | undefined {
    for (const id of this.#state.tree.path(this.#state.head)) if (this.#state.seals.has(id)) return id
    return undefined
  }
}

function personOf(person: Invited['person'] | undefined): { person?: Invited['person'] } {
  return person === undefined ? {} : { person }
}

function cannotWrite(): MeshError {
  return new MeshError('MESH_GROUP_BEHIND', 'this device cannot write into the group now', { hint: 'it goes on by itself as soon as another member was met' })
}
