/**
 * What an entry is about. Types and fields, big-endian:
 *
 * ```
 * 0 genesis      u8 kind (0 group, 1 direct), u16 suite
 * 1 key package  the bytes
 * 2 order        u8 op: 0 add (key package), 1 remove (device 32), 2 expel (u16 ‖ testimony, u16 ‖ testimony),
 *                3 role (person 32, u8), 4 mute (person 32, u8), 5 name (text8)
 * 3 commit       child epoch 16, u8 class, MLS message
 * 4 message      MLS message
 * 5 resync       u8 reason, key package
 * 6 here         nothing: where its author stands
 * 7 ask          u16 count × tag 8: of seals that its author lacks
 * ```
 */
import { ByteReader, ByteWriter, copyBytes } from '#mesh/codec'
import { MeshError } from '#mesh/errors'
import { cleanName, readName } from '#mesh/identity'
import { type DeviceId, deviceIdOf, deviceKeyOf, type PersonId, PUBLIC_KEY_BYTES, personIdOf, personKeyOf } from '#mesh/ids'
import type { SuiteId } from '#mesh/mls'
import { bytesOf, EPOCH_ID_BYTES, type EpochId, epochIdOf } from './ids.ts'
import { MAX_GROUP_NAME_BYTES, MAX_UNKNOWN_TAGS, TAG_BYTES } from './limits.ts'

/** A conversation of two people with all their devices, or a group as users make it. */
export type GroupKind = 'group' | 'direct'

/** What a person may do: see `roster.ts`. */
export type Role = 'member' | 'moderator' | 'admin'

/** A change that its author wants for the group; which of them count says the roster. */
export type Order =
  | { readonly op: 'add'; readonly keyPackage: Uint8Array }
  | { readonly op: 'remove'; readonly device: DeviceId }
  /** Two testimonies of one device for one place in its log. */
  | { readonly op: 'expel'; readonly first: Uint8Array; readonly second: Uint8Array }
  | { readonly op: 'role'; readonly person: PersonId; readonly role: Role }
  | { readonly op: 'mute'; readonly person: PersonId; readonly isOn: boolean }
  | { readonly op: 'name'; readonly name: string }

/** Why a member asks to be taken in again. */
export type ResyncReason = 'no-state' | 'bad-path' | 'too-old' | 'restore'

/** What a commit does, the strongest first: removals win over changes that are less urgent. */
export type CommitClass = 0 | 3 | 4

/** What an entry is about. */
export type Body =
  | { readonly type: 'genesis'; readonly kind: GroupKind; readonly suite: SuiteId }
  | { readonly type: 'key-package'; readonly keyPackage: Uint8Array }
  | { readonly type: 'order'; readonly order: Order }
  | { readonly type: 'commit'; readonly child: EpochId; readonly class: CommitClass; readonly message: Uint8Array }
  | { readonly type: 'message'; readonly message: Uint8Array }
  | { readonly type: 'resync'; readonly reason: ResyncReason; readonly keyPackage: Uint8Array }
  | { readonly type: 'here' }
  /** Something came under seals of these tags, which the author has not: it was written on a branch that he did not come from. */
  | { readonly type: 'ask'; readonly tags: readonly Uint8Array[] }

const TYPES = ['genesis', 'key-package', 'order', 'commit', 'message', 'resync', 'here', 'ask'] as const
const KINDS = ['group', 'direct'] as const
const OPS = ['add', 'remove', 'expel', 'role', 'mute', 'name'] as const
const ROLES = ['member', 'moderator', 'admin'] as const
const REASONS = ['no-state', 'bad-path', 'too-old', 'restore'] as const
const MAX_TESTIMONY_BYTES = 30_000

/** The byte in the head that says what the body is. */
export function typeByteOf(body: Body): number {
  return TYPES.indexOf(body.type)
}

export function encodeBody(body: Body): Uint8Array {
  const writer = new ByteWriter(256)
  switch (body.type) {
    case 'genesis':
      writer.u8(KINDS.indexOf(body.kind)).u16(body.suite)
      break
    case 'order':
      writeOrder(writer, body.order)
      break
    case 'commit':
      writer.bytes(bytesOf(body.child)).u8(body.class).bytes(body.message)
      break
    case 'resync':
      writer.u8(REASONS.indexOf(body.reason)).bytes(body.keyPackage)
      break
    case 'key-package':
      writer.bytes(body.keyPackage)
      break
    case 'message':
      writer.bytes(body.message)
      break
    case 'ask':
      writer.u16(body.tags.length)
      for (const tag of body.tags) writer.bytes(tag)
      break
    case 'here':
      break
  }
  return writer.finish().slice()
}

/** Reads a body; what it holds is copied. @throws MeshError `MESH_BYTES_*`, `MESH_VERSION_UNKNOWN` (peer) */
export function decodeBody(typeByte: number, bytes: Uint8Array): Body {
  const reader = new ByteReader(copyBytes(bytes))
  const type = TYPES[typeByte]
  const body = type === undefined ? undefined : readBody(type, reader)
  if (body === undefined) throw new MeshError('MESH_VERSION_UNKNOWN', 'this kind of entry is not known here', { detail: { type: typeByte } })
  reader.end()
  return body
}

function readBody(type: Body['type'], reader: ByteReader): Body {
  switch (type) {
    case 'genesis': {
      const kind = one(KINDS, reader.u8(), 'kind')
      return { type, kind, suite: reader.u16() }
    }
    case 'key-package':
      return { type, keyPackage: reader.rest() }
    case 'order':
      return { type, order: readOrder(reader) }
    case 'commit': {
      const child = epochIdOf(reader.bytes(EPOCH_ID_BYTES))
      return { type, child, class: one([0, undefined, undefined, 3, 4], reader.u8(), 'class'), message: reader.rest() }
    }
    case 'message':
      return { type, message: reader.rest() }
    case 'resync':
      return { type, reason: one(REASONS, reader.u8(), 'reason'), keyPackage: reader.rest() }
    case 'ask': {
      const count = reader.count16(TAG_BYTES)
      if (count > MAX_UNKNOWN_TAGS) throw new MeshError('MESH_BYTES_INVALID', 'an entry asks for too many seals', { detail: { count } })
      return { type, tags: Array.from({ length: count }, () => reader.bytes(TAG_BYTES)) }
    }
    case 'here':
      return { type }
  }
}

function writeOrder(writer: ByteWriter, order: Order): void {
  writer.u8(OPS.indexOf(order.op))
  switch (order.op) {
    case 'add':
      writer.bytes(order.keyPackage)
      break
    case 'remove':
      writer.bytes(deviceKeyOf(order.device))
      break
    case 'expel':
      writer.bytes16(order.first).bytes16(order.second)
      break
    case 'role':
      writer.bytes(personKeyOf(order.person)).u8(ROLES.indexOf(order.role))
      break
    case 'mute':
      writer.bytes(personKeyOf(order.person)).u8(order.isOn ? 1 : 0)
      break
    case 'name':
      writer.text8(cleanName(order.name, MAX_GROUP_NAME_BYTES))
      break
  }
}

function readOrder(reader: ByteReader): Order {
  const op = one(OPS, reader.u8(), 'order')
  switch (op) {
    case 'add':
      return { op, keyPackage: reader.rest() }
    case 'remove':
      return { op, device: deviceIdOf(reader.bytes(PUBLIC_KEY_BYTES)) }
    case 'expel':
      return { op, first: reader.bytes16(MAX_TESTIMONY_BYTES), second: reader.bytes16(MAX_TESTIMONY_BYTES) }
    case 'role':
      return { op, person: personIdOf(reader.bytes(PUBLIC_KEY_BYTES)), role: one(ROLES, reader.u8(), 'role') }
    case 'mute':
      return { op, person: personIdOf(reader.bytes(PUBLIC_KEY_BYTES)), isOn: one([false, true], reader.u8(), 'flag') }
    case 'name':
      return { op, name: readName(reader, MAX_GROUP_NAME_BYTES) }
  }
}

function one<T>(values: readonly (T | undefined)[], index: number, what: string): T {
  const value = values[index]
  if (value === undefined) throw new MeshError('MESH_VERSION_UNKNOWN', `this ${what} is not known here`, { detail: { value: index } })
  return value
}
