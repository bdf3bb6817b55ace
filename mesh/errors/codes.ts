/**
 * Who has to act on an error.
 *
 * `peer`: somebody else sent something wrong; score it, drop it. `us`: a fault of this machine or of
 * this program; be loud, then retry or stop. `caller`: the person or script at the keyboard; tell them.
 */
export type Blame = 'peer' | 'us' | 'caller'

/**
 * Every error code there is, with its blame.
 *
 * Codes label counters, choose exit codes and cross the control API, so a code never changes its
 * meaning and is never re-used. Add at the end of its group.
 */
export const ERROR_BLAME = {
  // Bytes from elsewhere
  MESH_FRAME_TOO_LARGE: 'peer',
  MESH_BYTES_TRUNCATED: 'peer',
  MESH_BYTES_TRAILING: 'peer',
  MESH_BYTES_INVALID: 'peer',
  MESH_VERSION_UNKNOWN: 'peer',
  MESH_SIGNATURE_INVALID: 'peer',
  MESH_KEY_INVALID: 'peer',
  MESH_ENVELOPE_INVALID: 'peer',
  MESH_ENVELOPE_EXPIRED: 'peer',
  MESH_CERTIFICATE_INVALID: 'peer',
  MESH_CERTIFICATE_EXPIRED: 'peer',
  MESH_DEVICE_REVOKED: 'peer',
  MESH_SEALED_UNREADABLE: 'peer',
  MESH_PROTOCOL_VIOLATION: 'peer',
  MESH_RATE_EXCEEDED: 'peer',
  MESH_PEER_BLOCKED: 'peer',
  MESH_PEER_STALLED: 'peer',
  MESH_MLS_INVALID: 'peer',
  MESH_MLS_SUITE: 'peer',
  MESH_MLS_REFUSED: 'peer',
  MESH_MLS_CREDENTIAL: 'peer',
  MESH_MLS_EPOCH: 'peer',
  MESH_MLS_UNREADABLE: 'peer',
  MESH_MLS_PATH: 'peer',

  // This machine
  MESH_STORE_FULL: 'us',
  MESH_STORE_FAILED: 'us',
  MESH_STORE_CLOSED: 'us',
  MESH_STORE_VERSION: 'us',
  MESH_LINK_CLOSED: 'us',
  MESH_INTERNAL: 'us',
  MESH_MLS_PSK_MISSING: 'us',

  // The person or script at the keyboard
  MESH_URI_INVALID: 'caller',
  MESH_WORDS_INVALID: 'caller',
  MESH_NAME_INVALID: 'caller',
  MESH_TEXT_INVALID: 'caller',
  MESH_CONTACT_UNKNOWN: 'caller',
  MESH_CONTACT_AMBIGUOUS: 'caller',
  MESH_CONTACT_EXISTS: 'caller',
  MESH_CONTACT_BLOCKED: 'caller',
  MESH_QUOTA_EXCEEDED: 'caller',
  NODE_CONFIG_INVALID: 'caller',
  NODE_DATA_UNREADABLE: 'caller',
  NODE_DATA_LOCKED: 'caller',
  NODE_KEYSTORE_TOO_OPEN: 'caller',
  NODE_KEYSTORE_DAMAGED: 'caller',
  NODE_PASSPHRASE_NEEDED: 'caller',
  NODE_PASSPHRASE_WRONG: 'caller',
  NODE_PORT_IN_USE: 'caller',
  NODE_NOT_RUNNING: 'caller',
  NODE_UNAUTHORIZED: 'caller',
  NODE_METHOD_UNKNOWN: 'caller',
  NODE_PARAMS_INVALID: 'caller',
  NODE_TIMEOUT: 'caller',
  CLI_USAGE: 'caller',
  NODE_KEYSTORE_EXISTS: 'caller',
  MESH_BUNDLE_INVALID: 'caller',
  NODE_FILE_MISSING: 'caller',
  NODE_FILE_EXISTS: 'caller',
  NODE_FILE_UNUSABLE: 'caller',
  NODE_DISK_FULL: 'caller',
  NODE_STOPPED: 'caller',
  MESH_MLS_STATE: 'caller',
  MESH_MESSAGE_UNKNOWN: 'caller',
  MESH_MESSAGE_FOREIGN: 'caller',
  MESH_SEARCH_INVALID: 'caller',
  MESH_SEARCH_TOO_WIDE: 'caller',
  MESH_VERIFICATION_FAILED: 'caller',
  MESH_GROUP_FORBIDDEN: 'caller',
  MESH_GROUP_BEHIND: 'caller',
} as const satisfies Record<string, Blame>

/** A bounded error code; see {@link ERROR_BLAME}. */
export type ErrorCode = keyof typeof ERROR_BLAME

/** True when `value` is one of our error codes (used where codes come back over the control API). */
export function isErrorCode(value: unknown): value is ErrorCode {
  return typeof value === 'string' && Object.hasOwn(ERROR_BLAME, value)
}
