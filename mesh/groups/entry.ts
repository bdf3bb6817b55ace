/**
 * One entry of a device's log in a group: what it did or said, hash-chained, with what it had heard of the others.
 *
 * ```
 * u8 version = 1, u8 type, group 16, author 32, u48 seq, prev 32 (zeros for the first), epoch 16,
 * stamp u48 ms ‖ u16, u16 count × (device 32, u48 entries heard), body, signature 64
 * id = SHA-256("qpq group entry 1\0" ‖ head ‖ SHA-256(body)); the device signs "qpq group sign 1\0" ‖ id
 * ```
 *
 * `heard` names only what changed since the author's entry before: logs are read without gaps, so the whole is known.
 * Orders and commits name everything, because they are judged without what stood before them too.
 * `epoch` is where the author stands; for a commit the epoch that it leaves. Body and head are hashed apart so that a
 * head alone proves what somebody signed.
 */
import { ByteReader, ByteWriter, concatBytes, encodeUtf8 } from '#mesh/codec'
import { sha256 } from '#mesh/crypto'
import type { Stamp } from '#mesh/envelope'
import { MeshError } from '#mesh/errors'
import { type DeviceId, deviceIdOf, deviceKeyOf, PUBLIC_KEY_BYTES } from '#mesh/ids'
import type { Crypto } from '#mesh/ports'
import { type Body, decodeBody, encodeBody, typeByteOf } from './body.ts'
import { bytesOf, ENTRY_ID_BYTES, type EntryId, EPOCH_ID_BYTES, type EpochId, entryIdOf, epochIdOf, GROUP_ID_BYTES, type GroupId, groupIdOf } from './ids.ts'
import { MAX_DEPS, MAX_ENTRY_BYTES } from './limits.ts'

/** What every entry says of itself. */
export interface Head {
  readonly group: GroupId
  readonly author: DeviceId
  /** 0, 1, 2, … without a gap for each device and group. */
  readonly seq: number
  /** The author's entry before; absent in the first one. */
  readonly prev: EntryId | undefined
  /** Where the author stands. */
  readonly epoch: EpochId
  readonly stamp: Stamp
  /** Whose logs the author has read further since his entry before, and how many entries of each. */
  readonly heard: ReadonlyMap<DeviceId, number>
}

/** A signed entry. */
export interface Entry extends Head {
  readonly id: EntryId
  readonly body: Body
  readonly bytes: Uint8Array
}

/** True for entries that say all that their author had read, not only what was new. */
export function isSelfContained({ type }: Body): boolean {
  return type === 'order' || type === 'commit'
}

const VERSION = 1
const ID_LABEL = encodeUtf8('qpq group entry 1\0')
const SIGN_LABEL = encodeUtf8('qpq group sign 1\0')
const SIGNATURE_BYTES = 64
const NO_ENTRY = new Uint8Array(ENTRY_ID_BYTES)

/** Makes and signs an entry. @throws MeshError `MESH_MLS_STATE` (caller) when it does not fit into an envelope */
export function signEntry(crypto: Crypto, deviceSeed: Uint8Array, said: Head & { readonly body: Body }): Entry {
  const head = encodeHead(said, typeByteOf(said.body))
  const body = encodeBody(said.body)
  const id = nameOf(head, sha256(body))
  const bytes = concatBytes(head, body, crypto.ed25519Sign(deviceSeed, concatBytes(SIGN_LABEL, id)))
  if (bytes.length > MAX_ENTRY_BYTES) throw new MeshError('MESH_MLS_STATE', 'this does not fit into one envelope', { detail: { bytes: bytes.length } })
  return { ...said, id: entryIdOf(id), bytes }
}

/** Reads an entry and checks its signature; whether the author may say this is asked later. @throws MeshError `MESH_BYTES_*`, `MESH_FRAME_TOO_LARGE`, `MESH_VERSION_UNKNOWN`, `MESH_SIGNATURE_INVALID` (peer) */
export function readEntry(crypto: Crypto, bytes: Uint8Array): Entry {
  if (bytes.length > MAX_ENTRY_BYTES) throw new MeshError('MESH_FRAME_TOO_LARGE', 'an entry of a group is too long', { detail: { bytes: bytes.length } })
  const reader = new ByteReader(bytes)
  const { head, type, length } = readHead(reader)
  const rest = reader.rest()
  if (rest.length < SIGNATURE_BYTES) throw new MeshError('MESH_BYTES_TRUNCATED', 'an entry of a group ends too early')
  const body = rest.subarray(0, rest.length - SIGNATURE_BYTES)
  const id = nameOf(bytes.subarray(0, length), sha256(body))
  assertSigned(crypto, head.author, id, rest.subarray(body.length))
  return { ...head, id: entryIdOf(id), body: decodeBody(type, body), bytes }
}

/**
 * What proves that a device signed an entry, without the entry: head ‖ SHA-256(body) ‖ signature. Two of them with
 * one author, group and seq and different ids prove that its log has two ends.
 */
export function testimonyOf(entry: Entry): Uint8Array {
  const { length } = readHead(new ByteReader(entry.bytes))
  const end = entry.bytes.length - SIGNATURE_BYTES
  return concatBytes(entry.bytes.subarray(0, length), sha256(entry.bytes.subarray(length, end)), entry.bytes.subarray(end))
}

/** Reads a testimony. @throws MeshError as {@link readEntry} */
export function readTestimony(crypto: Crypto, bytes: Uint8Array): { head: Head; id: EntryId } {
  const reader = new ByteReader(bytes)
  const { head, length } = readHead(reader)
  const id = nameOf(bytes.subarray(0, length), reader.bytes(ENTRY_ID_BYTES))
  const signature = reader.bytes(SIGNATURE_BYTES)
  reader.end()
  assertSigned(crypto, head.author, id, signature)
  return { head, id: entryIdOf(id) }
}

function encodeHead({ group, author, seq, prev, epoch, stamp, heard }: Head, type: number): Uint8Array {
  const writer = new ByteWriter(128 + heard.size * 38)
    .u8(VERSION)
    .u8(type)
    .bytes(bytesOf(group))
    .bytes(deviceKeyOf(author))
    .u48(seq)
    .bytes(prev === undefined ? NO_ENTRY : bytesOf(prev))
    .bytes(bytesOf(epoch))
    .u48(stamp.ms)
    .u16(stamp.counter)
    .u16(heard.size)
  for (const [device, count] of heard) writer.bytes(deviceKeyOf(device)).u48(count)
  return writer.finish().slice()
}

function readHead(reader: ByteReader): { head: Head; type: number; length: number } {
  const version = reader.u8()
  if (version !== VERSION) throw new MeshError('MESH_VERSION_UNKNOWN', `group entry version ${version} is not known here`, { detail: { version } })
  const type = reader.u8()
  const group = groupIdOf(reader.bytes(GROUP_ID_BYTES))
  const author = deviceIdOf(reader.bytes(PUBLIC_KEY_BYTES))
  const seq = reader.u48()
  const before = reader.bytes(ENTRY_ID_BYTES)
  const epoch = epochIdOf(reader.bytes(EPOCH_ID_BYTES))
  const stamp = { ms: reader.u48(), counter: reader.u16() }
  const count = reader.count16(PUBLIC_KEY_BYTES + 6)
  if (count > MAX_DEPS) throw new MeshError('MESH_BYTES_INVALID', 'an entry names too many devices', { detail: { count } })
  const heard = new Map<DeviceId, number>()
  for (let i = 0; i < count; i++) heard.set(deviceIdOf(reader.bytes(PUBLIC_KEY_BYTES)), reader.u48())
  const isFirst = before.every((byte) => byte === 0)
  if (heard.size !== count || heard.has(author) || isFirst !== (seq === 0)) throw new MeshError('MESH_BYTES_INVALID', 'the head of an entry contradicts itself')
  const length = FIXED_HEAD_BYTES + count * (PUBLIC_KEY_BYTES + 6)
  return { head: { group, author, seq, prev: isFirst ? undefined : entryIdOf(before), epoch, stamp, heard }, type, length }
}

/** Version, type, group, author, seq, prev, epoch, stamp, count. */
const FIXED_HEAD_BYTES = 1 + 1 + GROUP_ID_BYTES + PUBLIC_KEY_BYTES + 6 + ENTRY_ID_BYTES + EPOCH_ID_BYTES + 8 + 2

function nameOf(head: Uint8Array, bodyHash: Uint8Array): Uint8Array {
  return sha256(ID_LABEL, head, bodyHash)
}

function assertSigned(crypto: Crypto, author: DeviceId, id: Uint8Array, signature: Uint8Array): void {
  if (crypto.ed25519Verify(deviceKeyOf(author), concatBytes(SIGN_LABEL, id), signature)) return
  throw new MeshError('MESH_SIGNATURE_INVALID', 'an entry of a group was not signed by the device that it names')
}
