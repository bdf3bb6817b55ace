import { type ErrorCode, MeshError } from '#mesh/errors'
import { jsonLine, plain } from './sink.ts'

/** What a shell sees (DESIGN §12). */
export const EXIT = { done: 0, fault: 1, usage: 2, notRunning: 3, notFound: 4, refused: 5, timedOut: 6 } as const

const EXIT_OF: Partial<Record<ErrorCode, number>> = {
  CLI_USAGE: EXIT.usage,
  NODE_CONFIG_INVALID: EXIT.usage,
  NODE_PARAMS_INVALID: EXIT.usage,
  MESH_URI_INVALID: EXIT.usage,
  MESH_WORDS_INVALID: EXIT.usage,
  MESH_NAME_INVALID: EXIT.usage,
  MESH_TEXT_INVALID: EXIT.usage,
  MESH_BYTES_INVALID: EXIT.usage,
  NODE_NOT_RUNNING: EXIT.notRunning,
  MESH_CONTACT_UNKNOWN: EXIT.notFound,
  MESH_CONTACT_AMBIGUOUS: EXIT.notFound,
  MESH_MESSAGE_UNKNOWN: EXIT.notFound,
  NODE_METHOD_UNKNOWN: EXIT.notFound,
  NODE_FILE_MISSING: EXIT.notFound,
  NODE_TIMEOUT: EXIT.timedOut,
  MESH_STORE_FULL: EXIT.refused,
}

/** The exit code of an error: our own faults 1, what is neither wrong usage nor missing was refused: 5. */
export function exitCodeOf(error: unknown): number {
  if (!(error instanceof MeshError)) return EXIT.fault
  return EXIT_OF[error.code] ?? (error.blame === 'us' ? EXIT.fault : EXIT.refused)
}

/** One line for standard error: a sentence for people, an object for scripts. */
export function failureLine(error: unknown, json: boolean): string {
  const known = error instanceof MeshError ? error : internal(error)
  if (json) {
    return jsonLine({
      error: {
        code: known.code,
        message: known.message,
        ...(known.hint === undefined ? {} : { hint: known.hint }),
        detail: known.detail,
        exit: exitCodeOf(known),
      },
    })
  }
  const hint = known.hint === undefined ? '' : ` — ${asClause(known.hint)}`
  return plain(`qpq: ${known.message}${hint} (${known.code})`)
}

/** A hint is a sentence of its own elsewhere; here it ends one. */
function asClause(hint: string): string {
  const clause = /^[A-Z][a-z ]/.test(hint) ? `${hint.charAt(0).toLowerCase()}${hint.slice(1)}` : hint
  return clause.includes('. ') ? clause : clause.replace(/\.$/, '')
}

function internal(cause: unknown): MeshError {
  const message = cause instanceof Error ? cause.message : String(cause)
  return new MeshError('MESH_INTERNAL', `something broke that should not: ${message}`, { cause, hint: 'QPQ_DEBUG=1 shows where' })
}

/** An error for what was typed. */
export function usageError(message: string, hint: string): MeshError {
  return new MeshError('CLI_USAGE', message, { hint })
}
