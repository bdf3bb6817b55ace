/**
 * JSON-RPC 2.0 as the control API speaks it: one JSON object per line (socket) or message (HTTP,
 * WebSocket). Methods are those of {@link NodeApi} by name, params an object. An error carries our
 * code, hint and detail in `data`, and is the same MeshError again on the client's side.
 *
 * `watch` answers `{"subscription":n}` and then sends notifications `watch.event` with
 * `{"subscription":n,"event":{…}}`; `unwatch` ends one; `watch.end` says that it ended by itself.
 * Long work (`bundleExport`, `bundleImport`) is the same with `stream.event` and `stream.end`; the latter
 * holds the error with which it ended, if there was one. `unwatch` and the end of the connection cancel it.
 */
import { isErrorCode, MeshError } from '#mesh/errors'

/** The largest request or answer line, in characters: a text of 32 KiB, every byte escaped six-fold, and its frame. */
export const MAX_REQUEST_CHARACTERS = 262_144

export const RPC_PARSE_ERROR = -32_700
export const RPC_INVALID_REQUEST = -32_600
export const RPC_METHOD_UNKNOWN = -32_601
export const RPC_PARAMS_INVALID = -32_602
/** Every other MeshError. */
export const RPC_FAILED = -32_000

/** An error as it crosses. */
export interface WireError {
  code: number
  message: string
  data: { code: string; hint?: string; detail?: Readonly<Record<string, string | number | boolean>> }
}

export type RequestId = string | number | null

/** The error object for `error`; what is not ours is an internal fault, whose text stays in the log. */
export function toWireError(error: unknown): WireError {
  const known = error instanceof MeshError ? error : internalFault(error)
  return {
    code: rpcCode(known),
    message: known.message,
    data: {
      code: known.code,
      ...(known.hint === undefined ? {} : { hint: known.hint }),
      ...(Object.keys(known.detail).length === 0 ? {} : { detail: known.detail }),
    },
  }
}

function rpcCode(error: MeshError): number {
  if (error.code === 'NODE_METHOD_UNKNOWN') return RPC_METHOD_UNKNOWN
  return error.code === 'NODE_PARAMS_INVALID' ? RPC_PARAMS_INVALID : RPC_FAILED
}

function internalFault(cause: unknown): MeshError {
  return new MeshError('MESH_INTERNAL', 'the node met a fault of its own', { cause, hint: 'its log says more' })
}

/** The MeshError behind an error object that came over the wire. */
export function fromWireError(error: unknown): MeshError {
  const wire = isRecord(error) ? error : {}
  const data = isRecord(wire['data']) ? wire['data'] : {}
  const message = typeof wire['message'] === 'string' ? wire['message'] : 'the node gave an error without a sentence'
  if (!isErrorCode(data['code'])) return new MeshError('MESH_INTERNAL', message)
  const detail: Record<string, string | number | boolean> = {}
  for (const [key, value] of Object.entries(isRecord(data['detail']) ? data['detail'] : {})) {
    if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') detail[key] = value
  }
  return new MeshError(data['code'], message, { detail, ...(typeof data['hint'] === 'string' ? { hint: data['hint'] } : {}) })
}

/** An object that is neither null nor an array. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
