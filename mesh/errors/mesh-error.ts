import { type Blame, ERROR_BLAME, type ErrorCode } from './codes.ts'

/** What goes with an error besides its sentence. */
export interface MeshErrorOptions {
  /** The error underneath, never lost. */
  cause?: unknown
  /** Numbers and ids for logs and `--json`; never a secret, never the text of a message. */
  detail?: Readonly<Record<string, string | number | boolean>>
  /** What the person can do about it, a sentence of its own; shown after the message. */
  hint?: string
}

/** The one error class of the project: a bounded code, a sentence for a person, numbers in `detail`. */
export class MeshError extends Error {
  override readonly name = 'MeshError'
  readonly code: ErrorCode
  readonly detail: Readonly<Record<string, string | number | boolean>>
  readonly hint: string | undefined

  constructor(code: ErrorCode, message: string, options: MeshErrorOptions = {}) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined)
    this.code = code
    this.detail = options.detail ?? {}
    this.hint = options.hint
  }

  /** Who has to act: see {@link Blame}. */
  get blame(): Blame {
    return ERROR_BLAME[this.code]
  }
}

/** True when `error` is a {@link MeshError}, optionally of exactly the code given. */
export function isMeshError(error: unknown, code?: ErrorCode): error is MeshError {
  return error instanceof MeshError && (code === undefined || error.code === code)
}
