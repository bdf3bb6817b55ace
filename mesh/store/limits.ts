/** An amount of envelopes, in bytes and in number. */
export interface Quota {
  readonly bytes: number
  readonly count: number
}

/** What a node is willing to keep, and for whom. */
export interface StoreLimits {
  /** All envelopes together, in bytes including {@link STORED_OVERHEAD_BYTES} each. */
  readonly maxBytes: number
  /** All envelopes together; bounds the index in memory (measured: 157 bytes each after opening). */
  readonly maxEnvelopes: number
  /** Tombstones together; one owner may hold at most a quarter of them. */
  readonly maxTombstones: number
  /** The longest that anything is kept after it was first seen, in ms. */
  readonly retentionMs: number
  /** Part of bytes and count that all strangers together may hold. */
  readonly strangerShare: number
  /** What one author's envelopes may hold. */
  readonly author: Quota
  /** What envelopes that came over one link may hold. */
  readonly link: Quota
  /** What envelopes to one address may hold. */
  readonly scope: Quota
}

/**
 * Rows beside an envelope's bytes (its part of a segment, keys, custody, LevelDB's own), in bytes, rounded up: on
 * classic-level 3.0.0, 100,000 envelopes of 428 bytes that came over a link take 163 more each; segments
 * of which half holds no more make it about 260.
 */
export const STORED_OVERHEAD_BYTES = 300

/** Part of the store that only what is written here may fill, so that whoever can write cannot be kept from it by what others sent. */
export const OWN_SHARE = 0.1

/**
 * Part of the store that may be pinned for the sake of the address alone: anybody can write to a contact, and what is pinned
 * stays until it ends. What comes later can be evicted.
 */
export const PINNED_SHARE = 0.5

/** Part of a stranger share that one stranger may hold, so that one key alone does not shut out all others. */
export const STRANGER_AUTHOR_SHARE = 0.8

const DAY_MS = 86_400_000
const MB = 1_000_000

/** Limits by the size of the machine (DESIGN §7). `pi` is the default. */
export const STORE_PROFILES = {
  /** A router: 16 MB of flash, 7 days. */
  router: limitsFor({ maxBytes: 16 * MB, maxEnvelopes: 20_000, maxTombstones: 20_000, retentionMs: 7 * DAY_MS, strangerShare: 0.05 }),
  /** A Pi or a laptop: 500 MB, 30 days. */
  pi: limitsFor({ maxBytes: 500 * MB, maxEnvelopes: 250_000, maxTombstones: 100_000, retentionMs: 30 * DAY_MS, strangerShare: 0.05 }),
  /** A relay carries for people it does not know: that is what it is for. */
  relay: limitsFor({ maxBytes: 4_000 * MB, maxEnvelopes: 1_000_000, maxTombstones: 500_000, retentionMs: 30 * DAY_MS, strangerShare: 0.8 }),
} as const satisfies Record<string, StoreLimits>

/** Limits whose parts follow from the whole: an author a fifth, a link and an address a half. */
export function limitsFor(whole: Pick<StoreLimits, 'maxBytes' | 'maxEnvelopes' | 'maxTombstones' | 'retentionMs' | 'strangerShare'>): StoreLimits {
  const part = (share: number): Quota => ({ bytes: Math.floor(whole.maxBytes * share), count: Math.floor(whole.maxEnvelopes * share) })
  return { ...whole, author: part(0.2), link: part(0.5), scope: part(0.5) }
}
