/**
 * A group on the disk: one sealed row for each thing that changes by itself, so that a message rewrites a log's end
 * and an epoch's state, not the group. Key: group 16 ‖ kind ‖ what it is about.
 */
import { encode } from 'cborg'
import { ByteReader, ByteWriter, concatBytes, decodeCbor } from '#mesh/codec'
import { type DeviceId, deviceIdOf, deviceKeyOf, PUBLIC_KEY_BYTES } from '#mesh/ids'
import { decodeMlsState, decodeOwnKeyPackage, encodeMlsState, encodeOwnKeyPackage } from '#mesh/mls'
import type { Crypto } from '#mesh/ports'
import type { CommitClass, GroupKind } from './body.ts'
import { readEntry } from './entry.ts'
import { GroupState } from './group-state.ts'
import { bytesOf, type EntryId, type EpochId, entryIdOf, epochIdOf, type GroupId } from './ids.ts'
import type { JudgedOrder } from './roster.ts'

/** A row to be written, or to be deleted when it has no value. */
export interface GroupRow {
  readonly key: Uint8Array
  readonly value: Uint8Array | undefined
}

const KINDS = ['group', 'node', 'seal', 'order', 'log', 'epoch', 'resync', 'package', 'own', 'proof', 'pending', 'unread', 'seen'] as const
type Kind = (typeof KINDS)[number]

/** The rows for all that has changed; afterwards nothing is dirty. */
export function takeRows(state: GroupState): GroupRow[] {
  const rows: GroupRow[] = []
  for (const about of state.dirty) {
    const [kind = '', ...subject] = about.split(' ')
    rows.push(rowOf(state, kind as Kind, subject))
  }
  state.dirty.clear()
  return rows
}

function rowOf(state: GroupState, kind: Kind, [subject = '', place = '']: readonly string[]): GroupRow {
  const of = (key: Uint8Array, value: unknown): GroupRow => ({
    key: concatBytes(bytesOf(state.id), Uint8Array.of(KINDS.indexOf(kind)), key),
    value: value === undefined ? undefined : encode(value),
  })
  const device = subject as DeviceId
  const epoch = subject as EpochId
  switch (kind) {
    case 'group': {
      const { kind: made, suite, creator } = state.genesis
      return of(new Uint8Array(0), [made, suite, deviceKeyOf(creator), bytesOf(state.root)])
    }
    case 'node': {
      const node = state.tree.get(epoch)
      const flags = [state.blocked.has(epoch), state.entered.has(epoch)]
      return of(
        bytesOf(epoch),
        node && [node.parent === undefined ? null : bytesOf(node.parent), node.class, node.hash, deviceKeyOf(node.author), node.isBad, ...flags],
      )
    }
    case 'seal': {
      const seal = state.seals.get(epoch)
      return of(bytesOf(epoch), seal && [seal.tag, seal.key, seal.addressSeed])
    }
    case 'order': {
      const order = state.orders.get(subject as EntryId)
      return of(bytesOf(subject as EntryId), order && [order.bytes, ...judgement(order)])
    }
    case 'log': {
      const { count, last, heard, positions, readMs } = state.logOf(device)
      const stands = positions.map(({ from, epoch: at }) => [from, bytesOf(at)])
      return of(deviceKeyOf(device), [count, last === undefined ? null : bytesOf(last), encodeHeard(heard), stands, readMs])
    }
    case 'epoch': {
      const held = state.epochs.get(epoch)
      return of(bytesOf(epoch), held && [encodeMlsState(held.state), held.sinceMs, held.goesAtMs ?? null])
    }
    case 'resync': {
      const asked = state.resyncs.get(device)
      return of(deviceKeyOf(device), asked && [asked.keyPackage, asked.signatureKey, bytesOf(asked.head), [...asked.seqs]])
    }
    case 'package':
      return of(deviceKeyOf(device), state.keyPackages.get(device))
    case 'own': {
      const own = state.ownKeyPackages.get(subject)
      return of(new TextEncoder().encode(subject), own && encodeOwnKeyPackage(own))
    }
    case 'proof': {
      const proof = state.proofs.get(device)
      return of(deviceKeyOf(device), proof && [proof.first, proof.second, proof.from])
    }
    case 'pending':
      return of(bytesOf(subject as EntryId), state.pending.get(subject as EntryId)?.bytes)
    case 'unread':
      return of(bytesOf(subject as EntryId), state.unread.get(subject as EntryId)?.bytes)
    case 'seen': {
      const seen = state.seen(device, Number(place))
      const key = new ByteWriter(38).bytes(deviceKeyOf(device)).u48(Number(place)).finish()
      return of(key, seen && [bytesOf(seen.id), seen.testimony, seen.readMs])
    }
  }
}

function judgement({ author, seq, heard, target, authority }: JudgedOrder): unknown[] {
  const about = target && [deviceKeyOf(target.device), target.person ?? null, target.fromSeq ?? null]
  return [deviceKeyOf(author), seq, encodeHeard(heard), about ?? null, authority === undefined ? null : [authority.rank, authority.since]]
}

function encodeHeard(heard: ReadonlyMap<DeviceId, number>): Uint8Array {
  const writer = new ByteWriter(heard.size * 38)
  for (const [device, count] of heard) writer.bytes(deviceKeyOf(device)).u48(count)
  return writer.finish().slice()
}

function decodeHeard(bytes: Uint8Array): Map<DeviceId, number> {
  const reader = new ByteReader(bytes)
  const heard = new Map<DeviceId, number>()
  for (let at = 0; at < bytes.length; at += PUBLIC_KEY_BYTES + 6) heard.set(deviceIdOf(reader.bytes(PUBLIC_KEY_BYTES)), reader.u48())
  return heard
}

/** A group from its rows, in the order of their keys. @throws when they are damaged: they were sealed here */
export function stateFromRows(crypto: Crypto, id: GroupId, rows: Iterable<readonly [key: Uint8Array, value: Uint8Array]>): GroupState | undefined {
  let state: GroupState | undefined
  for (const [key, bytes] of rows) {
    const kind = KINDS[key[16] ?? KINDS.length]
    const subject = key.subarray(17)
    const value = decodeCbor(bytes)
    if (kind === 'group') {
      const [made, suite, creator, root] = value as [GroupKind, number, Uint8Array, Uint8Array]
      state = new GroupState(id, { kind: made, suite, creator: deviceIdOf(creator) }, epochIdOf(root))
    } else if (state !== undefined && kind !== undefined) restore(crypto, state, kind, subject, value)
  }
  state?.dirty.clear()
  return state
}

function restore(crypto: Crypto, state: GroupState, kind: Exclude<Kind, 'group'>, subject: Uint8Array, value: unknown): void {
  switch (kind) {
    case 'node': {
      const [parent, kindOf, hash, author, isBad, isBlocked, isEntered] = value as [
        Uint8Array | null,
        CommitClass,
        string,
        Uint8Array,
        boolean,
        boolean,
        boolean,
      ]
      const epoch = epochIdOf(subject)
      state.addNode({ id: epoch, parent: parent === null ? undefined : epochIdOf(parent), class: kindOf, hash, author: deviceIdOf(author), isBad })
      if (isBlocked) state.block(epoch)
      if (isEntered) state.entered.add(epoch)
      break
    }
    case 'seal': {
      const [tag, key, addressSeed] = value as [Uint8Array, Uint8Array, Uint8Array]
      state.setSeal(epochIdOf(subject), { tag, key, addressSeed })
      break
    }
    case 'order':
      restoreOrder(crypto, state, value as unknown[])
      break
    case 'log': {
      const [count, last, heard, stands, readMs] = value as [number, Uint8Array | null, Uint8Array, [number, Uint8Array][], number]
      const positions = stands.map(([from, epoch]) => ({ from, epoch: epochIdOf(epoch) }))
      state.setLog(deviceIdOf(subject), { count, last: last === null ? undefined : entryIdOf(last), heard: decodeHeard(heard), positions, readMs })
      break
    }
    case 'epoch': {
      const [mls, sinceMs, goesAtMs] = value as [Uint8Array, number, number | null]
      state.setEpoch(epochIdOf(subject), { state: decodeMlsState(mls), sinceMs, ...(goesAtMs === null ? {} : { goesAtMs }) })
      break
    }
    case 'resync': {
      const [keyPackage, signatureKey, head, seqs] = value as [Uint8Array, Uint8Array, Uint8Array, number[]]
      state.putResync(deviceIdOf(subject), { keyPackage, signatureKey, head: epochIdOf(head), seqs })
      break
    }
    case 'package':
      state.setKeyPackage(deviceIdOf(subject), value as Uint8Array)
      break
    case 'own':
      state.addOwn(decodeOwnKeyPackage(value as Uint8Array))
      break
    case 'proof': {
      const [first, second, from] = value as [Uint8Array, Uint8Array, number]
      state.addProof(deviceIdOf(subject), { first, second, from })
      break
    }
    case 'pending':
      state.addPending(readEntry(crypto, value as Uint8Array))
      break
    case 'unread':
      state.addUnread(readEntry(crypto, value as Uint8Array))
      break
    case 'seen': {
      const [id, testimony, readMs] = value as [Uint8Array, Uint8Array, number]
      const reader = new ByteReader(subject)
      state.addSeen({ author: deviceIdOf(reader.bytes(PUBLIC_KEY_BYTES)), seq: reader.u48(), id: entryIdOf(id) }, testimony, readMs)
      break
    }
  }
}

function restoreOrder(crypto: Crypto, state: GroupState, row: readonly unknown[]): void {
  const [bytes, author, seq, heard, about, authority] = row as [
    Uint8Array,
    Uint8Array,
    number,
    Uint8Array,
    [Uint8Array, string | null, number | null] | null,
    [number, number] | null,
  ]
  const { id, body } = readEntry(crypto, bytes)
  if (body.type !== 'order') return
  const target = about && {
    device: deviceIdOf(about[0]),
    ...(about[1] === null ? {} : { person: about[1] as NonNullable<NonNullable<JudgedOrder['target']>['person']> }),
    ...(about[2] === null ? {} : { fromSeq: about[2] }),
  }
  state.addOrder({
    id,
    author: deviceIdOf(author),
    seq,
    order: body.order,
    bytes,
    heard: decodeHeard(heard),
    ...(target === null ? {} : { target }),
    ...(authority === null ? {} : { authority: { rank: authority[0], since: authority[1] } }),
  })
}
