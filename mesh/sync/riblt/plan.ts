/** When symbols are worth it, and how many at most. */
import { BATCH_SYMBOLS } from './symbols.ts'

/** Items in one scope that a peer may claim: what the largest profile stores (mesh/README.md, Limits). */
export const MAX_SET_ITEMS = 1_000_000

/**
 * The most symbols of one exchange: 440 kB for up to 24,000 differences. The reader holds 16 bytes a symbol and
 * at most 36 an item found, 1.7 MB in all; above it a list costs no more than twice as much.
 */
export const MAX_SYMBOLS = 32_768

/** Symbols per item of the set above which a list is shorter: 8 bytes an id against 13 and a bit a symbol (DESIGN §8). */
const WORTH = 0.6

/** Symbols for each difference: 1.35 in the limit of many (paper §5), 1.4 to 1.5 for hundreds, 1.7 for ten. */
const OVERHEAD = 1.35

/** Symbols that are sent before the reader has seen any: two frames, from which the difference is known to an eighth. */
export const FIRST_SYMBOLS = 2 * BATCH_SYMBOLS

/**
 * How many symbols of a set of `writerCount` items may cross before its list is cheaper; 0 when the list is to
 * be taken at once, since a frame of symbols would be longer, or the sizes alone differ by too much. Both sides
 * compute it from the counts that both know.
 */
export function symbolLimit(writerCount: number, readerCount: number): number {
  const limit = BATCH_SYMBOLS * Math.floor(Math.min(MAX_SYMBOLS, WORTH * writerCount) / BATCH_SYMBOLS)
  return isHopeless(Math.abs(writerCount - readerCount), limit) ? 0 : limit
}

/** True when so many differences will not be decoded from `limit` symbols. */
export function isHopeless(differences: number, limit: number): boolean {
  return OVERHEAD * differences > limit
}

/**
 * How many symbols the reader allows in all, after `received` of them: what `differences` (an estimate) need,
 * then a twelfth more each time, in whole frames.
 */
export function nextCredit(received: number, differences: number, limit: number): number {
  const wanted = Math.max(OVERHEAD * differences, received + Math.max(BATCH_SYMBOLS, received / 12))
  return Math.min(limit, BATCH_SYMBOLS * Math.ceil(wanted / BATCH_SYMBOLS))
}
