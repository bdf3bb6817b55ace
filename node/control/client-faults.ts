import { MeshError } from '#mesh/errors'

/** Why there is no connection. */
export function connectError(dataDir: string, cause: unknown): MeshError {
  const code = cause instanceof Error && 'code' in cause ? cause.code : 'ENOENT'
  if (code === 'EACCES' || code === 'EPERM') {
    return new MeshError('NODE_UNAUTHORIZED', `the node at ${dataDir} belongs to another user`, {
      cause,
      hint: 'run this as that user, or choose your own with --data',
    })
  }
  return new MeshError('NODE_NOT_RUNNING', `no node is running on ${dataDir}`, {
    ...(cause === undefined ? {} : { cause }),
    detail: { data: dataDir },
    hint: 'start one with `qpq up`, or say where its data is with --data',
  })
}

/** For a connection that has ended. */
export function gone(): MeshError {
  return new MeshError('NODE_NOT_RUNNING', 'the node has ended', { hint: 'start it again with `qpq up`' })
}

/** For what took too long. */
export function timedOut(what: string, ms: number): MeshError {
  return new MeshError('NODE_TIMEOUT', `${what} within ${ms / 1_000} s`, { hint: 'give it longer with --timeout SECONDS, or see its log' })
}
