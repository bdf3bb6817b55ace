/**
 * The bounds of one sync session, each with its unit and its reason.
 *
 * Together they bound what a session can hold: {@link SESSION_MEMORY_BYTES}. Everything else a session
 * needs (what arrived lately, who fetches what) is shared by all sessions of a node.
 */
import { MAX_FRAME_BYTES } from '#mesh/ports'

/** Version of the exchange, the first byte of HELLO. */
export const SYNC_VERSION = 1

/** Grants in one HELLO: a device collects for its own person, and a handful of others at most. */
export const MAX_GRANTS = 16

/** Ids in one OFFER, and so in the WANT that answers it: 128 envelopes of 300 bytes fill one frame of 64 KiB. */
export const MAX_OFFER_IDS = 128

/** Bytes of the envelopes in one OFFER, so that two answered offers keep at most 1 MiB on its way. One envelope may always be offered. */
export const MAX_OFFER_BYTES = 524_288

/** Offers that may wait for their WANT. Enough to keep a link of 20 ms round trip busy; a fifth one is a flood. */
export const MAX_OPEN_OFFERS = 4

/** Answered offers whose envelopes are still on their way: the next window is asked for before the current one is stored. */
export const MAX_OPEN_WANTS = 2

/** Frames of envelopes at the door at once (verified, being committed): overlaps the processor with the disk. */
export const MAX_FRAMES_AT_DOOR = 4

/** Ids in one TAKEN or REFUSED: 32 KiB of ids, half a frame. */
export const MAX_ANSWER_IDS = 1_024

/** Answers (custody, refusals) that may wait to be sent; more than the windows above can cause. */
export const MAX_WAITING_ANSWERS = 2_048

/** Envelopes handed over whose custody was neither confirmed nor refused: no further offers above it. */
export const MAX_HANDED_OVER = 1_024

/** Envelopes the peer refused for now (full, too fast) that are kept for another attempt; above it the whole store is walked again. */
export const MAX_PUT_OFF = 1_024

/** Ids that a peer takes back or refuses without need, before it counts as hostile: some envelopes end between offer and want. One is forgiven a second. */
export const MAX_STRAY_IDS = 4_096

/** Receiving an HELLO may take this long, and so may one `link.send`: a phone on a poor mesh, not a dead one. In ms. */
export const STALL_MS = 60_000

/** An offer may wait this long for its WANT, and a served WANT for its TAKEN: the peer writes to a slow SD card. In ms. */
export const ANSWER_MS = 120_000

/** An id that another session fetches is left to it for so long; then it is fetched here as well. In ms. */
export const CLAIM_MS = 3_000

/** First pause after "full" or "too fast" from the peer; doubles up to {@link RETRY_MAX_MS}. In ms. */
export const RETRY_MIN_MS = 1_000

/** Longest pause between attempts on a peer that has no room. In ms. */
export const RETRY_MAX_MS = 300_000

/** How often an exchange looks at the time of its sessions. In ms. */
export const TICK_MS = 1_000

/** Envelopes that arrived lately and are pushed live; shared by all sessions. A session further behind walks the store again. */
export const MAX_ARRIVALS = 16_384

/** Rows that a session looks at before others get a turn: a few milliseconds on a Pi. */
export const MAX_STEPS = 16_384

/** Custody is promised for as long as an envelope lives, and at most for this long: 30 days in ms (DESIGN §6). */
export const MAX_CUSTODY_MS = 30 * 86_400_000

/** A map entry with a shared 43-character id as its key, in bytes, as V8 counts it; rounded up. */
const ID_ENTRY_BYTES = 96

/**
 * The most memory one session is meant to hold, in bytes (about 1.7 MB; 64 sessions: 107 MB when every
 * peer is hostile at once). Added up from the limits above, not measured: frames at the door with their
 * copies on the way into the store, one outgoing frame with the envelopes it was built from, and the id
 * lists. Beside it stand the buffers of the transport and 8 bytes for each envelope that waits for this peer.
 */
export const SESSION_MEMORY_BYTES =
  2 * (MAX_FRAMES_AT_DOOR + 1) * MAX_FRAME_BYTES +
  2 * MAX_FRAME_BYTES +
  ID_ENTRY_BYTES * (4 * MAX_OPEN_OFFERS * MAX_OFFER_IDS + MAX_WAITING_ANSWERS + MAX_HANDED_OVER + MAX_ANSWER_IDS + 3 * MAX_PUT_OFF)
