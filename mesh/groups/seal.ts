/**
 * What covers an entry on its way: only members can see who wrote what kind of thing when.
 *
 * ```
 * u8 version = 1, tag 8 (names the seal for those who have it), nonce 12, ChaCha20-Poly1305(entry), bound to version and tag
 * ```
 *
 * Tag, key and address come from the exporter of an epoch (RFC 9420 §8.5), anew whenever somebody was removed; epochs
 * after it keep them. They open no message: texts are encrypted by MLS beneath. So they are handed to whoever joins,
 * for what is written around the time he comes, on other branches as well.
 */
import { base64urlnopad } from '@scure/base'
import { ByteReader, ByteWriter, concatBytes, encodeUtf8 } from '#mesh/codec'
import { MeshError } from '#mesh/errors'
import { encodeBase64url } from '#mesh/ids'
import type { MlsEngine, MlsState } from '#mesh/mls'
import type { Crypto, Random } from '#mesh/ports'
import { EPOCH_ID_BYTES, type EpochId, epochIdOf } from './ids.ts'
import { TAG_BYTES } from './limits.ts'

/** How entries are covered, and where they are sent. */
export interface Seal {
  /** 8 bytes. */
  readonly tag: Uint8Array
  /** 32 bytes. */
  readonly key: Uint8Array
  /** Ed25519 seed of the shared address; a new one when somebody was removed. */
  readonly addressSeed: Uint8Array
}

const VERSION = 1
const NONCE_BYTES = 12
const NOTHING = new Uint8Array(0)

/** The name of the epoch that a state is in. */
export async function epochOf(engine: MlsEngine, state: MlsState): Promise<EpochId> {
  return epochIdOf(await engine.exportSecret(state, 'qpq/epoch-id', NOTHING, EPOCH_ID_BYTES))
}

/** The seal of an epoch: that of its parent if there is one to keep, or a new one. */
export async function sealOf(engine: MlsEngine, state: MlsState, before: Seal | undefined): Promise<Seal> {
  if (before !== undefined) return before
  const exported = async (label: string, bytes: number): Promise<Uint8Array> => engine.exportSecret(state, label, NOTHING, bytes)
  return {
    tag: await exported('qpq/log-tag', TAG_BYTES),
    key: await exported('qpq/log-key', 32),
    addressSeed: await exported('qpq/address', 32),
  }
}

/** Covers an entry. */
export function cover(deps: { crypto: Crypto; random: Random }, seal: Seal, entry: Uint8Array): Uint8Array {
  const head = new ByteWriter(TAG_BYTES + 1).u8(VERSION).bytes(seal.tag).finish()
  const nonce = deps.random.bytes(NONCE_BYTES)
  return concatBytes(head, nonce, deps.crypto.aeadSeal(seal.key, nonce, entry, concatBytes(LABEL, head)))
}

/** The tag of something covered, as text. @throws MeshError `MESH_VERSION_UNKNOWN`, `MESH_BYTES_*` (peer) */
export function tagIn(covered: Uint8Array): string {
  const reader = new ByteReader(covered)
  const version = reader.u8()
  if (version !== VERSION) throw new MeshError('MESH_VERSION_UNKNOWN', `a group's envelope of version ${version} is not known here`, { detail: { version } })
  return tagText(reader.bytes(TAG_BYTES))
}

/** The same for the tag of a seal. */
export function tagText(tag: Uint8Array): string {
  return encodeBase64url(tag)
}

/** The tag behind its text. */
export function tagBytes(text: string): Uint8Array {
  return base64urlnopad.decode(text)
}

/** Opens what was covered with this seal. @throws MeshError `MESH_SEALED_UNREADABLE` (peer) */
export function uncover(crypto: Crypto, seal: Seal, covered: Uint8Array): Uint8Array {
  const at = 1 + TAG_BYTES
  const opened = crypto.aeadOpen(
    seal.key,
    covered.subarray(at, at + NONCE_BYTES),
    covered.subarray(at + NONCE_BYTES),
    concatBytes(LABEL, covered.subarray(0, at)),
  )
  if (opened === undefined) throw new MeshError('MESH_SEALED_UNREADABLE', 'an entry of a group does not open')
  return opened
}

const LABEL = encodeUtf8('qpq group seal 1\0')
