/** Numbers, ids and codes beside a log line. Never a secret, never the text of a message, never a name somebody chose. */
export type LogFields = Readonly<Record<string, unknown>>

/** Where a part says what happened. The fields hold numbers and ids; an `error` field holds the error. */
export interface Log {
  debug(message: string, fields?: LogFields): void
  info(message: string, fields?: LogFields): void
  warn(message: string, fields?: LogFields): void
  error(message: string, fields?: LogFields): void
}

/** A log that keeps silent. */
export const silentLog: Log = { debug() {}, info() {}, warn() {}, error() {} }
