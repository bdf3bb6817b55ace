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

/** A frame most of which came too fast keeps its place at the door for so long: then at most 500 short envelopes a second of that link have to be looked at. In ms. */
export const TOO_FAST_MS = 1_000

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

/**
 * An offer waits so long for what other sessions fetch one after the other; then all of it that is not here is fetched. A
 * node with much to do was seen to fetch half of 500 messages twice when offers waited for no longer than a claim. In ms.
 */
export const OFFER_PATIENCE_MS = 12_000

/** First pause after "full" or "too fast" from the peer; doubles up to {@link RETRY_MAX_MS}. In ms. */
export const RETRY_MIN_MS = 1_000

/** Longest pause between attempts on a peer that has no room. In ms. */
export const RETRY_MAX_MS = 300_000

/** How often an exchange looks at the time of its sessions. In ms. */
export const TICK_MS = 1_000

/** Envelopes that arrived lately and are pushed live; shared by all sessions. A session further behind walks the store again. */
export const MAX_ARRIVALS = 16_384

/** Envelopes taken back lately that are not fetched again; shared by all sessions, 40 bytes each beside their tombstones. */
export const MAX_TAKEN_BACK = 16_384

/** Rows that a session looks at before others get a turn: a few milliseconds on a Pi. */
export const MAX_STEPS = 16_384

/** Custody is promised for as long as an envelope lives, and at most for this long: 30 days in ms (DESIGN §6). */
export const MAX_CUSTODY_MS = 30 * 86_400_000

/** How often the key is drawn under which we begin exchanges: a day in ms. Symbols made under it serve all of them. */
export const KEY_MS = 86_400_000

/** Ids that are hashed before others get a turn: about 10 ms, some 50 on a Pi. */
export const SLICE_IDS = 20_000

/** How often one peer may make us hash all ids: 4 times a minute, since a link that breaks needs it once more. */
export const HASHINGS = { perSecond: 4 / 60, burst: 4 }

/** Ids hashed for all peers: 10 million a minute is 4 to 6 % of one core (0.4 µs each, measured), and 40 neighbours of a full Pi at once. */
export const HASHED_IDS = { perSecond: 10_000_000 / 60, burst: 10_000_000 }

/** Indexes under peers' keys that are kept, in use or for the next time: two, */
export const MIN_KEYS = 2

/** and up to eight */
export const USUAL_KEYS = 8

/** while all together have so many ids: 9 MB. */
export const MAX_SHARED_IDS = 200_000

/** Sessions that wait for one of these places: as many as there may be sessions. */
export const MAX_WAITING_KEYS = 64

/** How much larger one of two stores may be: above it, saying what both have costs more than offering what one has. */
export const MAX_SIZE_RATIO = 5

/** From so many devices on that both sides know, copies are scarce and most stores differ for good: then they reconcile only when they seem to be alike. As `SMALL_MESH_DEVICES` of routing. */
export const SCARCE_COPIES_DEVICES = 16

/** Two stores seem to be alike, as those of two relays, when both hold so many envelopes: a try in vain costs 19 bytes for each, an offer 72, */
export const ALIKE_IDS = 1_000

/** and the larger one holds at most so much more. */
export const ALIKE_SIZE_RATIO = 1.25

/** Envelopes by which a store may grow between HELLO and the exchange, beside doubling. */
export const MAX_GROWTH = 16_384

/** No word about an exchange of symbols for so long: then the store is walked. As long as a frame may take; in ms. */
export const RECONCILE_MS = 60_000

/**
 * An index under a peer's key is lent for so long, whatever the peer says meanwhile; then the store is walked. The list of
 * a full Pi, 2 MB, needs 55 kbit/s for it; without an end eight who say a word a minute keep all others out. In ms.
 */
export const LOAN_MS = 300_000

/** Beyond so many days ahead or behind, a stamp tells nothing about the age of an envelope. */
export const MAX_DAYS_APART = 31

/** Clocks that differ by more say nothing about what is old: a day in ms. */
export const MAX_CLOCK_OFFSET_MS = 86_400_000

/**
 * Bytes of envelopes that one peer is given in a minute of what it asked for, by the size of this machine, so that
 * one neighbour alone does not fill a router's link: 2, 17 and 68 Mbit/s. What a peer owns is not counted.
 */
export const SERVED_BYTES_PER_MINUTE = { router: 16_000_000, pi: 128_000_000, relay: 512_000_000 } as const

/** Ids in the receipts that wait to be passed back to those whom their envelopes came from, in all: about a megabyte. */
export const MAX_FORWARD_IDS = 16_384

/** Forwarded receipts that are remembered so that none goes round: 300 bytes each. */
export const MAX_FORWARDED_SIGNATURES = 2_048

/** Forwarded receipts taken from a peer before further ones are passed over; {@link FORWARDED_PER_TICK} are forgotten each second. A signature to check costs 0.2 ms on a desk. */
export const MAX_FORWARDED = 256
export const FORWARDED_PER_TICK = 16

/** How long what is known of the devices around holds, in ms. */
export const SURROUNDINGS_MS = 1_000

/** A map entry with a shared 43-character id as its key, in bytes, as V8 counts it; rounded up. */
const ID_ENTRY_BYTES = 96

/**
 * The most memory one session is meant to hold, in bytes (about 1.7 MB; 64 sessions: 107 MB when every
 * peer is hostile at once). Added up from the limits above, not measured: frames at the door with their
 * copies on the way into the store, one outgoing frame with the envelopes it was built from, and the id
 * lists. Beside it stand the buffers of the transport, 40 bytes for each envelope that waits
 * for this peer (10 MB when it claims to lack all of 250,000), and in the few sessions that answer an exchange of symbols up to 1.7 MB for these (riblt/plan.ts).
 */
export const SESSION_MEMORY_BYTES =
  2 * (MAX_FRAMES_AT_DOOR + 1) * MAX_FRAME_BYTES +
  2 * MAX_FRAME_BYTES +
  ID_ENTRY_BYTES * (4 * MAX_OPEN_OFFERS * MAX_OFFER_IDS + MAX_WAITING_ANSWERS + MAX_HANDED_OVER + MAX_ANSWER_IDS + 3 * MAX_PUT_OFF)
