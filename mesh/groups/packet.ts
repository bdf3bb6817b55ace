/**
 * What an invitation brings: the Welcome, and what has to be known of the group to read on from there.
 *
 * A CBOR array; devices are named by their place in the first list. Orders come as they were signed, so whoever joins
 * judges them himself; how far the logs were read he takes from the member who invites him.
 *
 * ```
 * [1, group, kind, suite, [device keys], creator, root, epoch, welcome,
 *  [[epoch, parent | null, class, hash, author, bad]], [[epoch, tag, key, address seed]], [order entries],
 *  [[device, count, last | null, [heard], [[from, epoch]]]], [[device, key package, signature key, head, [seqs]]], [[device, key package]]]
 * ```
 */
import { encode } from 'cborg'
import { decodeStrictCbor } from '#mesh/codec'
import { MeshError } from '#mesh/errors'
import { type DeviceId, deviceIdOf, deviceKeyOf } from '#mesh/ids'
import type { CommitClass, GroupKind } from './body.ts'
import type { EpochNode } from './epoch-tree.ts'
import type { GroupState, LogEnd, Resync } from './group-state.ts'
import { bytesOf, ENTRY_ID_BYTES, type EpochId, entryIdOf, epochIdOf, type GroupId, groupIdOf } from './ids.ts'
import { MAX_ENTRY_BYTES, MAX_PACKET_BYTES, TAG_BYTES } from './limits.ts'
import type { Seal } from './seal.ts'

/** What an invitation brings. */
export interface Packet {
  readonly group: GroupId
  readonly kind: GroupKind
  readonly suite: number
  readonly creator: DeviceId
  readonly root: EpochId
  /** The epoch that the Welcome leads to. */
  readonly epoch: EpochId
  readonly welcome: Uint8Array
  readonly nodes: readonly EpochNode[]
  readonly seals: readonly (readonly [EpochId, Seal])[]
  readonly orders: readonly Uint8Array[]
  readonly logs: readonly (readonly [DeviceId, Omit<LogEnd, 'readMs'>])[]
  readonly resyncs: readonly (readonly [DeviceId, Resync])[]
  readonly keyPackages: readonly (readonly [DeviceId, Uint8Array])[]
}

const VERSION = 1
const KINDS: readonly GroupKind[] = ['group', 'direct']

/** What somebody who joins at `epoch` has to know. */
export function encodePacket(state: GroupState, { welcome, epoch }: { welcome: Uint8Array; epoch: EpochId }): Uint8Array {
  const devices: DeviceId[] = []
  const numbers = new Map<DeviceId, number>()
  const numberOf = (device: DeviceId): number => {
    const known = numbers.get(device)
    if (known !== undefined) return known
    numbers.set(device, devices.length)
    return devices.push(device) - 1
  }
  for (const device of state.logs.keys()) numberOf(device)
  const nodes = [...state.tree.nodes()].map((node) => [
    bytesOf(node.id),
    node.parent === undefined ? null : bytesOf(node.parent),
    node.class,
    node.hash,
    numberOf(node.author),
    node.isBad,
  ])
  const logs = [...state.logs].map(([device, { count, last, heard, positions }]) => [
    numberOf(device),
    count,
    last === undefined ? null : bytesOf(last),
    [...heard].flatMap(([other, read]) => [numberOf(other), read]),
    positions.map(({ from, epoch: at }) => [from, bytesOf(at)]),
  ])
  const resyncs = [...state.resyncs].map(([device, { keyPackage, signatureKey, head, seqs }]) => [
    numberOf(device),
    keyPackage,
    signatureKey,
    bytesOf(head),
    [...seqs],
  ])
  const packages = [...state.keyPackages].map(([device, bytes]) => [numberOf(device), bytes])
  const seals = [...state.seals].map(([id, { tag, key, addressSeed }]) => [bytesOf(id), tag, key, addressSeed])
  const orders = [...state.orders.values()].map(({ bytes }) => bytes)
  const creator = numberOf(state.genesis.creator)
  const about = [bytesOf(state.id), KINDS.indexOf(state.genesis.kind), state.genesis.suite, devices.map(deviceKeyOf), creator]
  return encode([VERSION, ...about, bytesOf(state.root), bytesOf(epoch), welcome, nodes, seals, orders, logs, resyncs, packages])
}

/** Reads an invitation's packet. @throws MeshError `MESH_FRAME_TOO_LARGE`, `MESH_BYTES_INVALID`, `MESH_VERSION_UNKNOWN` (peer) */
export function decodePacket(bytes: Uint8Array): Packet {
  if (bytes.length > MAX_PACKET_BYTES) throw new MeshError('MESH_FRAME_TOO_LARGE', 'an invitation is too long', { detail: { bytes: bytes.length } })
  const [version, group, kind, suite, keys, creator, root, epoch, welcome, nodes, seals, orders, logs, resyncs, packages] = list(decodeStrictCbor(bytes))
  if (version !== VERSION) throw new MeshError('MESH_VERSION_UNKNOWN', 'this invitation was written by a newer program')
  const devices = list(keys).map((key) => deviceIdOf(binary(key)))
  const device = (value: unknown): DeviceId => devices[count(value)] ?? invalid('device')
  return {
    group: groupIdOf(binary(group)),
    kind: KINDS[count(kind)] ?? invalid('kind'),
    suite: count(suite),
    creator: device(creator),
    root: epochIdOf(binary(root)),
    epoch: epochIdOf(binary(epoch)),
    welcome: binary(welcome),
    nodes: list(nodes).map((row) => nodeIn(list(row), device)),
    seals: list(seals).map(sealIn),
    orders: list(orders).map((entry) => binary(entry)),
    logs: list(logs).map((row) => {
      const [author, read, last, heard, positions] = list(row)
      return [
        device(author),
        { count: count(read), last: last === null ? undefined : entryIdOf(binary(last, ENTRY_ID_BYTES)), ...heardIn(heard, positions, device) },
      ]
    }),
    resyncs: list(resyncs).map((row) => {
      const [who, keyPackage, signatureKey, head, seqs] = list(row)
      return [device(who), { keyPackage: binary(keyPackage), signatureKey: binary(signatureKey), head: epochIdOf(binary(head)), seqs: list(seqs).map(count) }]
    }),
    keyPackages: list(packages).map((row) => {
      const [who, keyPackage] = list(row)
      return [device(who), binary(keyPackage)]
    }),
  }
}

/** Seals for a member that lacks them. */
export function encodeSeals(state: GroupState, seals: readonly (readonly [EpochId, Seal])[]): Uint8Array {
  return encode([VERSION, bytesOf(state.id), seals.map(([id, { tag, key, addressSeed }]) => [bytesOf(id), tag, key, addressSeed])])
}

/** Reads seals that were asked for. @throws MeshError `MESH_BYTES_INVALID`, `MESH_VERSION_UNKNOWN` (peer) */
export function decodeSeals(bytes: Uint8Array): { group: GroupId; seals: readonly (readonly [EpochId, Seal])[] } {
  if (bytes.length > MAX_ENTRY_BYTES) throw new MeshError('MESH_FRAME_TOO_LARGE', 'this is too long for seals', { detail: { bytes: bytes.length } })
  const [version, group, seals] = list(decodeStrictCbor(bytes))
  if (version !== VERSION) throw new MeshError('MESH_VERSION_UNKNOWN', 'these seals were written by a newer program')
  return { group: groupIdOf(binary(group)), seals: list(seals).map(sealIn) }
}

function sealIn(row: unknown): readonly [EpochId, Seal] {
  const [id, tag, key, addressSeed] = list(row)
  return [epochIdOf(binary(id)), { tag: binary(tag, TAG_BYTES), key: binary(key, 32), addressSeed: binary(addressSeed, 32) }]
}

function nodeIn([id, parent, kind, hash, author, isBad]: readonly unknown[], device: (value: unknown) => DeviceId): EpochNode {
  const classes: readonly CommitClass[] = [0, 3, 4]
  return {
    id: epochIdOf(binary(id)),
    parent: parent === null ? undefined : epochIdOf(binary(parent)),
    class: classes.find((known) => known === kind) ?? invalid('class'),
    hash: typeof hash === 'string' && hash.length <= 64 ? hash : invalid('hash'),
    author: device(author),
    isBad: isBad === true,
  }
}

function heardIn(heard: unknown, positions: unknown, device: (value: unknown) => DeviceId): Pick<LogEnd, 'heard' | 'positions'> {
  const flat = list(heard)
  const read = new Map<DeviceId, number>()
  for (let at = 0; at + 1 < flat.length; at += 2) read.set(device(flat[at]), count(flat[at + 1]))
  return {
    heard: read,
    positions: list(positions).map((row) => {
      const [from, epoch] = list(row)
      return { from: count(from), epoch: epochIdOf(binary(epoch)) }
    }),
  }
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : invalid('list')
}

function binary(value: unknown, length?: number): Uint8Array {
  return value instanceof Uint8Array && (length === undefined || value.length === length) ? value : invalid('bytes')
}

function count(value: unknown): number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : invalid('number')
}

function invalid(what: string): never {
  throw new MeshError('MESH_BYTES_INVALID', `an invitation has a bad ${what}`, { detail: { what } })
}
