/**
 * Reading the logs of a group: entries come in any order and are taken when all that their author had read is here.
 *
 * Every commit is followed whose parent's state is held, on whatever branch, and the state before it stays
 * (GROUPS §7.4, R3), so that nothing said on a losing branch is lost. What breaks the rules in public is bad for
 * everybody; what only this device cannot follow blocks it and nobody else (R4).
 */
import { equalBytes } from '#mesh/codec'
import { isMeshError, MeshError } from '#mesh/errors'
import type { DeviceId } from '#mesh/ids'
import { claimedBy, type MlsReceived } from '#mesh/mls'
import { assertJustified, assertMayReplace, commitHash } from './commits.ts'
import type { GroupDeps, GroupOutput } from './deps.ts'
import { type Entry, readEntry, readTestimony, testimonyOf } from './entry.ts'
import type { GroupState } from './group-state.ts'
import type { EpochId } from './ids.ts'
import { MAX_PENDING_BYTES, MAX_PENDING_ENTRIES, MAX_UNKNOWN_TAGS } from './limits.ts'
import { authorityFor, type Heard, type JudgedOrder, type Roster, sizeOf } from './roster.ts'
import { epochOf, sealOf, tagIn, uncover } from './seal.ts'

/** What became of something that came in. */
export type Taken = 'read' | 'waits' | 'known' | 'unreadable'

/** See the head of this file. */
export class Reading {
  readonly #deps: GroupDeps
  readonly #state: GroupState
  readonly #outputs: GroupOutput[]
  #pendingBytes = 0

  constructor(deps: GroupDeps, state: GroupState, outputs: GroupOutput[]) {
    this.#deps = deps
    this.#state = state
    this.#outputs = outputs
    for (const { bytes } of state.pending.values()) this.#pendingBytes += bytes.length
  }

  /** Takes what came to the group's address. @throws MeshError (peer) when it is nothing that a member would send */
  async take(covered: Uint8Array): Promise<Taken> {
    const { crypto, clock } = this.#deps
    const state = this.#state
    const tag = tagIn(covered)
    const seal = state.sealByTag(tag)
    if (seal === undefined) {
      if (state.unknownTags.size < MAX_UNKNOWN_TAGS && !state.unknownTags.has(tag)) state.unknownTags.set(tag, clock.now())
      return 'unreadable'
    }
    const entry = readEntry(crypto, uncover(crypto, seal, covered))
    const own = state.seals.get(entry.epoch)
    if (entry.group !== state.id || (own !== undefined && !equalBytes(own.tag, seal.tag))) {
      throw new MeshError('MESH_PROTOCOL_VIOLATION', 'an entry came under a seal that is not its own')
    }
    return this.#accept(entry)
  }

  async #accept(entry: Entry): Promise<Taken> {
    const state = this.#state
    if (state.pending.has(entry.id)) return 'known'
    const seen = state.seen(entry.author, entry.seq)
    if (seen !== undefined && seen.id !== entry.id) this.#expose(entry, seen.testimony)
    if (seen !== undefined) {
      // Of a log with two ends all commits are needed, since others may have followed either.
      if (seen.id === entry.id || entry.body.type !== 'commit' || state.tree.has(entry.body.child)) return 'known'
      await this.#follow(entry, entry.body)
      return 'read'
    }
    if (entry.seq < state.logOf(entry.author).count) return this.#backfill(entry)
    if (state.pending.size >= MAX_PENDING_ENTRIES || this.#pendingBytes + entry.bytes.length > MAX_PENDING_BYTES) return 'unreadable'
    state.addPending(entry)
    this.#pendingBytes += entry.bytes.length
    await this.drain()
    return state.pending.has(entry.id) ? 'waits' : 'read'
  }

  /** Follows and opens what came before this device came to its epoch. */
  async #openUnread(): Promise<void> {
    const state = this.#state
    for (let isMoving = true; isMoving; ) {
      isMoving = false
      for (const entry of [...state.unread.values()]) {
        if (!state.epochs.has(entry.epoch)) continue
        state.dropUnread(entry.id)
        isMoving = true
        if (entry.body.type === 'commit') await this.#follow(entry, entry.body)
        else await this.#open(entry, this.#pastOf(entry))
      }
    }
  }

  /** The roster that the author of an entry knew; after an invitation that of now, when what he knew is not here. */
  #pastOf(entry: Entry): Roster {
    const past = this.#state.rosterAt(this.#state.heardAt(entry))
    return past.members.has(entry.author) ? past : this.#state.roster
  }

  /** Takes all that waits and can be taken now. */
  async drain(): Promise<void> {
    const state = this.#state
    for (let isMoving = true; isMoving; ) {
      isMoving = false
      for (const entry of [...state.pending.values()]) {
        if (!this.#isReady(entry)) continue
        state.dropPending(entry.id)
        this.#pendingBytes -= entry.bytes.length
        if (await this.#isTaken(entry)) isMoving = true
      }
    }
    await this.#openUnread()
  }

  #isReady({ author, seq, heard, epoch, prev }: Entry): boolean {
    const state = this.#state
    const log = state.logOf(author)
    if (seq >= state.exposedFrom(author)) return state.tree.has(epoch)
    if (seq > log.count || !state.tree.has(epoch)) return false
    if (seq < log.count) return true // overtaken by an invitation
    if (prev !== log.last && log.last !== undefined) return false
    for (const [device, count] of heard) if (state.logOf(device).count < Math.min(count, state.exposedFrom(device))) return false
    return true
  }

  async #isTaken(entry: Entry): Promise<boolean> {
    const state = this.#state
    const { author, seq } = entry
    if (seq >= state.exposedFrom(author)) return this.#isTakenOfTwo(entry)
    if (seq < state.logOf(author).count) return (await this.#backfill(entry)) === 'read'
    const before = state.logOf(author)
    const heard = state.heardAt(entry)
    const past = state.rosterAt(heard)
    const isBeginning = author === state.genesis.creator && past.members.size === 0
    // Who was removed and knows it may write on, and is read on in case it comes back; all that it can do is ask for what it missed.
    const isMember = past.members.has(author) || isBeginning || entry.body.type === 'ask'
    const epoch = isMember ? await this.#apply(entry, heard, past) : entry.epoch
    const last = before.positions.at(-1)
    const positions = last?.epoch === epoch ? before.positions : [...before.positions, { from: seq, epoch }]
    heard.set(author, seq + 1)
    state.setLog(author, { count: seq + 1, last: entry.id, heard, positions, readMs: this.#deps.clock.now() })
    state.addSeen(entry, testimonyOf(entry), this.#deps.clock.now())
    return true
  }

  /** Of a log with two ends only the commits count, on either: others may have followed them before they knew. */
  async #isTakenOfTwo(entry: Entry): Promise<boolean> {
    if (entry.body.type !== 'commit' || this.#state.tree.has(entry.body.child)) return false
    await this.#follow(entry, entry.body)
    return true
  }

  /** Does what an entry says; gives where its author stands after it. */
  async #apply(entry: Entry, heard: Heard, past: Roster): Promise<EpochId> {
    const state = this.#state
    const { body, author } = entry
    switch (body.type) {
      case 'key-package':
        state.setKeyPackage(author, body.keyPackage)
        break
      case 'order':
        state.addOrder(await this.#judge(entry, body.order, heard, past))
        break
      case 'resync':
        await this.#noteResync(entry, body.keyPackage)
        break
      case 'commit':
        await this.#follow(entry, body)
        return body.child
      case 'message':
        await this.#open(entry, past)
        break
      case 'ask':
        state.setAsked(author, { tags: body.tags, seq: entry.seq })
        break
      case 'genesis':
      case 'here':
        break
    }
    return entry.epoch
  }

  async #judge(entry: Entry, order: JudgedOrder['order'], heard: Heard, past: Roster): Promise<JudgedOrder & { bytes: Uint8Array }> {
    const { id, author, seq, bytes } = entry
    const target = await this.#targetOf(order, past)
    const isKnown = order.op !== 'add' && order.op !== 'expel' ? true : target !== undefined
    const authority = isKnown ? authorityFor(this.#state.genesis, past, author, order, target) : undefined
    return {
      id,
      author,
      seq,
      order,
      bytes,
      heard: new Map(heard),
      ...(target === undefined ? {} : { target }),
      ...(authority === undefined ? {} : { authority }),
    }
  }

  /** Whom an order is about. What does not hold up names nobody, and the order counts for nothing. */
  async #targetOf(order: JudgedOrder['order'], past: Roster): Promise<JudgedOrder['target']> {
    if (order.op === 'remove') {
      const person = past.members.get(order.device)?.person
      return { device: order.device, ...(person === undefined ? {} : { person }) }
    }
    try {
      if (order.op === 'add') {
        const { credential, suite } = await this.#deps.engine.readKeyPackage(order.keyPackage, 'receiving')
        return suite === this.#state.genesis.suite ? claimedBy(credential) : undefined
      }
      if (order.op === 'expel') return this.#exposedBy(order.first, order.second)
    } catch (error) {
      if (!isMeshError(error)) throw error
      this.#deps.log.debug('an order does not hold up', { code: error.code })
    }
    return undefined
  }

  /** Whose log has two ends, by two testimonies. @throws MeshError (peer) when they prove nothing */
  #exposedBy(first: Uint8Array, second: Uint8Array): { device: DeviceId; fromSeq: number } {
    const a = readTestimony(this.#deps.crypto, first)
    const b = readTestimony(this.#deps.crypto, second)
    const isProof =
      a.head.author === b.head.author && a.head.seq === b.head.seq && a.head.group === this.#state.id && b.head.group === a.head.group && a.id !== b.id
    if (!isProof) throw new MeshError('MESH_PROTOCOL_VIOLATION', 'this does not prove that a log has two ends')
    return { device: a.head.author, fromSeq: a.head.seq }
  }

  /** Takes the orders that an invitation brings, those first that others had read. @throws MeshError (peer) */
  async learnOrders(orders: readonly Uint8Array[]): Promise<void> {
    const state = this.#state
    const entries = orders.map((bytes) => readEntry(this.#deps.crypto, bytes))
    const unknown = entries.filter(({ id, group }) => group === state.id && !state.orders.has(id))
    const whole = unknown.map((entry) => ({ entry, heard: new Map(entry.heard).set(entry.author, entry.seq) }))
    for (const { entry, heard } of whole.sort((a, b) => sizeOf(a.heard) - sizeOf(b.heard))) {
      if (entry.body.type !== 'order') throw new MeshError('MESH_BYTES_INVALID', 'an invitation brings an order that is none')
      state.addOrder(await this.#judge(entry, entry.body.order, heard, state.rosterAt(heard)))
    }
  }

  /** Somebody signed two entries for one place: notes the proof, to be published. */
  #expose(entry: Entry, testimony: Uint8Array): void {
    if (entry.seq >= this.#state.exposedFrom(entry.author) || entry.author === this.#deps.self.device) return
    this.#deps.log.warn('a member has written two logs', { device: entry.author })
    this.#state.addProof(entry.author, { first: testimony, second: testimonyOf(entry), from: entry.seq })
  }

  async #noteResync(entry: Entry, keyPackage: Uint8Array): Promise<void> {
    try {
      const { credential, signatureKey } = await this.#deps.engine.readKeyPackage(keyPackage, 'receiving')
      if (claimedBy(credential).device !== entry.author) return
      this.#state.setResync(entry.author, { keyPackage, signatureKey, head: entry.epoch }, entry.seq)
      this.#state.setKeyPackage(entry.author, keyPackage)
    } catch (error) {
      if (!isMeshError(error)) throw error
    }
  }

  /** Follows a commit if the state before it is here. */
  async #follow(entry: Entry, { child, class: kind, message }: Extract<Entry['body'], { type: 'commit' }>): Promise<void> {
    const state = this.#state
    const parent = entry.epoch
    const held = state.epochs.get(parent)
    const node = { id: child, parent, class: kind, hash: commitHash(message), author: entry.author }
    const seal = state.seals.get(parent)
    if (kind !== 0 && seal !== undefined && !state.seals.has(child)) state.setSeal(child, seal)
    if (state.entered.has(child)) return
    if (held === undefined) {
      state.addUnread(entry)
      return state.addNode({ ...node, isBad: false })
    }
    let received: MlsReceived
    try {
      received = await this.#deps.engine.receive(held.state, message)
      if (received.kind === 'commit') await this.#enter(entry, child, received)
      if (received.kind === 'removed') assertMayReplace(state, entry, this.#deps.self.device)
    } catch (error) {
      if (!isMeshError(error)) throw error
      this.#deps.log.info('a commit cannot be followed', { code: error.code, author: entry.author })
      const isOnlyHere = error.code === 'MESH_MLS_PATH'
      state.addNode({ ...node, isBad: !isOnlyHere })
      if (isOnlyHere) state.block(child)
      return
    }
    state.addNode({ ...node, isBad: false })
  }

  async #enter(entry: Entry, child: EpochId, received: Extract<MlsReceived, { kind: 'commit' }>): Promise<void> {
    const state = this.#state
    const { engine, clock } = this.#deps
    const held = state.epochs.get(entry.epoch)
    if (held === undefined || entry.body.type !== 'commit') return
    assertJustified(state, entry, { before: held.state, after: received.state, sender: received.sender, class: entry.body.class })
    if ((await epochOf(engine, received.state)) !== child) throw new MeshError('MESH_PROTOCOL_VIOLATION', 'a commit leads to another epoch than it says')
    const before = entry.body.class === 0 ? undefined : state.seals.get(entry.epoch)
    state.setSeal(child, await sealOf(engine, received.state, before))
    state.setEpoch(child, { state: received.state, sinceMs: clock.now() })
  }

  async #open(entry: Entry, past: Roster): Promise<void> {
    const state = this.#state
    if (entry.body.type !== 'message') return
    const { id, author, epoch, stamp, seq } = entry
    const held = state.epochs.get(epoch)
    if (held === undefined) {
      // An invitation to this epoch may still come, or the commit that leads to it be followed by another way.
      if (!state.entered.has(epoch)) state.addUnread(entry)
      return
    }
    try {
      const received = await this.#deps.engine.receive(held.state, entry.body.message)
      if (received.kind !== 'application') return
      state.setState(epoch, received.state)
      const leaf = state.leavesOf(epoch)?.get(author)
      const person = past.members.get(author)?.person ?? state.roster.members.get(author)?.person
      if (leaf?.leaf !== received.sender || person === undefined || past.isMuted(person)) return
      if (!equalBytes(received.authenticated, authenticatedFor(entry))) return
      this.#outputs.push({ kind: 'message', message: { id, device: author, person, stamp, seq, content: received.text } })
    } catch (error) {
      if (!isMeshError(error)) throw error
      this.#deps.log.info('a message of a group cannot be read', { code: error.code, author })
      this.#outputs.push({ kind: 'unreadable', id, device: author })
    }
  }

  /** An entry from before an invitation: what it changed is known by that, what it says is not. */
  async #backfill(entry: Entry): Promise<Taken> {
    const state = this.#state
    state.addSeen(entry, testimonyOf(entry), this.#deps.clock.now())
    if (entry.body.type === 'commit' && !state.epochs.has(entry.body.child)) await this.#follow(entry, entry.body)
    if (entry.body.type === 'message') await this.#open(entry, this.#pastOf(entry))
    return 'read'
  }
}

/** What binds a message to its place in its author's log: nobody can put the words of one entry into another. */
export function authenticatedFor({ author, seq }: { author: DeviceId; seq: number }): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(`${author} ${seq}`)
}
