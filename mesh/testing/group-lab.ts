/** Groups of many devices in one process, for tests: a network that delivers what and when the test says. */
import { compareBytes, decodeUtf8, encodeUtf8 } from '#mesh/codec'
import { sha256 } from '#mesh/crypto'
import { HybridClock } from '#mesh/envelope'
import { Group, type GroupDeps, type GroupOutput, type GroupTimes, stateFromRows, takeRows } from '#mesh/groups'
import { type DeviceId, encodeBase64url } from '#mesh/ids'
import { deviceLeafRules, type MlsCrypto, MlsEngine, type OwnKeyPackage, portableMlsCrypto, SUITE_CHACHA } from '#mesh/mls'
import { type Crypto, type Random, silentLog } from '#mesh/ports'
import { type FakeClock, fakeClock } from './fake-clock.ts'
import { fakeCrypto } from './fake-crypto.ts'
import { MlsRoom } from './mls-room.ts'
import { seededRandom } from './seeded-random.ts'

/** One device with what it has of the group. */
export class LabNode {
  readonly name: string
  readonly device: DeviceId
  readonly deps: GroupDeps
  group: Group | undefined
  /** What was shown, by id. */
  readonly shown = new Map<string, string>()
  readonly unreadable = new Set<string>()
  /** What this device has of the network: covered entries by their place in the lab's list. */
  readonly has = new Set<number>()
  readonly waiting: Uint8Array[] = []
  readonly own = new Map<string, OwnKeyPackage>()
  /** The disk. */
  readonly rows = new Map<string, readonly [key: Uint8Array, value: Uint8Array]>()

  constructor(name: string, device: DeviceId, deps: GroupDeps) {
    this.name = name
    this.device = device
    this.deps = deps
  }
}

/** Something on its way. */
export type Parcel =
  | { readonly kind: 'entry'; readonly payload: Uint8Array; readonly from: string }
  | { readonly kind: 'seals'; readonly to: DeviceId; readonly packet: Uint8Array; readonly from: string }
  | { readonly kind: 'invitation'; readonly to: DeviceId; readonly keyPackage: string; readonly packet: Uint8Array; readonly from: string }

/** See the head of this file. */
export class GroupLab {
  readonly clock: FakeClock
  readonly nodes: LabNode[] = []
  readonly parcels: Parcel[] = []
  readonly #room: MlsRoom
  readonly #crypto: Crypto
  readonly #mls: (random: Random) => MlsCrypto
  readonly #times: Partial<GroupTimes>

  constructor(seed: string, options: { crypto?: Crypto; mls?: (random: Random) => MlsCrypto; times?: Partial<GroupTimes> } = {}) {
    this.#crypto = options.crypto ?? fakeCrypto()
    this.#room = new MlsRoom(seed, { crypto: this.#crypto })
    this.clock = fakeClock()
    this.#mls = options.mls ?? ((random) => portableMlsCrypto(this.#crypto, random))
    this.#times = options.times ?? {}
  }

  /** A device of this name, not in the group yet. */
  node(name: string): LabNode {
    const { device, deviceSeed, credential } = this.#room.device(name)
    const random = seededRandom(`random of ${name}`)
    const rules = deviceLeafRules({ crypto: this.#crypto, clock: this.clock, isRevoked: () => false })
    const engine = new MlsEngine({ crypto: this.#mls(random), rules })
    const hlc = new HybridClock({ clock: this.clock })
    const deps = { engine, crypto: this.#crypto, random, clock: this.clock, log: silentLog, self: { device, deviceSeed, credential }, stamp: () => hlc.next() }
    const node = new LabNode(name, device, { ...deps, times: this.#times })
    this.nodes.push(node)
    return node
  }

  /** A key package of a device, whose secrets it keeps. */
  async keyPackage(node: LabNode): Promise<Uint8Array> {
    const own = await node.deps.engine.createKeyPackage(SUITE_CHACHA, node.deps.self.credential)
    node.own.set(encodeBase64url(sha256(own.bytes)), own)
    return own.bytes
  }

  /** The first node makes a group. */
  async create(node: LabNode): Promise<Group> {
    node.group = await Group.create(node.deps, { kind: 'group', suite: SUITE_CHACHA })
    this.collect(node)
    return node.group
  }

  groupOf(node: LabNode): Group {
    if (node.group === undefined) throw new Error(`${node.name} is in no group`)
    return node.group
  }

  async say(node: LabNode, text: string): Promise<string> {
    const { id } = await this.groupOf(node).say(encodeUtf8(text))
    node.shown.set(id, text)
    this.collect(node)
    return id
  }

  /** Puts what a device has to send onto the network. */
  collect(node: LabNode): void {
    for (const { key, value } of node.group === undefined ? [] : takeRows(node.group.state)) {
      if (value === undefined) node.rows.delete(encodeBase64url(key))
      else node.rows.set(encodeBase64url(key), [key, value])
    }
    for (const output of node.group?.takeOutputs() ?? []) this.post(node, output)
  }

  /** Puts one thing onto the network, or shows it. */
  post(node: LabNode, output: GroupOutput): void {
    const { name: from } = node
    if (output.kind === 'message') {
      if (node.shown.has(output.message.id)) throw new Error('a message is shown twice')
      node.shown.set(output.message.id, decodeUtf8(output.message.content))
    } else if (output.kind === 'unreadable') node.unreadable.add(output.id)
    else if (output.kind === 'seals') node.has.add(this.parcels.push({ kind: 'seals', to: output.device, packet: output.packet, from }) - 1)
    else if (output.kind === 'entry') node.has.add(this.parcels.push({ kind: 'entry', payload: output.payload, from }) - 1)
    else
      for (const { device, keyPackage } of output.to)
        node.has.add(this.parcels.push({ kind: 'invitation', to: device, keyPackage: encodeBase64url(keyPackage), packet: output.packet, from }) - 1)
  }

  /** Hands `to` some of what `from` has and it has not: all, or the first ones. */
  async sync(from: LabNode, to: LabNode, share = 1): Promise<void> {
    const missing = [...from.has].filter((at) => !to.has.has(at)).sort((a, b) => a - b)
    for (const at of missing.slice(0, Math.ceil(missing.length * share))) {
      to.has.add(at)
      const parcel = this.parcels[at]
      if (parcel !== undefined) await this.deliver(to, parcel)
    }
  }

  async deliver(to: LabNode, parcel: Parcel): Promise<void> {
    if (parcel.kind === 'entry') {
      if (to.group === undefined || (await to.group.take(parcel.payload)) === 'unreadable') to.waiting.push(parcel.payload)
      else await this.#retry(to)
    } else if (parcel.kind === 'seals') {
      if (parcel.to === to.device) await to.group?.takeSeals(parcel.packet)
      await this.#retry(to)
    } else if (parcel.to === to.device) {
      const own = to.own.get(parcel.keyPackage) ?? to.group?.state.ownKeyPackages.get(parcel.keyPackage)
      if (own === undefined) throw new Error(`${to.name} has no such key package`)
      if (to.group === undefined) to.group = await Group.join(to.deps, parcel.packet, own)
      else await to.group.rejoin(parcel.packet, own)
      await this.#retry(to)
    }
    this.collect(to)
  }

  /** The same device a second time, as it was when it last wrote to its disk: somebody has copied it. */
  twin(node: LabNode): LabNode {
    const twin = new LabNode(`${node.name}, copied`, node.device, node.deps)
    for (const [name, row] of node.rows) twin.rows.set(name, row)
    twin.group = new Group(node.deps, lost(stateFromRows(this.#crypto, this.groupOf(node).id, rowsOf(twin)), node))
    for (const at of node.has) twin.has.add(at)
    this.nodes.push(twin)
    return twin
  }

  /** Ends the process of a device: what is not on its disk is gone. */
  restart(node: LabNode): void {
    if (node.group === undefined) return
    node.group = new Group(node.deps, lost(stateFromRows(this.#crypto, node.group.id, rowsOf(node)), node))
  }

  /** Everybody hands everything to everybody, and does what is due, until nothing moves. */
  async settle(options: { readonly rounds?: number; readonly among?: readonly LabNode[] } = {}): Promise<void> {
    const among = options.among ?? this.nodes
    for (let round = 0; round < (options.rounds ?? 40); round++) {
      const before = this.parcels.length
      for (let pass = 0; pass < 2; pass++) for (const from of among) for (const to of among) if (from !== to) await this.sync(from, to)
      await this.clock.advance(3_000)
      for (const node of among) {
        await node.group?.tick()
        this.collect(node)
      }
      // Who asks for seals asks again after a while, when those whose turn it was had none.
      const isAsked = among.some(({ group, device }) => group?.roster.members.has(device) === true && group.state.unknownTags.size > 0)
      if (this.parcels.length === before && round > among.length + 2 && !isAsked) return
    }
  }

  async #retry(node: LabNode): Promise<void> {
    for (let isMoving = true; isMoving; ) {
      isMoving = false
      for (const payload of node.waiting.splice(0)) {
        if (node.group === undefined || (await node.group.take(payload)) === 'unreadable') node.waiting.push(payload)
        else isMoving = true
      }
    }
  }
}

function rowsOf(node: LabNode): (readonly [key: Uint8Array, value: Uint8Array])[] {
  return [...node.rows.values()].sort(([a], [b]) => compareBytes(a, b))
}

function lost<State>(state: State | undefined, node: LabNode): State {
  if (state === undefined) throw new Error(`${node.name} has lost its group`)
  return state
}
