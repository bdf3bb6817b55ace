/** Bounds of groups; all are checked before anything is decoded, derived or kept. */

/** Devices in a group: the engine stops at 512 leaves, blank ones included. */
export const MAX_MEMBERS = 500
/** Authors that one entry may name as newly heard: all devices of the largest group. */
export const MAX_DEPS = 512
/** Bytes of an entry: what fits into the largest envelope with the seal around it. A larger commit is refused where it is made. */
export const MAX_ENTRY_BYTES = 65_000
/** Entries of a group that wait for others before them; beyond it the newest are dropped and come again with the next exchange. */
export const MAX_PENDING_ENTRIES = 20_000
/** Bytes of the same. */
export const MAX_PENDING_BYTES = 16_000_000
/** Messages of epochs that this device is not in; most of them it will never be in. */
export const MAX_UNREAD = 1_000
/** How long a state of an old epoch is kept at the most, ms (DESIGN §13, GROUPS R11): as long as an envelope lives. */
export const EPOCH_LIFETIME_MS = 30 * 86_400_000
/** Epochs of which a group keeps the state. */
export const MAX_EPOCHS = 256
/** How long the state of an epoch outlives its settlement when somebody stands there who has not moved on, ms (R10). */
export const GRACE_MS = 7 * 86_400_000
/** A member that is silent for so long is not waited for when epochs are forgotten, ms (R11). */
export const SILENT_MS = 30 * 86_400_000
/** Bytes of a group's name in UTF-8. */
export const MAX_GROUP_NAME_BYTES = 64
/** Bytes of what an invitation brings: a Welcome for 500 members has 124 kB, their logs and orders about as much again, twice that with X-Wing. */
export const MAX_PACKET_BYTES = 4_000_000
/** How long it is remembered which entry stood where in a log, ms: as long as an envelope can live, twice. */
export const SEEN_MS = 60 * 86_400_000
/** Seals that are asked for at once. */
export const MAX_UNKNOWN_TAGS = 32
/** What names a seal on the wire. */
export const TAG_BYTES = 8
