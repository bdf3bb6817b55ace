/** How errors of the package become ours. Its classes say little, so the place where one was thrown decides the code. */
import { UsageError } from 'ts-mls/mlsError.js'
import { type ErrorCode, isMeshError, MeshError } from '#mesh/errors'

/** What came in breaks the protocol. */
export function invalid(sentence: string, detail: Readonly<Record<string, string | number | boolean>> = {}): MeshError {
  return new MeshError('MESH_MLS_INVALID', sentence, { detail })
}

/** Runs `work`; whatever it throws leaves as a MeshError: ours as it is, misuse as `MESH_MLS_STATE`, the rest as `code`. */
export async function guarded<Result>(code: ErrorCode, sentence: string, work: () => Promise<Result>): Promise<Result> {
  try {
    return await work()
  } catch (cause) {
    if (isMeshError(cause)) throw cause
    if (cause instanceof UsageError) throw new MeshError('MESH_MLS_STATE', 'the group is in no state for this', { cause })
    throw new MeshError(code, sentence, { cause })
  }
}

/** Decodes exactly all of `bytes`, at most `limit` of them. @throws MeshError `MESH_FRAME_TOO_LARGE`, `MESH_BYTES_INVALID`, `MESH_BYTES_TRAILING` (peer) */
export function decodeWhole<Value>(decode: (bytes: Uint8Array, at: number) => [Value, number] | undefined, bytes: Uint8Array, limit: number): Value {
  if (bytes.length > limit) throw new MeshError('MESH_FRAME_TOO_LARGE', 'an MLS message is too long', { detail: { bytes: bytes.length, limit } })
  let decoded: [Value, number] | undefined
  try {
    decoded = decode(Uint8Array.from(bytes), 0) // a copy: decoded fields are views, and outlive the frame
  } catch (cause) {
    throw new MeshError('MESH_BYTES_INVALID', 'these bytes are no MLS message', { cause })
  }
  if (decoded === undefined) throw new MeshError('MESH_BYTES_INVALID', 'these bytes are no MLS message')
  if (decoded[1] !== bytes.length)
    throw new MeshError('MESH_BYTES_TRAILING', 'there are bytes after an MLS message', { detail: { bytes: bytes.length - decoded[1] } })
  return decoded[0]
}
