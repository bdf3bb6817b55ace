/** From what the system says about a file to what a person can do about it. */
import { isMeshError, MeshError } from '#mesh/errors'
import { shownName } from './names.ts'

const FULL = new Set(['ENOSPC', 'EDQUOT'])

/** The code of a system error, or an empty text. */
export function systemCode(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : ''
}

/** What went wrong when a file was read: `NODE_FILE_MISSING`, `NODE_FILE_UNUSABLE`. Errors that are ours already pass. */
export function readError(path: string, error: unknown): MeshError {
  if (isMeshError(error)) return error
  if (systemCode(error) === '') return broken(error)
  const name = shownName(path)
  const options = { cause: error, detail: { file: path } }
  switch (systemCode(error)) {
    case 'ENOENT':
    case 'ENOTDIR':
      return new MeshError('NODE_FILE_MISSING', `there is no file ${name}`, { ...options, hint: 'Look at the path; is the stick mounted?' })
    case 'ELOOP':
      return linkError(path)
    case 'EACCES':
    case 'EPERM':
      return new MeshError('NODE_FILE_UNUSABLE', `the node may not read ${name}`, { ...options, hint: `It runs as its own user; look at: ls -l '${path}'` })
    default:
      return new MeshError('NODE_FILE_UNUSABLE', `${name} cannot be read (${systemCode(error)})`, {
        ...options,
        hint: 'Is the stick still in? Try it again, or another copy.',
      })
  }
}

/** A file that is none: link, directory, pipe, device. */
export function notRegular(path: string): MeshError {
  return new MeshError('NODE_FILE_UNUSABLE', `${shownName(path)} is not a regular file`, {
    detail: { file: path },
    hint: 'Pipes, devices and links are not read.',
  })
}

/** A symbolic link where a file is wanted. */
export function linkError(path: string): MeshError {
  return new MeshError('NODE_FILE_UNUSABLE', `${shownName(path)} is a symbolic link`, { detail: { file: path }, hint: 'Name the file that it points to.' })
}

/** What went wrong when a file was written. `whole` names the parts that are complete. */
export function writeError(path: string, error: unknown, whole: readonly string[]): MeshError {
  if (isMeshError(error)) return error
  const code = systemCode(error)
  if (code === '') return broken(error)
  const name = shownName(path)
  const options = { cause: error, detail: { file: path, wholeParts: whole.length } }
  const kept =
    whole.length === 0
      ? 'Nothing was left behind.'
      : `${whole.length} whole ${whole.length === 1 ? 'part stays' : 'parts stay'}, the last is ${shownName(whole.at(-1) ?? '')}.`
  if (FULL.has(code)) {
    return new MeshError('NODE_DISK_FULL', `there is no room left for ${name}`, {
      ...options,
      hint: `${kept} Free some space, or split with --max-bytes and take a second stick.`,
    })
  }
  if (code === 'EFBIG')
    return new MeshError('NODE_FILE_UNUSABLE', `${name} is too large for this file system`, { ...options, hint: `${kept} Split it: --max-bytes 1G` })
  if (code === 'ENOENT' || code === 'ENOTDIR')
    return new MeshError('NODE_FILE_MISSING', `there is no directory for ${name}`, { ...options, hint: 'Make it first; is the stick mounted?' })
  if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS')
    return new MeshError('NODE_FILE_UNUSABLE', `the node may not write ${name} (${code})`, {
      ...options,
      hint: 'It writes as its own user; is the stick mounted read-only?',
    })
  return new MeshError('NODE_FILE_UNUSABLE', `${name} cannot be written (${code})`, { ...options, hint: `${kept} Is the stick still in?` })
}

function broken(cause: unknown): MeshError {
  return new MeshError('MESH_INTERNAL', 'something broke while a bundle was read or written', { cause })
}
