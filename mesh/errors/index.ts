export { type Blame, ERROR_BLAME, type ErrorCode, isErrorCode } from './codes.ts'
export { isMeshError, MeshError, type MeshErrorOptions } from './mesh-error.ts'
