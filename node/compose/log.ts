import { pino } from 'pino'
import { isMeshError } from '#mesh/errors'
import type { Log, LogFields } from '#mesh/ports'
import type { NodeOptions } from '#node/config'

/** A log of one JSON object a line. Errors become code and sentence; their details are numbers and ids by contract. */
export function jsonLog({ level, write }: NodeOptions['log']): Log {
  const logger = pino({ level, base: null, timestamp: pino.stdTimeFunctions.isoTime, formatters: { level: (label) => ({ level: label }) } }, { write })
  return {
    debug: (message, fields) => logger.debug(plain(fields), message),
    info: (message, fields) => logger.info(plain(fields), message),
    warn: (message, fields) => logger.warn(plain(fields), message),
    error: (message, fields) => logger.error(plain(fields), message),
  }
}

function plain(fields: LogFields = {}): Record<string, unknown> {
  const { error, ...rest } = fields
  return error === undefined ? rest : { ...rest, error: errorFields(error) }
}

function errorFields(error: unknown): Record<string, unknown> {
  if (isMeshError(error))
    return {
      code: error.code,
      message: error.message,
      ...(error.hint === undefined ? {} : { hint: error.hint }),
      ...error.detail,
      ...(error.cause === undefined ? {} : { cause: sentenceOf(error.cause) }),
    }
  return { message: sentenceOf(error) }
}

function sentenceOf(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : 'not an error object'
}
