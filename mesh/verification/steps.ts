/**
 * The messages of a comparison, inside the seal of an ordinary envelope.
 *
 * ```
 * u8 step: 1 start, 2 answer, 3 reveal, 4 cancel     session 16, random     value 32, not in cancel
 * ```
 * The value is a commitment in `start`, and an ephemeral X25519 key in `answer` and `reveal`.
 */
import { ByteReader, concatBytes, copyBytes } from '#mesh/codec'
import { MeshError } from '#mesh/errors'

/** One message of a comparison. */
export type Step =
  | { readonly kind: 'start' | 'answer' | 'reveal'; readonly session: Uint8Array; readonly value: Uint8Array }
  | { readonly kind: 'cancel'; readonly session: Uint8Array }

/** Bytes of a session's name. */
export const SESSION_BYTES = 16
/** Bytes of an ephemeral key, a commitment. */
export const VALUE_BYTES = 32
/** The longest step. */
export const MAX_STEP_BYTES = 1 + SESSION_BYTES + VALUE_BYTES

/** By number. */
const KINDS = [undefined, 'start', 'answer', 'reveal', 'cancel'] as const

/** The bytes of a step. */
export function encodeStep(step: Step): Uint8Array {
  const kind = Uint8Array.of(KINDS.indexOf(step.kind))
  return step.kind === 'cancel' ? concatBytes(kind, step.session) : concatBytes(kind, step.session, step.value)
}

/** Reads what somebody else wrote. @throws MeshError (peer) `MESH_BYTES_*` */
export function decodeStep(bytes: Uint8Array): Step {
  const reader = new ByteReader(bytes)
  const kind = KINDS[reader.u8()]
  if (kind === undefined) throw new MeshError('MESH_BYTES_INVALID', 'a step of a comparison that is not known here')
  const session = copyBytes(reader.bytes(SESSION_BYTES))
  const step: Step = kind === 'cancel' ? { kind, session } : { kind, session, value: copyBytes(reader.bytes(VALUE_BYTES)) }
  reader.end()
  return step
}
