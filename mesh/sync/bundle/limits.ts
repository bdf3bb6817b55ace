/** The bounds of a bundle, each with its unit and its reason. */
import { MAX_ENVELOPE_BYTES } from '#mesh/envelope'

/** Payload that a block of envelopes aims at, in bytes: about 35 messages go with a bad sector, and the frame around them costs 0.3 %. */
export const BLOCK_TARGET_BYTES = 16_384

/** The smallest part, in bytes: what people write as 64K. Only an envelope of the largest size class fits into none of it. */
export const MIN_PART_BYTES = 64_000

/** Envelopes at the door at once, and their bytes: one commit each time. */
export const MAX_BATCH_ENVELOPES = 1_024
export const MAX_BATCH_BYTES = 16 * MAX_ENVELOPE_BYTES

/** How long one import waits in all when the door says "too fast", in ms, and each time: a door in debt opens again after 50 s. */
export const RATE_PATIENCE_MS = 60_000
export const RATE_PAUSE_MS = 1_000

/** Envelopes that no honest node passes on, after which a file is not read further: each may cost a signature check. */
export const MAX_REJECTED = 1_000

/** Envelopes in a row that find no room, after which a file is not read further: what follows is less important. */
export const MAX_FULL_IN_A_ROW = 1_000

/** Promises of custody with a wrong signature, after which those of a file are not looked at. */
export const MAX_BAD_PROMISES = 16

/** Bytes without a block, at the beginning of a file, after which it is no bundle. A bad stretch of flash is far shorter. */
export const MAX_NOISE_BYTES = 4 * 1_048_576

/** Envelopes for whose custody the device that exported them is still to be told. A row of 70 bytes each. */
export const MAX_OWED = 65_536

/** Addresses remembered of those who exported to us; they get what nobody else would be given. */
export const MAX_CORRESPONDENTS = 64
